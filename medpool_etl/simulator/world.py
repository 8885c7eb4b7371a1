"""What happened in a simulated month: receipts, allocations and expenditure, in fen, consistent with one another."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from typing import Any

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.periods import Month
from medpool_etl.places import FUNDS, Accounts, City, Unit

SUBJECT = {"worker": "1020301", "resident": "1021201"}
TREASURY_CODE = "1110000000"
RESIDENT_OWN_SHARE_FEN = 50_000
EMPLOYER_RATES = {"单位缴纳": "0.075", "个人缴纳": "0.02"}
FLEXIBLE_RATE = "0.085"
ITEMS = {
    "worker": {
        "住院": 50, "普通门诊": 14, "门诊慢特病": 9, "生育医疗": 2, "生育津贴": 3, "药店": 4, "个人账户": 12, "异地就医": 5,
        "大病保险": 0, "其他": 1,
    },
    "resident": {
        "住院": 62, "普通门诊": 12, "门诊慢特病": 8, "生育医疗": 2, "生育津贴": 0, "药店": 1, "个人账户": 0, "异地就医": 7,
        "大病保险": 7, "其他": 1,
    },
}  # fmt: skip


@dataclass
class Row:
    """A row of a file: typed values by column name, and texts that stand for a value when a fault garbled it.

    ``row_no`` is set when the file is written. ``cut`` drops that many cells from the end of the line.
    """

    values: dict[str, Any]
    texts: dict[str, str] = field(default_factory=dict)
    row_no: int = 0
    cut: int = 0

    def copy(self) -> Row:
        """Return a row with the same values."""
        return Row(dict(self.values), dict(self.texts), cut=self.cut)


@dataclass
class Movement:
    """A movement on an account, positive when money comes in, in fen."""

    day: dt.date
    amount: int
    account: str
    name: str
    remark: str


@dataclass
class Statement:
    """A bank statement: opening balance in fen and movements by day. ``drop`` leaves out one line when it is written."""

    account: str
    opening: int
    movements: list[Movement]
    drop: int | None = None


@dataclass
class Report:
    """A county's expenditure report: per fund, items as (person-times, cost, paid) in fen, and its account's lines."""

    unit: Unit
    wan: bool
    items: dict[str, dict[str, tuple[int, int, int]]]
    opening: dict[str, int]
    received: dict[str, int]
    interest: dict[str, int]
    total_error: int = 0

    def total(self, fund: str) -> int:
        """The expenditure of the fund, in fen."""
        return sum(paid for _, _, paid in self.items[fund].values())

    def closing(self, fund: str) -> int:
        """What the fund's account carries forward, in fen."""
        return self.opening[fund] + self.received[fund] + self.interest[fund] - self.total(fund)


@dataclass
class World:
    """A month. The lists are what each office's file holds; ``absent`` and ``damaged`` name files by key."""

    city: City
    month: Month
    accounts: Accounts
    calendar: WorkingCalendar
    rng: random.Random
    # What is planted does not change what else happened.
    fault_rng: random.Random
    tax: list[Row]
    treasury: list[Row]
    agency: list[Row]
    refunds: list[Row]
    corrections: list[Row]
    allocations: dict[tuple[str, str], int]
    reports: dict[str, Report]
    statements: dict[str, Statement] = field(default_factory=dict)
    transfer_shortfall: dict[str, int] = field(default_factory=dict)
    # Further transfers from the treasury: fund, fen, whether the voucher for it is there.
    splits: list[tuple[str, int, bool]] = field(default_factory=list)
    late_transfers: dict[str, int] = field(default_factory=dict)
    vouchers: list[Row] = field(default_factory=list)
    lists_vouchers: bool = False
    extra_moves: list[tuple[str, int, str, str, str]] = field(default_factory=list)
    opening_shift: dict[str, int] = field(default_factory=dict)
    county_statements: dict[tuple[str, str], int] = field(default_factory=dict)
    balances: dict[str, int] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    has_before: bool = False
    absent: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    lacking_column: dict[str, str] = field(default_factory=dict)
    total_error: dict[str, int] = field(default_factory=dict)
    dropped_line: set[str] = field(default_factory=set)
    # At which budget level the treasury books premiums.
    level: str = "3"
    # Which of the lists of receipts come.
    sends: tuple[str, ...] = ("tax_collection_detail", "treasury_receipts", "agency_bookings")
    # Rows of further lists, by contract, written where there are any.
    filings: dict[str, list[Row]] = field(default_factory=dict)
    # What the city agency received and did not pass on to counties, by fund.
    kept: dict[str, int] = field(default_factory=dict)
    # What else the next month begins with, by names like those of balances.
    carried: dict[str, int] = field(default_factory=dict)
    # Whether the fiscal office's and the agencies' expenditure are compared.
    explained: bool = True

    @property
    def units(self) -> tuple[Unit, ...]:
        """The counties of the month."""
        return self.city.units_on(self.month.last_day)

    def working_days(self) -> list[dt.date]:
        """The working days of the month."""
        days = (self.month.first_day + dt.timedelta(days=i) for i in range(31))
        return [day for day in days if Month.of(day) == self.month and self.calendar.is_working_day(day)]


def build(
    city: City, month: Month, accounts: Accounts, seed: int, scale: int, balances: dict[str, int] | None = None
) -> World:
    """Return a consistent month; ``scale`` multiplies the number of receipts (1: some 3,400 for nine counties).

    ``balances`` are the closing balances of the month before, in fen by account or "report/county/fund".
    """
    world = World(
        city=city,
        month=month,
        accounts=accounts,
        calendar=WorkingCalendar.load(),
        rng=random.Random(f"{city.city} {month} {seed}"),
        fault_rng=random.Random(f"{city.city} {month} {seed} faults"),
        balances=dict(balances or {}),
        has_before=balances is not None,
        tax=[],
        treasury=[],
        agency=[],
        refunds=[],
        corrections=[],
        allocations={},
        reports={},
    )
    _receipts(world, scale)
    for index, unit in enumerate(world.units):
        _county(world, unit, index)
    return world


def _receipts(world: World, scale: int) -> None:
    days = world.working_days()
    serial = 0
    for unit in world.units:
        size = world.rng.randint(80, 125)
        plan: list[tuple[str, str, str]] = []
        for _ in range(size * scale):
            plan += [("employer", "worker", item) for item in EMPLOYER_RATES]
        plan += [("flexible", "worker", "灵活就业人员缴纳")] * (size * scale)
        plan += [("resident", "resident", "城乡居民缴纳")] * (size * scale // 2)
        for payer_type, fund, item in plan:
            serial += 1
            _receipt(world, unit, serial, days, payer_type, fund, item)
    book(world)


def book(world: World) -> None:
    """Let treasury and agency book every receipt, in the order of days and numbers."""
    key = lambda row: (row.values["booked_date"], row.values["receipt_no"])  # noqa: E731
    world.tax.sort(key=key)
    for row in world.tax:
        day, values = row.values["booked_date"], row.values
        world.treasury.append(
            Row(
                {
                    "treasury": TREASURY_CODE,
                    "booked_date": day,
                    "batch_no": f"{day.day:02d}{values['tax_office'][1:7]}",
                    "voucher_no": values["receipt_no"],
                    "voucher_type": "电子税票",
                    "level": world.level,
                    "subject": values["subject"],
                    "amount": values["paid_amount"],
                    "tax_office": values["tax_office"],
                }
            )
        )
        world.agency.append(
            Row(
                {
                    "county": values["county"],
                    "payer_type": values["payer_type"],
                    "fund": values["fund"],
                    "period": max(world.month.first_day, values["period_from"]),
                    "receipt_no": values["receipt_no"],
                    "booked_date": day,
                    "amount": values["paid_amount"],
                }
            )
        )


def _receipt(world: World, unit: Unit, serial: int, days: list[dt.date], payer_type: str, fund: str, item: str) -> None:
    rng = world.rng
    paid_index = rng.randrange(len(days))
    booked_index = min(paid_index + rng.choice((0, 0, 1, 1, 2)), len(days) - 1)
    heads, base, rate = 1, None, None
    if payer_type == "resident":
        heads = rng.randint(1, 120)
        paid = heads * RESIDENT_OWN_SHARE_FEN
    else:
        heads = rng.choice((8, 20, 60, 150, 500, 2500)) if payer_type == "employer" else 1
        base = heads * rng.randint(3_957_00, 11_500_00)
        rate = EMPLOYER_RATES.get(item, FLEXIBLE_RATE)
        paid = (base * int(rate[2:].ljust(3, "0")) + 500) // 1000
    world.tax.append(
        Row(
            {
                "tax_office": unit.tax_office,
                "receipt_no": f"3{unit.code}{world.month.compact}{serial:05d}",
                "payer_id": f"X{rng.randrange(10**16):016d}",
                "payer_type": payer_type,
                "fund": fund,
                "levy_item": item,
                "levy_kind": rng.choice(("premium",) * 18 + ("arrears", "late_fee")),
                "period_from": world.month.first_day,
                "period_to": world.month.last_day,
                "heads": heads,
                "base": base,
                "rate": rate,
                "due_amount": paid,
                "paid_amount": paid,
                "paid_date": days[paid_index],
                "booked_date": days[booked_index],
                "subject": SUBJECT[fund],
                "level": "3",
                "treasury": TREASURY_CODE,
                "county": unit.code,
            }
        )
    )


def _county(world: World, unit: Unit, index: int) -> None:
    rng = world.rng
    items: dict[str, dict[str, tuple[int, int, int]]] = {}
    opening, received, interest = {}, {}, {}
    for fund in FUNDS:
        spent = rng.randint(18_000_000_00, 70_000_000_00)
        items[fund] = {}
        for name, share in ITEMS[fund].items():
            paid = spent * share // 100 + (rng.randint(0, 99_999) if share else 0)
            cost = paid * rng.randint(118, 170) // 100 if share else 0
            items[fund][name] = (paid // rng.randint(20_000, 90_000) + 1 if share else 0, cost, paid)
        total = sum(paid for _, _, paid in items[fund].values())
        opening[fund] = world.balances.get(f"report/{unit.code}/{fund}", total + rng.randint(0, 900_000_00))
        share = rng.randint(97, 104)
        # A balance neither runs dry nor piles up over the months.
        share = 104 if opening[fund] < total // 2 else 97 if opening[fund] > total * 2 else share
        received[fund] = total * share // 100
        interest[fund] = rng.randint(10_000, 900_000) if world.month.number % 3 == 0 else 0
        world.allocations[(fund, unit.code)] = received[fund]
    world.reports[unit.code] = Report(unit, index % 3 != 2, items, opening, dict(received), interest)


def booked_in_treasury(world: World, fund: str) -> int:
    """Return what the month left in the city treasury for a fund, in fen: receipts, less refunds, as corrected."""

    def counts(row: Row, prefix: str = "") -> bool:
        return bool(row.values[f"{prefix}level"] == world.level and row.values[f"{prefix}subject"] == SUBJECT[fund])

    total = sum(row.values["amount"] for row in world.treasury if counts(row))
    total -= sum(row.values["amount"] for row in world.refunds if counts(row))
    for row in world.corrections:
        total += row.values["amount"] * (counts(row) - counts(row, "original_"))
    return int(total)
