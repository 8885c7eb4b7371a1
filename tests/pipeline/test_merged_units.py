"""Units that ceased, in the months behind their merger: what is of before it still counts, and nothing lacks of who inherited them."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from medpool_etl.contracts import load_all
from medpool_etl.intake import recognise
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.facts import draw
from medpool_etl.pipeline.session import staging_session
from medpool_etl.settlement import kind_of
from medpool_etl.staging import stage_file

# Gangzha went into Chongchuan (320613), the city of Haimen became a district (320614), at the end of 2020.
HEADER = "行政区划,险种,审计截止日,审计结余,统筹结余,个人账户结余,审计文号"


@pytest.mark.parametrize("month", ["2020-12", "2021-03"])
def test_audited_balances_of_a_unit_that_ceased_count(month: str, tmp_path: Path) -> None:
    """They were audited by the units of then, and are handed in once; a code the city never had is set aside."""
    path = tmp_path / "历年累计结余审计结果.csv"
    rows = [
        [code, "城乡居民医保", "2019-12-31", "1.00", "1.00", "", "审1号"] for code in ("320611", "320684", "320699")
    ]
    out = io.StringIO()
    csv.writer(out).writerows([HEADER.split(","), *rows])
    path.write_text(out.getvalue(), encoding="utf-8")
    contracts = load_all()
    (shape,) = recognise(path, contracts).shapes
    with staging_session(Agreed.load("nantong"), Month.parse(month)) as connection:
        summary = stage_file(connection, path, "f", shape, contracts["legacy_balances"], tmp_path / "staged")
    assert (summary["staged"], summary["set_aside"]) == (3, 1)
    assert {name: n for name, n in summary["failures"].items() if n} == {"county__unknown": 1}


def test_who_inherits_lacks_nothing_of_its_own() -> None:
    """The make-up of financing stands under the units of its first year; one that neither came nor was inherited is lacking."""
    rulebook = Agreed.load("nantong").rulebook
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE context AS SELECT DATE '2020-01-01' AS in_force_from")
        connection.execute(
            "CREATE TABLE enrolment__done AS SELECT '2020-01' AS done_in, 2020 AS of_year, 'resident' AS fund, "
            "unnest(['320611', '320684']) AS county, 400 AS own_standard, 790 AS subsidy_standard, 10 AS insured, 'f' AS file_id, 1 AS row_no"
        )
        connection.execute(
            "CREATE TABLE successors AS SELECT unnest(['320611', '320684', '320685']) AS code, unnest(['320613', '320614', '320685']) AS heir"
        )
        connection.execute("CREATE TABLE rule_kinds (rule_id VARCHAR, kind VARCHAR)")
        connection.execute(
            "CREATE TABLE done_transfers (rule_id VARCHAR, fund VARCHAR, county VARCHAR, amount DECIMAL(18, 2), row_id VARCHAR)"
        )
        drawn = draw(connection, "N-2", kind_of(rulebook, "N-2"), "resident", ("320613", "320614", "320685"))
    assert set(drawn.lacking) == {"320685"}
    assert set(drawn.counties) == {"320611", "320684"}
    assert {line["amount"] for line in drawn.lines if line["fact"] == "standard"} == {Decimal("1190.00")}
