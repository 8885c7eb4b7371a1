"""medpool, from an inbox folder to validated Parquet, and whether it found exactly what was planted."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import duckdb
from meter import Meter, must_be, task

from medpool_etl.intake import receive
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import staging_session
from medpool_etl.quality import Judge
from medpool_etl.staging import stage_file
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.session import staged_sql

AMOUNT = {"tax_collection_detail": "paid_amount", "agency_bookings": "amount"}


def main() -> None:
    """Receive, stage and judge; then, untimed, compare everything with what was planted."""
    told = task()
    data, work = Path(told["data"]), Path(told["work"])
    facts = json.loads((data / "facts.json").read_text(encoding="utf-8"))
    month, meter = Month.parse(facts["month"]), Meter()
    with meter.phase("set-up"):
        agreed = Agreed.load("taizhou")
        control, warehouse = Control(f"sqlite:///{work / 'control.sqlite'}"), Warehouse(work / "warehouse")
        connection = staging_session(agreed, month)
    with meter.phase("receive"):
        inbox = data / "inbox" / str(month)
        arrivals = receive(inbox, agreed.city, month, agreed.accounts, agreed.contracts, control, warehouse)
    files = {}
    for arrival in arrivals:
        must_be(f"the state of {arrival.name}", (arrival.state, arrival.problem), ("active", None))
        assert arrival.shape is not None
        files[arrival.contract] = arrival
        with meter.phase(f"stage {arrival.contract}"):
            stage_file(
                connection,
                warehouse.received(arrival.sha256),
                arrival.file_id,
                arrival.shape,
                agreed.contracts[arrival.contract],
                work / "staged" / arrival.contract,
            )
    must_be("the list of files", sorted(files), sorted(facts["files"]))
    with meter.phase("import of Great Expectations"):
        importlib.import_module("great_expectations")
    verdicts = {}
    summaries: dict[str, dict[str, Any]] = {}
    with meter.phase("judge"):
        court = Judge()
        for name, arrival in files.items():
            path = work / "staged" / name / f"{arrival.file_id}.json"
            summaries[name] = json.loads(path.read_text(encoding="utf-8"))
            verdicts[name] = court.judge(agreed.contracts[name], {arrival.file_id: summaries[name]})[arrival.file_id]
    for name, known in facts["files"].items():
        must_be(f"{name}: outcome", verdicts[name].outcome, "accepted_with_set_asides" if known["bad"] else "accepted")
        must_be(f"{name}: bytes kept", warehouse.received(files[name].sha256).stat().st_size, known["office_bytes"])
        must_be(f"{name}: rows", summaries[name]["staged"], known["rows"])
        must_be(f"{name}: lines", summaries[name]["lines"], {"data": known["rows"], "total": 1})
        must_be(f"{name}: set aside", summaries[name]["set_aside"], known["bad"])
        failures = {check: count for check, count in summaries[name]["failures"].items() if count}
        must_be(f"{name}: failures", failures, known["failures"])
        must_be(f"{name}: sums", summaries[name]["sums"], known["sums"])
        sql = staged_sql(work / "staged" / name, files[name].file_id, agreed.contracts[name])
        _compare(name, " UNION ALL ".join(sql), known)
    staging = [phase for phase in meter.seconds if phase.startswith("stage ")]
    meter.report(["receive", *staging, "judge"], found=sum(known["bad"] for known in facts["files"].values()))


def _compare(name: str, sql: str, known: dict[str, Any]) -> None:
    """Compare the rows themselves: each line once, every bad one with its text, and the sum of the others."""
    with duckdb.connect() as connection:
        found = connection.execute(
            f"""
            SELECT count(*), CAST(sum(line_id) AS BIGINT),
              count(*) FILTER (set_aside AND len(failed) > 0 AND original IS NOT NULL),
              CAST(sum({AMOUNT[name]}) FILTER (NOT set_aside) AS VARCHAR)
            FROM ({sql})
            """
        ).fetchall()[0]
    rows = known["rows"]
    must_be(f"{name}: Parquet", found, (rows, rows * (rows + 1) // 2, known["bad"], known["accepted"]))


if __name__ == "__main__":
    main()
