"""What the verdicts on files mean: which of several versions counts, and why a whole file does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from medpool_etl.contracts import checks_of
from medpool_etl.documents import Text
from medpool_etl.intake import Arrival
from medpool_etl.pipeline.agreed import Agreed


def supersede(arrivals: list[Arrival], verdicts: dict[str, dict[str, Any]]) -> None:
    """Of several versions of a file let the newest usable one count; the verdicts of the others say so."""
    versions: dict[tuple[str, str], list[Arrival]] = {}
    for arrival in sorted(arrivals, key=lambda arrival: -arrival.version):
        versions.setdefault((arrival.contract, arrival.part), []).append(arrival)
    for same in versions.values():
        usable = [arrival for arrival in same if verdicts[arrival.file_id]["outcome"].startswith("accepted")]
        if not usable:
            continue
        counts = usable[0].name
        for arrival in same:
            verdict = verdicts[arrival.file_id]
            if arrival in usable[1:]:
                verdict["outcome"] = "superseded"
                verdict["problem"] = {
                    "zh": f"已被较新的 {counts} 取代",
                    "en": f"superseded by {counts}, which is newer",
                }
            elif arrival is not usable[0]:
                verdict["problem"] = {
                    "zh": f"{verdict['problem']['zh']}；仍采用 {counts}",
                    "en": f"{verdict['problem']['en']}; {counts} still counts",
                }


def rejection(agreed: Agreed, name: str, checks: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return in both languages why a whole file is rejected: the critical checks it does not meet."""
    definitions = {check.id: check.expected for check in checks_of(agreed.contracts[name])}
    definitions["rows_read"] = Text(zh="文件中至少有一行数据", en="at least one row of data")
    unmet = [definitions[c["check"]] for c in checks if c["met"] is False and c["severity"] == "critical"]
    return {
        "zh": "整个文件被拒收，因为不满足：" + "；".join(text.zh for text in unmet),
        "en": "the whole file is rejected, because this does not hold: " + "; ".join(text.en for text in unmet),
    }
