"""Faults within a row: it is set aside or warned of, and its counterpart says so."""

from __future__ import annotations

import datetime as dt

from medpool_etl.simulator.expected import Expected
from medpool_etl.simulator.faults.registry import agency_pair, agency_row, fault, pick, treasury_row
from medpool_etl.simulator.world import Row, World


def _tax_row_aside(world: World, expected: Expected, tax: Row, *checks: str) -> None:
    expected.aside.append(("tax_collection_detail", tax, checks))
    expected.broken("tax_treasury", "row_set_aside", -tax.values["paid_amount"])
    expected.broken(agency_pair(tax), "row_set_aside", tax.values["paid_amount"])


@fault("bad_amount", "金额不是数字", "an amount that is no number")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    tax.texts["paid_amount"] = "12O3.5O"
    _tax_row_aside(world, expected, tax, "paid_amount__form")


@fault("three_decimals", "金额有三位小数", "an amount with three decimals")
def _(world: World, expected: Expected) -> None:
    tax = pick(world, "employer")
    fen = tax.values["paid_amount"]
    tax.texts["paid_amount"] = f"{fen // 100}.{fen % 100:02d}5"
    _tax_row_aside(world, expected, tax, "paid_amount__form")


@fault("missing_cell", "必填栏为空", "a required field is empty")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    tax.texts["payer_type"] = ""
    _tax_row_aside(world, expected, tax, "payer_type__missing")


@fault("short_row", "数据行缺一栏", "a line that lacks its last field")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    tax.cut = 1
    _tax_row_aside(world, expected, tax, "row__fields")


@fault("bad_date", "日期不存在", "a date that does not exist")
def _(world: World, expected: Expected) -> None:
    tax = pick(world, "resident")
    row = treasury_row(world, tax)
    row.texts["booked_date"] = f"{world.month}-32"
    _treasury_row_aside(expected, tax, row, "booked_date__form")


@fault("other_month", "跨月：国库清单混入次月凭证", "a voucher of the next month in the treasury's list")
def _(world: World, expected: Expected) -> None:
    tax = pick(world, "resident")
    row = treasury_row(world, tax)
    row.texts["booked_date"] = f"{world.month.last_day + dt.timedelta(days=1)}"
    _treasury_row_aside(expected, tax, row, "booked_in_month")


def _treasury_row_aside(expected: Expected, tax: Row, row: Row, check: str) -> None:
    amount = tax.values["paid_amount"]
    expected.aside.append(("treasury_receipts", row, (check,)))
    expected.broken("tax_treasury", "row_set_aside", amount)
    expected.broken("treasury_fiscal", "row_set_aside", -amount)


@fault("unknown_county", "行政区划代码不存在", "a county code the city does not have")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    row = agency_row(world, tax)
    row.texts["county"] = world.city.code[:4] + "99"
    expected.aside.append(("agency_bookings", row, ("county__unknown",)))
    expected.broken("agency_tax_county", "row_set_aside", -tax.values["paid_amount"])


@fault("duplicate_receipt", "重复：同一税票报送两次", "the same receipt twice")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    repeat = tax.copy()
    world.tax.insert(world.tax.index(tax) + 5, repeat)
    expected.aside.append(("tax_collection_detail", repeat, ("row__duplicate",)))


@fault("base_times_rate", "应缴金额≠基数×费率（警告）", "the amount due is not base × rate (a warning)")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    tax.values["base"] += 100_000
    expected.warned.append(("tax_collection_detail", tax, "due_is_base_times_rate"))
