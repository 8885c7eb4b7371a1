"""What is known of a deadline: whether it is met, and in which words to say what is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb

from medpool_etl.marts import table_path
from medpool_etl.periods import Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.done import is_ahead
from medpool_etl.store import Control, Settings, Warehouse

# How many counties or accounts a message names before it counts the rest; no city has that many counties.
NAMED = 20


@dataclass(frozen=True)
class Evidence:
    """``done``: it is known to be met. ``lines`` say what is known, in Chinese; ``waits_for`` are periods it depends on that are not
    settled."""

    done: bool
    lines: tuple[str, ...] = ()
    waits_for: tuple[Period, ...] = ()


class Place:
    """A city as it stands: its documents, its control database and warehouse, and what is published."""

    def __init__(self, settings: Settings, agreed: Agreed, control: Control) -> None:
        """Look at the city of these documents."""
        self.settings, self.agreed, self.control = settings, agreed, control
        self.warehouse = Warehouse(settings.warehouse)
        self.city = agreed.city.city

    @cached_property
    def published(self) -> dict[str, str]:
        """The run of each published period, by the period's name."""
        return {item.month: item.run_id for item in self.control.published() if item.city == self.city}

    def table(self, period: Period, name: str) -> Path | None:
        """Return where a published table of a period lies, None where the period is not published or has none."""
        run = self.published.get(str(period))
        if run is None:
            return None
        path = table_path(self.warehouse.run(self.city, str(period), run), name)
        return path if path.is_file() else None

    def settled(self, period: Period) -> bool:
        """Whether a period is published, and not only what it orders before it is over."""
        run = self.published.get(str(period))
        return run is not None and not is_ahead(self.warehouse, self.city, period, run)

    def decided(self, period: Period, rule_ids: Iterable[str]) -> bool:
        """Whether rules of a period have said what they order: it is settled, or published ahead with orders of theirs."""
        if self.settled(period):
            return True
        path = self.table(period, "transfers")
        query = "SELECT count(*) FROM read_parquet(?) WHERE rule_id IN (SELECT unnest(?::VARCHAR[]))"
        return bool(path and duckdb.execute(query, [str(path), list(rule_ids)]).fetchall()[0][0])

    def said_of(self, period: Period) -> str:
        """Return how a period stands, in Chinese: 2022年3月结算已发布（暂定）."""
        run = self.published.get(str(period))
        if run is None:
            return f"{period.zh}结算尚未发布"
        if not self.settled(period):
            return f"{period.zh}结算仅先行发布了期内到期款项"
        return f"{period.zh}结算已发布（{'正式' if self.control.figures(run) == 'final' else '暂定'}）"


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence has them: 椒江区、黄岩区; of very many the first, and how many there are."""
    every = list(names)
    rest = f"等 {len(every)} 个" if len(every) > NAMED else ""
    return "、".join(every[:NAMED]) + rest
