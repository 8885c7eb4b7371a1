"""Faults of whole files: rejected, cut short, not sent. One break a fund and county says that a side is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from medpool_etl.simulator.expected import Expected
from medpool_etl.simulator.faults.registry import agency_pair, fault
from medpool_etl.simulator.world import SUBJECT, Row, World


def _side_missing(expected: Expected, pair: str, sign: int, rows: Iterable[tuple[Row, str, str]]) -> None:
    """Expect a break of each fund and county whose rows, of a column, stand on one side alone."""
    sums: Counter[tuple[str, str]] = Counter()
    for row, county, column in rows:
        sums[(row.values["fund"], county)] += sign * row.values[column]
    expected.broken(pair, "file_missing", *sums.values())


def _agency_alone(world: World, expected: Expected, sign: int, rows: list[Row], column: str) -> None:
    for pair in ("agency_tax_county", "agency_tax_employer"):
        alone = [
            (row, world.city.code if pair == "agency_tax_employer" else row.values["county"], column)
            for row in rows
            if agency_pair(row) == pair
        ]
        _side_missing(expected, pair, sign, alone)


@fault("wrong_total", "税务文件合计与明细不符", "the tax file's total is not the sum of its rows", whole_file=True)
def _(world: World, expected: Expected) -> None:
    world.total_error["tax_collection_detail"] = 1
    expected.files["tax_collection_detail"] = "rejected"
    _side_missing(expected, "tax_treasury", -1, [(row, row.values["county"], "paid_amount") for row in world.tax])
    _agency_alone(world, expected, 1, world.agency, "amount")


@fault(
    "report_total",
    "县报表合计与各项之和不符",
    "a county report whose total is not the sum of its items",
    whole_file=True,
)
def _(world: World, expected: Expected) -> None:
    code = world.fault_rng.choice(world.units).code
    world.reports[code].total_error = 100
    _no_report(world, expected, code, "rejected")


@fault("missing_report", "县报表未报送", "a county report was not sent", whole_file=True)
def _(world: World, expected: Expected) -> None:
    code = world.fault_rng.choice(world.units).code
    world.absent.add(f"county_expenditure_report/{code}")
    _no_report(world, expected, code, "missing")


@fault("truncated_workbook", "工作簿损坏", "a workbook cut short on its way", whole_file=True)
def _(world: World, expected: Expected) -> None:
    code = world.fault_rng.choice(world.units).code
    world.damaged.add(f"county_expenditure_report/{code}")
    _no_report(world, expected, code, "unusable")


def _no_report(world: World, expected: Expected, code: str, outcome: str) -> None:
    expected.files[f"county_expenditure_report/{code}"] = outcome
    amounts = [amount for (_, county), amount in world.allocations.items() if county == code]
    expected.broken("agency_county", "file_missing", *amounts)


@fault("missing_line", "财政专户对账单缺一行", "the fiscal account's statement lacks a line", whole_file=True)
def _(world: World, expected: Expected) -> None:
    number = world.accounts.one("fiscal", "resident").number
    world.dropped_line.add(number)
    expected.files[f"account_statement/{number}"] = "rejected"
    booked = sum(row.values["amount"] for row in world.treasury if row.values["subject"] == SUBJECT["resident"])
    paid = sum(amount for (fund, _), amount in world.allocations.items() if fund == "resident")
    spent = sum(report.total("resident") for report in world.reports.values())
    expected.broken("treasury_fiscal", "file_missing", booked)
    expected.broken("fiscal_agency", "file_missing", -paid)
    expected.broken("allocation_expenditure", "file_missing", -spent)


@fault("missing_column", "系统到账文件缺少金额栏", "the agency's file lacks the amount column", whole_file=True)
def _(world: World, expected: Expected) -> None:
    world.lacking_column["agency_bookings"] = "amount"
    expected.files["agency_bookings"] = "unusable"
    _agency_alone(world, expected, -1, world.tax, "paid_amount")
