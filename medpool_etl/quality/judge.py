"""Put the counted failures of a file before Great Expectations and say what follows from its judgement."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from medpool_etl.contracts import Contract
from medpool_etl.quality.suites import ROWS, verify_suite


@dataclass(frozen=True)
class Verdict:
    """``outcome``: accepted, accepted_with_set_asides or rejected. ``checks`` has a row for every expectation:
    check, severity (critical, warning, info), failing (rows; for ``rows_read`` the rows there are), met."""

    outcome: str
    checks: tuple[dict[str, Any], ...]
    result: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"outcome": self.outcome, "checks": list(self.checks), "great_expectations": self.result}


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

    def judge(self, contract: Contract, summary: dict[str, Any]) -> Verdict:
        """Return the verdict on one file's summary, as :func:`medpool_etl.staging.stage_file` gives it.

        Raises ConfigurationError when the suite and the contract do not agree.
        """
        suite = self._suite(**verify_suite(contract))
        counts = {ROWS: summary["staged"], **summary["failures"]}
        batch = self._batches.get_batch({"dataframe": self._frame([counts])})
        result = batch.validate(suite).to_json_dict()
        checks = tuple(
            {
                "check": item["expectation_config"]["meta"]["check"],
                "severity": item["expectation_config"]["severity"],
                "failing": counts[item["expectation_config"]["meta"]["check"]],
                "met": item["success"],
            }
            for item in result["results"]
        )
        if any(not check["met"] and check["severity"] == "critical" for check in checks):
            outcome = "rejected"
        else:
            outcome = "accepted_with_set_asides" if summary["set_aside"] else "accepted"
        # The rest of the result names the moment and the machine, which would make every run's bytes differ.
        return Verdict(outcome, checks, {"results": result["results"], "statistics": result["statistics"]})
