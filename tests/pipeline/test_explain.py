"""`medpool explain` gives every published amount its clause and its file rows."""

import duckdb
import pytest

from medpool_etl.marts import load_registry
from medpool_etl.pipeline import explain
from medpool_etl.policy import load_rulebook
from tests.conftest import Settled

REGISTRY = load_registry()
AMOUNTS = [
    (name, column)
    for name in REGISTRY.tables
    for column in REGISTRY.money_columns(name)
    if "row_id" in REGISTRY.tables[name].columns
]


@pytest.mark.parametrize(("table", "column"), AMOUNTS)
def test_an_amount_has_a_clause_and_rows(table: str, column: str, sample: Settled) -> None:
    """For every column of money: the first row's amount has a clause quoted from the notice, and rows that add up."""
    found = duckdb.sql(f"SELECT row_id, {column} FROM '{sample.tables}/{table}.parquet' ORDER BY {column} DESC LIMIT 1")
    row_id, amount = found.fetchall()[0]
    explained = explain(sample.settings, row_id, column)
    assert explained.amount == amount == sum(source.amount for source in explained.sources)
    assert explained.clauses
    notice = load_rulebook("taizhou").notice.number
    assert all(place.startswith(notice) and quote for _, place, quote in explained.clauses)
    # What is expected or open is the sum of breaks, which are explained in their turn.
    assert all(source.row_no > 0 or source.file_name.startswith("breaks/") for source in explained.sources)


def test_the_rows_are_those_of_the_file(sample: Settled) -> None:
    """The row numbers it prints are the file's lines: each line has the county's tax office and that very amount."""
    explained = explain(sample.settings, "remittances/taizhou/2022-03/worker/331002")
    name = sample.simulation.names["treasury_receipts"]
    lines = (sample.simulation.folder / name).read_text("utf-8-sig").splitlines()
    assert explained.clauses[0][0] == "T8.1"
    assert len(explained.sources) > 200
    for source in explained.sources:
        assert source.file_name == name
        cells = lines[source.row_no - 1].split(",")
        assert (cells[7], cells[8]) == (str(source.amount), "13310020000")
