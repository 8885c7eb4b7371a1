"""A month of a whole year: what its offices collect, spend, plan and receive, by the year's plan and the orders that fall due."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.periods import Month
from medpool_etl.places import FUNDS, Accounts, City, Unit
from medpool_etl.simulator.orders import Order, Payment, payments_of
from medpool_etl.simulator.plan import Plan
from medpool_etl.simulator.profile import Profile, fen
from medpool_etl.simulator.world import ITEMS, SUBJECT, TREASURY_CODE, Report, Row, World, book

# How many employers, flexible workers and lists of residents a county has, times the scale.
EMPLOYERS, FLEXIBLE, RESIDENTS, BUSY = 45, 40, 12, 45
# What a county's agency likes to have at hand at month-end, percent of a month's expenditure.
BUFFER = 12
# Of the insured workers, how many pay, percent.
PAYING = 70


@dataclass
class YearWorld(World):
    """A month of a year: besides, what the city is like, its plan, the orders that banks see, and what money there is besides."""

    profile: Profile = field(kw_only=True)
    plan: Plan = field(kw_only=True)
    payments: tuple[Payment, ...] = ()
    # Whether lists of plans, enrolment, subsidies and other income come, and subsidies with them.
    lists: bool = False
    # The month's allocation of the simulator's own making, by fund and county; orders replace it.
    allotted: dict[tuple[str, str], int] = field(default_factory=dict)
    # Premiums collected on income accounts, by fund and county.
    levied: dict[tuple[str, str], int] = field(default_factory=dict)


def build_year(
    city: City,
    month: Month,
    accounts: Accounts,
    profile: Profile,
    seed: int,
    scale: int,
    balances: dict[str, int] | None,
    orders: Sequence[Order],
    lists: bool,
) -> YearWorld:
    """Return a consistent month of the year, after orders were executed. ``balances`` as of ``build``."""
    calendar = WorkingCalendar.load()
    world = YearWorld(
        city=city,
        month=month,
        accounts=accounts,
        calendar=calendar,
        rng=random.Random(f"{city.city} {month} {seed} year"),
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
        level=profile.level,
        sends=_sends(profile),
        explained=profile.explained,
        profile=profile,
        plan=Plan(city, profile, seed),
        payments=payments_of(orders, accounts, month, calendar),
        lists=lists,
    )
    serial = 0
    for unit in world.units:
        serial = _premiums(world, unit, scale, serial)
    book(world)
    for index, unit in enumerate(world.units):
        _county(world, unit, index)
    return world


def _sends(profile: Profile) -> tuple[str, ...]:
    if profile.levied == "income_accounts":
        return ()
    return ("tax_collection_detail", "treasury_receipts", *(["agency_bookings"] if profile.bookings else []))


def _premiums(world: YearWorld, unit: Unit, scale: int, serial: int) -> int:
    """Collect a county's premiums of the month; return the last serial number used."""
    plan, rng, month = world.plan, world.rng, world.month
    now, _ = plan.collected_in(unit.code, "worker", month)
    worker = now * rng.randint(985, 1015) // 1000
    this_year, next_year = plan.collected_in(unit.code, "resident", month)
    if world.profile.levied == "income_accounts":
        world.levied[("worker", unit.code)], world.levied[("resident", unit.code)] = worker, this_year + next_year
        return serial
    rows = _workers(world, unit, worker, scale)
    own = fen(world.profile.own)
    for amount, start in ((this_year, month), (next_year, Month(month.year + 1, 1))):
        lists = (BUSY if start > month else RESIDENTS) * scale
        for heads in _split(rng, amount // own, lists):
            rows.append(_row("resident", "城乡居民缴纳", heads, None, None, heads * own, start))
            rows[-1].values["period_to"] = Month(start.year, 12).last_day
    days = world.working_days()
    for row in rows:
        serial += 1
        paid = rng.randrange(len(days))
        booked = min(paid + rng.choice((0, 0, 1, 1, 2)), len(days) - 1)
        row.values |= {
            "tax_office": unit.tax_office,
            "receipt_no": f"3{unit.tax_office[1:7]}{month.compact}{serial:05d}",
            "payer_id": f"X{rng.randrange(10**16):016d}",
            "levy_kind": rng.choice(("premium",) * 19 + ("arrears",)),
            "paid_date": days[paid],
            "booked_date": days[booked],
            "level": world.level,
            "county": unit.code,
        }
    world.tax += rows
    return serial


def _workers(world: YearWorld, unit: Unit, target: int, scale: int) -> list[Row]:
    """Return receipts of employers (a pair each) and flexible workers that come to some ``target`` fen."""
    rng, rates = world.rng, world.profile.rates
    wage = fen(world.profile.average_wage)
    lowest, highest = wage * 60 // 100 + 1, wage * 3 - 1
    rows = []
    for _ in range(FLEXIBLE * scale):
        base = rng.randint(lowest, wage)
        rows.append(
            _row("flexible", "灵活就业人员缴纳", 1, base, rates.flexible, _due(base, rates.flexible), world.month)
        )
    target -= sum(row.values["paid_amount"] for row in rows)
    wanted = int(target / (rates.employer + rates.personal))
    paying = max(world.plan.heads(unit.code, "worker") * PAYING // 100, EMPLOYERS * scale)
    mean = min(max(wanted // paying, lowest * 105 // 100), highest * 95 // 100)
    heads = [n for n in _split(rng, paying, EMPLOYERS * scale) if n]
    bases = [n * (mean * rng.randint(85, 120) // 100) for n in heads]
    drawn = sum(bases)
    for n, drawn_base in zip(heads, bases, strict=True):
        base = min(max(drawn_base * wanted // drawn, lowest * n), highest * n)
        for item, rate in (("单位缴纳", rates.employer), ("个人缴纳", rates.personal)):
            rows.append(_row("employer", item, n, base, rate, _due(base, rate), world.month))
    return rows


def _row(
    payer_type: str, item: str, heads: int, base: int | None, rate: Decimal | None, paid: int, start: Month
) -> Row:
    fund = "resident" if payer_type == "resident" else "worker"
    return Row(
        {
            "payer_type": payer_type,
            "fund": fund,
            "levy_item": item,
            "period_from": start.first_day,
            "period_to": start.last_day,
            "heads": heads,
            "base": base,
            "rate": rate,
            "due_amount": paid,
            "paid_amount": paid,
            "subject": SUBJECT[fund],
            "treasury": TREASURY_CODE,
        }
    )


def _due(base: int, rate: Decimal) -> int:
    return int((base * rate).to_integral_value(ROUND_HALF_UP))


def _split(rng: random.Random, total: int, parts: int) -> list[int]:
    """Return up to ``parts`` whole numbers of very different size that add up to ``total``, none of them 0."""
    weights = [rng.choice((1, 2, 4, 9, 20, 45)) for _ in range(parts)]
    amounts = [total * weight // sum(weights) for weight in weights]
    amounts[0] += total - sum(amounts)
    return [amount for amount in amounts if amount]


def _county(world: YearWorld, unit: Unit, index: int) -> None:
    """Let a county receive, spend and report."""
    report = Report(unit, index % 3 != 2, {}, {}, {}, {})
    for fund in FUNDS:
        _fund(world, report, fund)
    world.reports[unit.code] = report


def _fund(world: YearWorld, report: Report, fund: str) -> None:
    code, rng = report.unit.code, world.rng
    key = f"{code}/{fund}"
    wished = world.plan.spent_in(code, fund, world.month)
    buffer = wished * BUFFER // 100
    opening = _inherited(world, f"report/{key}", code, buffer)
    revolving = _inherited(world, f"revolving/{key}", code, 0)
    postponed = _inherited(world, f"owed/{key}", code, 0)
    account = world.accounts.one("expenditure", fund, code).number
    mine = [item for item in world.payments if account in (item.payer.number, item.receiver.number)]
    given = [item for item in mine if item.between("expenditure", "county expenditure")]
    returned = sum(item.order.amount_fen for item in mine if item.between("county expenditure", "expenditure"))
    advanced = sum(item.order.amount_fen for item in given if item.order.of_rules(world.profile.on_top))
    if not _ordered(world, fund, code):
        drift = buffer - (opening - revolving)
        world.allotted[(fund, code)] = max(wished * rng.randint(990, 1010) // 1000 + drift, 0)
    # The report has no line for what is given back: it stands against what was received.
    received = world.allotted.get((fund, code), 0) + sum(
        item.order.amount_fen * (1 if item.receiver.number == account else -1) for item in mine if not _spending(item)
    )
    interest = rng.randint(10_000, 900_000) if world.month.number % 3 == 0 else 0
    # What institutions are paid by order is part of what is spent; what cannot be paid is put off.
    institutions = sum(item.order.amount_fen for item in mine if item.between("county expenditure", "payee"))
    institutions -= sum(item.order.amount_fen for item in mine if item.between("payee", "county expenditure"))
    total = max(min(wished + postponed, opening + received + interest), institutions, 0)
    report.items[fund] = _items(world, fund, total)
    report.opening[fund], report.received[fund], report.interest[fund] = opening, received, interest
    world.allocations[(fund, code)] = received
    world.carried[f"owed/{key}"] = wished + postponed - total
    world.carried[f"revolving/{key}"] = revolving + advanced - returned


def _spending(item: Payment) -> bool:
    """Whether an order on a county's expenditure account is part of what it spends, or passes through it (what a legacy balance
    bears)."""
    return "payee" in (item.payer.kind, item.receiver.kind) or item.between("county fiscal", "county expenditure")


def _ordered(world: YearWorld, fund: str, code: str) -> bool:
    """Whether an order says what the county is allotted for the month."""
    return any(
        item.order.fund == fund
        and item.order.county == code
        and (item.between("fiscal", "expenditure") or item.between("expenditure", "county expenditure"))
        and not item.order.of_rules(world.profile.on_top)
        for item in world.payments
    )


def _inherited(world: YearWorld, key: str, code: str, default: int) -> int:
    """Return what the month before left under a key; a county that began by a merger has what those merged into it left."""
    if key in world.balances:
        return world.balances[key]
    before = [key.replace(code, unit.code) for unit in world.city.units if unit.successor == code]
    left = [world.balances[name] for name in before if name in world.balances]
    return sum(left) if left else default


def _items(world: YearWorld, fund: str, total: int) -> dict[str, tuple[int, int, int]]:
    """Split an expenditure over the items of the report: person-times, cost and paid, in fen."""
    rng, shares = world.rng, dict(ITEMS[fund])
    if world.profile.critical_illness == "city":
        shares["大病保险"] = 0
    paid = {name: total * share // sum(shares.values()) for name, share in shares.items()}
    paid["住院"] += total - sum(paid.values())
    return {
        name: (amount // rng.randint(20_000, 90_000) + 1, amount * rng.randint(118, 170) // 100, amount)
        if amount
        else (0, 0, 0)
        for name, amount in paid.items()
    }
