"""Every published amount is the sum of the file rows behind it, and no money is a floating-point number."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medpool_etl.marts import load_registry, staging_views
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import run_session
from medpool_etl.store.models import make_view, model_sql
from tests.conftest import MONTH, Settled, at

REGISTRY = load_registry()
# An adjustment is the difference of two runs, which it names; the rows behind it are in theirs.
WITH_AMOUNTS = [name for name in REGISTRY.tables if REGISTRY.money_columns(name) and name != "adjustments"]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """A month with breaks of many kinds, so that the tables of breaks have rows."""
    faults = ["in_transit", "wrong_level", "wrong_subject", "one_fen_treasury", "bad_amount", "not_transferred"]
    return Settled(at(tmp_path_factory.mktemp("faulty")), *faults)


@pytest.mark.parametrize("table", WITH_AMOUNTS)
@pytest.mark.parametrize("which", ["sample", "faulty"])
def test_every_amount_is_the_sum_of_its_file_rows(table: str, which: str, request: pytest.FixtureRequest) -> None:
    """For every row and amount column of every table, the rows `medpool explain` prints add up to the amount."""
    settled: Settled = request.getfixturevalue(which)
    columns = REGISTRY.money_columns(table)
    with run_session(Agreed.load("taizhou"), MONTH, settled.folder, {}) as connection:
        staging_views(connection)
        make_view(connection, "reconciliation", "sides")
        connection.execute(f"CREATE TEMP TABLE lineage AS {model_sql('lineage', table)}")
        path = settled.tables / f"{table}.parquet"
        published = connection.execute(
            f"UNPIVOT (SELECT row_id, {', '.join(columns)} FROM '{path}') ON {', '.join(columns)} "
            "INTO NAME column_name VALUE amount"
        )
        assert published is not None
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
        unplaced = connection.execute("SELECT count(*) FROM lineage ANTI JOIN files USING (file_id)").fetchall()[0][0]
    assert wrong == []
    assert (rows > 0 and behind > 0) or (table == "breaks" and which == "sample")
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
