"""Openings, months of a year, plans that people decide, explanations, agendas and closing, on the beginning of a rehearsed year."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from openpyxl import load_workbook

from medpool_etl import pipeline
from medpool_etl.errors import InputError
from medpool_etl.marts import table_path
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.closing import close_period
from medpool_etl.store import Settings, Warehouse
from tests.conftest import at
from tests.years import rehearse

CITY = "taizhou"
OPENING, JANUARY = Period.parse("2022-opening"), Period.parse("2022-01")
COUNTY = "331002"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The opening of a year and its January, settled."""
    settings = at(tmp_path_factory.mktemp("year"))
    for period in (OPENING, JANUARY):
        rehearse(settings, CITY, period)
        pipeline.run_period(settings, CITY, period)
    yield settings


def published(settings: Settings, period: Period, table: str) -> Path:
    """Return a published table of a period."""
    return table_path(pipeline.published_folder(settings, CITY, period), table)


def rows(settings: Settings, period: Period, table: str, where: str) -> list[tuple[object, ...]]:
    """Return rows of a published table."""
    return duckdb.execute(
        f"SELECT * FROM read_parquet('{published(settings, period, table)}') WHERE {where}"
    ).fetchall()


def amounts(settings: Settings, period: Period, where: str) -> dict[tuple[str, str, str], Decimal]:
    """Return published transfers by fund, county and step."""
    path = published(settings, period, "transfers")
    found = duckdb.execute(f"SELECT fund, county, step, amount FROM read_parquet('{path}') WHERE {where}").fetchall()
    return {(fund, county, step): amount for fund, county, step, amount in found}


def test_one_ratio_for_every_county(begun: Settings) -> None:
    """The worker reserve asks the same share of each positive balance: three months of the city's year before, worked out from the
    yearly files as they lie in the inbox."""
    where = "rule_id = 'T15.1' AND fact IN ('balance', 'expenditure')"
    path = published(begun, OPENING, "rule_facts")
    facts = duckdb.execute(
        f"SELECT fact, county, sum(fact_amount), count(*) FROM read_parquet('{path}') WHERE {where} GROUP BY ALL"
    ).fetchall()
    balances = {county: amount for fact, county, amount, _ in facts if fact == "balance"}
    (spent,) = [amount for fact, _, amount, _ in facts if fact == "expenditure"]
    uploads = amounts(begun, OPENING, "rule_id = 'T15.1'")
    need = spent / 4
    positive = sum(max(balance, Decimal(0)) for balance in balances.values())
    assert abs(sum(uploads.values()) - min(need, positive)) <= Decimal("0.01")
    for (_, county, _), amount in uploads.items():
        assert abs(amount - balances[county] * min(need / positive, Decimal(1))) <= Decimal("0.01")


def test_what_was_ordered_is_paid_in_the_month_it_falls_due(begun: Settings) -> None:
    """January's statements show the revolving fund and the reserves; nothing of it is a movement nobody knows."""
    orders = pipeline.instructed_for(begun, CITY, Month(2022, 1))
    assert {order.transfer_id.split("/")[3] for order in orders} >= {"T11", "T15.1", "T15.2.first", "T8.3"}
    with duckdb.connect(str(Warehouse(begun.warehouse).current_mart), read_only=True) as mart:
        assert mart.execute("SELECT count(*) FROM breaks WHERE class = 'unknown_movement'").fetchone() == (0,)
        assert mart.execute("SELECT figures FROM runs WHERE month = '2022-01'").fetchone() == ("final",)


def test_a_person_decides_over_what_the_review_proposes(begun: Settings) -> None:
    """A decision takes effect with the next run, for its county and fund alone, and stands in the working with the name."""
    before = amounts(begun, JANUARY, "rule_id = 'T10'")
    key = ("worker", COUNTY, "allocation")
    granted = before[key] - Decimal("1000000.05")
    pipeline.decide_plan(begun, CITY, Month(2022, 1), "worker", COUNTY, granted, "李四", "暂缓一笔")
    run = pipeline.run_period(begun, CITY, JANUARY)
    assert not run.unchanged
    after = amounts(begun, JANUARY, "rule_id = 'T10'")
    assert after[key] == after[("worker", COUNTY, "distribution")] == granted
    assert {k: v for k, v in after.items() if k[1] != COUNTY or k[0] != "worker"} == {
        k: v for k, v in before.items() if k[1] != COUNTY or k[0] != "worker"
    }
    (source,) = duckdb.execute(
        f"SELECT fact_source FROM read_parquet('{published(begun, JANUARY, 'rule_facts')}') WHERE fact = 'approved'"
    ).fetchall()
    assert source == ("审核决定 李四：暂缓一笔",)
    assert pipeline.run_period(begun, CITY, JANUARY).unchanged


@pytest.mark.parametrize(
    ("fund", "county", "amount", "by", "reason", "said"),
    [
        ("pension", COUNTY, "1", "李四", "因", "no fund"),
        ("worker", "330102", "1", "李四", "因", "no county of taizhou"),
        ("worker", COUNTY, "-0.01", "李四", "因", "cannot be granted"),
        ("worker", COUNTY, "1", " ", "因", "who says so"),
        ("worker", COUNTY, "1", "李四", "", "why is it decided so"),
    ],
)
def test_decisions_that_cannot_be(
    settings: Settings, fund: str, county: str, amount: str, by: str, reason: str, said: str
) -> None:
    """Nothing is recorded of a decision about nobody, by nobody, for no reason."""
    with pytest.raises(InputError, match=said):
        pipeline.decide_plan(settings, CITY, Month(2022, 1), fund, county, Decimal(amount), by, reason)
    assert not (settings.data / "control.sqlite").exists()


def test_a_worked_out_amount_is_explained_by_its_working_and_facts(begun: Settings) -> None:
    """The clause, the steps, and every fact with where it comes from; a source that is a published row can be explained in turn."""
    found = pipeline.explain(begun, f"transfers/{CITY}/2022-opening/T15.1/upload/worker/{COUNTY}")
    assert found.amount == amounts(begun, OPENING, "rule_id = 'T15.1'")[("worker", COUNTY, "upload")]
    assert found.clauses[0][0] == "T15.1"
    assert "上划比例" in dict(found.working)
    assert {fact for fact, *_ in found.facts} >= {"expenditure", "balance"}
    assert all(source for *_, source in found.facts)
    with pytest.raises(InputError, match="no published row"):
        pipeline.explain(begun, f"transfers/{CITY}/2022-opening/T15.1/upload/worker/331999")


def test_the_workbook_of_an_opening(begun: Settings) -> None:
    """It has the sheets people look for, and its totals are the mart's."""
    (path,) = (pipeline.published_folder(begun, CITY, OPENING) / "reports").glob("*.xlsx")
    book = load_workbook(path, data_only=True)
    assert book.sheetnames[:4] == ["汇总_职工", "汇总_居民", "划转清单", "未落实"]
    listed = [row[6].value for row in book["划转清单"].iter_rows(min_row=4)]
    total = duckdb.execute(
        f"SELECT sum(amount) FROM read_parquet('{published(begun, OPENING, 'transfers')}')"
    ).fetchone()
    assert total is not None
    assert round(sum(Decimal(str(value)) for value in listed), 2) == total[0]


def test_the_agenda_says_where_each_period_stands(begun: Settings) -> None:
    """In the order of time; what is published, and what is not yet."""
    items = pipeline.agenda(begun, CITY, 2022)
    states = {str(item.period): item.state for item in items}
    assert list(states)[:2] == ["2022-opening", "2022-01"]
    assert list(states)[-2:] == ["2022-Q4", "2022-clearing"]
    assert list(states).index("2022-Q1") == list(states).index("2022-03") + 1
    assert (states["2022-opening"], states["2022-02"]) == ("final", "open")
    assert {item.state for item in pipeline.agenda(begun, "hangzhou", 2022) if item.period.kind == "month"} == {
        "unspecified"
    }
    with pytest.raises(InputError, match="not in force"):
        pipeline.agenda(begun, CITY, 2021)


def test_a_quarter_whose_months_are_missing_is_provisional(begun: Settings) -> None:
    """It is settled from what there is and says which months it lacks."""
    run = pipeline.run_period(begun, CITY, Period.parse("2022-Q1"))
    ((figures, reasons),) = duckdb.execute(
        f"SELECT figures, reasons_zh FROM read_parquet('{table_path(run.folder(begun), 'runs')}')"
    ).fetchall()
    assert figures == "provisional"
    assert "2个月尚未结算（2022-02、2022-03）" in reasons


def test_a_year_is_closed_when_all_of_it_is_there(begun: Settings) -> None:
    """A year without its months cannot be closed; a closed opening keeps its run, whatever comes."""
    with pytest.raises(InputError, match="2022-02 is published"):
        close_period(begun, CITY, Period.parse("2022"), "张三")
    (closed,) = close_period(begun, CITY, OPENING, "张三")
    folder = begun.month_inbox(CITY, "yearly")
    late = folder / "基金决算_2021.csv"
    text = late.read_bytes()
    late.write_bytes(text + b"\r\n")
    try:
        run = pipeline.run_period(begun, CITY, OPENING)
        assert (run.run_id, run.unchanged) == (closed.run_id, True)
    finally:
        late.write_bytes(text)


def test_a_whole_year_is_no_period_to_run(settings: Settings) -> None:
    """It says what to run instead."""
    with pytest.raises(InputError, match="whole year") as error:
        pipeline.run_period(settings, CITY, Period.parse("2022"))
    assert "2022-clearing" in error.value.expected
