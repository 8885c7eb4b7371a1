"""T8.1: what the city treasury booked in a month is moved to the city's special fiscal account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ConfigurationError
from medpool_etl.money import plain
from medpool_etl.periods import Month
from medpool_etl.places import Accounts
from medpool_etl.policy import Rulebook
from medpool_etl.settlement.transfers import Transfer

RULE = "T8.1"


@dataclass(frozen=True)
class TreasuryPremium:
    """A county's premiums of a fund booked in the city treasury in the month, refunds taken off, in yuan (``receipts``:
    how many). Negative where more was paid back than came in."""

    fund: str
    county: str
    booked: Decimal
    receipts: int


def monthly_remittance(
    facts: Iterable[TreasuryPremium], month: Month, rulebook: Rulebook, accounts: Accounts, calendar: WorkingCalendar
) -> tuple[Transfer, ...]:
    """Return a transfer treasury → special fiscal account for each county and fund with money booked, and the other way
    round where refunds exceed it: on the fund's voucher the one is set off against the other.

    T8.1 (附件第八条第一款): premiums enter the city treasury; each month city finance issues a voucher and the treasury
    moves the money to the fund's special fiscal account. The due date follows the reading ``remittance_due``. Raises
    InputError for a month before the notice is in force, ConfigurationError for a reading this rule does not know.
    """
    rulebook.require_in_force(month.first_day)
    clause = rulebook.clauses[RULE]
    due = remittance_due(month, rulebook)
    late_after = calendar.late_after(due)
    return tuple(
        Transfer(
            fund=fact.fund,
            county=fact.county,
            payer=accounts.one("treasury") if fact.booked > 0 else accounts.one("fiscal", fact.fund),
            receiver=accounts.one("fiscal", fact.fund) if fact.booked > 0 else accounts.one("treasury"),
            amount=abs(fact.booked),
            due_date=due,
            late_after=late_after,
            rule_id=RULE,
            clause=f"{rulebook.notice.number} {clause.source}",
            facts=f"booked={plain(fact.booked)} receipts={fact.receipts}",
        )
        for fact in facts
        if fact.booked
    )


def remittance_due(month: Month, rulebook: Rulebook) -> dt.date:
    """Return the day by which a month's premiums leave the treasury, by the reading ``remittance_due`` of T8.1."""
    reading = rulebook.reading("remittance_due")
    if reading == "month_end":
        return month.last_day
    if reading == "next_month_end":
        return month.plus(1).last_day
    raise ConfigurationError(
        f"the reading remittance_due = {reading} has no rule",
        where=f"policy/rulebooks/{rulebook.city}.yaml",
        expected="month_end or next_month_end",
    )
