"""Ground truth: every fault the simulator can plant is found, with its right class, and nothing else is."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from medpool_etl.simulator import FAULTS, simulate
from tests.conftest import MONTH, Settled, at

ROW_FAULTS = [name for name, fault in FAULTS.items() if not fault.whole_file]


def found_breaks(settled: Settled) -> dict[tuple[str, str], tuple[int, Decimal]]:
    rows = duckdb.sql(
        f"SELECT pair, class, count(*), sum(difference)::DECIMAL(18,2) FROM '{settled.tables}/breaks.parquet' GROUP BY ALL"
    ).fetchall()
    return {(pair, cls): (count, amount) for pair, cls, count, amount in rows}


def planted_breaks(settled: Settled) -> dict[tuple[str, str], tuple[int, Decimal]]:
    expected = settled.simulation.expected
    return {key: (expected.counts[key], Decimal(fen) / 100) for key, fen in expected.breaks.items()}


def found_rows(settled: Settled, severity: str) -> Counter[tuple[str, int, str]]:
    return Counter(
        duckdb.sql(
            f"SELECT file_name, row_no, check_id FROM '{settled.tables}/set_aside_rows.parquet' "
            f"WHERE severity = '{severity}'"
        ).fetchall()
    )


def planted_rows(settled: Settled) -> Counter[tuple[str, int, str]]:
    names = settled.simulation.names
    return Counter(
        (names[contract], row.row_no, check)
        for contract, row, checks in settled.simulation.expected.aside
        for check in checks
    )


def found_files(settled: Settled) -> set[tuple[str, str]]:
    rows = duckdb.sql(
        f"SELECT file_name, contract, part, outcome FROM '{settled.tables}/files.parquet' "
        "WHERE outcome NOT IN ('accepted', 'accepted_with_set_asides')"
    ).fetchall()
    keys = {name: key for key, name in settled.simulation.names.items()}
    return {(keys.get(name) or f"{contract}/{part}".rstrip("/"), outcome) for name, contract, part, outcome in rows}


def planted_files(settled: Settled) -> set[tuple[str, str]]:
    """What nobody can recognise is unusable, and its contract's file is missing."""
    expected = set(settled.simulation.expected.files.items())
    return expected | {(key, "missing") for key, outcome in expected if outcome == "unusable"}


def assert_found(settled: Settled) -> None:
    assert found_breaks(settled) == planted_breaks(settled)
    assert found_rows(settled, "warning") == planted_rows(settled)
    names = settled.simulation.names
    warned = Counter((names[c], row.row_no, check) for c, row, check in settled.simulation.expected.warned)
    assert found_rows(settled, "info") == warned
    assert found_files(settled) == planted_files(settled)


def figures(settled: Settled) -> str:
    rows = duckdb.sql(f"SELECT figures FROM '{settled.tables}/runs.parquet'").fetchall()
    assert len(rows) == 1
    return str(rows[0][0])


def test_nothing_is_found_where_nothing_was_planted(sample: Settled) -> None:
    """Files without faults agree to the fen, and the month is final."""
    assert_found(sample)
    assert figures(sample) == "final"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_nothing_else(fault: str, tmp_path: Path) -> None:
    """Each fault alone is found with its right class; any but a warning makes the month provisional."""
    settled = Settled(at(tmp_path), fault, seed=7)
    assert_found(settled)
    expected = settled.simulation.expected
    harmless = not (expected.breaks or expected.aside or expected.files)
    assert figures(settled) == ("final" if harmless else "provisional")


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_faults_together_are_all_found(seed: int, tmp_path: Path) -> None:
    """All faults that concern single rows, planted three times over, are found without hiding one another."""
    names = [name for name in ROW_FAULTS if name not in SUM_HIDING]
    assert_found(Settled(at(tmp_path), *names * 2, seed=seed))


# A treasury row set aside leaves its sum short, which hides how much was not transferred on top.
SUM_HIDING = {"bad_date", "other_month", "not_transferred", "county_received_less"}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Files and record are the same bytes for the same arguments, and others for another seed."""
    bytes_of = {}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        result = simulate("taizhou", MONTH, tmp_path / name, seed=seed, faults=["one_fen_treasury"])
        bytes_of[name] = {path.name: path.read_bytes() for path in [*result.folder.iterdir(), result.record]}
    assert bytes_of["a"] == bytes_of["b"]
    assert bytes_of["a"] != bytes_of["c"]
