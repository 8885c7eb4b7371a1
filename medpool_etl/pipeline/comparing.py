"""A month's files against one another and against those of the months before, before they are judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.quality import MONTHS, against_months_before
from medpool_etl.staging import unmatched
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.session import connect
from medpool_etl.store.warehouse import read_json


def compare_files(
    agreed: Agreed, folder: Path, summaries: dict[str, dict[str, dict[str, Any]]], parts: dict[str, str]
) -> None:
    """Make the checks that need other files of the month, or the months before; the counts go into the summaries."""
    known = read_json(folder / "manifest.json")["before"]
    with connect() as connection:
        for name, files in summaries.items():
            contract = agreed.contracts[name]
            for file_id, summary in files.items():
                before = known.get(f"{name}/{parts[file_id]}", [])
                made = against_months_before(contract, summary, before)
                for column in (column for column in contract.columns if column.references):
                    other, key = (column.references or "").split(".")
                    if others := list(summaries.get(other, {})):
                        made[f"{column.name}__unmatched"] = unmatched(
                            connection,
                            folder / "staged",
                            (contract, file_id),
                            column.name,
                            (agreed.contracts[other], others),
                            key,
                        )
                summary["failures"] |= made
                summary["unmade"] = [check for check in summary["unmade"] if check not in made]


def sizes_before(control: Control, warehouse: Warehouse, city: str, month: Month) -> dict[str, list[dict[str, Any]]]:
    """Return the sizes of the files the months before were settled from, by contract and part, the newest first."""
    sizes: dict[str, list[dict[str, Any]]] = {}
    for back in range(1, MONTHS + 1):
        earlier = str(month.plus(-back))
        run = control.published_run(city, earlier)
        if run is None:
            continue
        for verdict in read_json(warehouse.run(city, earlier, run) / "quality" / "verdicts.json").values():
            if verdict["outcome"].startswith("accepted") and "size" in verdict:
                sizes.setdefault(verdict["of"], []).append(verdict["size"])
    return sizes
