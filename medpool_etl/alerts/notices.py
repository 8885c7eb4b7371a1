"""Send one message that is not of a run's breaks, to every destination that has not been told it yet."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable

from medpool_etl.alerts.delivery import deliver
from medpool_etl.alerts.message import Alert
from medpool_etl.alerts.sending import LOG, destination_of
from medpool_etl.store import Control
from medpool_etl.store.told import Memory

log = logging.getLogger("medpool.alerts")


def tell_once(control: Control, urls: Iterable[str], alert: Alert, about: str, what: str) -> bool:
    """Tell the log and every Apprise address what of ``about`` they do not know yet, and remember it; return whether all took it.

    ``about`` names the subject (of any length), ``what`` what there is to say of it. What could not be delivered is sent by the next
    call. Raises StoreError when the control database does not answer.
    """
    memory, subject = Memory(control), hashlib.sha256(about.encode()).hexdigest()
    delivered = True
    for url in (None, *dict.fromkeys(urls)):
        destination = LOG if url is None else destination_of(url)
        if (subject, what) in memory.told(destination, [subject]):
            continue
        if url is None:
            log.warning("%s\n%s", alert.title, alert.body)
        elif not deliver(url, alert):
            delivered = False
            continue
        memory.record(destination, [(subject, what)])
    return delivered
