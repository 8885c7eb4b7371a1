"""The suites of Great Expectations say the same as the contracts; where they do not, medpool refuses to judge."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medpool_etl.contracts import checks_of, load_all, load_contract
from medpool_etl.errors import ConfigurationError
from medpool_etl.quality import skeleton, suite_path, verify_suite, write_suites
from medpool_etl.store.settings import project_root

CONTRACTS = load_all()
TREASURY = load_contract("treasury_receipts")
Suite = dict[str, Any]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of sql/ and expectations/ that a test may change."""
    monkeypatch.delenv("MEDPOOL_HOME", raising=False)
    for name in ("sql", "expectations"):
        shutil.copytree(project_root() / name, tmp_path / name)
    monkeypatch.setenv("MEDPOOL_HOME", str(tmp_path))
    return tmp_path


def change(action: Callable[[Suite], None]) -> None:
    """Change the treasury's suite in the copy."""
    path = suite_path(TREASURY)
    suite = json.loads(path.read_text(encoding="utf-8"))
    action(suite)
    path.write_text(json.dumps(suite, ensure_ascii=False), encoding="utf-8")


@pytest.mark.parametrize("name", CONTRACTS)
def test_shipped_suite(name: str) -> None:
    """Each shipped suite has every check of its contract, with at least one row demanded."""
    suite = verify_suite(CONTRACTS[name])
    names = [item["meta"]["check"] for item in suite["expectations"]]
    assert names == ["rows_read", *(check.id for check in checks_of(CONTRACTS[name]))]


def test_shipped_suites_are_what_is_written(home: Path) -> None:
    """Writing the suites anew changes none of the shipped ones."""
    assert write_suites(CONTRACTS) == []


def test_suite_is_made(home: Path) -> None:
    """A contract without a suite gets one, which is then in line."""
    suite_path(TREASURY).unlink()
    assert write_suites(CONTRACTS) == [suite_path(TREASURY)]
    assert verify_suite(TREASURY) == skeleton(TREASURY)


def drop(suite: Suite) -> None:
    """Take the last expectation out."""
    del suite["expectations"][-1]


def repeat(suite: Suite) -> None:
    """Put the last expectation in a second time."""
    suite["expectations"].append(suite["expectations"][-1])


def add(suite: Suite) -> None:
    """Put in an expectation for a check the contract lacks."""
    suite["expectations"].append({**suite["expectations"][-1], "meta": {"check": "no_such_check"}})


def soften(suite: Suite) -> None:
    """Turn a critical expectation into one that only tells."""
    next(item for item in suite["expectations"] if item["meta"]["check"] == "amount__total")["severity"] = "info"


MISTAKES = {
    "missing": (drop, "no expectation for the check file__total_stated"),
    "extra": (add, "an expectation for no_such_check"),
    "twice": (repeat, "two expectations for file__total_stated"),
    "less severe": (soften, "amount__total has severity info, the contract says critical"),
}


@pytest.mark.parametrize(("action", "said"), MISTAKES.values(), ids=MISTAKES)
def test_suite_out_of_line(action: Callable[[Suite], None], said: str, home: Path) -> None:
    """A suite that lacks, repeats, adds or softens a check is refused with file and check."""
    change(action)
    with pytest.raises(ConfigurationError) as caught:
        verify_suite(TREASURY)
    assert said in str(caught.value)
    assert "expectations/treasury_receipts.json" in str(caught.value)


@pytest.mark.parametrize("action", [drop, add, repeat, soften])
def test_the_remedy_works(action: Callable[[Suite], None], home: Path) -> None:
    """What the error advises, writing the suites anew, brings the suite in line."""
    change(action)
    assert write_suites(CONTRACTS) == [suite_path(TREASURY)]
    verify_suite(TREASURY)


def test_threshold_is_kept(home: Path) -> None:
    """Writing the suites anew leaves the threshold an office gave."""

    def raise_it(suite: Suite) -> None:
        suite["expectations"][-1]["kwargs"]["max_value"] = 3

    change(raise_it)
    write_suites(CONTRACTS)
    assert verify_suite(TREASURY)["expectations"][-1]["kwargs"]["max_value"] == 3


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "null"])
def test_unreadable_suite(text: str, home: Path) -> None:
    """A suite that cannot be read is an error with its name and what to do."""
    suite_path(TREASURY).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"(?s)treasury_receipts\.json.*medpool suites"):
        verify_suite(TREASURY)


def test_home_without_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A MEDPOOL_HOME that is no checkout is an error that says so."""
    monkeypatch.setenv("MEDPOOL_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match="MEDPOOL_HOME"):
        verify_suite(TREASURY)
