"""The annual clearing (年终清算): what becomes of each county's surplus or deficit, layer by layer as the rulebook lists them.

Taizhou T18, T19 (附件第十八条、第十九条); Zhoushan Z-4 (二（四）); Nantong N-3 (四（三）). What differs between cities is data
(:class:`medpool_etl.policy.Clearing`); the order of the layers is that of the notices: missed targets, own balance, sharing,
shortfall.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from medpool_etl.documents import Text
from medpool_etl.errors import ConfigurationError
from medpool_etl.money import from_fen
from medpool_etl.policy import Clearing
from medpool_etl.settlement.case import (
    Amount,
    Case,
    CountyFacts,
    Facts,
    Notes,
    Outcome,
    Unfunded,
    Yuan,
    fact,
    fen_of,
    require,
)
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.parties import Role
from medpool_etl.settlement.splits import short_pot, two_way

GRADES = ("excellent", "very_good", "good", "pass", "fail")
Grade = Literal["excellent", "very_good", "good", "pass", "fail"]
BASES = ("unpaid_reserve_share", "whole_remaining_gap", "matched")
HUNDRED = Decimal(100)


class ClearingFacts(Facts):
    """Facts of the city: what the pot holds before the clearing."""

    pot: Yuan = fact(
        "归集基金（或统筹结余）清算前余额", "balance of the reserve (or of the pool) before the clearing", "yuan"
    )


class ClearingCounty(CountyFacts):
    """Facts of a county: the year's result and what it has to stand for it."""

    result: Yuan = fact("当年收支结余（缺口为负）", "result of the year, negative for a deficit", "yuan")
    under_collection: Amount = fact(
        "考核确定的少收", "left uncollected by missing the target, assessed", "yuan", Decimal(0)
    )
    over_spending: Amount = fact("考核确定的多支", "spent by missing the target, assessed", "yuan", Decimal(0))
    unpaid_subsidy: Amount = fact(
        "未按规定到位的财政补助", "subsidy that was not paid as it should", "yuan", Decimal(0)
    )
    policy_not_applied: Amount = fact(
        "未严格执行缴费政策形成的少收", "missing because premium policy was not applied", "yuan", Decimal(0)
    )
    balance: Yuan = fact("累计结余", "accumulated balance of the county", "yuan", Decimal(0))
    base_expenditure: Amount = fact(
        "基年基金支出",
        "expenditure of the base year, of which so many months of the balance are kept",
        "yuan",
        Decimal(0),
    )
    financing: Amount | None = fact("当年筹资总额", "financing of the year: premiums and subsidies", "yuan", None)
    grade: Grade = fact("考核等次", "grade of the assessment", "", "excellent")
    deficit_before: bool = fact("上年是否缺口", "whether the year before ended in a deficit too", "", False)


ClearingCase = Case[ClearingFacts, ClearingCounty]


@dataclass
class _Deficit:
    """A county's deficit on its way through the layers, in fen: what each bears."""

    code: str
    facts: ClearingCounty
    gap: int
    local_percent_up: Decimal
    claim: int = 0
    from_pot: int = 0
    county: int = 0
    city: int = 0
    left: int = 0


def clear(case: ClearingCase) -> Outcome:
    """Return what each county, the pot and the city bear or receive of the year's results.

    A layer's transfers have its clause as rule; ``step`` is assessed, surplus_to_pot, surplus_returned, own_balance, pot_share, county_share,
    city_share. What nobody bears is in ``unfunded``. Raises UnspecifiedError where the notice leaves sharing to a later rule,
    InputError for facts that contradict each other.
    """
    clearing = case.rulebook.clearing
    if clearing is None:
        case.rulebook.require_specified("clearing")
        raise ConfigurationError(
            "the rulebook has no clearing",
            where=f"policy/rulebooks/{case.rulebook.city}.yaml",
            expected="the key clearing",
        )
    notes = Notes()
    results = {code: _assessed(case, clearing, code, county, notes) for code, county in case.by_code()}
    pot = fen_of(case.facts.pot)
    joining = _surpluses(case, clearing, results, notes)
    before = clearing.surplus_joins and case.reading(clearing.surplus_joins, "after_claims", "before_claims")
    if before == "before_claims":
        pot += joining
    deficits = [
        _own_balance(case, clearing, code, county, -results[code], notes)
        for code, county in case.by_code()
        if results[code] < 0
    ]
    _share(case, clearing, pot, [deficit for deficit in deficits if deficit.gap > 0], notes)
    return notes.outcome()


def _assessed(case: ClearingCase, clearing: Clearing, code: str, county: ClearingCounty, notes: Notes) -> int:
    """Missed targets first: the county government pays all of it, which raises the result it is cleared with."""
    result = fen_of(county.result)
    notes.working.append(case.working("result", code, "当年收支结余", "result of the year", county.result))
    if clearing.assessed is None:
        return result
    owed = sum(fen_of(getattr(county, name)) for name in clearing.assessed.facts)
    notes.transfers += case.transfer(
        "assessed",
        code,
        "county_government",
        "fiscal_account",
        owed,
        clause=clearing.assessed.clause,
        rule_id=clearing.assessed.clause,
        due="clearing",
        facts={name: getattr(county, name) for name in clearing.assessed.facts},
    )
    if owed:
        notes.working.append(
            case.working(
                "assessed", code, "考核应补", "missed targets, made up by the county government", from_fen(owed),
                clearing.assessed.clause,
            )
        )  # fmt: skip
    return result + owed


def _surpluses(case: ClearingCase, clearing: Clearing, results: dict[str, int], notes: Notes) -> int:
    """A surplus: so many percent to the pot, the rest returned to the county. Returns what joins the pot, in fen."""
    joining = 0
    if clearing.surplus is None:
        return 0
    for code, _ in case.by_code():
        if results[code] <= 0:
            continue
        to_pot, returned = two_way(results[code], case.number(clearing.surplus.percent))
        joining += to_pot
        known = {"surplus": from_fen(results[code]), "percent": case.number(clearing.surplus.percent)}
        clause = clearing.surplus.clause
        notes.transfers += case.transfer(
            "surplus_to_pot",
            code,
            "fiscal_account",
            _pot(clearing),
            to_pot,
            clause=clause,
            rule_id=clause,
            due="clearing",
            facts=known,
        )
        notes.transfers += case.transfer(
            "surplus_returned",
            code,
            "fiscal_account",
            "county_balance",
            returned,
            clause=clause,
            rule_id=clause,
            due="clearing",
            facts=known,
        )
    return joining


def _own_balance(
    case: ClearingCase, clearing: Clearing, code: str, county: ClearingCounty, deficit: int, notes: Notes
) -> _Deficit:
    """The county's own balance comes first, all of it or what exceeds the months it keeps."""
    up = Decimal(0)
    if clearing.grade is not None:
        required = case.text(clearing.grade.required)
        if GRADES.index(county.grade) > GRADES.index(required):
            up = case.number(clearing.grade.points)
    borne = 0
    if own := clearing.own_balance:
        usable = max(fen_of(county.balance), 0)
        kept = 0
        if own.above_months is not None:
            if usable:
                require(
                    county.base_expenditure is not None,
                    f"what {code} spent in the base year is not known, so nobody can say what it keeps",
                    case,
                    "base_expenditure",
                )
            months = case.number(own.above_months) * fen_of(county.base_expenditure or Decimal(0)) / 12
            kept = _half_up(months)
            usable = max(usable - kept, 0)
        borne = min(usable, deficit)
        notes.transfers += case.transfer(
            "own_balance",
            code,
            "county_balance",
            "fiscal_account",
            borne,
            clause=own.clause,
            rule_id=own.clause,
            due="clearing",
            facts={"deficit": from_fen(deficit), "balance": county.balance, "kept": from_fen(kept)},
        )
    notes.working.append(case.working("deficit", code, "应清算缺口", "deficit to be cleared", from_fen(deficit)))
    notes.working.append(
        case.working("gap", code, "累计结余弥补后缺口", "gap after the county's own balance", from_fen(deficit - borne))
    )
    return _Deficit(code, county, deficit - borne, up)


def _share(case: ClearingCase, clearing: Clearing, pot: int, deficits: list[_Deficit], notes: Notes) -> None:
    """The rest is shared between pot and county; where the pot is short, city and county bear what it cannot."""
    shared = clearing.shared
    for item in deficits:
        percent = case.number(shared.percent) - item.local_percent_up
        if shared.first == "pot":
            item.claim, item.county = two_way(item.gap, percent)
        else:
            item.county, item.claim = two_way(item.gap, HUNDRED - percent)
        notes.working.append(
            case.working("claim", item.code, "应由统筹方分担", "claim on the pot", from_fen(item.claim), shared.clause)
        )
    claims = {item.code: item.claim for item in deficits}
    paid = short_pot(pot, claims, case.clause(shared.clause))
    short = sum(claims.values()) > max(pot, 0)
    base = "unpaid_reserve_share"
    if clearing.shortfall and clearing.shortfall.base:
        base = case.reading(clearing.shortfall.base, *BASES)
    for item in deficits:
        item.from_pot = paid[item.code]
        item.left = item.claim - item.from_pot
        if short and base == "whole_remaining_gap":
            item.from_pot, item.county, item.left = 0, 0, item.gap
        elif short and base == "matched":
            percent = case.number(shared.percent) - item.local_percent_up
            # The county matches what the pot pays, in the proportion of their shares; all that is left falls under the next step.
            item.county = _half_up(Decimal(item.from_pot) * (HUNDRED - percent) / percent) if percent else 0
            item.county = min(item.county, item.gap - item.from_pot)
            item.left = item.gap - item.from_pot - item.county
        if clearing.shortfall is not None:
            _shortfall(case, clearing, item, notes)
        _pay(case, clearing, item, notes)


def _shortfall(case: ClearingCase, clearing: Clearing, item: _Deficit, notes: Notes) -> None:
    """City finance bears its percentage of what the pot could not pay, at most its cap; the county bears the rest."""
    rule = clearing.shortfall
    assert rule is not None
    if item.left == 0:
        return
    percent = case.number(rule.percent)
    if rule.halved_in_a_row and item.facts.deficit_before:
        percent /= 2
    percent = max(percent - item.local_percent_up, Decimal(0))
    city, _ = two_way(item.left, percent)
    if rule.cap_percent is not None:
        require(
            item.facts.financing is not None,
            f"the financing of {item.code} is not known, so nobody can say what the city bears at most",
            case,
            "financing",
        )
        # The most (最高) is never exceeded, not by a fraction of a fen.
        cap = int(fen_of(item.facts.financing or Decimal(0)) * case.number(rule.cap_percent) // HUNDRED)
        notes.working.append(
            case.working("cap", item.code, "市财政分担上限", "the most city finance bears", from_fen(cap), rule.clause)
        )
        city = min(city, cap)
    notes.working.append(
        case.working(
            "city_percent", item.code, "市财政分担比例（%）", "city finance bears, percent", f"{percent:f}", rule.clause
        )
    )
    item.city, item.county, item.left = city, item.county + item.left - city, 0


def _pay(case: ClearingCase, clearing: Clearing, item: _Deficit, notes: Notes) -> None:
    known = {"gap": from_fen(item.gap), "claim": from_fen(item.claim), "grade": item.facts.grade}
    shared, rule = clearing.shared.clause, clearing.shortfall.clause if clearing.shortfall else None
    notes.transfers += case.transfer(
        "pot_share",
        item.code,
        _pot(clearing),
        "fiscal_account",
        item.from_pot,
        clause=shared,
        rule_id=shared,
        due="clearing",
        facts=known,
    )
    notes.transfers += case.transfer(
        "county_share",
        item.code,
        "county_finance",
        "fiscal_account",
        item.county,
        clause=shared,
        rule_id=shared,
        due="clearing",
        facts=known,
    )
    notes.transfers += case.transfer(
        "city_share",
        item.code,
        "city_finance",
        "fiscal_account",
        item.city,
        clause=rule or shared,
        rule_id=rule,
        due="clearing",
        facts=known,
    )
    if item.left:
        clause = clearing.unfunded_clause or shared
        notes.unfunded.append(
            Unfunded(
                case.rule_id, case.fund, item.code, from_fen(item.left), "缺口无人分担，须调整政策",
                "nobody bears this part of the deficit", case.clause(clause),
            )
        )  # fmt: skip
    borne = item.from_pot + item.county + item.city + item.left
    require(borne == item.gap, f"the shares of {item.code} do not add up to its gap", case)


def _pot(clearing: Clearing) -> Role:
    return "reserve" if clearing.shared.pot == "reserve" else "pool"


def _half_up(fen: Decimal) -> int:
    return int(fen.to_integral_value(ROUND_HALF_UP))


KINDS: tuple[RuleKind, ...] = (
    RuleKind(
        "clearing",
        Text(zh="年终清算", en="Annual clearing"),
        clear,
        ClearingFacts,
        ClearingCounty,
        deadlines=("clearing",),
    ),
)
