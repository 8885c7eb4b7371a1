"""The office every test of alerts starts from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerts.runs import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office that has told nobody anything."""
    opened = Office(tmp_path)
    yield opened
    opened.close()
