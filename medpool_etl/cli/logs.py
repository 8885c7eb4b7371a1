"""What the command line writes to standard error: lines for people, or one JSON object a line for machines."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys

from rich.logging import RichHandler

from medpool_etl.alerts.message import without_long_numbers, without_persons
from medpool_etl.cli import render
from medpool_etl.errors import ConfigurationError
from medpool_etl.pipeline.measure import AT_WORK

FORMATS = ("text", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: timestamp (UTC, with its zone), level, logger, message; city, period, run and step while
    one is at work; and ``exception`` where there is one. Ids of persons are hidden."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object, on one line."""
        line = {
            "timestamp": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_persons(record.getMessage()),
            **AT_WORK.get(),
        }
        if record.exc_info:
            # What a library raises may quote the value it could not read.
            line["exception"] = without_long_numbers(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure() -> None:
    """Set up logging as MEDPOOL_LOG_FORMAT (text or json) and MEDPOOL_LOG_LEVEL (DEBUG, INFO, WARNING, ERROR) say: text and WARNING
    by default. Raises ConfigurationError for other words."""
    level = _chosen("MEDPOOL_LOG_LEVEL", "WARNING", LEVELS)
    if _json():
        handler: logging.Handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        logging.captureWarnings(True)
    else:
        handler = RichHandler(console=render.err, show_path=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def failure(text: str) -> None:
    """Say why a command failed, in the format that is set."""
    if os.environ.get("MEDPOOL_LOG_FORMAT") == "json":
        logging.getLogger("medpool").error(text)
    else:
        render.failure(text)


def _json() -> bool:
    return _chosen("MEDPOOL_LOG_FORMAT", "text", FORMATS) == "json"


def _chosen(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = os.environ.get(name) or default
    if value not in allowed:
        raise ConfigurationError(f"{value!r} is not known", where=name, expected=f"one of {', '.join(allowed)}")
    return value
