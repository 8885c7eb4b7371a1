"""Tell every destination what of many things it does not know yet, one message a reader, and remember it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from medpool_etl.alerts.delivery import deliver
from medpool_etl.alerts.message import Alert
from medpool_etl.alerts.sending import LOG, Outcome, destination_of
from medpool_etl.store import Control
from medpool_etl.store.told import Memory

log = logging.getLogger("medpool.alerts")
# As long as the control database keeps a subject.
_LONGEST_SUBJECT = 64


@dataclass(frozen=True)
class Item:
    """A thing to tell a ``reader``: ``subject`` and ``what`` are what is remembered once it is told, ``lines`` what is said."""

    reader: str
    subject: str
    what: str
    lines: tuple[str, ...]


def subject_of(name: str) -> str:
    """Return a subject as the control database keeps it: as it is, or a digest of one that is too long."""
    return name if len(name) <= _LONGEST_SUBJECT else hashlib.sha256(name.encode()).hexdigest()


def tell_daily(
    control: Control,
    urls: Iterable[str],
    subjects: Sequence[str],
    wanted: Callable[[set[tuple[str, str]]], Sequence[Item]],
    write: Callable[[str, Sequence[Item]], Alert],
) -> Outcome:
    """Tell the log and every Apprise address what they do not know yet, one message a reader; return what was new to the log and how
    many messages no destination took.

    ``wanted`` returns what there is to tell a destination, given which (subject, what) of ``subjects`` it knows; ``write`` the message to a
    reader. What could not be delivered is told by the next call. Raises StoreError when the control database does not answer.
    """
    memory, messages, failed = Memory(control), [], 0
    for url in (None, *dict.fromkeys(urls)):
        destination = LOG if url is None else destination_of(url)
        known = memory.told(destination, subjects)
        fresh = [item for item in wanted(known) if (item.subject, item.what) not in known]
        for reader in dict.fromkeys(item.reader for item in fresh):
            mine = [item for item in fresh if item.reader == reader]
            alert = write(reader, mine)
            if url is None:
                log.warning("%s\n%s", alert.title, alert.body)
                messages.append(alert)
            elif not deliver(url, alert):
                failed += 1
                continue
            memory.record(destination, ((item.subject, item.what) for item in mine))
    return Outcome(tuple(messages), failed)
