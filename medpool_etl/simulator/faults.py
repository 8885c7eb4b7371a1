"""Faults that can be planted, each with what medpool must find: every one of domain's month-end surprises it covers.

A fault changes the simulated month before its files are written and says what must come out: rows set aside or warned
of with their checks, breaks as a sum of (left − right) by pair and class, and files that cannot be used.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from medpool_etl.simulator.world import SUBJECT, Row, World


@dataclass
class Expected:
    """What must be found. Amounts in fen. ``files`` maps a file's key to rejected, unusable or missing."""

    aside: list[tuple[str, Row, tuple[str, ...]]] = field(default_factory=list)
    warned: list[tuple[str, Row, str]] = field(default_factory=list)
    breaks: dict[tuple[str, str], int] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def broken(self, pair: str, cls: str, *amounts: int) -> None:
        """Expect one break of a class in a pair for each amount, left − right in fen."""
        self.breaks[(pair, cls)] = self.breaks.get((pair, cls), 0) + sum(amounts)
        self.counts[(pair, cls)] = self.counts.get((pair, cls), 0) + len(amounts)


@dataclass(frozen=True)
class Fault:
    """A fault: ``name`` for the command line, what it is in Chinese and English, and how it is planted.

    ``whole_file`` faults make a file useless, so they are planted alone.
    """

    name: str
    zh: str
    en: str
    plant: Callable[[World, Expected], None]
    whole_file: bool = False


FAULTS: dict[str, Fault] = {}


def _fault(
    name: str, zh: str, en: str, whole_file: bool = False
) -> Callable[[Callable[[World, Expected], None]], None]:
    def register(plant: Callable[[World, Expected], None]) -> None:
        FAULTS[name] = Fault(name, zh, en, plant, whole_file)

    return register


def _pick(world: World, payer_type: str = "flexible") -> Row:
    """Return a tax row no fault has touched, in the middle of the month, and mark it as touched."""
    rows = [row for row in world.tax if row.values["payer_type"] == payer_type and "touched" not in row.values]
    row = world.rng.choice(rows[len(rows) // 4 : -len(rows) // 4])
    row.values["touched"] = True
    return row


def _partner(rows: list[Row], key: str, tax: Row) -> Row:
    return next(row for row in rows if row.values[key] == tax.values["receipt_no"])


def _treasury(world: World, tax: Row) -> Row:
    return _partner(world.treasury, "voucher_no", tax)


def _agency(world: World, tax: Row) -> Row:
    return _partner(world.agency, "receipt_no", tax)


@_fault("in_transit", "在途：已缴款未入库", "in transit: paid, not booked yet")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    world.treasury.remove(_treasury(world, tax))
    world.agency.remove(_agency(world, tax))
    tax.values["booked_date"] = None
    expected.broken("tax_treasury", "in_transit", tax.values["paid_amount"])


@_fault("wrong_level", "级次错：国库按县级入库", "booked at county level instead of city level")
def _(world: World, expected: Expected) -> None:
    row = _at_county_level(world, expected)
    expected.broken("tax_treasury", "wrong_level", row.values["amount"])


def _at_county_level(world: World, expected: Expected) -> Row:
    """Let the treasury book a receipt at county level, of which it is warned; return its row."""
    row = _treasury(world, _pick(world))
    row.values["level"] = "4"
    expected.warned.append(("treasury_receipts", row, "level_of_the_rules"))
    return row


@_fault("refund", "退库：一笔保费当月退还缴费人", "a premium paid back to the payer within the month")
def _(world: World, expected: Expected) -> None:
    # What is paid back is not remitted; the receipt itself stands in every list, so nothing disagrees.
    _refund(world, _pick(world))


def _refund(world: World, tax: Row) -> None:
    row = _treasury(world, tax)
    world.refunds.append(
        Row(
            {
                **{name: row.values[name] for name in ("treasury", "voucher_no", "level", "subject", "tax_office")},
                "refund_date": world.month.last_day,
                "refund_no": f"{len(world.refunds) + 46:08d}",
                "amount": row.values["amount"],
                "reason": "重复缴费",
            }
        )
    )


@_fault("net_refund", "退库：一县居民保费退库大于入库", "a county whose refunds exceed its resident premiums")
def _(world: World, expected: Expected) -> None:
    code = world.units[0].code
    rows = [row for row in world.tax if row.values["county"] == code and row.values["fund"] == "resident"]
    for row in rows:
        _refund(world, row)
    # And one receipt of an earlier month.
    _refund(world, rows[0])
    world.refunds[-1].values["voucher_no"] = None


@_fault("corrected_level", "级次错已更正（1105）", "a wrong budget level the treasury corrected within the month")
def _(world: World, expected: Expected) -> None:
    row = _at_county_level(world, expected)
    same = {name: row.values[name] for name in ("subject", "tax_office")}
    world.corrections.append(
        Row(
            {
                "correction_date": world.month.last_day,
                "correction_no": f"{len(world.corrections) + 15:08d}",
                "voucher_no": row.values["voucher_no"],
                "original_level": "4",
                **{f"original_{name}": value for name, value in same.items()},
                "level": "3",
                **same,
                "amount": row.values["amount"],
            }
        )
    )


@_fault("wrong_subject", "科目错：职工保费入居民科目", "a worker premium booked under the resident subject")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    _treasury(world, tax).values["subject"] = SUBJECT["resident"]
    amount = tax.values["paid_amount"]
    expected.broken("tax_treasury", "wrong_subject", amount, -amount)


@_fault("no_premium_subject", "科目错：保费入其他收入科目", "a premium booked under other revenue")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    row = _treasury(world, tax)
    row.values["subject"] = "1020399"
    expected.warned.append(("treasury_receipts", row, "premium_subject"))
    expected.broken("tax_treasury", "wrong_subject", tax.values["paid_amount"])


@_fault("wrong_county_flexible", "分县错：灵活就业到账记入他县", "a flexible worker's booking put to another county")
def _(world: World, expected: Expected) -> None:
    _wrong_county(world, expected, "flexible", "agency_tax_county")


@_fault(
    "wrong_county_employer", "分县错：用人单位到账分解到他县", "an employer's booking broken down to another county"
)
def _(world: World, expected: Expected) -> None:
    _wrong_county(world, expected, "employer", "employer_breakdown")


def _wrong_county(world: World, expected: Expected, payer_type: str, pair: str) -> None:
    tax = _pick(world, payer_type)
    others = [unit.code for unit in world.units if unit.code != tax.values["county"]]
    _agency(world, tax).values["county"] = world.rng.choice(others)
    amount = tax.values["paid_amount"]
    expected.broken(pair, "wrong_county", amount, -amount)


@_fault("one_fen_treasury", "金额不符：国库少一分", "the treasury booked one fen less")
def _(world: World, expected: Expected) -> None:
    _treasury(world, _pick(world)).values["amount"] -= 1
    expected.broken("tax_treasury", "amount_differs", 1)


@_fault("one_fen_agency", "金额不符：系统到账多一分", "the agency booked one fen more")
def _(world: World, expected: Expected) -> None:
    _agency(world, _pick(world, "resident")).values["amount"] += 1
    expected.broken("agency_tax_county", "amount_differs", 1)


@_fault("missing_booking", "系统未到账", "the agency did not book a receipt")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world, "employer")
    world.agency.remove(_agency(world, tax))
    expected.broken("agency_tax_employer", "only_right", -tax.values["paid_amount"])


@_fault("missing_tax", "税务明细缺一张税票", "a receipt is missing from the tax file")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    world.tax.remove(tax)
    expected.broken("tax_treasury", "only_right", -tax.values["paid_amount"])
    expected.broken("agency_tax_county", "only_left", tax.values["paid_amount"])


@_fault("missing_treasury", "国库清单缺一张凭证", "a voucher is missing from the treasury's list")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    world.treasury.remove(_treasury(world, tax))
    expected.broken("tax_treasury", "only_left", tax.values["paid_amount"])


@_fault("manual_receipt", "手工票：国库凭证号为空", "a manual receipt: the treasury's voucher has no number")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    _treasury(world, tax).values["voucher_no"] = None
    expected.broken("tax_treasury", "manual_receipt", -tax.values["paid_amount"])
    expected.broken("tax_treasury", "only_left", tax.values["paid_amount"])


@_fault("not_transferred", "未划专户：部分保费月末未划转", "part of the premiums was not transferred by month-end")
def _(world: World, expected: Expected) -> None:
    amount = world.rng.randint(100_000, 9_000_000)
    world.transfer_shortfall["worker"] = amount
    expected.broken("treasury_fiscal", "not_transferred", amount)


@_fault("county_received_less", "县报表本月拨入少于市级拨出", "a county reports less than it was sent")
def _(world: World, expected: Expected) -> None:
    report = world.reports[world.rng.choice(world.units).code]
    amount = world.rng.randint(1, 1_000_000)
    report.received["resident"] -= amount
    report.opening["resident"] += amount
    expected.broken("agency_county", "amount_differs", amount)


def _tax_row_aside(world: World, expected: Expected, tax: Row, *checks: str) -> None:
    expected.aside.append(("tax_collection_detail", tax, checks))
    expected.broken("tax_treasury", "row_set_aside", -tax.values["paid_amount"])
    pair = "agency_tax_employer" if tax.values["payer_type"] == "employer" else "agency_tax_county"
    expected.broken(pair, "row_set_aside", tax.values["paid_amount"])


@_fault("bad_amount", "金额不是数字", "an amount that is no number")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    tax.texts["paid_amount"] = "12O3.5O"
    _tax_row_aside(world, expected, tax, "paid_amount__form")


@_fault("three_decimals", "金额有三位小数", "an amount with three decimals")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world, "employer")
    fen = tax.values["paid_amount"]
    tax.texts["paid_amount"] = f"{fen // 100}.{fen % 100:02d}5"
    _tax_row_aside(world, expected, tax, "paid_amount__form")


@_fault("missing_cell", "必填栏为空", "a required field is empty")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    tax.texts["payer_type"] = ""
    _tax_row_aside(world, expected, tax, "payer_type__missing")


@_fault("short_row", "数据行缺一栏", "a line that lacks its last field")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    tax.cut = 1
    _tax_row_aside(world, expected, tax, "row__fields")


@_fault("bad_date", "日期不存在", "a date that does not exist")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world, "resident")
    row = _treasury(world, tax)
    row.texts["booked_date"] = f"{world.month}-32"
    _treasury_row_aside(expected, tax, row, "booked_date__form")


@_fault("other_month", "跨月：国库清单混入次月凭证", "a voucher of the next month in the treasury's list")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world, "resident")
    row = _treasury(world, tax)
    row.texts["booked_date"] = f"{world.month.last_day + dt.timedelta(days=1)}"
    _treasury_row_aside(expected, tax, row, "booked_in_month")


def _treasury_row_aside(expected: Expected, tax: Row, row: Row, check: str) -> None:
    amount = tax.values["paid_amount"]
    expected.aside.append(("treasury_receipts", row, (check,)))
    expected.broken("tax_treasury", "row_set_aside", amount)
    expected.broken("treasury_fiscal", "row_set_aside", -amount)


@_fault("unknown_county", "行政区划代码不存在", "a county code the city does not have")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    row = _agency(world, tax)
    row.texts["county"] = world.city.code[:4] + "99"
    expected.aside.append(("agency_bookings", row, ("county__unknown",)))
    expected.broken("agency_tax_county", "row_set_aside", -tax.values["paid_amount"])


@_fault("duplicate_receipt", "重复：同一税票报送两次", "the same receipt twice")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    repeat = tax.copy()
    world.tax.insert(world.tax.index(tax) + 5, repeat)
    expected.aside.append(("tax_collection_detail", repeat, ("row__duplicate",)))


@_fault("base_times_rate", "应缴金额≠基数×费率（警告）", "the amount due is not base × rate (a warning)")
def _(world: World, expected: Expected) -> None:
    tax = _pick(world)
    tax.values["base"] += 100_000
    expected.warned.append(("tax_collection_detail", tax, "due_is_base_times_rate"))


@_fault("wrong_total", "税务文件合计与明细不符", "the tax file's total is not the sum of its rows", whole_file=True)
def _(world: World, expected: Expected) -> None:
    world.total_error["tax_collection_detail"] = 1
    expected.files["tax_collection_detail"] = "rejected"
    _no_tax(world, expected)


def _no_tax(world: World, expected: Expected) -> None:
    expected.broken("tax_treasury", "file_missing", *(-row.values["amount"] for row in world.treasury))
    for row in world.agency:
        pair = "agency_tax_employer" if row.values["payer_type"] == "employer" else "agency_tax_county"
        expected.broken(pair, "file_missing", row.values["amount"])


@_fault(
    "report_total",
    "县报表合计与各项之和不符",
    "a county report whose total is not the sum of its items",
    whole_file=True,
)
def _(world: World, expected: Expected) -> None:
    code = world.rng.choice(world.units).code
    world.reports[code].total_error = 100
    _no_report(world, expected, code, "rejected")


@_fault("missing_report", "县报表未报送", "a county report was not sent", whole_file=True)
def _(world: World, expected: Expected) -> None:
    code = world.rng.choice(world.units).code
    world.absent.add(f"county_expenditure_report/{code}")
    _no_report(world, expected, code, "missing")


@_fault("truncated_workbook", "工作簿损坏", "a workbook cut short on its way", whole_file=True)
def _(world: World, expected: Expected) -> None:
    code = world.rng.choice(world.units).code
    world.damaged.add(f"county_expenditure_report/{code}")
    _no_report(world, expected, code, "unusable")


def _no_report(world: World, expected: Expected, code: str, outcome: str) -> None:
    expected.files[f"county_expenditure_report/{code}"] = outcome
    amounts = [amount for (_, county), amount in world.allocations.items() if county == code]
    expected.broken("agency_county", "file_missing", *amounts)


@_fault("missing_line", "财政专户对账单缺一行", "the fiscal account's statement lacks a line", whole_file=True)
def _(world: World, expected: Expected) -> None:
    number = world.accounts.one("fiscal", "resident").number
    world.dropped_line.add(number)
    expected.files[f"account_statement/{number}"] = "rejected"
    booked = sum(row.values["amount"] for row in world.treasury if row.values["subject"] == SUBJECT["resident"])
    paid = sum(amount for (fund, _), amount in world.allocations.items() if fund == "resident")
    expected.broken("treasury_fiscal", "file_missing", booked)
    expected.broken("fiscal_agency", "file_missing", -paid)


@_fault("missing_column", "系统到账文件缺少金额栏", "the agency's file lacks the amount column", whole_file=True)
def _(world: World, expected: Expected) -> None:
    world.lacking_column["agency_bookings"] = "amount"
    expected.files["agency_bookings"] = "unusable"
    for row in world.tax:
        pair = "agency_tax_employer" if row.values["payer_type"] == "employer" else "agency_tax_county"
        expected.broken(pair, "file_missing", -row.values["paid_amount"])
