"""The verdict on a file follows from the severity of what it fails, and from the thresholds of its suite."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from medpool_etl.contracts import checks_of, load_contract
from medpool_etl.errors import ConfigurationError
from medpool_etl.quality import Judge, Verdict, suite_path
from medpool_etl.store.settings import project_root

TAX = load_contract("tax_collection_detail")


@pytest.fixture(scope="module")
def court() -> Judge:
    """Great Expectations, started once: that takes seconds."""
    return Judge()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of sql/ and expectations/ that a test may change."""
    for name in ("sql", "expectations"):
        shutil.copytree(project_root() / name, tmp_path / name)
    monkeypatch.setenv("MEDPOOL_HOME", str(tmp_path))
    return tmp_path


def summary(rows: int = 100, set_aside: int = 0, **failures: int) -> dict[str, Any]:
    """Return what staging counted in a file."""
    counts = {check.id: 0 for check in checks_of(TAX)}
    assert set(failures) <= set(counts)
    unmade = [check.id for check in checks_of(TAX) if check.kind in ("volume", "stated", "unmatched")]
    return {"staged": rows, "set_aside": set_aside, "failures": counts | failures, "unmade": unmade}


def judge(court: Judge, **counted: int) -> Verdict:
    """Return the verdict on one file."""
    return court.judge(TAX, {"file": summary(**counted)})["file"]


def unmet(verdict: Verdict) -> dict[str, str]:
    """Return the checks that were not met, with their severity."""
    return {check["check"]: check["severity"] for check in verdict.checks if check["met"] is False}


VERDICTS = {
    "nothing fails": ({}, "accepted", {}),
    "a total differs": ({"paid_amount__total": 1}, "rejected", {"paid_amount__total": "critical"}),
    "no row": ({"rows": 0}, "rejected", {"rows_read": "critical"}),
    "rows set aside": ({"set_aside": 2, "paid_amount__form": 2}, "accepted_with_set_asides", {"paid_amount__form": "warning"}),
    "only told": ({"due_is_base_times_rate": 5}, "accepted", {"due_is_base_times_rate": "info"}),
    "everything at once": (
        {"set_aside": 1, "row__fields": 1, "due_is_base_times_rate": 1, "due_amount__total": 1},
        "rejected",
        {"row__fields": "warning", "due_is_base_times_rate": "info", "due_amount__total": "critical"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("counted", "outcome", "expected"), VERDICTS.values(), ids=VERDICTS)
def test_verdict(counted: dict[str, int], outcome: str, expected: dict[str, str], court: Judge) -> None:
    """Critical rejects the file, warning sets rows aside, info only tells."""
    verdict = judge(court, **counted)
    assert verdict.outcome == outcome
    assert unmet(verdict) == expected


def test_every_check_is_answered(court: Judge) -> None:
    """The verdict has every check of the contract once, with the number of rows that fail it."""
    verdict = judge(court, paid_amount__form=7, set_aside=7)
    failing = {check["check"]: check["failing"] for check in verdict.checks}
    assert len(failing) == len(verdict.checks)
    assert set(failing) == {"rows_read", *(check.id for check in checks_of(TAX))}
    assert (failing["paid_amount__form"], failing["rows_read"], failing["row__fields"]) == (7, 100, 0)


def test_files_are_judged_apart(court: Judge) -> None:
    """Files judged together each get their own verdict."""
    verdicts = court.judge(
        TAX,
        {
            "b": summary(),
            "a": summary(paid_amount__total=1),
            "c": summary(rows=0),
            "d": summary(set_aside=1, row__duplicate=1),
        },
    )
    assert {name: verdict.outcome for name, verdict in verdicts.items()} == {
        "a": "rejected",
        "b": "accepted",
        "c": "rejected",
        "d": "accepted_with_set_asides",
    }
    assert unmet(verdicts["a"]) == {"paid_amount__total": "critical"}
    assert unmet(verdicts["c"]) == {"rows_read": "critical"}
    assert unmet(verdicts["b"]) == {}


def test_many_files_failing(court: Judge) -> None:
    """However many files fail the same check, each is found."""
    files = {f"file{number:03d}": summary(paid_amount__total=number % 3) for number in range(60)}
    verdicts = court.judge(TAX, files)
    rejected = {name for name, verdict in verdicts.items() if verdict.outcome == "rejected"}
    assert rejected == {name for name, counted in files.items() if counted["failures"]["paid_amount__total"]}


def set_threshold(check: str, **kwargs: int) -> None:
    """Give a check of the tax file's suite another threshold."""
    path = suite_path(TAX)
    suite = json.loads(path.read_text(encoding="utf-8"))
    next(item for item in suite["expectations"] if item["meta"]["check"] == check)["kwargs"].update(kwargs)
    path.write_text(json.dumps(suite, ensure_ascii=False), encoding="utf-8")


def test_raised_threshold(home: Path, court: Judge) -> None:
    """An office's own threshold decides: up to it the file is accepted, above it not."""
    set_threshold("paid_amount__total", max_value=1)
    verdict = judge(court, paid_amount__total=1)
    assert (verdict.outcome, unmet(verdict)) == ("accepted", {})
    assert judge(court, paid_amount__total=2).outcome == "rejected"


def test_more_rows_demanded(home: Path, court: Judge) -> None:
    """An office can demand a number of rows."""
    set_threshold("rows_read", min_value=50)
    assert judge(court, rows=49).outcome == "rejected"
    assert judge(court, rows=50).outcome == "accepted"


def test_suite_out_of_line(home: Path, court: Judge) -> None:
    """A suite that lost a check judges nothing."""
    path = suite_path(TAX)
    suite = json.loads(path.read_text(encoding="utf-8"))
    del suite["expectations"][1]
    path.write_text(json.dumps(suite), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="row__fields"):
        judge(court)


def test_expectation_that_looks_elsewhere(home: Path, court: Judge) -> None:
    """An expectation over a count there is not is an error with the file to correct, never a pass."""
    path = suite_path(TAX)
    path.write_text(
        path.read_text(encoding="utf-8").replace('"column": "row__fields"', '"column": "row__field"'), encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match=r"tax_collection_detail\.json"):
        judge(court)


def test_as_severe_expectation_of_another_kind(home: Path, court: Judge) -> None:
    """An expectation of another kind that an office writes is obeyed or refused, never passed over."""
    path = suite_path(TAX)
    suite = json.loads(path.read_text(encoding="utf-8"))
    item = next(item for item in suite["expectations"] if item["meta"]["check"] == "paid_amount__total")
    item["type"], item["kwargs"] = "expect_column_max_to_be_between", {"column": "paid_amount__total", "max_value": 0}
    path.write_text(json.dumps(suite, ensure_ascii=False), encoding="utf-8")
    try:
        verdict = judge(court, paid_amount__total=1)
    except ConfigurationError:
        return
    assert verdict.outcome == "rejected"
