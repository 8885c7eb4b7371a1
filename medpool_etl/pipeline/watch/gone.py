"""The alert of files a published period was made of that are no longer in the inbox, or no longer usable there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import closing

from medpool_etl import alerts
from medpool_etl.alerts import Alert
from medpool_etl.pipeline.ready import Waiting
from medpool_etl.pipeline.watch.publishing import OPERATOR
from medpool_etl.places import load_city
from medpool_etl.store import Control, Settings, Warehouse

_LISTED = 10


def tell_gone(settings: Settings, city: str, waiting: Iterable[Waiting]) -> int:
    """Tell the operator of each period that is held back because files of it are gone (``waiting``, as a look into the inbox found it), once
    for the same files; return how many addresses did not take it. Raises StoreError when the control database does not answer."""
    name, undelivered = load_city(city).name.zh, 0
    gone = [item for item in waiting if item.because == "gone"]
    if not gone:
        return 0
    with closing(Control(settings.control_url)) as control, Warehouse(settings.warehouse).exclusive(f"alerts-{city}"):
        for item in gone:
            files = [text.zh for text in item.what]
            listed = [f"  - {alerts.quoted(file)}" for file in files[:_LISTED]]
            listed += [f"  - ……共 {len(files)} 份"] if len(files) > _LISTED else []
            lines = [
                f"■ {item.period.zh}已发布，据以结算的文件在收件夹中已移走，或被不可用的同名文件覆盖：",
                *listed,
                "  - 已发布的结果不变；在此之前，该期间的其他更正件也不会自动重新结算",
                f"  处理：放回原文件，或报送可用的更正件；确需不用该文件：medpool run {city} {item.period}；已办结的期间请 medpool close",
            ]
            alert = Alert(OPERATOR, f"【medpool】{name} {item.period.zh} 已结算的文件缺失", "\n".join(lines))
            what = hashlib.sha256("\n".join(files).encode()).hexdigest()
            undelivered += not alerts.tell_once(
                control, settings.alert_urls, alert, f"gone/{city}/{item.period}", f"gone/{what[:32]}"
            )
    return undelivered
