"""Faults of receipts: what tax offices, treasury and agency have of one premium."""

from __future__ import annotations

import datetime as dt
from typing import Any

from medpool_etl.simulator.expected import Cure, Expected, Planted
from medpool_etl.simulator.faults.registry import (
    agency_pair,
    agency_row,
    fault,
    next_day,
    pick,
    treasury_row,
)
from medpool_etl.simulator.world import SUBJECT, Row, World


def _book_later(world: World, expected: Expected, ends: list[Planted], day: dt.date, **rows: Row) -> None:
    """Let each list named have its row in the next month, booked on a day of it."""
    later = {name: [{**row.values, "booked_date": day}] for name, row in rows.items()}
    for values in (values for listed in later.values() for values in listed):
        if "paid_date" in values:
            values["paid_date"] = min(values["paid_date"], day)
    expected.cures.append(Cure(ends, later))


@fault("in_transit", "在途：已缴款未入库", "in transit: paid, not booked yet")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    treasury, agency = treasury_row(world, tax), agency_row(world, tax)
    world.treasury.remove(treasury)
    world.agency.remove(agency)
    tax.values["booked_date"] = None
    ends = expected.broken("tax_treasury", "in_transit", tax.values["paid_amount"])
    _book_later(world, expected, ends, next_day(world), tax=tax, treasury=treasury, agency=agency)


@fault(
    "cut_off",
    "跨月：月末税票国库次月入库",
    "booked by the tax office on the last days, by the treasury in the next month",
)
def _(world: World, expected: Expected) -> None:
    tax = pick(world, late=True)
    treasury = treasury_row(world, tax)
    world.treasury.remove(treasury)
    ends = expected.broken("tax_treasury", "cut_off", tax.values["paid_amount"])
    _book_later(world, expected, ends, next_day(world, 1), treasury=treasury)


@fault("cut_off_agency", "跨月：月末税票系统次月到账", "a receipt of the last days the agency books in the next month")
def _(world: World, expected: Expected) -> None:
    tax = pick(world, "employer", late=True)
    agency = agency_row(world, tax)
    world.agency.remove(agency)
    ends = expected.broken("agency_tax_employer", "cut_off", -tax.values["paid_amount"])
    _book_later(world, expected, ends, next_day(world, 1), agency=agency)


@fault(
    "adjustment_period",
    "跨年：国库入库记入调整期（上年）",
    "booked by the treasury to last year, which the tax list lacks",
)
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    agency = agency_row(world, tax)
    for row in world.treasury:
        row.values.setdefault("adjustment_period", "this_year")
    treasury_row(world, tax).values["adjustment_period"] = "last_year"
    world.tax.remove(tax)
    world.agency.remove(agency)
    ends = expected.broken("tax_treasury", "adjustment_period", -tax.values["paid_amount"])
    _book_later(world, expected, ends, next_day(world), tax=tax, agency=agency)


@fault("arrears", "欠费补缴：系统未到账", "arrears the agency has not booked")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    agency = agency_row(world, tax)
    tax.values["levy_kind"] = "arrears"
    world.agency.remove(agency)
    ends = expected.broken("agency_tax_county", "arrears", -tax.values["paid_amount"])
    _book_later(world, expected, ends, next_day(world), agency=agency)


@fault("late_fee", "滞纳金：系统不记到账", "a late fee, which is no booking of the agency")
def _(world: World, expected: Expected) -> None:
    tax = pick(world, "employer")
    tax.values["levy_kind"] = "late_fee"
    world.agency.remove(agency_row(world, tax))
    expected.broken("agency_tax_employer", "late_fee", -tax.values["paid_amount"])


@fault("late_fee_other_subject", "滞纳金：国库记入其他收入", "a late fee the treasury books under other revenue")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    tax.values["levy_kind"] = "late_fee"
    row = treasury_row(world, tax)
    row.values["subject"] = "1020399"
    expected.warned.append(("treasury_receipts", row, "premium_subject"))
    expected.broken("tax_treasury", "late_fee", tax.values["paid_amount"], owner="treasury")


def _correction(world: World, row: Row, **current: str) -> dict[str, Any]:
    """Return the values of a correction (1105) of a treasury row into ``current``, made in the next month."""
    was = {name: row.values[name] for name in ("level", "subject", "tax_office")}
    return {
        "correction_date": next_day(world),
        "voucher_no": row.values["voucher_no"],
        **{f"original_{name}": value for name, value in was.items()},
        **was,
        **current,
        "amount": row.values["amount"],
    }


def _at_county_level(world: World, expected: Expected) -> Row:
    """Let the treasury book a receipt at county level, of which it is warned; return its row."""
    row = treasury_row(world, pick(world))
    row.values["level"] = "4"
    expected.warned.append(("treasury_receipts", row, "level_of_the_rules"))
    return row


@fault("wrong_level", "级次错：国库按县级入库", "booked at county level instead of city level")
def _(world: World, expected: Expected) -> None:
    row = _at_county_level(world, expected)
    ends = expected.broken("tax_treasury", "wrong_level", row.values["amount"])
    expected.cures.append(Cure(ends, {"corrections": [_correction(world, row, level="3")]}))


@fault("corrected_level", "级次错已更正（1105）", "a wrong budget level the treasury corrected within the month")
def _(world: World, expected: Expected) -> None:
    row = _at_county_level(world, expected)
    made = Row({**_correction(world, row, level="3"), "correction_date": world.month.last_day})
    made.values["correction_no"] = f"{len(world.corrections) + 15:08d}"
    world.corrections.append(made)


@fault("wrong_subject", "科目错：职工保费入居民科目", "a worker premium booked under the resident subject")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    row = treasury_row(world, tax)
    row.values["subject"] = SUBJECT["resident"]
    amount = tax.values["paid_amount"]
    ends = expected.broken("tax_treasury", "wrong_subject", amount, -amount)
    expected.cures.append(Cure(ends, {"corrections": [_correction(world, row, subject=SUBJECT["worker"])]}))


@fault("no_premium_subject", "科目错：保费入其他收入科目", "a premium booked under other revenue")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    row = treasury_row(world, tax)
    row.values["subject"] = "1020399"
    expected.warned.append(("treasury_receipts", row, "premium_subject"))
    ends = expected.broken("tax_treasury", "wrong_subject", tax.values["paid_amount"])
    expected.cures.append(Cure(ends, {"corrections": [_correction(world, row, subject=SUBJECT["worker"])]}))


@fault("wrong_county_flexible", "分县错：灵活就业到账记入他县", "a flexible worker's booking put to another county")
def _(world: World, expected: Expected) -> None:
    _wrong_county(world, expected, "flexible", "agency_tax_county")


@fault("wrong_county_employer", "分县错：用人单位到账分解到他县", "an employer's booking broken down to another county")
def _(world: World, expected: Expected) -> None:
    _wrong_county(world, expected, "employer", "employer_breakdown")


def _wrong_county(world: World, expected: Expected, payer_type: str, pair: str) -> None:
    tax = pick(world, payer_type)
    others = [unit.code for unit in world.units if unit.code != tax.values["county"]]
    agency_row(world, tax).values["county"] = world.fault_rng.choice(others)
    amount = tax.values["paid_amount"]
    expected.broken(pair, "wrong_county", amount, -amount)


@fault("refund", "退库：一笔保费当月退还缴费人", "a premium paid back to the payer within the month")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    _refund(world, tax)
    expected.broken("tax_treasury", "refund", tax.values["paid_amount"])


@fault("refund_of_before", "退库：退还往月保费", "a premium of an earlier month paid back", sequel=True)
def _(world: World, expected: Expected) -> None:
    values = _sample(world)
    row = _refund(world, Row(values), number=values["receipt_no"])
    expected.broken("tax_treasury", "refund", row.values["amount"])


@fault("refund_twice", "退库：往月保费重复退还", "a premium of an earlier month paid back twice", sequel=True)
def _(world: World, expected: Expected) -> None:
    values = _sample(world)
    for _ in range(2):
        row = _refund(world, Row(values), number=values["receipt_no"])
    expected.broken("tax_treasury", "refund", row.values["amount"])
    expected.broken("tax_treasury", "refund_unfounded", row.values["amount"])


@fault(
    "refund_of_long_before",
    "退库：原款不在已结算月份",
    "a premium paid back that no month settled here has",
    sequel=True,
)
def _(world: World, expected: Expected) -> None:
    values = _sample(world)
    # A number of the same office that no list has.
    row = _refund(world, Row(values), number="9" + values["receipt_no"][1:])
    expected.broken("tax_treasury", "refund_unseen", row.values["amount"])


@fault("net_refund", "退库：一县居民保费退库大于入库", "a county whose refunds exceed its resident premiums", once=True)
def _(world: World, expected: Expected) -> None:
    code = world.units[0].code
    rows = [row for row in world.tax if row.values["county"] == code and row.values["fund"] == "resident"]
    for row in rows:
        row.values["touched"] = True
        _refund(world, row)
        expected.broken("tax_treasury", "refund", row.values["paid_amount"])
    # And one receipt of an earlier month, whose number nobody wrote.
    _refund(world, rows[0])
    world.refunds[-1].values["voucher_no"] = None
    expected.broken("tax_treasury", "refund_unseen", rows[0].values["paid_amount"])


def _refund(world: World, tax: Row, number: str = "") -> Row:
    row = Row(
        {
            "treasury": tax.values["treasury"],
            "voucher_no": number or tax.values["receipt_no"],
            "level": "3",
            "subject": tax.values["subject"],
            "tax_office": tax.values["tax_office"],
            "refund_date": world.month.last_day,
            "refund_no": f"{len(world.refunds) + 46:08d}",
            "amount": tax.values["paid_amount"],
            "reason": "重复缴费",
        }
    )
    world.refunds.append(row)
    return row


def _sample(world: World) -> dict[str, Any]:
    """Return a receipt of the month before with which nothing was wrong; each is given once."""
    return world.samples.pop(world.fault_rng.randrange(len(world.samples)))


@fault(
    "duplicate", "重复：系统到账重报往月税票", "a receipt of the month before booked by the agency again", sequel=True
)
def _(world: World, expected: Expected) -> None:
    values = _sample(world)
    row = {
        **{name: values[name] for name in ("county", "payer_type", "fund", "receipt_no")},
        "period": world.month.plus(-1).first_day,
        "booked_date": world.working_days()[5],
        "amount": values["paid_amount"],
    }
    world.agency.append(Row(row))
    ends = expected.broken(agency_pair(Row(values)), "duplicate", values["paid_amount"], owner="agency")
    back = {**row, "booked_date": next_day(world), "amount": -values["paid_amount"]}
    expected.cures.append(Cure(ends, {"agency": [back]}))


@fault("one_fen_treasury", "金额不符：国库少一分", "the treasury booked one fen less")
def _(world: World, expected: Expected) -> None:
    treasury_row(world, pick(world)).values["amount"] -= 1
    expected.broken("tax_treasury", "amount_differs", 1)


@fault("one_fen_agency", "金额不符：系统到账多一分", "the agency booked one fen more")
def _(world: World, expected: Expected) -> None:
    agency_row(world, pick(world)).values["amount"] += 1
    expected.broken("agency_tax_county", "amount_differs", 1)


@fault("rounding", "四舍五入差：系统逐人计算多一分", "one fen more at the agency, which rounds head by head")
def _(world: World, expected: Expected) -> None:
    agency_row(world, pick(world, "employer")).values["amount"] += 1
    expected.broken("agency_tax_employer", "rounding", 1)


@fault("missing_booking", "系统未到账", "the agency did not book a receipt")
def _(world: World, expected: Expected) -> None:
    tax = pick(world, "employer")
    agency = agency_row(world, tax)
    world.agency.remove(agency)
    ends = expected.broken("agency_tax_employer", "only_right", -tax.values["paid_amount"])
    _book_later(world, expected, ends, next_day(world), agency=agency)


@fault("missing_tax", "税务明细缺一张税票", "a receipt is missing from the tax file")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    world.tax.remove(tax)
    ends = expected.broken("tax_treasury", "only_right", -tax.values["paid_amount"])
    ends += expected.broken("agency_tax_county", "only_left", tax.values["paid_amount"])
    _book_later(world, expected, ends, next_day(world), tax=tax)


@fault("missing_treasury", "国库清单缺一张凭证", "a voucher is missing from the treasury's list")
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    treasury = treasury_row(world, tax)
    world.treasury.remove(treasury)
    ends = expected.broken("tax_treasury", "only_left", tax.values["paid_amount"])
    _book_later(world, expected, ends, next_day(world), treasury=treasury)


@fault("manual_receipt", "手工票：国库凭证号为空，可按金额认领", "a manual receipt without number, found by its amount")
def _(world: World, expected: Expected) -> None:
    treasury_row(world, pick(world)).values["voucher_no"] = None
    expected.passes("tax_treasury", "same_amount")


@fault(
    "stray_receipt", "手工票：国库凭证号为空，税务无此税票", "a manual receipt without number that the tax list lacks"
)
def _(world: World, expected: Expected) -> None:
    tax = pick(world)
    agency = agency_row(world, tax)
    treasury_row(world, tax).values["voucher_no"] = None
    world.tax.remove(tax)
    world.agency.remove(agency)
    ends = expected.broken("tax_treasury", "manual_receipt", -tax.values["paid_amount"])
    _book_later(world, expected, ends, next_day(world), tax=tax, agency=agency)


def _batch(world: World, short: int) -> int:
    """Let the treasury book the receipts of a county and day as one line without number; return how many there were."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in world.tax:
        if row.values["fund"] == "worker":
            groups.setdefault((row.values["county"], row.values["booked_date"]), []).append(row)
    whole = [rows for rows in groups.values() if len(rows) > 2 and not any("touched" in row.values for row in rows)]
    rows = world.fault_rng.choice(whole)
    booked = [treasury_row(world, row) for row in rows]
    line = booked[0].copy()
    line.values |= {
        "voucher_no": None,
        "amount": sum(row.values["amount"] for row in booked) - short,
        "voucher_type": "汇总",
    }
    world.treasury[world.treasury.index(booked[0])] = line
    for row in booked[1:]:
        world.treasury.remove(row)
    for row in rows:
        row.values["touched"] = True
    return len(rows)


@fault(
    "batch_line",
    "汇总入库：一县一日税票合为一笔无号凭证",
    "the receipts of a county and day booked as one line without number",
)
def _(world: World, expected: Expected) -> None:
    expected.passes("tax_treasury", "batch", _batch(world, 0))


@fault("batch_line_short", "汇总入库少一分", "such a line that is one fen short")
def _(world: World, expected: Expected) -> None:
    _batch(world, 1)
    expected.broken("tax_treasury", "amount_differs", 1)
