"""Tell people what they must act on: one message for each owner of a run's breaks and faulty files."""

from medpool_etl.alerts.message import Alert, compose
from medpool_etl.alerts.sending import send

__all__ = ["Alert", "compose", "send"]
