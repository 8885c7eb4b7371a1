"""Tell people what they must act on: one message for each owner of a run's breaks and faulty files, and nothing twice."""

from medpool_etl.alerts.message import REMIND_AFTER_DAYS, Alert, compose, quoted
from medpool_etl.alerts.notices import tell_once
from medpool_etl.alerts.sending import Outcome, tell

__all__ = ["REMIND_AFTER_DAYS", "Alert", "Outcome", "compose", "quoted", "tell", "tell_once"]
