"""Months of a whole year: they agree in every city, follow on from one another, execute what was ordered, and bring their lists."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from medpool_etl.errors import InputError
from medpool_etl.periods import Month
from medpool_etl.places import FUNDS, Account, Accounts, load_accounts, load_city
from medpool_etl.simulator import Order, simulate
from medpool_etl.simulator.profile import load_profile
from medpool_etl.simulator.year import build_year
from tests.conftest import at
from tests.simulator.months import Rehearsed
from tests.support import read

# Of each city a month and the next: Nantong's counties of 2020 and those they were merged into, Zaozhuang's with holidays.
CITIES = {
    "taizhou": (Month(2022, 2), 9),
    "nantong": (Month(2020, 12), 10),
    "zhoushan": (Month(2021, 6), 6),
    "zaozhuang": (Month(2020, 1), 6),
    "hangzhou": (Month(2022, 9), 13),
}
# What must have been compared in it, at the least: a pair in which nothing stands agrees with itself.
COMPARED = {
    "taizhou": {
        "tax_treasury", "treasury_fiscal", "agency_tax_county", "agency_tax_employer", "employer_breakdown", "fiscal_agency",
        "agency_county", "allocation_expenditure", "report_arithmetic", "statement_arithmetic", "account_activity",
    },
    "nantong": {"tax_treasury", "treasury_fiscal", "fiscal_agency", "statement_arithmetic", "account_activity"},
    "zhoushan": {
        "tax_treasury", "treasury_fiscal", "fiscal_agency", "agency_county", "report_arithmetic", "statement_arithmetic",
        "account_activity",
    },
    "zaozhuang": {
        "income_upload", "income_fiscal", "fiscal_agency", "agency_county", "report_statement", "report_arithmetic",
        "statement_arithmetic", "account_activity",
    },
    "hangzhou": {"statement_arithmetic", "account_activity"},
}  # fmt: skip
TAIZHOU = load_accounts("taizhou")
UNITS = [unit.code for unit in load_city("taizhou").units_on(dt.date(2022, 12, 1))]


@pytest.mark.parametrize("city", CITIES)
def test_a_month_and_the_next_agree(city: str, tmp_path: Path) -> None:
    """Every pair of the city agrees to the fen in a month of each city and in the next, and every file is taken whole."""
    month, count = CITIES[city]
    first = Rehearsed(at(tmp_path), city, month)
    second = Rehearsed(at(tmp_path), city, month.plus(1), first)
    for rehearsed in (first, second):
        assert {arrival.state for arrival in rehearsed.arrivals} == {"active"}
        verdicts = json.loads((rehearsed.folder / "quality" / "verdicts.json").read_text(encoding="utf-8"))
        assert {verdict["outcome"] for verdict in verdicts.values()} == {"accepted"}
        assert rehearsed.breaks() == []
        assert rehearsed.compared() >= COMPARED[city]
        reports = [key for key in rehearsed.simulation.names if key.startswith("county_expenditure_report/")]
        units = load_city(city).units_on(Month.parse(rehearsed.run.month).last_day)
        assert len(reports) == len(units)
    assert len(load_city(city).units_on(month.last_day)) == count
    assert "balance_continuity" in second.compared()
    kinds = {arrival.contract for arrival in second.arrivals}
    assert ("tax_collection_detail" in kinds) == (city != "zaozhuang")
    assert ("agency_bookings" in kinds) == (city not in ("zaozhuang", "nantong"))
    assert {"funding_plan", "enrolment"} <= kinds


def nets(simulated: Path) -> list[list[str]]:
    """Return the lines of a fiscal account's statement."""
    return read(simulated)[3:]


def order(rule: str, fund: str, county: str, payer: Account, receiver: Account, fen: int, due: dt.date) -> Order:
    return Order(f"{rule}/{fund}/{county}".rstrip("/"), fund, county, payer.number, receiver.number, fen, due)


def orders_of(accounts: Accounts, units: Iterable[str]) -> list[Order]:
    """Return orders of every sort Taizhou's rules give, all due in December 2022; each amount tells its sort by its last digits."""
    made, one = [], accounts.one
    end, fifth, seventh = dt.date(2022, 12, 31), dt.date(2022, 12, 5), dt.date(2022, 12, 7)
    for fund in FUNDS:
        fiscal, agency, reserve = one("fiscal", fund), one("expenditure", fund), one("fiscal", fund, None, "reserve")
        for unit in units:
            mine, own, government = (
                one("expenditure", fund, unit),
                one("fiscal", fund, unit),
                one("government", None, unit),
            )
            made += [
                order("T10/allocation", fund, unit, fiscal, agency, 7_000_000_001, fifth),
                order("T10/distribution", fund, unit, agency, mine, 7_000_000_001, seventh),
                order("T11/distribution", fund, unit, agency, mine, 20_000_002, seventh),
                order("T11.2/county", fund, unit, mine, agency, 600_000_003, end),
                order("T11.2/city", fund, unit, agency, fiscal, 600_000_003, end),
                order("T9/county", fund, unit, mine, own, 12_345_04, fifth),
                order("T9/city", fund, unit, own, fiscal, 22_345_05, fifth),
                order("T15.1/upload", fund, unit, own, reserve, 1_000_006, end),
                order("T18/returned", fund, unit, fiscal, own, 2_000_007, end),
                order("T13", fund, unit, own, mine, 300_008, end),
                order("T-IV.7", fund, unit, government, own, 400_009, end),
                order("T19/county_share", fund, unit, government, fiscal, 500_010, end),
                order("T8.2/returned", fund, unit, fiscal, government, 60_011, end),
            ]
        made.append(order("T19.6", fund, "", agency, reserve, 70_012, end))
        made.append(order("T19/surplus_to_pot", fund, UNITS[0], fiscal, reserve, 80_013, end))
        made.append(order("T8.1", fund, UNITS[0], one("treasury"), fiscal, 90_014, end))
    return made


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """A December in which orders of every sort were executed."""
    return Rehearsed(
        at(tmp_path_factory.mktemp("ordered")), "taizhou", Month(2022, 12), None, orders_of(TAIZHOU, UNITS)
    )


def test_orders_are_executed_and_agree(ordered: Rehearsed) -> None:
    """Every order moves its money in time on both accounts, is recognised, and no pair differs."""
    assert ordered.breaks() == []
    lines = nets(ordered.file(f"account_statement/{TAIZHOU.one('fiscal', 'worker').number}"))
    by_remark: dict[str, list[tuple[str, str, str]]] = {}
    for day, _, debit, credit, _, _, number, remark in lines:
        by_remark.setdefault(remark, []).append((day, f"-{debit}" if debit else credit, number))
    unit = UNITS[3]
    agency = TAIZHOU.one("expenditure", "worker").number
    government = TAIZHOU.one("government", None, unit).number
    own = TAIZHOU.one("fiscal", "worker", unit).number
    assert by_remark[f"执行指令 T10/allocation/worker/{unit}"] == [("2022-12-05", "-70,000,000.01", agency)]
    # The last working day of 2022; the year's last day was a Saturday.
    assert by_remark[f"执行指令 T11.2/city/worker/{unit}"] == [("2022-12-30", "6,000,000.03", agency)]
    assert by_remark[f"执行指令 T8.2/returned/worker/{unit}"] == [("2022-12-30", "-600.11", government)]
    assert by_remark[f"执行指令 T15.1/upload/worker/{unit}"] == [("2022-12-30", "10,000.06", own)]
    # Between two sub-ledgers of the account nothing moves, and the treasury moves what was booked, whatever is ordered.
    assert not any("T19/surplus_to_pot" in remark or "T8.1" in remark for remark in by_remark)
    # An order for the month's allocation stands for the one nobody ordered.
    assert not any(remark.startswith("拨付2022年12月") for remark in by_remark)


def test_a_county_reports_what_it_was_sent_by_order(ordered: Rehearsed) -> None:
    """Received: allocation and revolving fund, less what was given back; nothing a legacy balance bore."""
    received = {
        (fund, county): amount
        for fund, county, amount in ordered.rows(
            "reconciliation/pair_totals", "fund, county, right_total", "pair = 'agency_county'"
        )
    }
    expected = Decimal(7_000_000_001 + 20_000_002 - 600_000_003 - 12_345_04) / 100
    assert received == {(fund, unit): expected for fund in FUNDS for unit in UNITS}


def test_orders_beside_the_allocation_do_not_replace_it() -> None:
    """A revolving fund comes on top of the month's allocation; an order for one county leaves the others theirs."""
    due, month, given = dt.date(2022, 1, 10), Month(2022, 1), 100_000_001
    received = {}
    for name, rules in (("none", ()), ("revolving", ("T11",)), ("allocation", ("T10",))):
        orders = [
            order(f"{rule}/{step}", "worker", UNITS[0], payer, receiver, given, due)
            for rule in rules
            for step, payer, receiver in (
                ("payment", TAIZHOU.one("fiscal", "worker"), TAIZHOU.one("expenditure", "worker")),
                ("distribution", TAIZHOU.one("expenditure", "worker"), TAIZHOU.one("expenditure", "worker", UNITS[0])),
            )
        ]
        profile = load_profile("taizhou")
        world = build_year(load_city("taizhou"), month, TAIZHOU, profile, 3, 1, None, orders, lists=True)
        received[name] = {unit: report.received["worker"] for unit, report in world.reports.items()}
    first, *others = UNITS
    assert received["revolving"][first] == received["none"][first] + given
    assert received["allocation"][first] == given
    for unit in others:
        assert received["allocation"][unit] == received["none"][unit] == received["revolving"][unit]


def test_an_ordered_subsidy_stands_for_the_county_s_own(tmp_path: Path) -> None:
    """In a month of a quarter's subsidy an ordered one replaces that county's, is listed as the quarter's, and no other's is."""
    fiscal = TAIZHOU.one("fiscal", "resident")
    government = TAIZHOU.one("government", None, UNITS[0])
    due = dt.date(2022, 4, 30)
    ordered = [
        order("2022-Q2/T8.2/quarter", "resident", UNITS[0], government, fiscal, 123_456_789, due),
        order("2022-Q2/T8.2/arrears", "resident", UNITS[0], government, fiscal, 11, due),
    ]
    rows = {}
    for name, orders in (("own", []), ("ordered", ordered)):
        result = simulate("taizhou", Month(2022, 4), tmp_path / name, year=True, orders=orders)
        header, *lines = read(result.folder / result.names["subsidy_receipts"])
        assert header[0] == "行政区划"
        rows[name] = {(line[0], line[4]): line[6] for line in lines if line[0] != "合计"}
    assert rows["own"].keys() == {(unit, "二季度") for unit in UNITS}
    assert rows["ordered"][(UNITS[0], "二季度")] == "1,234,567.89"
    assert rows["ordered"][(UNITS[0], "一季度")] == "0.11"
    assert {key: rows["ordered"][key] for key in rows["own"] if key[0] != UNITS[0]} == {
        key: amount for key, amount in rows["own"].items() if key[0] != UNITS[0]
    }


def test_orders_that_cannot_be_executed(tmp_path: Path) -> None:
    """An account that is not registered and an amount that is none are errors that name the order."""
    fiscal, agency = TAIZHOU.one("fiscal", "worker"), TAIZHOU.one("expenditure", "worker")
    day = dt.date(2022, 3, 5)
    unknown = Order("T10/x", "worker", "", fiscal.number, "999999999", 1, day)
    with pytest.raises(InputError, match=r"T10/x is about account '999999999'"):
        simulate("taizhou", Month(2022, 3), tmp_path, orders=[unknown])
    with pytest.raises(InputError, match="T10/y/worker is of 0 fen"):
        simulate("taizhou", Month(2022, 3), tmp_path, orders=[order("T10/y", "worker", "", fiscal, agency, 0, day)])


def test_spending_waits_for_money(tmp_path: Path) -> None:
    """A county whose ordered allocation is short spends no more than it has, and the rest in the month after."""
    month, fund, unit = Month(2022, 5), "worker", UNITS[0]
    short = order(
        "T10/distribution", fund, unit, TAIZHOU.one("expenditure", fund), TAIZHOU.one("expenditure", fund, unit), 100,
        dt.date(2022, 5, 9),
    )  # fmt: skip
    first = simulate("taizhou", month, tmp_path, orders=[short])
    left = json.loads(first.record.read_text(encoding="utf-8"))["next"]["balances"]
    assert left[f"report/{unit}/{fund}"] == 0
    assert left[f"owed/{unit}/{fund}"] > 0
    simulate("taizhou", month.plus(1), tmp_path, orders=[])
    after = json.loads((tmp_path / "taizhou" / "2022-06.simulation.json").read_text(encoding="utf-8"))["next"][
        "balances"
    ]
    assert after[f"report/{unit}/{fund}"] >= 0
    assert after[f"owed/{unit}/{fund}"] < left[f"owed/{unit}/{fund}"] * 3


def test_premiums_are_collected_for_their_year(tmp_path: Path) -> None:
    """Residents pay at the end of the year, for the next; the lists of receipts say so."""
    result = simulate("taizhou", Month(2022, 11), tmp_path, year=True)
    header, *lines = read(result.folder / result.names["tax_collection_detail"])[1:-1]
    place = {name: index for index, name in enumerate(header)}
    resident = [line for line in lines if line[place["缴费人类型"]] == "城乡居民"]
    worker = [line for line in lines if line[place["缴费人类型"]] != "城乡居民"]
    assert {line[place["费款所属期起"]] for line in resident} == {"20230101"}
    assert {line[place["费款所属期止"]] for line in resident} == {"20231231"}
    assert {line[place["费款所属期起"]] for line in worker} == {"20221101"}
    bookings = read(result.folder / result.names["agency_bookings"])[1:-1]
    assert {(line[2], line[3]) for line in bookings} == {("职工医保", "202211"), ("城乡居民医保", "202301")}


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """Files and record of a month of a year are the same bytes for the same arguments, and others for another seed."""
    found = {}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        result = simulate("zhoushan", Month(2021, 3), tmp_path / name, seed=seed, year=True)
        found[name] = {path.name: path.read_bytes() for path in [*result.folder.iterdir(), result.record]}
    assert found["a"] == found["b"]
    assert found["a"] != found["c"]


def test_faults_of_a_month_of_a_year_are_found(tmp_path: Path) -> None:
    """What is planted in a month of a year is found there, and nothing else is."""
    faults = (
        "in_transit", "wrong_level", "county_received_less", "unknown_movement", "not_transferred", "late_voucher",
        "county_statement_differs",
    )  # fmt: skip
    rehearsed = Rehearsed(at(tmp_path), "taizhou", Month(2022, 3), faults=faults)
    columns = "pair, class, owner, origin, difference"
    found = Counter(rehearsed.rows("reconciliation/classified_breaks", columns))
    planted = rehearsed.simulation.expected.breaks
    assert found == Counter((item.pair, item.cls, item.owner, item.origin, Decimal(item.fen) / 100) for item in planted)
    assert len(planted) >= len(faults)


def test_faults_are_planted_where_the_city_allows(tmp_path: Path) -> None:
    """A city whose entry says no faults can be planted takes none, and says what to do."""
    with pytest.raises(InputError, match="no faults can be planted in nantong"):
        simulate("nantong", Month(2020, 3), tmp_path, faults=["in_transit"])
