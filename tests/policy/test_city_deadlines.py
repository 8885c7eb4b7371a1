"""The deadlines of the five notices as the documents state them, against days worked by hand from notice and holidays."""

from __future__ import annotations

import pytest

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.contracts import load_all
from medpool_etl.periods import Month, Period
from medpool_etl.policy import due_of, load_rulebook, rulebooks
from medpool_etl.policy.timetable import Entry, deadlines_of_year, reports_in_time_until

CALENDAR = WorkingCalendar.load()
FIRST, LAST = 2019, 2026


@pytest.fixture(autouse=True)
def no_operator_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an operator's own documents, whatever the environment of the test run says."""
    monkeypatch.delenv("MEDPOOL_CONFIG", raising=False)
    monkeypatch.delenv("MEDPOOL_SUPPLEMENTS", raising=False)


def year_of(city: str, year: int) -> dict[str, list[Entry]]:
    """The entries of a year by the name of their deadline."""
    found: dict[str, list[Entry]] = {}
    for entry in deadlines_of_year(load_rulebook(city), year, CALENDAR):
        found.setdefault(entry.name, []).append(entry)
    return found


def monthly(day: int) -> str:
    """The same day of every month, as the lists below write it."""
    return " ".join(f"{number:02d}-{day:02d}" for number in range(1, 13))


MONTH_ENDS = "01-31 02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31"
FIFTH_WORKING_DAYS_2022 = "01-10 02-11 03-07 04-08 05-10 06-08 07-07 08-05 09-07 10-12 11-07 12-07"
# City, year -> every day of it by deadline, as month-day.
YEARS: dict[tuple[str, int], dict[str, str]] = {
    ("taizhou", 2023): {
        "remittance": MONTH_ENDS,
        "subsidy_q1": "02-28",
        "subsidy_q2": "04-30",
        "subsidy_q3": "07-31",
        "subsidy_q4": "09-30",
        "plan": monthly(25),
        "plan_review": MONTH_ENDS,
        "allocation": monthly(5),
        # Two working days from the day the payment is late after: from Monday 6 February, Thursday 6 April (the 5th is
        # Tomb-Sweeping Day), Saturday 7 October (worked, as is Sunday the 8th).
        "distribution": "01-09 02-08 03-08 04-10 05-08 06-07 07-07 08-09 09-07 10-09 11-08 12-07",
        "county_report": monthly(15),
        "compiled_report": MONTH_ENDS,
        "revolving_payment": "01-10",
        "revolving_distribution": "01-12",
        "revolving_application": "12-25",
        "revolving_recovery": "12-31",
        "reserve_upload": "01-31",
        "clearing_list": "06-30",
        "clearing": "07-31",
    },
    ("zhoushan", 2022): {
        "remittance": MONTH_ENDS,
        "subsidy_advance": "06-30",
        "subsidy_rest": "09-30",
        "plan": monthly(30).replace("02-30", "02-28"),
        "allocation": FIFTH_WORKING_DAYS_2022,
        "claims": monthly(10),
        "claims_paid": monthly(25),
        "institutions_cleared": "03-31",
    },
    ("zhoushan", 2021): {"legacy_upload": "01-31", "legacy_debts": "03-31"},
    ("nantong", 2022): {"plan": MONTH_ENDS, "allocation": FIFTH_WORKING_DAYS_2022, "make_up": "12-31"},
    ("nantong", 2020): {"legacy_debts": "06-30", "make_up": "12-31"},
    ("zaozhuang", 2020): {
        "plan": "01-23 02-25 03-25 04-24 05-25 06-24 07-24 08-25 09-25 10-23 11-25 12-25",
        "plan_review": monthly(5),
        "income_upload": "01-23 02-28 03-31 04-30 05-29 06-30 07-31 08-31 09-30 10-30 11-30 12-31",
        "income_to_fiscal": "01-23 02-28 03-31 04-30 05-29 06-30 07-31 08-31 09-30 10-30 11-30 12-31",
        "legacy_upload": "03-31",
        "budget": "12-31",
    },
    ("zaozhuang", 2021): {"final_accounts": "01-31", "statement_reconciled": monthly(5), "county_report": monthly(5)},
}  # fmt: skip


@pytest.mark.parametrize(
    ("city", "year", "name", "days"),
    [(city, year, name, days) for (city, year), named in YEARS.items() for name, days in named.items()],
)
def test_days_of_a_year(city: str, year: int, name: str, days: str) -> None:
    """Every deadline of the year falls on the days worked by hand, and on no other."""
    assert [f"{entry.due:%m-%d}" for entry in year_of(city, year)[name]] == days.split()


@pytest.mark.parametrize(
    ("city", "name", "period", "due", "late", "remind"),
    [
        # The vectors of the State Council's calendar.
        ("zaozhuang", "plan", "2020-01", "2020-01-23", "2020-01-23", "2020-01-23"),
        ("zaozhuang", "plan", "2020-10", "2020-10-23", "2020-10-23", "2020-10-23"),
        ("zaozhuang", "income_upload", "2020-01", "2020-01-23", "2020-01-23", "2020-01-23"),
        ("taizhou", "allocation", "2022-01", "2022-02-05", "2022-02-07", "2022-01-30"),
        ("taizhou", "allocation", "2022-09", "2022-10-05", "2022-10-08", "2022-09-30"),
        ("zhoushan", "allocation", "2021-09", "2021-10-13", "2021-10-13", "2021-10-13"),
        # Others whose day is none, and those that follow them.
        ("taizhou", "distribution", "2022-01", "2022-02-09", "2022-02-09", "2022-02-09"),
        ("taizhou", "county_report", "2022-04", "2022-05-15", "2022-05-15", "2022-05-13"),
        ("taizhou", "subsidy_q2", "2022-Q2", "2022-04-30", "2022-05-05", "2022-04-29"),
        ("taizhou", "revolving_application", "2022", "2021-12-25", "2021-12-25", "2021-12-24"),
        ("taizhou", "clearing", "2022-clearing", "2023-07-31", "2023-07-31", "2023-07-31"),
        ("taizhou", "clearing_list", "2022-clearing", "2023-06-30", "2023-06-30", "2023-06-30"),
        ("zaozhuang", "allocation", "2019-12", "2020-01-10", "2020-01-10", "2020-01-10"),
        ("zaozhuang", "allocation", "2020-01", "2020-02-12", "2020-02-12", "2020-02-12"),
        ("zaozhuang", "distribution", "2020-01", "2020-02-19", "2020-02-19", "2020-02-19"),
        ("zhoushan", "plan", "2022-02", "2022-02-28", "2022-02-28", "2022-02-28"),
        ("zhoushan", "plan", "2024-02", "2024-02-29", "2024-02-29", "2024-02-29"),
    ],
)
def test_days_of_a_period(city: str, name: str, period: str, due: str, late: str, remind: str) -> None:
    """Due, late after and remind on, worked by hand."""
    found = due_of(load_rulebook(city), name, Period.parse(period), CALENDAR)
    assert (str(found.due), str(found.late_after), str(found.remind_on)) == (due, late, remind)


def test_taizhou_begins_with_what_january_needs() -> None:
    """Before 2022 only the plan of January and the application for its revolving fund; then twelve payments, and no clearing."""
    before = [(entry.name, str(entry.due)) for entries in year_of("taizhou", 2021).values() for entry in entries]
    assert before == [("plan", "2021-12-25"), ("revolving_application", "2021-12-25"), ("plan_review", "2021-12-31")]
    first = year_of("taizhou", 2022)
    assert [str(entry.due) for entry in first["allocation"]][:2] == ["2022-01-05", "2022-02-05"]
    assert {name: len(first[name]) for name in ("plan", "allocation", "distribution", "remittance")} == dict.fromkeys(
        ("plan", "allocation", "distribution", "remittance"), 12
    )
    assert str(first["county_report"][0].due) == "2022-02-15", "December's spending was the county's own"
    assert [str(entry.due) for entry in (*first["prepaid"], *first["adjustment_fund"])] == ["2022-01-31", "2022-02-28"]
    assert "clearing" not in first and "clearing_list" not in first


def test_nantong_pays_up_in_five_years() -> None:
    """20% a year from 2020 to 2024, and nothing after."""
    assert [len(year_of("nantong", year).get("make_up", [])) for year in range(2019, 2027)] == [0, 1, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("city", rulebooks())
def test_every_year_of_every_city(city: str) -> None:
    """In every year with a holiday notice each deadline stands once, in its year, with its clause; none is left out of all years."""
    rulebook = load_rulebook(city)
    seen = set()
    for year in range(FIRST, LAST + 1):
        entries = deadlines_of_year(rulebook, year, CALENDAR)
        keys = [(entry.name, entry.period, fund) for entry in entries for fund in entry.funds]
        assert len(keys) == len(set(keys))
        for entry in entries:
            assert entry.due.year == year and entry.clause and entry.quote
            assert entry.remind_on <= entry.due <= entry.late_after
            if entry.kind == "payment":
                assert CALENDAR.is_working_day(entry.late_after)
        seen |= {entry.name for entry in entries}
    assert seen == set(rulebook.deadlines)


@pytest.mark.parametrize("city", rulebooks())
def test_readings_of_deadlines_exist(city: str) -> None:
    """A reading that moves a deadline is one of the rulebook, and the deadline says what each of its alternatives does."""
    rulebook = load_rulebook(city)
    for name, deadline in rulebook.deadlines.items():
        if deadline.reading is not None:
            assert set(deadline.by_reading) == set(rulebook.readings[deadline.reading].alternatives), name


def test_the_schedule_and_the_inbox_mean_the_same_day() -> None:
    """Taizhou's report day in its deadlines is that by which the contract expects the county reports (art. 10)."""
    expected = load_all()["county_expenditure_report"].expected.deadline
    for number in range(1, 13):
        month = Month(2022, number)
        on = reports_in_time_until(load_rulebook("taizhou"), month, CALENDAR)
        assert on == CALENDAR.late_after(expected.on(month))
