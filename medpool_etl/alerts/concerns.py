"""What a run has to say to whom, read from its published tables.

A concern has an owner, a subject (a break, a file) and what there is to say of it. It carries receipt numbers, never a
payer's id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from medpool_etl.marts import table_path
from medpool_etl.money import ZERO
from medpool_etl.policy.risk import LEVELS
from medpool_etl.store.warehouse import read_json

WORST = 5
# A file nobody could recognise has no contract and so no owner: the agency, which runs the settlement, follows it up.
_OWNER = "CASE WHEN files.contract = '' THEN 'agency' ELSE files.owner END"


@dataclass(frozen=True)
class Concern:
    """What concerns an owner. ``whats`` is everything that need not be said any more once this is told; the last of
    them is what this says."""

    owner: str
    subject: str
    whats: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Subject and what is said of it, as it is remembered."""
        return self.subject, self.whats[-1]


@dataclass(frozen=True)
class BreakConcern(Concern):
    """An open break. ``overdue`` is its age in days once it reached the first threshold, else None; amounts are yuan."""

    blocks: bool
    overdue: int | None
    pair: str
    pair_title: str
    break_class: str
    class_title: str
    county_name: str
    item_key: str
    left: Decimal
    right: Decimal
    difference: Decimal
    places: tuple[str, ...]
    do: str


@dataclass(frozen=True)
class FileConcern(Concern):
    """A file that is missing, cannot be read or was rejected; ``name`` is empty for a missing one."""

    name: str
    problem: str


@dataclass(frozen=True)
class RowsConcern(Concern):
    """A file some rows of which were set aside; ``worst`` are the first of them: row, column, found, expected."""

    name: str
    count: int
    worst: tuple[tuple[int, str, str, str], ...]


@dataclass(frozen=True)
class UnfundedConcern(Concern):
    """What a rule found owed and nobody to pay: ``amount`` yuan, ``whose`` county (or the city), ``what`` and its ``clause``."""

    amount: Decimal
    whose: str
    what: str
    clause: str


@dataclass(frozen=True)
class RiskConcern(Concern):
    """A warning of risk to a fund: ``level`` and its Chinese ``title``, what is wrong, and the clause that asks for warnings."""

    level: str
    title: str
    problem: str
    clause: str


@dataclass(frozen=True)
class Gate:
    """Whether the gate keeps the month from being published, and by whom and why it is overridden."""

    blocked: bool
    override: tuple[str, str] | None


@dataclass(frozen=True)
class Concerns:
    """Everything a run has to say."""

    gate: Gate
    breaks: tuple[BreakConcern, ...]  # the largest first
    files: tuple[FileConcern, ...]
    rows: tuple[RowsConcern, ...]
    unfunded: tuple[UnfundedConcern, ...] = ()
    risks: tuple[RiskConcern, ...] = ()  # the most serious first

    @property
    def all(self) -> tuple[Concern, ...]:
        """Every concern."""
        return (*self.breaks, *self.files, *self.rows, *self.unfunded, *self.risks)


def open_breaks(folder: Path) -> tuple[str, ...]:
    """Return the ids of the open breaks of a run; a quarter, an opening and a clearing have none."""
    if not table_path(folder, "breaks").is_file():
        return ()
    with _tables(folder, "breaks") as connection:
        rows = connection.execute("SELECT break_id FROM breaks WHERE state = 'open' ORDER BY break_id").fetchall()
    return tuple(row[0] for row in rows)


def read_concerns(folder: Path, remind_after_days: Iterable[int], lives: Mapping[str, int]) -> Concerns:
    """Return what a run has to say. A break speaks anew at each age of ``remind_after_days``; ``lives`` says how often
    each was opened (1 for one that is not there). Raises StoreError when the run has no summary."""
    has_breaks = table_path(folder, "breaks").is_file()
    names = ("files", "set_aside_rows", *(("breaks",) if has_breaks else ()))
    with _tables(folder, *names) as connection:
        return Concerns(
            _gate(folder),
            _breaks(connection, sorted(set(remind_after_days)), lives) if has_breaks else (),
            _files(connection),
            _rows(connection),
            _unfunded(folder),
            _risks(folder),
        )


def _tables(folder: Path, *names: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name in names:
        path = str(table_path(folder, name)).replace("'", "''")
        connection.execute(f"CREATE TEMP VIEW {name} AS FROM read_parquet('{path}')")
    return connection


def _gate(folder: Path) -> Gate:
    gate = read_json(folder / "summary.json").get("gate") or {}
    override = gate.get("override")
    # Somebody who lets a month through publishes it, whatever the gate found.
    return Gate(
        blocked=bool(gate.get("blocked")) and not override,
        override=(str(override.get("by", "")), str(override.get("reason", ""))) if override else None,
    )


def _breaks(
    connection: duckdb.DuckDBPyConnection, thresholds: list[int], lives: Mapping[str, int]
) -> tuple[BreakConcern, ...]:
    # A break that was to be expected concerns nobody until it is too old, and then it comes with another gate.
    rows = connection.execute(
        """
        SELECT owner, break_id, gate, age_days, pair, pair_title, class, class_title, county_name, item_key,
          left_amount, right_amount, difference, left_file, left_row, right_file, right_row, do_zh
        FROM breaks WHERE state = 'open' AND gate <> 'expected'
        ORDER BY abs(difference) DESC, row_id
        """
    ).fetchall()
    found = []
    for owner, break_id, gate, age, pair, pair_title, cls, class_title, county, key, *sides, do in rows:
        left, right, difference, left_file, left_row, right_file, right_row = sides
        reached = [days for days in thresholds if age >= days]
        begin = f"{lives.get(break_id, 1)}/{int(difference * 100)}/"
        found.append(
            BreakConcern(
                owner=owner,
                subject=break_id,
                whats=_whats(begin, reached, gate == "block"),
                blocks=gate == "block",
                overdue=age if reached else None,
                pair=pair,
                pair_title=pair_title,
                break_class=cls,
                class_title=class_title,
                county_name=county,
                item_key=key,
                left=left or ZERO,
                right=right or ZERO,
                difference=difference,
                places=tuple(
                    name if row is None else f"{name} 第{row}行"
                    for name, row in ((left_file, left_row), (right_file, right_row))
                    if name
                ),
                do=do,
            )
        )
    return tuple(found)


def _whats(begin: str, reached: list[int], blocks: bool) -> tuple[str, ...]:
    """Return what is said of a break by saying it now: that it is there, and old; what blocks says so besides."""
    said = tuple(begin + what for what in ("new", *map(str, reached)))
    return (*said, *(f"{what}!" for what in said)) if blocks else said


def _files(connection: duckdb.DuckDBPyConnection) -> tuple[FileConcern, ...]:
    rows = connection.execute(
        f"""
        SELECT {_OWNER}, file_name, problem_zh, city, month, contract, part, sha256, outcome
        FROM files WHERE outcome IN ('missing', 'unusable', 'rejected') ORDER BY file_name, problem_zh
        """
    ).fetchall()
    return tuple(
        FileConcern(owner, _digest(*which, problem), ("new",), name or "", problem or "")
        for owner, name, problem, *which in rows
    )


def _rows(connection: duckdb.DuckDBPyConnection) -> tuple[RowsConcern, ...]:
    groups = connection.execute(
        f"""
        SELECT {_OWNER}, files.file_id, files.file_name, files.sha256, count(DISTINCT (rows.sheet, rows.row_no))
        FROM set_aside_rows AS rows JOIN files USING (file_id)
        WHERE rows.severity = 'warning' AND files.outcome LIKE 'accepted%'
        GROUP BY ALL ORDER BY files.file_name, files.file_id
        """
    ).fetchall()
    found = []
    for owner, file_id, name, sha256, count in groups:
        worst = connection.execute(
            """
            SELECT row_no, column_headers, found, expected_zh FROM set_aside_rows
            WHERE file_id = ? AND severity = 'warning' ORDER BY sheet, row_no, check_id LIMIT ?
            """,
            [file_id, WORST],
        ).fetchall()
        shown = tuple((row, column or "整行", what or "", expected or "") for row, column, what, expected in worst)
        found.append(RowsConcern(owner, _digest(sha256, count), ("new",), name, count, shown))
    return tuple(found)


def _unfunded(folder: Path) -> tuple[UnfundedConcern, ...]:
    path = table_path(folder, "rule_unfunded")
    if not path.is_file():
        return ()
    rows = duckdb.execute(
        """
        SELECT city, month, rule_id, fund, county, coalesce(county_name, '全市'), amount, problem_zh, clause
        FROM read_parquet(?) ORDER BY ALL
        """,
        [str(path)],
    ).fetchall()
    return tuple(
        UnfundedConcern("agency", _digest(*which, amount, what), ("new",), amount, whose, what, clause)
        for *which, whose, amount, what, clause in rows
    )


def _risks(folder: Path) -> tuple[RiskConcern, ...]:
    """Return the warnings of a run. One is told once a year at each level: what changes from month to month is its figure."""
    path = table_path(folder, "risk_warnings")
    if not path.is_file():
        return ()
    rows = duckdb.execute(
        "SELECT owner, level, level_title, problem_zh, clause, city, left(month, 4), indicator, fund, county, unit "
        "FROM read_parquet(?)",
        [str(path)],
    ).fetchall()
    found = [
        RiskConcern(owner, _digest("risk", *which), (level,), level, title, problem, clause)
        for owner, level, title, problem, clause, *which in rows
    ]
    return tuple(sorted(found, key=lambda risk: (list(LEVELS).index(risk.level), risk.problem)))


def _digest(*parts: object) -> str:
    """Return 32 hex digits that stand for these values together."""
    return hashlib.sha256("\x1f".join("" if part is None else str(part) for part in parts).encode()).hexdigest()[:32]
