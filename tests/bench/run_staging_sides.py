"""medpool stages and judges both sides of a scene, and leaves the run as reconciliation finds it, with a month before it."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
from meter import Meter, must_be, task

from medpool_etl.periods import Month
from medpool_etl.pipeline import steps
from medpool_etl.pipeline.opening import open_month
from medpool_etl.reconciliation.compare import KEYS
from medpool_etl.staging.stage import PARQUET
from medpool_etl.store import Settings, Warehouse
from medpool_etl.store.warehouse import read_json, write_json

BEFORE = "0123456789abcdef"


def settings_of(data: Path) -> Settings:
    """Return the settings under which a scene is settled."""
    return Settings(data, data / "inbox", data / "warehouse", f"sqlite:///{data / 'control.sqlite'}", (), "make bench")


def main() -> None:
    """Receive, stage, judge; then, untimed, see that every row is there and make the month before."""
    data = Path(task()["data"])
    facts = json.loads((data / "facts.json").read_text(encoding="utf-8"))
    settings, meter = settings_of(data), Meter()
    shutil.rmtree(settings.warehouse, ignore_errors=True)
    (data / "control.sqlite").unlink(missing_ok=True)
    with meter.phase("receive"):
        run = open_month(settings, "taizhou", Month.parse(facts["month"]))
    with meter.phase("stage"):
        steps.stage(settings, run)
    with meter.phase("import of Great Expectations"):
        importlib.import_module("great_expectations")
    with meter.phase("judge"):
        steps.judge(settings, run)
    folder = run.folder(settings)
    files: dict[str, Any] = {}
    for file_id, verdict in read_json(folder / "quality" / "verdicts.json").items():
        contract = verdict["of"].split("/")[0]
        aside = facts["set_aside"] if contract == "tax_collection_detail" else 0
        must_be(f"{contract}: outcome", verdict["outcome"], "accepted_with_set_asides" if aside else "accepted")
        must_be(f"{contract}: rows", verdict["staged"], facts["rows"][contract])
        must_be(f"{contract}: set aside", verdict["set_aside"], aside)
        files[contract] = file_id
    must_be("the list of files", sorted(files), sorted(facts["rows"]))
    _month_before(data, facts, settings, folder, files)
    parquet = {name: str(folder / "staged" / name / f"{file_id}.plain.parquet") for name, file_id in files.items()}
    write_json(data / "staged.json", {"run_id": run.run_id, "parquet": parquet})
    meter.report(["stage"])


def _month_before(data: Path, facts: dict[str, Any], settings: Settings, folder: Path, files: dict[str, str]) -> None:
    """Make a published month before of the same size: the same rows under other numbers, but for the known ones."""
    manifest = read_json(folder / "manifest.json")
    manifest["carries"] = {"month": facts["before"], "run_id": BEFORE}
    write_json(folder / "manifest.json", manifest)
    before = Warehouse(settings.warehouse).run("taizhou", facts["before"], BEFORE)
    (before / "reconciliation").mkdir(parents=True)
    shutil.copy(data / "carried_items.parquet", before / "reconciliation" / "carried_items.parquet")
    verdicts = {file_id: {"outcome": "accepted", "of": f"{name}/"} for name, file_id in files.items()}
    write_json(before / "quality" / "verdicts.json", verdicts)
    write_json(before / "manifest.json", {"carries": None})
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT '' AS item_key, '' AS fund, '' AS county, 0.00 AS amount, '' AS brought_from WHERE false) "
            f"TO '{before / 'reconciliation' / 'balances.parquet'}' (FORMAT parquet)"
        )
        for name, file_id in files.items():
            source, target = folder / "staged" / name, before / "staged" / name
            target.mkdir(parents=True)
            for end in (".json", ".parquet"):
                shutil.copy(source / f"{file_id}{end}", target / f"{file_id}{end}")
            key = KEYS[name]
            connection.execute(
                f"""
                COPY (
                  SELECT * REPLACE (CASE
                    WHEN {key} IN (SELECT number FROM read_parquet('{data}/numbers_before.parquet')) THEN {key}
                    ELSE '9' || substr({key}, 2)
                  END AS {key})
                  FROM read_parquet('{source}/{file_id}.plain.parquet')
                ) TO '{target}/{file_id}.plain.parquet' {PARQUET}
                """
            )


if __name__ == "__main__":
    main()
