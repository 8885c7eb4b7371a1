"""The benchmark's part on reconciliation as Markdown: ratios, memory, and what they say."""

from __future__ import annotations

from dataclasses import dataclass

from report import Measured, machine, ratio, table, versions

HEADING = "## Reconciliation"
TITLES = {
    "scan": "DuckDB scans the columns of both sides, Parquet",
    "copy": "DuckDB copies both files, CSV → Parquet, typed, unchecked",
    "stage": "medpool reads both files, CSV → Parquet, typed and checked",
    "reconcile": "**medpool reconciles**: passes, breaks with class and owner, proof, what goes on",
    "sql": "plain SQL: sums by key of both sides, full join, what differs",
    "sql_limited": "the same, in 1 GB as medpool",
    "pandas": "pandas: floating point, outer merge, what differs",
}
# Judging comes after reading, in the same process.
_COUNTED = {"stage": ("start", "receive", "stage")}
SCENES = {
    "batches": "ten receipts to a line, no numbers",
    "vouchers": "a line a receipt, by number",
}
# What the parts of reconciling are called here, in their order; what is under a hundredth everywhere is put together.
_PARTS = {
    "session": "session: views of the staged rows, what February left",
    "model side_rows": "both sides, row by row",
    "model item_sums": "pass 1, exact number: sums by item",
    "model missing_items": "sides without a file",
    "model batch_matches": "pass 2, batch",
    "model open_items": "all that is known of what is left",
    "model amount_pairs": "pass 3, same amount",
    "model opposite_pairs": "pass 4, payment and return",
    "model unmatched_items": "what no pass matched",
    "numbers the month before had": "numbers the month before had",
    "model break_parts": "classes of breaks",
    "model pair_breaks": "names, owners and gates of breaks",
    "model totals": "totals",
    "model passes": "what each pass matched",
    "model matches": "matches to look at",
    "model onward": "what goes on to the next month",
    "proof of the totals": "proof that breaks add up to the differences",
}


@dataclass(frozen=True)
class Matching:
    """Everything measured: by scene, then by contender and rows. ``small`` is the smaller size."""

    rows: int
    small: int
    scenes: dict[str, dict[tuple[str, int], Measured]]

    def of(self, scene: str, name: str, rows: int = 0) -> Measured:
        """Return what a contender gave, at all rows unless others are named."""
        return self.scenes[scene][name, rows or self.rows]

    def times(self, scene: str, name: str, base: str) -> str:
        """Return how many times another contender's time one takes, or why that is not known."""
        one, other = self.of(scene, name), self.of(scene, base)
        if one.wrong or other.wrong:
            return one.wrong or other.wrong or ""
        return f"{one.best['total'] / other.best['total']:.2f}"


def write(matching: Matching) -> str:
    """Return the part."""
    measured = {key: value for scene in matching.scenes.values() for key, value in scene.items()}
    shown = {
        name: version for name, version in versions(measured).items() if name not in ("polars", "great-expectations")
    }
    parts = [HEADING, _what(matching), machine(shown)]
    for scene, title in SCENES.items():
        parts += [f"### {matching.rows:,} receipts, {title}", _contest(matching, scene)]
    parts += ["### Where the time goes", _shares(matching), "### Memory of reconciling", _memory(matching)]
    parts += ["### What it says", _reading(matching)]
    return "\n\n".join(parts)


def _what(matching: Matching) -> str:
    return f"""The pair tax ↔ treasury at {matching.rows:,} receipts (`tests/bench/generate_sides.py`, both files UTF-8, rows of either side in an order of their own), in two scenes:
*batches*, where the treasury books ten receipts of a county, fund and day as one line without a number, {matching.rows // 10:,} lines; and *vouchers*, where it books each receipt under its number.
One receipt in 100 is in transit. Planted besides, in *vouchers*: 1,000 receipts the treasury lacks, 1,000 one fen apart, 1,000 manual lines without a number and two days later, 1,000 items
carried over from February that clear and 100 that do not, and 100 each in a wrong county, set aside on one side, and reported in February already. In *batches*: six large batches with a
line missing or one fen too much, so that no receipt or line of theirs can be matched, small ones likewise, and the manual, carried and repeated ones.

medpool's time is that of its whole step, `medpool_etl.pipeline.steps.reconcile`, for this pair: from opening the session, limited to 1 GB, over the staged Parquet, with a February of the same size behind
it, to the Parquet files of breaks, matches and what goes on. No wrong result has a time: breaks by class, items by pass, totals of both sides, what was brought forward and the differences
must be the planted ones to the fen; what the others call different must be what differs by key."""


def _contest(matching: Matching, scene: str) -> str:
    lines = []
    for name, title in TITLES.items():
        measured, base = matching.of(scene, name), matching.of(scene, "stage")
        if measured.wrong:
            lines.append([title, measured.wrong, *[""] * 5])
            continue
        found = measured.best.get("found")
        lines.append(
            [
                title,
                *ratio(measured, base),
                matching.times(scene, name, "scan"),
                f"{measured.peak(*_COUNTED.get(name, ())):,.0f}",
                "" if found is None else f"{found:,} {'breaks' if name == 'reconcile' else 'keys'}",
            ]
        )
    return table(
        ["", "times medpool's reading", "by round", "processor time", "times the scan", "peak MB", "finds"], lines
    )


def _shares(matching: Matching) -> str:
    shares: dict[str, list[float]] = {}
    for scene in SCENES:
        best = matching.of(scene, "reconcile").best
        for name, seconds in best["seconds"].items():
            if name not in ("reconcile", "compare"):
                shares.setdefault(name, []).append(seconds / best["total"])
    heads = ["", *SCENES]
    rows = [
        [_PARTS.get(name, name.removeprefix("model ")), *(f"{share:.0%}" for share in shares[name])]
        for name in shares
        if max(shares[name]) >= 0.01
    ]
    rest = [1 - sum(found[at] for found in shares.values() if max(found) >= 0.01) for at in range(len(SCENES))]
    rows.append(["everything else, with writing the files", *(f"{share:.0%}" for share in rest)])
    return "medpool's parts, as shares of its best round:\n\n" + table(heads, rows)


def _memory(matching: Matching) -> str:
    first = [matching.of(scene, "reconcile", matching.small).best["total"] / matching.small for scene in SCENES]
    rows = []
    for size in sorted({matching.small, matching.rows}):
        found = [matching.of(scene, "reconcile", size) for scene in SCENES]
        slower = [f"{one.best['total'] / size / base:.2f}" for one, base in zip(found, first, strict=True)]
        peaks = [max(one.peak("start") for one in found), *(one.peak() for one in found)]
        rows.append([f"{size:,}", *(f"{mb:,.0f}" for mb in peaks), *slower])
    heads = ["receipts", "at start", *(f"peak, {name}" for name in SCENES), *(f"time a row, {name}" for name in SCENES)]
    return "medpool's peak of resident memory, in MB, and time a row (first size = 1):\n\n" + table(heads, rows)


def _reading(matching: Matching) -> str:
    said = {name: [matching.times(scene, "reconcile", name) for scene in SCENES] for name in TITLES}
    peak = max(matching.of(scene, "reconcile").peak() for scene in SCENES)

    def both(name: str) -> str:
        return f"{said[name][0]} (*batches*) and {said[name][1]} (*vouchers*)"

    return f"""- *Matching and reading.* Reconciling takes {both("stage")} times as long as medpool takes to read both files, and {both("copy")} times as long as DuckDB's bare copy of them: the same order of time.
  It takes {both("scan")} times as long as scanning the staged columns, which is the floor: nothing is kept of a scan, while a match holds every number of both sides at once.
- *Beside plain SQL.* {both("sql_limited")} times a full join in the same memory, {both("sql")} times one with all the memory it wants. The join gives one list of keys; the passes, the classes and owners,
  February's items, the places in the files, the proof and the lists for next month are what the rest buys. In *batches* the join is only of sums by day, and says which batches differ, not which receipts.
- *Beside pandas.* {both("pandas")} times an outer merge in floating point.
- *Memory.* At most {peak:,.0f} MB: the 1 GB that `MEDPOOL_MEMORY` allows DuckDB, and what Python holds. Unlike staging, matching does reach the limit, and keeps the rest on the disk (a few GB of temporary files at this size)."""
