"""Tell every destination what it does not know yet: always the log, and every Apprise address that is configured."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medpool_etl.alerts.concerns import open_breaks, read_concerns
from medpool_etl.alerts.delivery import deliver
from medpool_etl.alerts.message import Alert, write
from medpool_etl.alerts.recoveries import recoveries
from medpool_etl.periods import Month, Period
from medpool_etl.places import City
from medpool_etl.policy.model import OWNERS
from medpool_etl.store import Control
from medpool_etl.store.told import Memory

log = logging.getLogger("medpool.alerts")
LOG = "log"


@dataclass(frozen=True)
class Outcome:
    """What a run told: the ``messages`` new to the log, and how many could not be delivered to an address."""

    messages: tuple[Alert, ...]
    failed: int


def destination_of(url: str) -> str:
    """Return the name the control database knows an address by: a digest, as the address holds secrets."""
    return hashlib.sha256(url.encode()).hexdigest()


def tell(
    folder: Path,
    city: City,
    month: Month | Period,
    urls: tuple[str, ...],
    control: Control,
    remind_after_days: tuple[int, ...],
    progress: Callable[[Iterable[Any], str], Iterable[Any]] = lambda items, _what: items,
) -> Outcome:
    """Tell the log and every address what a run has to say that they do not know yet, a message an owner.

    A break is told when it arises, changes its amount or comes back, again at each age in ``remind_after_days``, and
    when it ends; a faulty file once. What could not be delivered is sent by the next call; what was is not sent again,
    unless the process died between delivering and recording it: rather twice than never. ``urls`` are Apprise
    addresses. Raises StoreError when the run has no summary or the control database does not answer.
    """
    memory = Memory(control)
    concerns = read_concerns(folder, remind_after_days, memory.lives(open_breaks(folder)))
    messages, failed = [], 0
    for url in progress([None, *dict.fromkeys(urls)], "alerting"):
        destination = LOG if url is None else destination_of(url)
        known = memory.told(destination, (concern.subject for concern in concerns.all))
        fresh = [
            *(concern for concern in concerns.all if concern.key not in known),
            *recoveries(city, memory.ended(city.city, destination)),
        ]
        for owner in OWNERS:
            alert = write(owner, city, month, concerns.gate, fresh)
            if alert is None:
                continue
            if url is None:
                log.warning("%s\n%s", alert.title, alert.body)
                messages.append(alert)
            elif not deliver(url, alert):
                failed += 1
                continue
            memory.record(destination, ((c.subject, what) for c in fresh if c.owner == owner for what in c.whats))
    return Outcome(tuple(messages), failed)
