"""Warnings of risk (基金运行风险预警): what of a period's figures passes a threshold, how serious it is, and who is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from medpool_etl.documents import Text
from medpool_etl.money import FEN, ZERO, from_fen, grouped
from medpool_etl.periods import Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.places import FUNDS
from medpool_etl.policy.risk import LEVELS, RiskRules, Step

INDICATORS: dict[str, Text] = {
    "bank_capability": Text(zh="支付能力（银行存款）", en="Payment capability of what banks hold"),
    "pool_capability": Text(zh="支付能力（统筹结余）", en="Payment capability of the pool"),
    "county_capability": Text(zh="支付能力（县级累计结余）", en="Payment capability of a county's own balance"),
    "reserve": Text(zh="归集基金充足率", en="Reserve against its target"),
    "expenditure_ahead": Text(zh="支出进度偏快", en="Expenditure ahead of the year"),
    "over_budget": Text(zh="支出超预算", en="Expenditure over the year's budget"),
    "collection_behind": Text(zh="征收进度偏慢", en="Collection behind the year"),
    "deficit": Text(zh="当年收不抵支", en="Deficit of the year to date"),
}
_HELD_EN = {"bank": "money in banks", "pool": "pool", "county": "own balance"}
_HELD_ZH = {"bank": "银行存款", "pool": "统筹结余", "county": "累计结余"}
_TEXT, _MONEY = pa.string(), pa.decimal128(18, 2)
RISKS = pa.schema(
    [
        *((name, _TEXT) for name in ("level", "level_title", "indicator", "indicator_title", "fund", "county", "unit")),
        *((name, _MONEY) for name in ("figure", "threshold")),
        *((name, _TEXT) for name in ("zh", "en", "owner", "clause")),
    ]
)


@dataclass(frozen=True)
class Budgeted:
    """What was executed against a budget: ``what`` is premium or expenditure, amounts are fen, percentages hundredths of a percent.
    ``complete``: every month of the year so far is published, so that nothing of it lacks."""

    what: str
    fund: str
    county: str
    budget: int
    executed: int
    percent: int
    time_percent: int
    complete: bool


@dataclass(frozen=True)
class Standing:
    """The figures warnings are about: the rows of payment_capability, budgets, and the result of each fund in the year to date (fen)
    where it is known."""

    capability: Sequence[Mapping[str, Any]]
    budgets: Sequence[Budgeted]
    results: Mapping[str, int]


def warn(agreed: Agreed, rules: RiskRules, standing: Standing, period: Period) -> list[dict[str, Any]]:
    """Return the warnings of a period. Figures are compared as they are published, with two places; at a threshold nothing is wrong."""
    found = [
        *(row for item in standing.capability for row in _capability(agreed, rules, item, period)),
        *(row for item in standing.budgets for row in _budget(agreed, rules, item)),
    ]
    if "deficit" in rules.levels:
        level, clause = rules.levels["deficit"]
        for fund, result in standing.results.items():
            if result < 0:
                amount = grouped(from_fen(-result))
                text = Text(
                    zh=f"本年累计收不抵支{amount}元",
                    en=f"expenditure of the year to date exceeds revenue by {amount} yuan",
                )
                found.append(
                    _row(
                        agreed,
                        "deficit",
                        level,
                        clause,
                        fund,
                        agreed.city.code,
                        from_fen(result),
                        ZERO,
                        "yuan",
                        text,
                        "agency",
                    )
                )
    order = list(LEVELS)
    return sorted(found, key=lambda row: (order.index(row["level"]), row["indicator"], row["fund"], row["county"]))


def _capability(agreed: Agreed, rules: RiskRules, item: Mapping[str, Any], period: Period) -> list[dict[str, Any]]:
    figure, held = item["capability_months"], item["held"]
    if figure is None:
        return []
    if held == "reserve":
        return _reserve(agreed, rules, item, period)
    step = rules.level_below("capability", figure)
    if step is None:
        return []
    text = Text(
        zh=f"{_HELD_ZH[held]}可支付{figure}个月，低于{step.threshold}个月",
        en=f"{_HELD_EN[held]} lasts {figure} months, less than {step.threshold}",
    )
    return [_stepped(agreed, f"{held}_capability", step, item, figure, "months", text)]


def _reserve(agreed: Agreed, rules: RiskRules, item: Mapping[str, Any], period: Period) -> list[dict[str, Any]]:
    """A reserve is measured by the months its own rule demands; without such a rule it has no measure."""
    name = f"reserve_months_{item['fund']}"
    if name not in agreed.rulebook.values:
        return []
    target = agreed.rulebook.number(name, period.last_day)
    if not target:
        return []
    months = item["capability_months"]
    figure = (months * 100 / target).quantize(FEN, ROUND_HALF_UP)
    step = rules.level_below("reserve", figure)
    if step is None:
        return []
    text = Text(
        zh=f"归集基金可支付{months}个月，为规定{target}个月的{figure}%，低于{step.threshold}%",
        en=f"the reserve lasts {months} months, {figure}% of the {target} demanded, less than {step.threshold}%",
    )
    return [_stepped(agreed, "reserve", step, item, figure, "percent", text)]


def _budget(agreed: Agreed, rules: RiskRules, item: Budgeted) -> list[dict[str, Any]]:
    """Expenditure of months that are not published would only add to what is ahead; collection of them may be what lacks."""
    share, passed = from_fen(item.percent), from_fen(item.time_percent)
    if item.what == "premium":
        step = rules.passes("collection_behind", passed - share) if item.complete else None
        if step is None:
            return []
        text = Text(
            zh=f"保费已征{share}%，时间进度{passed}%，落后{passed - share}个百分点",
            en=f"{share}% of the premiums is collected, {passed}% of the year has passed: {passed - share} points behind",
        )
        return [_points(agreed, "collection_behind", step, item, passed - share, text, "tax")]
    owner = "agency" if item.county == agreed.city.code else "county"
    if item.executed > item.budget and "over_budget" in rules.levels:
        level, clause = rules.levels["over_budget"]
        amount = grouped(from_fen(item.executed - item.budget))
        text = Text(
            zh=f"支出为全年预算的{share}%，超预算{amount}元",
            en=f"expenditure is {share}% of the year's budget, {amount} yuan over it",
        )
        whole = Decimal("100.00")
        return [
            _row(agreed, "over_budget", level, clause, item.fund, item.county, share, whole, "percent", text, owner)
        ]
    step = rules.passes("expenditure_ahead", share - passed)
    if step is None:
        return []
    text = Text(
        zh=f"支出已达预算的{share}%，时间进度{passed}%，超前{share - passed}个百分点",
        en=f"{share}% of the budget is spent, {passed}% of the year has passed: {share - passed} points ahead",
    )
    return [_points(agreed, "expenditure_ahead", step, item, share - passed, text, owner)]


def _stepped(
    agreed: Agreed, indicator: str, step: Step, item: Mapping[str, Any], figure: Decimal, unit: str, text: Text
) -> dict[str, Any]:
    return _row(
        agreed,
        indicator,
        step.level,
        step.clause,
        item["fund"],
        item["county"],
        figure,
        step.threshold,
        unit,
        text,
        "agency",
    )


def _points(
    agreed: Agreed, indicator: str, step: Step, item: Budgeted, figure: Decimal, text: Text, owner: str
) -> dict[str, Any]:
    unit = "percentage points"
    return _row(
        agreed, indicator, step.level, step.clause, item.fund, item.county, figure, step.threshold, unit, text, owner
    )


def _row(
    agreed: Agreed,
    indicator: str,
    level: str,
    clause: str,
    fund: str,
    county: str,
    figure: Decimal,
    threshold: Decimal,
    unit: str,
    text: Text,
    owner: str,
) -> dict[str, Any]:
    names = {unit.code: unit.name for unit in agreed.city.units} | {agreed.city.code: agreed.city.name}
    name = names.get(county, Text(zh=county, en=county))
    return {
        "level": level,
        "level_title": LEVELS[level].zh,
        "indicator": indicator,
        "indicator_title": INDICATORS[indicator].zh,
        "fund": fund,
        "county": county,
        "figure": figure,
        "threshold": threshold,
        "unit": unit,
        "zh": f"{name.zh}{FUNDS[fund].zh}{text.zh}",
        "en": f"{name.en}, {FUNDS[fund].en.lower()}: {text.en}",
        "owner": owner,
        "clause": clause,
    }
