"""Send alerts: always to the log, and to every Apprise address that is configured."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable

from medpool_etl.alerts.message import Alert
from medpool_etl.store import Control

log = logging.getLogger("medpool.alerts")
LOG = "log"


def send(alerts: Iterable[Alert], run_id: str, urls: tuple[str, ...], control: Control) -> int:
    """Send each alert to the log and to every address, once a run, and return how many could not be delivered.

    What could not be delivered is tried again by the next call; what was is not sent again, unless the process died
    between delivering and recording it: rather twice than never. ``urls`` are Apprise
    addresses (mail, DingTalk, WeCom, Feishu, a plain webhook, …).
    """
    failed = 0
    for alert in alerts:
        if not control.alert_sent(run_id, alert.owner, LOG):
            log.warning("%s\n%s", alert.title, alert.body)
            control.record_alert(run_id, alert.owner, LOG)
        for url in urls:
            # The address holds secrets, so the database knows it by a digest only.
            destination = hashlib.sha256(url.encode()).hexdigest()
            if control.alert_sent(run_id, alert.owner, destination):
                continue
            if _deliver(url, alert):
                control.record_alert(run_id, alert.owner, destination)
            else:
                failed += 1
    return failed


def _deliver(url: str, alert: Alert) -> bool:
    import apprise

    notifier = apprise.Apprise()
    if not notifier.add(url):
        log.error("an alert address is not one Apprise knows: %s…", url.split("://")[0])
        return False
    try:
        delivered = bool(notifier.notify(title=alert.title, body=alert.body, body_format=apprise.NotifyFormat.TEXT))
    except Exception as error:  # whatever a destination's plugin raises, the other owners are still told
        log.error("a %s destination failed: %s", url.split("://")[0], type(error).__name__)
        return False
    if not delivered:
        log.error("an alert for %s was not taken by a %s destination", alert.owner, url.split("://")[0])
    return delivered
