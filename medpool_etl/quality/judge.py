"""Put the counted failures of a file before Great Expectations and say what follows from its judgement."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

from medpool_etl.contracts import Contract
from medpool_etl.errors import ConfigurationError
from medpool_etl.quality.suites import ROWS, verify_suite

_FILE = "file_id"


@dataclass(frozen=True)
class Verdict:
    """``outcome``: accepted, accepted_with_set_asides or rejected. ``checks`` has a row for every expectation:
    check, severity (critical, warning, info), failing (rows; for ``rows_read`` the rows there are, for sizes percent of the
    months before), met. Where a check lacks what it needs, failing and met are None."""

    outcome: str
    checks: tuple[dict[str, Any], ...]


class Judge:
    """Great Expectations, started once for many files."""

    def __init__(self) -> None:
        """Start it without files or network. It is imported here because that takes seconds and 200 MB."""
        logging.getLogger("great_expectations._docs_decorators").setLevel(logging.WARNING)
        import great_expectations as gx
        import pandas as pd
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._suite, self._frame = gx.ExpectationSuite, pd.DataFrame
        # This logger sets its own level when imported.
        logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("staging").add_dataframe_asset("summary")
        self._batches = asset.add_batch_definition_whole_dataframe("file")

    def judge(self, contract: Contract, summaries: dict[str, dict[str, Any]]) -> dict[str, Verdict]:
        """Return the verdict on each file of a contract, by file id, from what staging counted in it.

        All files of a contract are one frame, a row a file, so that Great Expectations runs once for them. Raises
        ConfigurationError when the suite and the contract do not agree.
        """
        described = verify_suite(contract)
        suite = self._suite(**described)
        counts = {
            file_id: {ROWS: summary["staged"], **summary["failures"]} for file_id, summary in sorted(summaries.items())
        }
        bounds = {item["meta"]["check"]: item["kwargs"].get("min_value", 0) for item in described["expectations"]}
        for file_id, row in counts.items():
            # A check that lacks what it needs is not made: its column holds what passes, and the verdict says so.
            row.update({name: bounds[name] for name in summaries[file_id]["unmade"]})
        frame = self._frame([{_FILE: file_id, **row} for file_id, row in counts.items()])
        batch = self._batches.get_batch({"dataframe": frame})
        form = {"result_format": "COMPLETE", "unexpected_index_column_names": [_FILE], "include_unexpected_rows": False}
        result: dict[str, Any] = batch.validate(suite, result_format=form).to_json_dict()  # type: ignore[no-untyped-call]
        verdicts = {}
        for file_id, row in counts.items():
            unmade = summaries[file_id]["unmade"]
            checks = tuple(_check(item, file_id, row, contract.contract, unmade) for item in result["results"])
            if any(check["met"] is False and check["severity"] == "critical" for check in checks):
                outcome = "rejected"
            else:
                outcome = "accepted_with_set_asides" if summaries[file_id]["set_aside"] else "accepted"
            verdicts[file_id] = Verdict(outcome, checks)
        return verdicts


def _check(item: dict[str, Any], file_id: str, counts: dict[str, int], suite: str, unmade: list[str]) -> dict[str, Any]:
    """Return one expectation's judgement of one file; ``met`` is None for one that was not made. Raises ConfigurationError for one that could not be evaluated."""
    config = item["expectation_config"]
    name = config["meta"]["check"]
    if "unexpected_index_list" not in item["result"]:
        said = re.findall(
            r"'exception_message': '([^']*)'|\"exception_message\": \"([^\"]*)\"", str(item["exception_info"])
        )
        reason = next(
            (text for pair in said for text in pair if text), "it looks at another column or another kind of thing"
        )
        raise ConfigurationError(
            f"the expectation for {name} cannot be evaluated: {reason}",
            where=f"expectations/{suite}.json",
            do="compare it with the others of its suite, or remove it and run `medpool suites`",
        )
    failing = {row[_FILE] for row in item["result"]["unexpected_index_list"] or []}
    return {
        "check": name,
        "severity": config["severity"],
        "failing": None if name in unmade else counts[name],
        "met": None if name in unmade else file_id not in failing,
    }
