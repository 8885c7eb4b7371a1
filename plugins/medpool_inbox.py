"""Watches a city's inbox for Airflow: an event when something came and is there whole.

``watched_inbox("taizhou")`` is the asset to schedule a DAG by. Only names, sizes and times are looked at, every MEDPOOL_WATCH_SECONDS
(default 30); no file is opened. The triggerer needs to see the inbox (MEDPOOL_INBOX, or MEDPOOL_DATA).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import Asset, AssetWatcher
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from medpool_etl.errors import ConfigurationError, MedpoolError

VARIABLE = "MEDPOOL_WATCH_SECONDS"
DEFAULT_SECONDS = 30.0
Listing = tuple[tuple[str, int, int], ...]


class InboxTrigger(BaseEventTrigger):
    """Fires once when it starts, so that nothing is lost that came while nobody watched, and then whenever the inbox of a city has changed.

    It fires when two looks in a row find the same: a file that is still being copied waits until it is whole. Names that intake leaves
    aside (hidden, temporary, unfinished) do not count. Where the inbox cannot be listed it says so once and goes on looking.
    """

    def __init__(self, city: str, seconds: float = DEFAULT_SECONDS) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.city, self.seconds = city, seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer makes an equal trigger from."""
        return "medpool_inbox.InboxTrigger", {"city": self.city, "seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look again and again, and yield an event with the city, the number of files and a digest of the listing."""
        announced: Listing | None = None
        before: Listing | None = None
        failing = False
        while True:
            try:
                now = await asyncio.to_thread(list_inbox, self.city)
            except (OSError, MedpoolError) as error:
                if not failing:
                    self.log.warning("the inbox of %s cannot be looked into; looking on: %s", self.city, error)
                failing, before = True, None
            else:
                if failing:
                    self.log.info("the inbox of %s can be looked into again", self.city)
                failing = False
                if now == before and now != announced:
                    self.log.info("the inbox of %s holds %d files", self.city, len(now))
                    yield TriggerEvent({"city": self.city, "files": len(now), "listing": _digest(now)})  # type: ignore[no-untyped-call]
                    announced = now
                before = now
            await asyncio.sleep(self.seconds)


def list_inbox(city: str) -> Listing:
    """Return name, size and time of change of every file in a city's inbox; raises OSError when it cannot be listed."""
    # The readers of files are heavy, and only the triggerer looks.
    from medpool_etl.intake.looks import listing
    from medpool_etl.store import Settings

    return listing(Settings.load().inbox / city)


def watch_seconds() -> float:
    """Return how many seconds lie between two looks; raises ConfigurationError where MEDPOOL_WATCH_SECONDS is no such number."""
    text = os.environ.get(VARIABLE, "").strip()
    try:
        seconds = float(text or DEFAULT_SECONDS)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 3600:
        raise ConfigurationError(f"{text!r} is no number of seconds", where=VARIABLE, expected="1 to 3600, such as 30")
    return seconds


def watched_inbox(city: str) -> Asset:
    """Return the inbox of a city as an asset that changes when files come."""
    watcher = AssetWatcher(name=f"medpool_inbox_{city}", trigger=InboxTrigger(city=city, seconds=watch_seconds()))
    return Asset(name=f"medpool_inbox_{city}", uri=f"medpool://{city}/inbox", watchers=[watcher])


def _digest(listing: Listing) -> str:
    return hashlib.sha256(repr(listing).encode()).hexdigest()[:16]
