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
import sqlalchemy as sa

from medpool_etl import pipeline
from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ApprovalNeededError, InputError
from medpool_etl.marts import table_path
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.basis import manifest_of
from medpool_etl.pipeline.closing import close_period
from medpool_etl.pipeline.inputs import newest_opened
from medpool_etl.pipeline.ready import Intake, take_in
from medpool_etl.pipeline.reviews import decide, reviews
from medpool_etl.policy import load_rulebook
from medpool_etl.settlement import ahead_from
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.tables import Break
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


def ask(settings: Settings, ahead: bool = True) -> dict[str, Decimal]:
    """Run February, which is not approved; return what is asked, with its sum."""
    with pytest.raises(ApprovalNeededError):
        pipeline.run_month(settings, CITY, FEBRUARY, ahead=ahead)
    run = pipeline.open_month(settings, CITY, FEBRUARY, ahead=ahead)
    return {i.name: sum(i.totals.values(), Decimal(0)) for i in reviews(settings, run) if i.state == "open"}


def approve(settings: Settings, by: str, ahead: bool = True) -> None:
    """Approve everything that waits, and publish it."""
    decide(settings, CITY, Period.of(FEBRUARY), True, by)
    pipeline.run_month(settings, CITY, FEBRUARY, ahead=ahead)


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
        ("zhoushan", "2023-Q3", "2023-09-26", ("annual_budget", "annual_parameters")),
        ("zhoushan", "2023-Q1", None, ()),
        ("taizhou", "2023-opening", None, ()),
        ("hangzhou", "2023-02", None, ()),
    ],
)
def test_what_is_due_before_its_period_is_over(city: str, period: str, day: str | None, files: tuple[str, ...]) -> None:
    """The day from which it is ordered, and the files that must be in, by the deadlines of each rulebook."""
    found = ahead_from(load_rulebook(city, ()), Period.parse(period), WorkingCalendar.load())
    assert found == ((dt.date.fromisoformat(day), files) if day else None)


@pytest.mark.parametrize(
    ("city", "month", "rule"),
    [("nantong", "2020-02", "N-3.3"), ("zhoushan", "2021-02", "Z-3.1.2"), ("zaozhuang", "2020-02", "Zz-4.2.3")],
)
def test_the_plans_of_other_cities(city: str, month: str, rule: str, tmp_path: Path) -> None:
    """Nothing but the plans is ordered, although everything for the month is there; settled whole, the month orders the rest."""
    settings, period = at(tmp_path), Period.parse(month)
    rehearse(settings, city, period)
    pipeline.run_period(settings, city, period, ahead=True)
    path = table_path(pipeline.published_folder(settings, city, period), "transfers")
    assert duckdb.execute(f"SELECT DISTINCT rule_id FROM read_parquet('{path}')").fetchall() == [(rule,)]
    pipeline.run_period(settings, city, period)
    path = table_path(pipeline.published_folder(settings, city, period), "transfers")
    ((rules,),) = duckdb.execute(f"SELECT count(DISTINCT rule_id) FROM read_parquet('{path}')").fetchall()
    assert rules > 1


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
    assert list(ask(office, ahead=False)) == ["vouchers"]
    # Who approved the plans made nothing of them, and may approve the rest.
    approve(office, "钱七", ahead=False)
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


def test_another_plan_behind_the_first_files_of_the_month(january: Settings, office: Settings) -> None:
    """Reports have begun to come: what is ordered ahead still takes the plans alone, and reconciles nothing."""
    ask(office)
    approve(office, "钱七")
    (report,) = (january.data.parent / "February").glob("基金支出核算报表_玉环市*")
    shutil.copy(report, office.month_inbox(CITY, FEBRUARY))
    assert waiting(take_in(office, CITY, DAY))["2022-02"] == "lacks"
    other_plan(office)
    assert started(take_in(office, CITY, DAY)) == [("2022-02", "ahead")]
    assert list(ask(office)) == ["funding_plan"]
    approve(office, "钱七")
    tables = pipeline.published_folder(office, CITY, FEBRUARY) / "tables"
    for name in ("breaks", "county_expenditure", "monthly_settlement", "remittances", "risk_warnings"):
        assert duckdb.execute(f"SELECT count(*) FROM read_parquet('{tables / name}.parquet')").fetchone() == (0,)
    kinds = duckdb.execute(f"SELECT DISTINCT contract FROM read_parquet('{tables / 'files'}.parquet')").fetchall()
    assert ("funding_plan",) in kinds and ("county_expenditure_report",) not in kinds


def test_going_back_to_the_plans_of_before(office: Settings) -> None:
    """A corrected plan is taken away again: what was begun first starts once more, as a start of its own."""
    (first,) = take_in(office, CITY, DAY).starts
    pipeline.open_month(office, CITY, FEBRUARY, ahead=True)
    other_plan(office)
    (second,) = take_in(office, CITY, DAY).starts
    pipeline.open_month(office, CITY, FEBRUARY, ahead=True)
    (office.month_inbox(CITY, FEBRUARY) / "用款计划_更正.csv").unlink()
    (third,) = take_in(office, CITY, DAY).starts
    assert len({first.name, second.name, third.name}) == 3


def test_breaks_go_on_as_they_are(january: Settings, office: Settings) -> None:
    """A break that a blocked run of the whole February found is not ended by what is ordered ahead of it; the whole month carries from January."""

    def lives() -> list[tuple[str, str, str]]:
        control = Control(office.control_url)
        try:
            with control.session() as session:
                rows = session.scalars(sa.select(Break).order_by(Break.break_id)).all()
                return [(row.break_id, row.state, row.seen_in) for row in rows]
        finally:
            control.close()

    control = Control(office.control_url)
    with control.session() as session:
        session.add(
            Break(
                break_id="1" * 16,
                city=CITY,
                month="2022-02",
                pair="tax_treasury",
                fund="worker",
                county=COUNTY,
                item_key="1",
                break_class="in_transit",
                owner="treasury",
                gate="block",
                amount_fen=100,
                since=dt.date(2022, 2, 20),
                state="open",
                seen_in="2022-02",
                seen_run=control.published_run(CITY, "2022-01"),
                note="",
                lives=1,
                opened_at=dt.datetime.now(dt.UTC),
                changed_at=dt.datetime.now(dt.UTC),
            )
        )
    control.close()
    before = lives()
    assert ("1" * 16, "open", "2022-02") in before
    ask(office)
    approve(office, "钱七")
    assert lives() == before
    rest_comes(january, office)
    manifest = manifest_of(pipeline.open_month(office, CITY, FEBRUARY).folder(office))
    assert manifest["carries"]["month"] == "2022-01"


def test_what_was_ordered_is_not_lost_with_its_file(january: Settings, office: Settings) -> None:
    """The plans are taken away and the rest comes: what was ordered by them is still ordered, and nobody is asked for it again."""
    ask(office)
    approve(office, "钱七")
    ordered = allocated(office)
    rest_comes(january, office)
    (plan,) = office.month_inbox(CITY, FEBRUARY).glob("用款计划*")
    plan.unlink()
    assert list(ask(office, ahead=False)) == ["vouchers"]
    approve(office, "钱七", ahead=False)
    assert allocated(office) == ordered


def test_a_policy_binds_nobody(january: Settings, office: Settings) -> None:
    """Plans that no person approved are proposed anew with the reports."""
    unattended = replace(office, unattended="演练")
    pipeline.run_month(unattended, CITY, FEBRUARY, ahead=True)
    ordered = allocated(office)
    rest_comes(january, office)
    pipeline.run_month(unattended, CITY, FEBRUARY)
    assert allocated(office) != ordered


def test_a_policy_behind_a_person_unbinds_nothing(january: Settings, office: Settings) -> None:
    """One county's other plan is approved by a policy: of the others what a person approved stands on, and the run is the same again."""
    ask(office)
    approve(office, "钱七")
    ordered = allocated(office)
    other_plan(office)
    unattended = replace(office, unattended="演练")
    pipeline.run_month(unattended, CITY, FEBRUARY, ahead=True)
    assert pipeline.run_month(unattended, CITY, FEBRUARY, ahead=True).unchanged
    rest_comes(january, office)
    pipeline.run_month(unattended, CITY, FEBRUARY)
    now = allocated(office)
    assert {key: now[key] for key in ordered if key != ("worker", COUNTY)} == {
        key: amount for key, amount in ordered.items() if key != ("worker", COUNTY)
    }


def test_a_part_does_not_replace_the_whole(january: Settings, office: Settings) -> None:
    """Begun before the whole month was published and approved behind it, what is ordered ahead is refused: it would take figures back."""
    unattended = replace(office, unattended="演练")
    rest_comes(january, office)
    whole = pipeline.open_month(office, CITY, FEBRUARY)
    ask(office)
    for step in pipeline.STEPS.values():
        step(unattended, whole)
    part = pipeline.MonthRun(CITY, str(FEBRUARY), newest(office))
    assert part.run_id != whole.run_id
    with pytest.raises(InputError, match="settled whole already"):
        pipeline.STEPS["publish"](unattended, part)


def newest(settings: Settings) -> str:
    """The run of February that was begun last."""
    control = Control(settings.control_url)
    try:
        return str(newest_opened(control, CITY, Period.of(FEBRUARY)))
    finally:
        control.close()


def test_what_cannot_be_ordered_ahead(january: Settings, office: Settings) -> None:
    """What is settled whole is not replaced by a part of it, nor is anything ordered ahead that is not due then; ahead alone is not closed."""
    for city, period in (("taizhou", "2022-01"), ("taizhou", "2022-Q4"), ("taizhou", "2023-opening")):
        with pytest.raises(InputError, match=r"settled whole already|nothing of it is due before"):
            pipeline.run_period(office, city, Period.parse(period), ahead=True)
    ask(office)
    approve(office, "钱七")
    with pytest.raises(InputError, match="only what is due before it is over is published"):
        close_period(office, CITY, Period.of(FEBRUARY), "李四", "照结")


def test_subsidies_are_called_for_before_they_are_due(office: Settings) -> None:
    """Three working days before, the quarter orders what its counties owe; it is provisional, and waits for its months."""
    ask(office)
    approve(office, "钱七")
    assert started(take_in(office, CITY, dt.date(2022, 2, 22))) == []
    found = take_in(office, CITY, dt.date(2022, 2, 23))
    assert started(found) == [("2022-Q1", "ahead")]
    # Long after, it waits for its months like any other.
    late = take_in(office, CITY, dt.date(2022, 8, 1))
    assert started(late) == [("2022-02", "deadline")] and waiting(late)["2022-Q1"] == "lacks"
    pipeline.run_period(office, CITY, QUARTER, ahead=True)
    found = take_in(office, CITY, DAY)
    assert started(found) == [] and waiting(found) == {
        "2022-02": "lacks",
        "2022-Q1": "lacks",
        "2022-clearing": "lacks",
    }
    with duckdb.connect(str(Warehouse(office.warehouse).current_mart), read_only=True) as mart:
        runs = mart.execute("SELECT figures, reasons_zh FROM runs WHERE month = '2022-Q1'").fetchall()
        orders = mart.execute("SELECT DISTINCT rule_id, due_date FROM transfers WHERE month = '2022-Q1'").fetchall()
    assert runs == [("provisional", "2个月尚未结算（2022-02、2022-03）；仅先行办理期内到期款项，本期尚未结算")]
    assert orders == [("T8.2", dt.date(2022, 2, 28))]
    # The second quarter takes off what came for the first: the months that tell must be settled.
    late = take_in(office, CITY, dt.date(2022, 4, 27))
    assert ("2022-Q2", "ahead") not in started(late) and waiting(late).get("2022-Q2") != "behind"


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


def test_it_does_not_wait_behind_what_waits_for_approval(office: Settings) -> None:
    """January is begun anew and not published: February's plans are due all the same."""
    path = next(office.month_inbox(CITY, JANUARY).glob("基金支出核算报表_玉环市*"))
    book = openpyxl.load_workbook(path)
    book.properties.title = "更正"
    book.save(path.with_name("玉环市更正.xlsx"))
    pipeline.open_month(office, CITY, JANUARY)
    found = take_in(office, CITY, EARLY)
    assert waiting(found)["2022-01"] == "begun" and started(found) == [("2022-02", "ahead")]
