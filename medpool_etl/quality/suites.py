"""The Great Expectations suites in ``expectations/``, one for each contract, as Great Expectations writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medpool_etl.contracts import Contract, checks_of
from medpool_etl.errors import ConfigurationError
from medpool_etl.store.settings import project_root

# What a failing expectation means: critical rejects the file, warning sets rows aside, info only tells.
SEVERITY = {"reject": "critical", "set_aside": "warning", "warn": "info"}
ROWS = "rows_read"
# How far rows and sums may be from those of the months before, in percent, until an office sets its own bounds.
USUAL = {"min_value": 50, "max_value": 200}


def suite_path(contract: Contract) -> Path:
    """Return where the suite of a contract lies."""
    return project_root() / "expectations" / f"{contract.contract}.json"


def skeleton(contract: Contract) -> dict[str, Any]:
    """Return the suite a contract implies: at least one row, and no failure of any of its checks."""
    expectations: list[dict[str, Any]] = [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": ROWS, "min_value": 1},
            "meta": {"check": ROWS},
            "severity": "critical",
        }
    ]
    expectations += [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": check.id, **(USUAL if check.kind == "volume" else {"max_value": 0})},
            "meta": {"check": check.id},
            "severity": SEVERITY[check.severity],
        }
        for check in checks_of(contract)
    ]
    return {"name": contract.contract, "expectations": expectations, "meta": {"contract": contract.contract}}


def write_suites(contracts: dict[str, Contract]) -> list[Path]:
    """Add to every suite the expectations its contract has gained and drop those it has lost; return what changed.

    An expectation that is there stays as it is, with the threshold an office gave it.
    """
    changed = []
    for contract in contracts.values():
        path = suite_path(contract)
        kept = {item["meta"]["check"]: item for item in _read(path)["expectations"]} if path.exists() else {}
        suite = skeleton(contract)
        suite["expectations"] = [
            {**kept.get(item["meta"]["check"], item), "severity": item["severity"]} for item in suite["expectations"]
        ]
        text = json.dumps(suite, ensure_ascii=False, indent=2) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def verify_suite(contract: Contract) -> dict[str, Any]:
    """Return the suite of a contract; raises ConfigurationError when it does not have each check once, as severe."""
    path = suite_path(contract)
    suite = _read(path)
    wanted = {item["meta"]["check"]: item["severity"] for item in skeleton(contract)["expectations"]}
    found = [(item.get("meta", {}).get("check"), item.get("severity")) for item in suite["expectations"]]
    names = [name for name, _ in found]
    problems = [f"no expectation for the check {name}" for name in wanted if name not in names]
    problems += [f"an expectation for {name}, which the contract lacks" for name in names if name not in wanted]
    problems += [f"two expectations for {name}" for name in {n for n in names if names.count(n) > 1}]
    problems += [
        f"{name} has severity {severity}, the contract says {wanted[name]}"
        for name, severity in found
        if name in wanted and severity != wanted[name]
    ]
    if problems:
        raise ConfigurationError(
            "; ".join(problems), where=f"expectations/{path.name}", do="run `medpool suites` to bring it in line"
        )
    return suite


def _read(path: Path) -> dict[str, Any]:
    try:
        suite: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        suite["expectations"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"the suite cannot be read: {error}", where=f"expectations/{path.name}", do="run `medpool suites`"
        ) from error
    return suite
