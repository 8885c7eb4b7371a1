"""A file against those of the months before: how many rows, what sums, whether there was a total line."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from medpool_etl.contracts import Contract, checks_of

MONTHS = 3


def size_of(summary: dict[str, Any]) -> dict[str, Any]:
    """Return what later months compare themselves with: rows, sums (yuan, as text) and whether a total is stated."""
    return {"rows": summary["staged"], "sums": summary["sums"], "total": bool(summary["lines"].get("total"))}


def against_months_before(
    contract: Contract, summary: dict[str, Any], before: Sequence[dict[str, Any]]
) -> dict[str, int]:
    """Return, by check, a file's size in percent of the average of the months before, and 1 where it lacks the total
    line they all had. A check is absent when there is nothing to compare with.
    """
    found = {}
    for check in checks_of(contract):
        if check.kind == "stated" and before:
            found[check.id] = int(all(item["total"] for item in before) and not summary["lines"].get("total"))
        if check.kind != "volume":
            continue
        if check.columns:
            (name,) = check.columns
            now, then = Decimal(summary["sums"][name]), [Decimal(item["sums"].get(name, 0)) for item in before]
        else:
            now, then = Decimal(summary["staged"]), [Decimal(item["rows"]) for item in before]
        if sum(then) > 0:
            found[check.id] = int(now * 100 * len(then) / sum(then))
    return found
