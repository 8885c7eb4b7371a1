"""What is due before its period is over: plans and subsidies are ordered as soon as they can be, stand afterwards, and settle nothing else."""

from __future__ import annotations

import csv
import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import pytest

from medpool_etl import pipeline
from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ApprovalNeededError
from medpool_etl.marts import table_path
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.ready import Intake, take_in
from medpool_etl.pipeline.reviews import decide, reviews
from medpool_etl.policy import load_rulebook
from medpool_etl.settlement import ahead_from
from medpool_etl.store import Settings, Warehouse
from tests.conftest import at
from tests.years import rehearse

CITY, COUNTY = "taizhou", "331004"
JANUARY, FEBRUARY, QUARTER = Month(2022, 1), Month(2022, 2), Period.parse("2022-Q1")
# The counties' plans for March are in on Friday the 25th; the first quarter's subsidy is due on Monday the 28th.
EARLY, DAY, LATER = dt.date(2022, 2, 21), dt.date(2022, 2, 25), dt.date(2022, 3, 8)


@pytest.fixture(scope="module")
def january(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The opening of a year and its January, settled, and everything that comes for February, beside the inbox."""
    settings = at(tmp_path_factory.mktemp("year") / "data")
    for period in (Period.parse("2022-opening"), Period.of(JANUARY)):
        rehearse(settings, CITY, period)
        pipeline.run_period(settings, CITY, period)
    rehearse(settings, CITY, Period.of(FEBRUARY))
    settings.month_inbox(CITY, FEBRUARY).rename(settings.data.parent / "February")
    yield settings


@pytest.fixture
def office(january: Settings, tmp_path: Path) -> Settings:
    """A copy of it in which people approve, with nothing in February's inbox but the plans."""
    shutil.copytree(january.data, tmp_path / "data", symlinks=True)
    settings = replace(at(tmp_path / "data"), unattended="")
    settings.month_inbox(CITY, FEBRUARY).mkdir(parents=True)
    (plan,) = (january.data.parent / "February").glob("用款计划*")
    shutil.copy(plan, settings.month_inbox(CITY, FEBRUARY))
    return settings


def rest_comes(january: Settings, settings: Settings) -> None:
    """Let everything else come for February."""
    inbox = settings.month_inbox(CITY, FEBRUARY)
    for path in (january.data.parent / "February").iterdir():
        if not (inbox / path.name).exists():
            shutil.copy(path, inbox)


def ask(settings: Settings) -> dict[str, Decimal]:
    """Run February, which is not approved; return what is asked, with its sum."""
    with pytest.raises(ApprovalNeededError):
        pipeline.run_month(settings, CITY, FEBRUARY)
    return {item.name: sum(item.totals.values(), Decimal(0)) for item in open_(settings)}


def open_(settings: Settings) -> list[pipeline.Reviewed]:
    run = pipeline.open_month(settings, CITY, FEBRUARY)
    return [item for item in reviews(settings, run) if item.state == "open"]


def approve(settings: Settings, by: str) -> None:
    """Approve everything that waits, and publish it."""
    decide(settings, CITY, Period.of(FEBRUARY), True, by)
    pipeline.run_month(settings, CITY, FEBRUARY)


def allocated(settings: Settings) -> dict[tuple[str, str], Decimal]:
    path = table_path(pipeline.published_folder(settings, CITY, FEBRUARY), "transfers")
    rows = duckdb.execute(
        f"SELECT fund, county, amount FROM read_parquet('{path}') WHERE step = 'allocation'"
    ).fetchall()
    return {(fund, county): amount for fund, county, amount in rows}


def started(found: Intake) -> list[tuple[str, str]]:
    return [(str(start.period), start.because) for start in found.starts]


def waiting(found: Intake) -> dict[str, str]:
    return {str(item.period): item.because for item in found.waiting}


def other_plan(settings: Settings) -> None:
    """Let one county send a plan of a yuan less."""
    (path,) = settings.month_inbox(CITY, FEBRUARY).glob("用款计划*")
    rows = list(csv.reader(path.read_text(encoding="gb18030").splitlines()))
    column = rows[0].index("计划用款")
    for row in (next(row for row in rows if row[:2] == [COUNTY, "职工医保"]), rows[-1]):
        row[column] = str(Decimal(row[column].replace(",", "")) - 1)
    with (path.parent / "用款计划_更正.csv").open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.mark.parametrize(
    ("city", "period", "day", "files"),
    [
        ("taizhou", "2023-02", "2023-02-01", ("funding_plan",)),
        ("taizhou", "2022-10", "2022-10-08", ("funding_plan",)),
        ("nantong", "2023-02", "2023-02-01", ("funding_plan",)),
        ("zhoushan", "2023-02", "2023-02-01", ("funding_plan",)),
        ("zaozhuang", "2023-02", "2023-02-01", ("funding_plan",)),
        # Three working days before the last of February; before the Sunday that ends April 2023, a working day's eve of the holiday.
        ("taizhou", "2023-Q1", "2023-02-23", ("annual_budget",)),
        ("taizhou", "2023-Q2", "2023-04-26", ("annual_budget",)),
        # The fourth quarter is settled with the provincial grant first.
        ("taizhou", "2023-Q4", None, ()),
        ("zhoushan", "2023-Q2", "2023-06-27", ("annual_parameters",)),
        ("zhoushan", "2023-Q3", "2023-09-26", ("annual_budget",)),
        ("zhoushan", "2023-Q1", None, ()),
        ("taizhou", "2023-opening", None, ()),
        ("hangzhou", "2023-02", None, ()),
    ],
)
def test_what_is_due_before_its_period_is_over(city: str, period: str, day: str | None, files: tuple[str, ...]) -> None:
    """The day from which it is ordered, and the files that must be in, by the deadlines of each rulebook."""
    found = ahead_from(load_rulebook(city, ()), Period.parse(period), WorkingCalendar.load())
    assert found == ((dt.date.fromisoformat(day), files) if day else None)


def test_plans_are_ordered_ahead_and_stand(january: Settings, office: Settings) -> None:
    """In with the plans, February's plans are reviewed and ordered; nothing else of it is. With its reports it is settled whole: the plans
    stand as they were approved although their month counts by now, and only the vouchers are asked for."""
    assert started(take_in(office, CITY, EARLY)) == [("2022-02", "ahead")]
    asked = ask(office)
    assert list(asked) == ["funding_plan"]
    found = take_in(office, CITY, EARLY)
    assert started(found) == [] and waiting(found)["2022-02"] == "begun"
    approve(office, "钱七")
    ordered = allocated(office)
    assert sum(ordered.values()) * 2 == asked["funding_plan"]
    found = take_in(office, CITY, EARLY)
    assert started(found) == [] and waiting(found)["2022-02"] == "lacks"
    rest_comes(january, office)
    assert started(take_in(office, CITY, LATER)) == [("2022-02", "complete")]
    assert list(ask(office)) == ["vouchers"]
    # Who approved the plans made nothing of them, and may approve the rest.
    approve(office, "钱七")
    assert allocated(office) == ordered
    folder = pipeline.published_folder(office, CITY, FEBRUARY)
    assert pipeline.run_month(office, CITY, FEBRUARY).unchanged
    assert pipeline.published_folder(office, CITY, FEBRUARY) == folder
    with duckdb.connect(str(Warehouse(office.warehouse).current_mart), read_only=True) as mart:
        assert mart.execute("SELECT figures FROM runs WHERE month = '2022-02'").fetchone() == ("final",)
        sources = mart.execute(
            "SELECT DISTINCT fact_source FROM rule_facts WHERE month = '2022-02' AND fact = 'approved'"
        ).fetchall()
        ((less,),) = mart.execute(
            "SELECT count(*) FROM rule_working WHERE month = '2022-02' AND step = 'difference' AND value <> '0.00'"
        ).fetchall()
    assert len(sources) == 1 and sources[0][0].startswith("审核决定 钱七：已随运行 ")
    assert less, "what the review would propose by now is another amount, and the working says so"


def test_another_plan_is_reviewed_again(office: Settings) -> None:
    """A county sends another plan behind the approval: the plans are asked for again, and of the other counties the amounts stand. A word of
    a person goes before both."""
    ask(office)
    approve(office, "钱七")
    ordered = allocated(office)
    other_plan(office)
    assert started(take_in(office, CITY, DAY)) == [("2022-02", "ahead")]
    asked = ask(office)
    assert asked == {"funding_plan": (sum(ordered.values()) - 1) * 2}
    pipeline.decide_plan(office, CITY, FEBRUARY, "worker", COUNTY, Decimal("5.00"), "孙八", "暂缓")
    assert started(take_in(office, CITY, DAY)) == [("2022-02", "ahead")]
    ask(office)
    approve(office, "钱七")
    assert allocated(office) == ordered | {("worker", COUNTY): Decimal("5.00")}


def test_a_policy_binds_nobody(january: Settings, office: Settings) -> None:
    """Plans that no person approved are proposed anew with the reports."""
    unattended = replace(office, unattended="演练")
    pipeline.run_month(unattended, CITY, FEBRUARY)
    ordered = allocated(office)
    rest_comes(january, office)
    pipeline.run_month(unattended, CITY, FEBRUARY)
    assert allocated(office) != ordered


def test_subsidies_are_called_for_before_they_are_due(office: Settings) -> None:
    """Three working days before, the quarter orders what its counties owe; it is provisional, and waits for its months."""
    ask(office)
    approve(office, "钱七")
    assert started(take_in(office, CITY, dt.date(2022, 2, 22))) == []
    found = take_in(office, CITY, dt.date(2022, 2, 23))
    assert started(found) == [("2022-Q1", "ahead")]
    # Long after, it waits for its months like any other.
    late = take_in(office, CITY, dt.date(2022, 8, 1))
    assert started(late) == [] and waiting(late)["2022-Q1"] == "lacks"
    pipeline.run_period(office, CITY, QUARTER)
    found = take_in(office, CITY, DAY)
    assert started(found) == [] and waiting(found) == {
        "2022-02": "lacks",
        "2022-Q1": "lacks",
        "2022-clearing": "lacks",
    }
    with duckdb.connect(str(Warehouse(office.warehouse).current_mart), read_only=True) as mart:
        runs = mart.execute("SELECT figures, reasons_zh FROM runs WHERE month = '2022-Q1'").fetchall()
        orders = mart.execute("SELECT DISTINCT rule_id, due_date FROM transfers WHERE month = '2022-Q1'").fetchall()
    assert runs == [("provisional", "2个月尚未结算（2022-02、2022-03）")]
    assert orders == [("T8.2", dt.date(2022, 2, 28))]


def test_a_month_published_ahead_is_no_settled_month(office: Settings) -> None:
    """What rests on the year's months does not count it: the revolving fund is an average of January alone, without months that have spent
    nothing yet; collection is not behind, because nothing was to come."""
    ask(office)
    approve(office, "钱七")
    rehearse(office, CITY, Period.parse("2023-opening"))
    pipeline.run_period(replace(office, unattended="演练"), CITY, Period.parse("2023-opening"))
    with duckdb.connect(str(Warehouse(office.warehouse).current_mart), read_only=True) as mart:
        months = mart.execute(
            "SELECT DISTINCT fact_amount FROM rule_facts WHERE month = '2023-opening' AND rule_id = 'T11' AND fact = 'months'"
        ).fetchall()
        behind = mart.execute(
            "SELECT count(*) FROM risk_warnings WHERE month = '2022-02' AND indicator = 'collection_behind'"
        ).fetchall()
    assert months == [(Decimal("1.00"),)]
    assert behind == [(0,)]


def test_a_month_with_anything_else_is_not_settled_ahead(january: Settings, office: Settings) -> None:
    """With a part of what the month needs there, its figures would be of a part of it: it waits for the whole."""
    (report,) = (january.data.parent / "February").glob("基金支出核算报表_玉环市*")
    shutil.copy(report, office.month_inbox(CITY, FEBRUARY))
    found = take_in(office, CITY, EARLY)
    assert started(found) == [] and waiting(found)["2022-02"] == "lacks"


def test_it_does_not_wait_behind_what_waits_for_approval(office: Settings) -> None:
    """January is begun anew and not published: February's plans are due all the same."""
    path = next(office.month_inbox(CITY, JANUARY).glob("基金支出核算报表_玉环市*"))
    book = openpyxl.load_workbook(path)
    book.properties.title = "更正"
    book.save(path.with_name("玉环市更正.xlsx"))
    pipeline.open_month(office, CITY, JANUARY)
    found = take_in(office, CITY, EARLY)
    assert waiting(found)["2022-01"] == "begun" and started(found) == [("2022-02", "ahead")]
