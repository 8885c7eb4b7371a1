"""Z-3.1: critical-illness insurance and long-term care go past the plan; what comes in on an account goes out again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.periods import Period
from medpool_etl.places import load_accounts
from medpool_etl.policy import Rulebook, load_rulebook
from medpool_etl.settlement import Outcome, Registered, apply_rule
from medpool_etl.settlement.case import CountyFacts, Facts
from medpool_etl.settlement.rules.insurer import CareCounty, InsurerFacts

ZHOUSHAN, CALENDAR = load_rulebook("zhoushan", ()), WorkingCalendar.load()
ACCOUNTS = Registered(load_accounts("zhoushan"))


def apply(
    rule: str, facts: Facts, fund: str = "worker", rulebook: Rulebook = ZHOUSHAN, **counties: CountyFacts
) -> Outcome:
    """Apply a rule of Zhoushan to the registered accounts."""
    return apply_rule(rule, rulebook, CALENDAR, ACCOUNTS, fund, Period.parse("2021-03"), facts, counties)


@pytest.mark.parametrize(
    ("fund", "fiscal", "agency"),
    [("worker", "330900100300001", "330900100400001"), ("resident", "330900100300002", "330900100400002")],
)
def test_the_insurer_is_paid_out_of_the_fund(fund: str, fiscal: str, agency: str) -> None:
    """Out of the fund's own special fiscal account, through the city agency's; no county, and no day of the notice."""
    transfers = apply("Z-3.1.4", InsurerFacts(instalment=Decimal("100.01")), fund).transfers
    assert [(t.payer.number, t.receiver.number, str(t.amount)) for t in transfers] == [
        (fiscal, agency, "100.01"),
        (agency, "330900100800001", "100.01"),
    ]
    assert {(t.county, t.due_date) for t in transfers} == {("", None)}


def test_a_month_without_an_instalment() -> None:
    """The contract asks for nothing in the month: nothing moves."""
    assert apply("Z-3.1.4", InsurerFacts()).transfers == ()


def reading(value: str) -> Rulebook:
    """Return the rulebook with another reading of the critical-illness fund."""
    taken = ZHOUSHAN.readings["critical_illness_fund"].model_copy(update={"value": value})
    return ZHOUSHAN.model_copy(update={"readings": {**ZHOUSHAN.readings, "critical_illness_fund": taken}})


def test_the_plan_has_it_already() -> None:
    """By the other reading the agency has the money by the month's plan, and only pays it on."""
    outcome = apply("Z-3.1.4", InsurerFacts(instalment=Decimal(1)), rulebook=reading("within_plan"))
    assert [(t.step, t.receiver.role, str(t.amount)) for t in outcome.transfers] == [("to_insurer", "insurer", "1.00")]


def test_another_reading_has_no_rule() -> None:
    """A fund of its own for critical illness is no reading medpool can calculate: an error, not the wrong account."""
    with pytest.raises(ConfigurationError, match=r"(?s)critical_illness_fund = own_fund.*beside_plan"):
        apply("Z-3.1.4", InsurerFacts(instalment=Decimal(1)), rulebook=reading("own_fund"))


def test_a_county_without_an_account() -> None:
    """A county nobody registered is named, with where to register it."""
    with pytest.raises(InputError, match=r"(?s)330999.*zhoushan\.accounts\.yaml"):
        apply("Z-3.1.5", Facts(), **{"330999": CareCounty(amount=Decimal(1))})
