"""Every rule of every city on the first and last day of every quarter from 2019 to 2030: refused before its notice is in force, an
outcome while it is and holidays are known, and an error naming the year where they are not. Never anything else."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.periods import Month, Period
from medpool_etl.policy import load_rulebook, rulebooks
from tests.settlement.worlds import CALENDAR, plain_case

QUARTER_DATES = [
    day
    for year in range(2019, 2031)
    for first in (1, 4, 7, 10)
    for day in (dt.date(year, first, 1), Month(year, first + 2).last_day)
]
RULES = [
    (city, rule_id, fund)
    for city in rulebooks()
    for rule_id, entry in load_rulebook(city).rules.items()
    for fund in entry.funds
]


def periods_of(when: str, day: dt.date) -> list[str]:
    """Return the periods a rule is applied to that hold the day."""
    month, quarter = f"{day:%Y-%m}", f"{day.year}-Q{(day.month + 2) // 3}"
    opening, clearing = f"{day.year}-opening", f"{day.year}-clearing"
    fitting = {
        "month": [month],
        "quarter": [quarter],
        "opening": [opening],
        "clearing": [clearing],
        "once": [opening, month],
        "case": [month, str(day.year)],
    }
    return fitting[when]


@pytest.mark.parametrize(("city", "rule_id", "fund"), RULES, ids=lambda value: str(value))
def test_every_rule_at_every_quarter_date(city: str, rule_id: str, fund: str) -> None:
    """Before the notice InputError; then an outcome whose days lie in years that are loaded, or the year that is not."""
    rulebook = load_rulebook(city)
    entry = rulebook.rules[rule_id]
    seen: set[str] = set()
    dated: set[str] = set()
    undated: set[str] = set()
    for day in QUARTER_DATES:
        for text in periods_of(entry.when, day):
            if text in seen:
                continue
            seen.add(text)
            period = Period.parse(text)
            in_force = period.last_day >= rulebook.notice.in_force_from
            try:
                outcome = plain_case(city, rule_id, fund, text)
            except InputError as error:
                assert not in_force, f"{text}: {error}"
                assert rulebook.notice.number in str(error)
            except ConfigurationError as error:
                missing = re.search(r"holiday notice of (\d{4}) is not loaded", str(error))
                assert in_force and missing, f"{text}: {error}"
                assert int(missing[1]) not in CALENDAR.years
                # What a period asks for is due in it, or in the two years after it.
                assert period.year <= int(missing[1]) <= period.year + 2
                assert rulebook.deadlines
            else:
                assert in_force, text
                for transfer in outcome.transfers:
                    due, late_after = transfer.due_date, transfer.late_after
                    if due is None or late_after is None:
                        assert due is late_after is None
                        undated.add(transfer.step)
                        continue
                    dated.add(transfer.step)
                    assert {due.year, late_after.year} <= CALENDAR.years, text
                    assert due <= late_after == CALENDAR.on_or_after(due), text
    # What is due by a day in one year is due by a day in every year, not without one where holidays are not known.
    assert not dated & undated
    assert len(seen) >= 12
