"""Whether a payment was made, told by what the settlement ordered and what the statements of the banks show of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from medpool_etl.money import ZERO, grouped
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.watch.evidence import Evidence, Place, listed
from medpool_etl.places import FUNDS
from medpool_etl.policy.timetable import Entry
from medpool_etl.settlement.ordering import ordered_by

# A flow of a fund and county (or of the city) in a month, as instructions and execution are compared.
Key = tuple[Month, str, str, str]


@dataclass(frozen=True)
class _Ordered:
    """A transfer of a published period: ``flows`` are those it is in the books of city and county, with the amount each is booked with
    (negative against the flow's direction); any of them can show it. None where no bank sees it, as within one account."""

    transfer_id: str
    fund: str
    county: str
    amount: Decimal
    flows: dict[Key, Decimal]


class Payments:
    """Looks at what a city's published periods ordered."""

    def __init__(self, place: Place) -> None:
        """Look at the published periods of this city."""
        self._place = place

    def evidence(self, entry: Entry) -> Evidence:
        """Return whether everything a deadline's rules ordered was executed, how much was ordered and, as far as statements are in, who
        has not paid or been paid.

        A payment that no rule of the city computes is not known to be made. One whose periods are all published and order nothing is.
        """
        agreed = self._place.agreed
        ordering = ordered_by(agreed.rulebook, entry, agreed.calendar)
        if not ordering:
            return Evidence(False, ("本系统不计算此项，是否办理只能由经办人登记",))
        periods = tuple(dict.fromkeys(period for period, _ in ordering))
        waits_for = tuple(
            period
            for period in periods
            if not self._place.decided(period, {rule for p, rule in ordering if p == period})
        )
        ordered = [item for period, rule_id in ordering for item in self._ordered(entry, period, rule_id)]
        lines = [f"{self._place.said_of(period)}，应付金额以发布为准" for period in waits_for]
        if not ordered:
            return Evidence(not waits_for, tuple(lines), waits_for)
        lines.append(
            f"应付 {_summed(ordered)}（{'，'.join(self._place.said_of(p) for p in periods if p not in waits_for)}）"
        )
        executed, unknown = self._executed(ordered)
        unseen = [item for item in ordered if not item.flows]
        open_ = [item for item in ordered if item.flows and item.transfer_id not in executed | unknown]
        if unknown:
            months = listed(
                sorted({month.zh for item in ordered for month, *_ in item.flows if item.transfer_id in unknown})
            )
            lines.append(f"{months}结算未发布，对账单尚未入账，是否已付尚不可知")
        if open_:
            counties = {unit.code: unit.name.zh for unit in agreed.city.units}
            names = dict.fromkeys(counties.get(item.county, agreed.city.name.zh) for item in open_)
            lines.append(f"对账单中未见执行：{_summed(open_)}（{listed(names)}）")
        if unseen:
            lines.append(f"银行对账单不显示，是否办理须由经办人登记：{_summed(unseen)}")
        return Evidence(not (waits_for or unknown or open_ or unseen), tuple(lines), waits_for)

    def _ordered(self, entry: Entry, period: Period, rule_id: str) -> list[_Ordered]:
        """Return the transfers of a published period that a deadline is of."""
        transfers = self._place.table(period, "transfers")
        if transfers is None:
            return []
        steps = self._place.agreed.rulebook.deadlines[entry.name].steps
        rows = duckdb.execute(
            "SELECT row_id, fund, coalesce(county, ''), amount FROM read_parquet(?) "
            "WHERE rule_id = ? AND (len(?::VARCHAR[]) = 0 OR step IN (SELECT unnest(?::VARCHAR[]))) ORDER BY row_id",
            [str(transfers), rule_id, list(steps), list(steps)],
        ).fetchall()
        flows: dict[str, dict[Key, Decimal]] = defaultdict(dict)
        if (ledger := self._place.table(period, "ledger_instructed")) is not None:
            postings = self._place.agreed.postings
            entries = duckdb.execute(
                "SELECT transfer_id, booked_in, fund, books, county, account, flow, amount FROM read_parquet(?) "
                "WHERE side = 'debit' AND flow IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL",
                [str(ledger), list(postings.instructed_flows())],
            ).fetchall()
            for transfer_id, booked_in, fund, books, county, account, flow, amount in entries:
                rule = postings.flows[flow]
                key = (Month.parse(booked_in), fund, books if rule.per == "city" else county, flow)
                flows[transfer_id][key] = amount if account == rule.entries[0].debit else -amount
        return [_Ordered(name, fund, county, amount, flows[name]) for name, fund, county, amount in rows]

    def _executed(self, ordered: list[_Ordered]) -> tuple[set[str], set[str]]:
        """Return the ids of the transfers the statements show as executed, and of those no statement can show yet.

        Amounts are compared by flow, as the table ``instructed_executed`` has them: a flow counts as executed when at least all that
        was instructed of it in its month was.
        """
        owed: dict[Key, Decimal] = defaultdict(Decimal)
        for item in ordered:
            for key, amount in item.flows.items():
                owed[key] += amount
        shown: dict[Key, tuple[Decimal, Decimal]] = {}
        in_books = {month for month in {key[0] for key in owed} if self._place.settled(Period.of(month))}
        for month in in_books:
            path = self._place.table(Period.of(month), "instructed_executed")
            if path is not None:
                rows = duckdb.execute(
                    "SELECT fund, county, flow, instructed_amount, executed_amount FROM read_parquet(?)", [str(path)]
                ).fetchall()
                shown |= {(month, fund, county, flow): (told, done) for fund, county, flow, told, done in rows}
        paid = {key for key, sum_ in owed.items() if key in shown and _covers(sum_, *shown[key])}
        executed = {item.transfer_id for item in ordered if paid & set(item.flows)}
        unknown = {
            item.transfer_id
            for item in ordered
            if item.transfer_id not in executed and any(key[0] not in in_books for key in item.flows)
        }
        return executed, unknown


def _covers(owed: Decimal, instructed: Decimal, done: Decimal) -> bool:
    return done >= max(owed, instructed) if owed >= 0 else done <= min(owed, instructed)


def _summed(items: list[_Ordered]) -> str:
    """Return how many transfers and how much of each fund: 职工医保 9 笔 1,000.00 元."""
    by_fund: dict[str, list[Decimal]] = defaultdict(list)
    for item in items:
        by_fund[item.fund].append(item.amount)
    return "，".join(
        f"{FUNDS[fund].zh} {len(amounts)} 笔 {grouped(sum(amounts, ZERO))} 元"
        for fund, amounts in sorted(by_fund.items())
    )
