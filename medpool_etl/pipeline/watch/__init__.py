"""Watch the deadlines: what is known to be done of each, whom to remind, and what is late to be published."""

from medpool_etl.pipeline.watch.gone import tell_gone
from medpool_etl.pipeline.watch.met import MetWord, met, record_met
from medpool_etl.pipeline.watch.publishing import tell_late
from medpool_etl.pipeline.watch.remind import remind

__all__ = ["MetWord", "met", "record_met", "remind", "tell_gone", "tell_late"]
