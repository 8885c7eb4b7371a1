"""A rehearsed year, settled one period after another as an operator does, and what must be true at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import duckdb

from medpool_etl import pipeline
from medpool_etl.money import to_fen
from medpool_etl.periods import Period
from medpool_etl.simulator import Order, simulate, simulate_year_files
from medpool_etl.store import Settings, Warehouse

# The first year of each city's notice.
FIRST = {"taizhou": 2022, "zhoushan": 2021, "nantong": 2020, "zaozhuang": 2020, "hangzhou": 2022}


def rehearse(settings: Settings, city: str, period: Period) -> None:
    """Write what comes for a period; a month pays what earlier periods ordered for it."""
    if period.kind in ("opening", "clearing"):
        simulate_year_files(city, period.year, settings.inbox, period.kind)  # type: ignore[arg-type]
    if period.kind == "month":
        month = period.first_month
        orders = [
            Order(i.transfer_id, i.fund, i.county, i.payer_account, i.receiver_account, to_fen(i.amount), i.due)
            for i in pipeline.instructed_for(settings, city, month)
        ]
        simulate(city, month, settings.inbox, year=True, orders=orders)


def settle_year(
    settings: Settings,
    city: str,
    year: int,
    settle: Callable[[Settings, str, Period], object] = pipeline.run_period,
) -> Iterator[Period]:
    """Rehearse and settle every period of a year in its order, and yield each once it is settled."""
    for item in pipeline.agenda(settings, city, year):
        if item.state != "unspecified":
            rehearse(settings, city, item.period)
            settle(settings, city, item.period)
            yield item.period


def check_year(settings: Settings, city: str, year: int, settled: list[Period]) -> None:
    """Every period is published with final figures, nothing is left to reconcile, the clearing adds up to the fen, and the last quarter or
    month and the clearing, run again, change nothing."""
    assert [str(period) for period in settled if period.kind == "month"] == [f"{year}-{n:02d}" for n in range(1, 13)]
    assert settled[0].kind == "opening"
    assert settled[-1].kind == "clearing"
    with duckdb.connect(str(Warehouse(settings.warehouse).current_mart), read_only=True) as mart:
        rows = mart.execute("SELECT month, figures, reasons_zh FROM runs").fetchall()
        assert {month for month, _, _ in rows} == {str(period) for period in settled}
        assert [row for row in rows if row[1] != "final"] == []
        assert mart.execute("SELECT count(*) FROM open_breaks WHERE gate <> 'expected'").fetchone() == (0,)
        _premiums_move_whole(mart)
        _orders_are_executed(mart)
        _every_result_is_cleared(mart, f"{year}-clearing")
    for period in (settled[-2], settled[-1]):
        assert pipeline.run_period(settings, city, period).unchanged


def _premiums_move_whole(mart: duckdb.DuckDBPyConnection) -> None:
    """What the treasury booked in the year is what it was told to pass on."""
    for fund, booked, due in mart.execute(
        "SELECT fund, sum(treasury_booked), sum(remittance_due) FROM monthly_settlement GROUP BY fund"
    ).fetchall():
        assert booked == due, fund


def _orders_are_executed(mart: duckdb.DuckDBPyConnection) -> None:
    """What a month's plan allots each county is what the next month's statements show as paid to it."""
    different = mart.execute(
        """
        WITH ordered AS (
          SELECT strftime(CAST(month || '-01' AS DATE) + INTERVAL 1 MONTH, '%Y-%m') AS month, fund, county, sum(amount) AS amount
          FROM transfers JOIN (SELECT DISTINCT rule_id FROM transfers WHERE step = 'allocation') USING (rule_id)
          WHERE step = 'distribution' GROUP BY ALL
        )
        SELECT month, fund, county, ordered.amount, paid.allocation_sent
        FROM ordered JOIN monthly_settlement AS paid USING (month, fund, county)
        WHERE ordered.amount > paid.allocation_sent
        """
    ).fetchall()
    assert different == []


def _every_result_is_cleared(mart: duckdb.DuckDBPyConnection, clearing: str) -> None:
    """A surplus is split whole; a deficit is borne whole by those the clause names, or named as unfunded."""
    results = {
        (fund, county): amount
        for fund, county, amount in mart.execute(
            "SELECT fund, county, sum(fact_amount) FROM rule_facts WHERE month = ? AND fact = 'result' GROUP BY ALL",
            [clearing],
        ).fetchall()
    }
    assert results
    borne: dict[tuple[str, str], Decimal] = {}
    for fund, county, step, amount in mart.execute(
        "SELECT fund, county, step, sum(amount) FROM transfers WHERE month = ? AND step IN "
        "('assessed', 'surplus_to_pot', 'surplus_returned', 'own_balance', 'pot_share', 'county_share', 'city_share') GROUP BY ALL",
        [clearing],
    ).fetchall():
        sign = -1 if step.startswith("surplus") else 1
        borne[(fund, county)] = borne.get((fund, county), Decimal(0)) + sign * amount
    for fund, county, amount in mart.execute(
        "SELECT fund, county, sum(amount) FROM rule_unfunded WHERE month = ? AND county <> '' GROUP BY ALL", [clearing]
    ).fetchall():
        borne[(fund, county)] = borne.get((fund, county), Decimal(0)) + amount
    splits = mart.execute(
        "SELECT count(*) FROM transfers WHERE month = ? AND step = 'surplus_to_pot'", [clearing]
    ).fetchone()
    for key, result in results.items():
        left = result + borne.get(key, Decimal(0))
        # Where no surplus is given back it stays in the pool.
        assert left == 0 if splits != (0,) else left >= 0, key
