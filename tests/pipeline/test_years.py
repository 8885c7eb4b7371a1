"""A whole year of each city, from files to the clearing, one command a step; Zhoushan's goes through its DAGs (tests/dags/test_year.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from medpool_etl import pipeline
from medpool_etl.errors import UnspecifiedError
from medpool_etl.periods import Period
from tests.conftest import at
from tests.years import FIRST, check_year, settle_year

# What a city's own notice leaves open, and the shipped example that goes on from there.
EXAMPLES = {"hangzhou": "hangzhou-example", "zaozhuang": "zaozhuang-example"}


@pytest.mark.parametrize("city", [city for city in FIRST if city != "zhoushan"])
def test_a_year_from_opening_to_clearing(city: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every period is published with final figures, nothing is left to reconcile, and the clearing adds up to the fen."""
    settings, year = at(tmp_path), FIRST[city]
    if city in EXAMPLES:
        with pytest.raises(UnspecifiedError, match="leaves"):
            pipeline.open_period(settings, city, Period(year, "clearing"))
        monkeypatch.setenv("MEDPOOL_SUPPLEMENTS", EXAMPLES[city])
    check_year(settings, city, year, list(settle_year(settings, city, year)))
