"""A file is compared with those of the months before in percent; with nothing before it, that is said, not passed."""

from __future__ import annotations

from typing import Any

import pytest

from medpool_etl.contracts import load_contract
from medpool_etl.quality import Judge, against_months_before, size_of
from tests.quality.test_judge import summary

TAX = load_contract("tax_collection_detail")


def staged(rows: int, due: str, paid: str, total: bool = True) -> dict[str, Any]:
    """Return what staging counted in a file of that size."""
    lines = {"data": rows} | ({"total": 1} if total else {})
    return {**summary(rows), "lines": lines, "sums": {"due_amount": due, "paid_amount": paid}}


def test_percent_of_the_average() -> None:
    """Rows and sums are percentages of the average of the months there are, cut down to whole ones, in exact decimals."""
    before = [size_of(staged(rows, due, "1.00")) for rows, due in ((90, "100.00"), (110, "200.03"))]
    found = against_months_before(TAX, staged(150, "300.00", "0.30"), before)
    assert found == {"file__volume": 150, "due_amount__sum": 199, "paid_amount__sum": 30, "file__total_stated": 0}


def test_nothing_before() -> None:
    """Without months before, or with empty ones, there is nothing to compare with."""
    assert against_months_before(TAX, staged(1, "1.00", "1.00"), []) == {}
    empty = [size_of(staged(0, "0.00", "0.00"))]
    assert against_months_before(TAX, staged(1, "1.00", "1.00"), empty) == {"file__total_stated": 0}


@pytest.mark.parametrize(("totals", "missing"), [((True, True), 1), ((True, False), 0), ((False,), 0)])
def test_total_line_that_is_gone(totals: tuple[bool, ...], missing: int) -> None:
    """A file without a total line is suspicious where all the months before had one: it may have been cut short."""
    before = [size_of(staged(1, "1.00", "1.00", total)) for total in totals]
    assert against_months_before(TAX, staged(1, "1.00", "1.00", False), before)["file__total_stated"] == missing


@pytest.mark.parametrize(("percent", "met"), [(49, False), (50, True), (200, True), (201, False)])
def test_bounds_are_the_suites(percent: int, met: bool) -> None:
    """How far a file may be from the usual stands in its suite; beyond it is a warning, which rejects nothing."""
    counted = {**summary(), "unmade": []}
    counted["failures"] |= {"file__volume": percent, "due_amount__sum": 100, "paid_amount__sum": 100}
    verdict = Judge().judge(TAX, {"file": counted})["file"]
    found = next(check for check in verdict.checks if check["check"] == "file__volume")
    assert (found["met"], found["failing"], found["severity"]) == (met, percent, "info")
    assert verdict.outcome == "accepted"


def test_a_check_that_is_not_made() -> None:
    """A check that lacks what it needs is neither met nor failed."""
    verdict = Judge().judge(TAX, {"file": {**summary(), "unmade": ["base_within_clamp", "file__volume"]}})["file"]
    found = {check["check"]: check["met"] for check in verdict.checks}
    assert found["base_within_clamp"] is None
    assert found["file__volume"] is None
    assert found["receipt_no__missing"] is True
