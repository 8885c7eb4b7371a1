"""The models of ``sql/pairs``: at which level each draws up its sides, and how they are matched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from medpool_etl import documents
from medpool_etl.documents import Text
from medpool_etl.errors import ConfigurationError
from medpool_etl.policy import BreakClass, Rulebook


@dataclass(frozen=True)
class Model:
    """``scope`` is the level of its rows: county, city, or each (both). ``numbers`` says what its items are known by:

    ``shared``, a number both sides have; ``own``, a number of each side that the other does not know; ``sums``, nothing,
    because sums are compared. ``in_transit`` says whether receipts paid and not booked yet stand among its rows.
    """

    scope: Literal["county", "city", "each"]
    numbers: Literal["shared", "own", "sums"]
    in_transit: bool = False


MODELS: dict[str, Model] = {
    "tax_treasury": Model("county", "shared", in_transit=True),
    "treasury_fiscal": Model("city", "sums"),
    "voucher_transfer": Model("city", "own"),
    "agency_tax_county": Model("county", "shared"),
    "agency_tax_employer": Model("city", "shared"),
    "employer_breakdown": Model("county", "shared"),
    "fiscal_agency": Model("city", "sums"),
    "agency_county": Model("county", "sums"),
    "allocation_expenditure": Model("city", "sums"),
    "report_statement": Model("county", "shared"),
    "report_arithmetic": Model("county", "shared"),
    "statement_arithmetic": Model("each", "shared"),
    "balance_continuity": Model("each", "shared"),
    "account_activity": Model("each", "shared"),
    "income_upload": Model("county", "sums"),
    "income_fiscal": Model("city", "sums"),
    "income_nil": Model("each", "shared"),
}
# The passes, in the order in which they are tried.
PASSES: dict[str, Text] = {
    "exact_key": Text(zh="号码和金额一致", en="same number, same amount"),
    "sum": Text(zh="合计一致", en="sums agree"),
    "carried_over": Text(zh="与往月结转差异核销", en="clears what an earlier month left open"),
    "batch": Text(zh="多笔与一笔（按批次）一致", en="receipts and batch agree"),
    "same_amount": Text(zh="金额相同、日期相近", en="same amount within the date window"),
    "opposite": Text(zh="一收一退（退款、更正）", en="payment and return, refund or correction"),
}


def verify_pairs(rulebook: Rulebook, classes: dict[str, BreakClass]) -> None:
    """Raise ConfigurationError for a pair of the rulebook that no model compares, that is compared at another level, or that
    names a class of break there is not."""
    where = f"policy/rulebooks/{rulebook.city}.yaml"
    for name, pair in rulebook.pairs.items():
        model = MODELS.get(pair.model or name)
        if model is None or model.scope != pair.scope:
            raise ConfigurationError(
                f"the pair is compared at the level {model.scope}" if model else "no model compares this pair",
                where=documents.place(where, "pairs", name, "scope"),
                expected=f"scope: {model.scope}" if model else f"one of {', '.join(MODELS)}",
            )
        for key, named in (("shortfall", [pair.shortfall]), ("surplus", [pair.surplus]), ("gate", [*pair.gate])):
            if unknown := [cls for cls in named if cls and cls not in classes]:
                raise ConfigurationError(
                    f"there is no class of break {unknown[0]!r}",
                    where=documents.place(where, "pairs", name, key),
                    expected=f"one of {', '.join(classes)}",
                )
