"""Every published amount is the sum of the file rows behind it, and no money is a floating-point number."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medpool_etl.marts import load_registry
from medpool_etl.pipeline import prepare_lineage
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import run_session
from medpool_etl.store.models import model_sql
from tests.conftest import MONTH, Settled, at

REGISTRY = load_registry()
# An adjustment is the difference of two runs, which it names; the rows behind it are in theirs.
WITH_AMOUNTS = [
    name for name, table in REGISTRY.tables.items() if REGISTRY.money_columns(name) and "row_id" in table.columns
]
# Of these a session draws up one pair at a time.
OF_PAIRS = ("breaks", "reconciliations")


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """A month with breaks of many kinds, so that the tables of breaks have rows."""
    faults = ["in_transit", "wrong_level", "wrong_subject", "one_fen_treasury", "bad_amount", "not_transferred"]
    return Settled(at(tmp_path_factory.mktemp("faulty")), *faults)


@pytest.fixture(scope="module")
def following(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """A month that carries breaks of the one before, some of which it ends and some of which it makes up for in part."""
    settings = at(tmp_path_factory.mktemp("following"))
    Settled(settings, "in_transit", "wrong_subject", "missing_treasury", "not_transferred", "over_transferred")
    faults = ["not_transferred", "cut_off", "batch_line_short", "refund_twice", "refund_of_long_before"]
    return Settled(settings, *faults, month=MONTH.plus(1), cures=False)


@pytest.mark.parametrize("table", WITH_AMOUNTS)
@pytest.mark.parametrize("which", ["sample", "faulty", "following"])
def test_every_amount_is_the_sum_of_its_file_rows(table: str, which: str, request: pytest.FixtureRequest) -> None:
    """For every row and amount column of every table, the rows `medpool explain` prints add up to the amount."""
    settled: Settled = request.getfixturevalue(which)
    columns = REGISTRY.money_columns(table)
    agreed = Agreed.load("taizhou")
    with run_session(agreed, settled.when, settled.folder, {}) as connection:
        sql = f"SELECT NULL::VARCHAR AS brought_from WHERE false UNION ALL BY NAME ({model_sql('lineage', table)})"
        for number, pair in enumerate(agreed.rulebook.pairs if table in OF_PAIRS else (None,)):
            prepare_lineage(connection, settled.settings, agreed, settled.folder, pair)
            connection.execute(f"{'INSERT INTO lineage' if number else 'CREATE TEMP TABLE lineage AS'} {sql}")
        path = settled.tables / f"{table}.parquet"
        wrong = connection.execute(
            f"""
            WITH published AS (
              UNPIVOT (SELECT row_id, {", ".join(columns)} FROM '{path}') ON {", ".join(columns)}
              INTO NAME column_name VALUE amount
            ),
            behind AS (SELECT row_id, column_name, sum(amount) AS amount, count(*) AS n FROM lineage GROUP BY ALL)
            SELECT published.*, behind.amount, n FROM published
            LEFT JOIN behind USING (row_id, column_name)
            WHERE published.amount <> coalesce(behind.amount, 0)
            """
        ).fetchall()
        rows = connection.execute(f"SELECT count(*) FROM '{path}'").fetchall()[0][0]
        behind = connection.execute("SELECT count(*) FROM lineage").fetchall()[0][0]
        unplaced = connection.execute(
            "SELECT count(*) FROM lineage ANTI JOIN files USING (file_id) WHERE brought_from IS NULL"
        ).fetchall()[0][0]
    assert wrong == []
    assert rows > 0 and behind > 0
    assert unplaced == 0


def test_no_money_is_floating_point(sample: Settled) -> None:
    """No column of any Parquet file of a run is a floating-point number, and money is DECIMAL(18,2)."""
    files = list(sample.folder.rglob("*.parquet"))
    assert len(files) > 25
    for path in files:
        for field in pq.read_schema(path):
            assert not pa.types.is_floating(field.type), f"{path.name}: {field.name}"
            if pa.types.is_decimal(field.type) and field.name not in ("rate",):
                assert field.type == pa.decimal128(18, 2), f"{path.name}: {field.name}"


def test_no_mart_column_is_floating_point_or_without_comment(sample: Settled) -> None:
    """Every table and column of the DuckDB mart has a comment in Chinese and English, and none is floating point."""
    mart = Path(sample.settings.warehouse) / "marts" / "current" / "medpool.duckdb"
    with duckdb.connect(str(mart), read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
        tables = connection.execute("SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal").fetchall()
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name, _ in tables}
    assert {name for name, _ in tables} == set(REGISTRY.tables)
    for *_, kind, comment in columns:
        assert kind not in ("DOUBLE", "FLOAT")
        assert comment and " | " in comment and any("一" <= letter <= "鿿" for letter in comment)
    assert all(comment and " | " in comment for _, comment in tables)
    assert counts["remittances"] == 18
    assert counts["monthly_settlement"] == 18
