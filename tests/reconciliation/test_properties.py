"""Whatever happens to receipts and money over four months: nothing is lost, nothing counts twice, nothing depends on order."""

from __future__ import annotations

import os
import random
from collections import Counter, defaultdict
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reconciliation.desk import CITY, HERE, THERE, Break, Desk, Row, Settled

MONTHS = ("2022-03", "2022-04", "2022-05", "2022-06")
# The counties a world is doubled into.
TWINS = {HERE: "331022", THERE: "331081"}
TAX, AGENCY, VOUCHERS, FISCAL = "tax_treasury", "agency_tax_county", "voucher_transfer", "treasury_fiscal"
# What ends with its month.
ENDING = {"refund", "refund_unfounded", "refund_unseen", "late_fee", "file_missing"}
# The amounts are few, so that receipts are mistaken for one another wherever they can be.
AMOUNTS = st.sampled_from([Decimal("100.00"), Decimal("380.00"), Decimal("280.00"), Decimal("0.01")])
DELAYS = st.sampled_from([0, 0, 0, 1, 2, None])
World = list[dict[str, list[Row]]]
Place = tuple[str, str, str]
# `make soak` tries many more.
EXAMPLES = int(os.environ.get("EXAMPLES", "8"))
slowly = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def day(month: int, number: int) -> str:
    return f"{MONTHS[month]}-{number:02d}"


@st.composite
def receipts(draw: st.DrawFn) -> World:
    """Draw months of receipts: in transit, late, never booked, wrong in amount, county or level, without number, paid back."""
    world: World = [defaultdict(list) for _ in MONTHS]

    def add(table: str, month: int | None, **row: Any) -> None:
        if month is not None and month < len(MONTHS):
            world[month][table].append(row)

    for index in range(draw(st.integers(0, 9))):
        number, amount, here = f"R{index}", draw(AMOUNTS), draw(st.sampled_from([HERE, THERE]))
        fund = draw(st.sampled_from(["worker", "resident"]))
        place = {"fund": fund, "payer": "resident" if fund == "resident" else "flexible"}
        month, when = draw(st.integers(0, 3)), draw(st.sampled_from([9, 10, 30]))
        listed = {"number": number, "amount": amount, "county": here, **place}
        if draw(st.integers(0, 4)) == 0:
            add("tax", month, **listed, paid=day(month, when), booked=None)
            month += 1
        if month < len(MONTHS) and draw(st.integers(0, 9)):
            add("tax", month, **listed, booked=day(month, when))
        after = draw(DELAYS)
        booked = month + after if after is not None else len(MONTHS)
        if booked < len(MONTHS):
            county = here if draw(st.integers(0, 7)) else THERE
            known = number if draw(st.integers(0, 4)) else None
            paid = amount + draw(st.sampled_from([Decimal(0), Decimal(0), Decimal(0), Decimal("0.01")]))
            row = {"number": known, "county": county, "fund": fund, "amount": paid, "booked": day(booked, when)}
            # In its own county: elsewhere the tax list knows nothing of it, and it counts (test_passes.py).
            wrong = (
                county == here
                and known is not None
                and any(item["number"] == number for rows in world for item in rows["tax"])
            )
            level = "county" if wrong and draw(st.integers(0, 7)) == 0 else "city"
            add("treasury", booked, **row, level=level)
            if level == "county":
                again = booked + 1 if draw(st.booleans()) else None
                add("corrections", again, **row | {"booked": day(min(booked + 1, 3), 8)}, was_level="county")
            elif draw(st.integers(0, 5)) == 0:
                back = min(booked + draw(st.integers(0, 1)), 3)
                add(
                    "refunds",
                    back,
                    **row | {"booked": day(back, 30), "amount": draw(st.sampled_from([paid, Decimal("0.01")]))},
                )
        came = draw(DELAYS)
        if came is not None and month + came < len(MONTHS):
            add("agency", month + came, **listed, booked=day(month + came, when))
    return world


@st.composite
def transfers(draw: st.DrawFn) -> World:
    """Draw months of vouchers and of transfers that come late, are split, are doubled, or have no voucher."""
    world: World = [defaultdict(list) for _ in MONTHS]
    for month, rows in enumerate(world):
        rows["treasury"].append(
            {"number": f"V{month}", "amount": draw(AMOUNTS) + 1, "county": HERE, "booked": day(month, 9)}
        )
    for index in range(draw(st.integers(0, 10))):
        month, amount = draw(st.integers(0, 3)), draw(AMOUNTS)
        if draw(st.integers(0, 5)):
            world[month]["vouchers"].append(
                {"number": f"U{index}", "amount": amount, "issued": day(month, draw(st.integers(1, 28)))}
            )
        after = draw(DELAYS)
        if after is not None and month + after < len(MONTHS):
            month += after
            for part in draw(st.sampled_from([[amount], [amount], [amount, amount], [amount / 2, amount / 2]])):
                lines = world[month]["bank"]
                serial, booked = f"{month}{index}{len(lines)}", day(month, draw(st.integers(1, 28)))
                lines.append({"serial": serial, "amount": max(part, Decimal("0.01")), "booked": booked})
    return world


def play(world: World, *pairs: str) -> list[Settled]:
    """Settle the months of a world; of files that must come every month, an empty one came."""
    desk = Desk(*pairs)
    always: dict[str, Any] = {name: [] for name in ("tax", "treasury", "agency", "bank", "vouchers")}
    return [desk.settle(month, **always | dict(rows)) for month, rows in zip(MONTHS, world, strict=True)]


def sides(rows: dict[str, list[Row]]) -> dict[str, list[tuple[str, str, Decimal]]]:
    """Return fund, county and left − right of every row, by pair, straight from what was written."""
    found: dict[str, list[tuple[str, str, Decimal]]] = {pair: [] for pair in (TAX, AGENCY, VOUCHERS, FISCAL)}

    def put(pair: str, row: Row, amount: Decimal, county: str | None = None) -> None:
        found[pair].append((row.get("fund", "worker"), county or row["county"], amount))

    for row in rows.get("tax", []):
        put(TAX, row, row["amount"])
        if row["booked"]:
            put(AGENCY, row, -row["amount"])
    for row in rows.get("agency", []):
        put(AGENCY, row, row["amount"])
    in_city = [(row, row["amount"]) for row in rows.get("treasury", []) if row.get("level", "city") == "city"]
    in_city += [(row, -row["amount"]) for row in rows.get("refunds", [])]
    in_city += [(row, row["amount"]) for row in rows.get("corrections", [])]
    for row, amount in in_city:
        put(TAX, row, -amount)
        put(FISCAL, row, amount, CITY)
    for row in rows.get("bank", []):
        put(FISCAL, row, -row["amount"], CITY)
        put(VOUCHERS, row, -row["amount"], CITY)
    for row in rows.get("vouchers", []):
        put(VOUCHERS, row, row["amount"], CITY)
    return found


def going_on(breaks: list[Break], rows: dict[str, list[Row]]) -> dict[Place, Decimal]:
    """Return what a month's breaks bring into the next, which has ``rows``: a receipt it lists again replaces its break."""
    listed = {TAX: {row["number"] for row in rows.get("tax", [])}, AGENCY: set[str]()}
    listed[AGENCY] = {row["number"] for row in rows.get("tax", []) if row["booked"]}
    brought: dict[Place, Decimal] = defaultdict(Decimal)
    for found in breaks:
        lacking = 1 if found.pair == TAX else -1
        again = found.item in listed.get(found.pair, set()) and found.difference * lacking > 0
        if found.cls not in ENDING and not again:
            brought[(found.pair, found.fund, found.county)] += found.difference
    return brought


def totals(breaks: list[Break]) -> dict[Place, Decimal]:
    found: dict[Place, Decimal] = defaultdict(Decimal)
    for item in breaks:
        found[(item.pair, item.fund, item.county)] += item.difference
    return found


def clean(amounts: dict[Place, Decimal]) -> dict[Place, Decimal]:
    return {place: amount for place, amount in amounts.items() if amount}


def assert_adds_up(world: World, months: list[Settled], *pairs: str) -> None:
    """Every month, fund and county: the breaks are left − right + what the breaks of the month before bring forward."""
    before: list[Break] = []
    for rows, settled in zip(world, months, strict=True):
        expected = going_on(before, rows)
        for pair, items in sides(rows).items():
            for fund, county, amount in items if pair in pairs else ():
                expected[(pair, fund, county)] += amount
        breaks = settled.breaks()
        assert clean(totals(breaks)) == clean(expected)
        carried = {(pair, fund, county): amount for pair, fund, county, amount in settled.rows(
            "SELECT pair, fund, county, sum(CASE side WHEN 'left' THEN amount ELSE -amount END) FROM carried_items GROUP BY ALL"
        )}  # fmt: skip
        assert clean(carried) == clean(totals([found for found in breaks if found.cls not in ENDING]))
        before = breaks


def assert_names(months: list[Settled]) -> None:
    """No two breaks of a month share a name; an older break has the name it was born with, and nobody else ever had it."""
    known: dict[str, tuple[str, ...]] = {}
    for month, settled in zip(MONTHS, months, strict=True):
        breaks = settled.breaks()
        assert len({found.name for found in breaks}) == len(breaks)
        for found in breaks:
            identity = (found.pair, found.fund, found.county, found.item, found.origin)
            assert found.origin == month or found.name in known
            assert known.setdefault(found.name, (*identity, "refund" if found.cls == "refund" else ""))[:5] == identity
        untouched = {found.name: found for found in breaks if found.origin < month}
        assert all(len(found.name) == 16 for found in untouched.values())


@slowly
@given(world=receipts())
def test_receipts_add_up(world: World) -> None:
    """The breaks of receipts add up, are carried as they stand, and keep their names, over four months."""
    months = play(world, TAX, AGENCY)
    assert_adds_up(world, months, TAX, AGENCY)
    assert_names(months)


@slowly
@given(world=transfers())
def test_transfers_add_up(world: World) -> None:
    """The breaks of sums and of vouchers add up, are carried as they stand, and keep their names, over four months."""
    months = play(world, FISCAL, VOUCHERS)
    assert_adds_up(world, months, FISCAL, VOUCHERS)
    assert_names(months)


def assert_conserved(settled: Settled) -> None:
    """Every row stands once on its side; every item is matched by one pass, to nothing in sum, or is in one break."""
    rows = settled.rows("SELECT side, file_id, line_id, fund, county, item_id, amount, in_scope FROM side_rows")
    written = Counter(
        (name, line)
        for name in ("tax", "treasury", "refunds")
        for line, _ in enumerate(settled.given.rows.get(name, []), 1)
    )
    assert Counter(row[1:3] for row in rows if row[1] not in (None, "corrections")) == written
    amounts: dict[Place, Decimal] = defaultdict(Decimal)
    left = {(fund, county, item) for side, _, _, fund, county, item, _, _ in rows if side == "left"}
    for side, _, _, fund, county, item, amount, in_scope in rows:
        if side == "left" or in_scope or (fund, county, item) not in left:
            amounts[(fund, county, item)] += amount if side == "left" else -amount
    places = Counter(item for item, amount in amounts.items() if not amount)
    for fund, county, one, other in settled.rows(
        "SELECT fund, county, left_item, right_item FROM matched_items WHERE pass IN ('same_amount', 'opposite')"
    ):
        pair = [(fund, county, one), (fund, county, other)]
        assert sum(amounts[item] for item in pair) == 0
        places.update(pair)
    for fund, county, batch in settled.rows("SELECT fund, county, batch FROM batch_matches"):
        items = settled.rows(
            "SELECT fund, county, item_id FROM item_sums WHERE fund = ? AND county = ? AND batch = ? AND difference <> 0 "
            "AND (left_rows = 0 OR right_rows = 0)", fund, county, batch,
        )  # fmt: skip
        assert sum(amounts[item] for item in items) == 0
        places.update(items)
    named: dict[Place, set[str]] = defaultdict(set)
    for found in settled.breaks():
        for item in found.items:
            named[(found.fund, found.county, item)].add(found.item)
    assert all(len(items) == 1 for items in named.values())
    places.update(named.keys())
    assert set(places) == set(amounts)
    assert all(count == 1 for count in places.values())


@slowly
@given(world=receipts())
def test_every_row_ends_in_one_place(world: World) -> None:
    """No row is matched twice, none is matched and broken, and none is lost."""
    for settled in play(world, TAX):
        assert_conserved(settled)


def turned(world: World, chance: random.Random) -> World:
    """Return the same rows in another order."""
    return [{name: chance.sample(rows, len(rows)) for name, rows in month.items()} for month in world]


def doubled(world: World) -> World:
    """Return the world with everything in it once more, in other counties and under other numbers."""

    def twin(row: Row) -> Row:
        return row | {"county": TWINS[row["county"]], "number": row["number"] and f"{row['number']}x"}

    return [{name: [*rows, *map(twin, rows)] for name, rows in month.items()} for month in world]


def known_by(breaks: list[Break], counties: Collection[str]) -> Counter[tuple[Any, ...]]:
    """Return the breaks of some counties without what only their county decides."""
    return Counter(
        (b.pair, b.cls, b.difference, b.fund, b.origin, b.gate, b.since, len(b.items))
        for b in breaks
        if b.county in counties
    )


@slowly
@given(world=receipts(), chance=st.randoms(use_true_random=False))
def test_order_and_other_counties_change_nothing(world: World, chance: random.Random) -> None:
    """Turned about and doubled into other counties, the same rows give the same breaks, matches and carried items twice."""
    once, twice = play(world, TAX), play(turned(doubled(world), chance), TAX)
    for one, two in zip(once, twice, strict=True):
        assert known_by(two.breaks(), TWINS.values()) == known_by(two.breaks(), TWINS) == known_by(one.breaks(), TWINS)
        assert [found for found in two.breaks() if found.county in TWINS] == one.breaks()
        assert two.passed(TAX) == {name: 2 * count for name, count in one.passed(TAX).items()}


@slowly
@given(world=transfers(), chance=st.randoms(use_true_random=False))
def test_order_changes_no_byte(world: World, chance: random.Random) -> None:
    """Turned about, the same vouchers and transfers give the same breaks, matches and carried items, to the byte."""
    for one, two in zip(play(world, VOUCHERS, FISCAL), play(turned(world, chance), VOUCHERS, FISCAL), strict=True):
        assert one.breaks() == two.breaks()
        assert one.matched(VOUCHERS) == two.matched(VOUCHERS)
        assert one.carried().equals(two.carried())
