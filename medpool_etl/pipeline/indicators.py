"""How a fund stands: execution of the year's budget, payment capability, warnings of risk, and figures counties are assessed by.

Sums come from ``sql/indicators``, over what the city published before and the run itself; shares are worked out here, exactly, and
rounded half up to two places. docs/indicators.md defines every figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.documents import Text
from medpool_etl.money import from_fen, to_fen
from medpool_etl.periods import Period
from medpool_etl.pipeline import facts
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.done import add_done
from medpool_etl.pipeline.risks import RISKS, Budgeted, Standing, warn
from medpool_etl.policy.risk import RiskRules
from medpool_etl.store import Warehouse
from medpool_etl.store.models import make_table, model_sql
from medpool_etl.store.session import add_references

REVENUE = ("premium", "subsidy", "interest", "transfer", "other")
# Of transfers and other payments out of a fund no file tells by the month.
EXPENDITURE = ("benefits", "critical_illness")
HELD: dict[str, Text] = {
    "bank": Text(zh="银行存款（对账单余额及竞争性存放）", en="money in banks, deposits placed by tender included"),
    "reserve": Text(zh="归集基金", en="reserve"),
    "pool": Text(zh="统筹结余", en="pool"),
    "county": Text(zh="县级累计结余", en="the county's own balance"),
}
# The contracts whose rows of earlier runs the figures rest on.
_CONTRACTS = (
    "tax_collection_detail",
    "subsidy_receipts",
    "other_income",
    "final_accounts",
    "enrolment",
    "account_statement",
    "deposits",
)
# The published tables the figures are drawn from.
_COUNTED = ("monthly_settlement", "county_expenditure", "transfers")
_TEXT, _COUNT, _MONEY = pa.string(), pa.int64(), pa.decimal128(18, 2)
BUDGET = pa.schema(
    [
        *((name, _TEXT) for name in ("fund", "county", "budget_side", "budget_item", "budget_item_name")),
        *((name, _MONEY) for name in ("budget", "executed_month", "executed", "executed_percent", "time_percent")),
        ("budget_left", _MONEY),
        ("months_settled", _COUNT),
    ]
)
CAPABILITY = pa.schema(
    [
        *((name, _TEXT) for name in ("fund", "county", "held", "held_title")),
        *((name, _MONEY) for name in ("balance", "year_expenditure")),
        ("base", _TEXT),
        ("base_months", _COUNT),
        ("capability_months", _MONEY),
    ]
)
_RATED = ("premium_budget", "premium_due", "premium_collected", "collection_percent", "expenditure_budget")
_SPENT = ("expenditure_executed", "expenditure_percent", "time_percent")
_FOUND = ("enrolment_percent", "recovered", "under_collection", "over_spending")
ASSESSED = pa.schema(
    [
        *((name, _TEXT) for name in ("fund", "county", "grade")),
        *((name, _MONEY) for name in (*_RATED, *_SPENT, *_FOUND)),
        *((name, _MONEY) for name in ("assessed_under_collection", "assessed_over_spending")),
        *((name, _COUNT) for name in ("insured", "paying", "insured_before", "months_settled")),
    ]
)
# Sums of fen by fund, county and item.
Sums = Mapping[tuple[str, str, str], int]


@dataclass(frozen=True)
class Time:
    """How much of its year a period has seen: ``passed`` months of twelve, of which ``settled`` are published (this run included)."""

    passed: int
    settled: int

    @property
    def percent(self) -> int:
        """The share of the year, in hundredths of a percent."""
        return half_up(Fraction(self.passed * 10_000, 12))


def half_up(value: Fraction) -> int:
    """Return the nearest whole number; halves go away from zero."""
    return (-1 if value < 0 else 1) * int(abs(value) + Fraction(1, 2))


def percent(part: int, whole: int) -> int | None:
    """Return what percentage a part is of the whole, in hundredths of a percent, half up; None of nothing."""
    return half_up(Fraction(part * 10_000, whole)) if whole > 0 else None


def add_indicators(
    connection: duckdb.DuckDBPyConnection,
    agreed: Agreed,
    period: Period,
    warehouse: Warehouse,
    folder: Path,
    done: list[dict[str, str]],
    ahead: bool = False,
) -> None:
    """Give a session, in which the rules have been applied, ``budget_rows``, ``capability_rows``, ``risk_rows`` and ``assessment_rows``.
    Nobody is warned of the figures of a period of which only something was ordered ``ahead``.

    ``folder`` is that of the run under way, ``done`` what it rests on. Raises ConfigurationError for a level of warning there is not.
    """
    contracts = {name: agreed.contracts[name] for name in _CONTRACTS}
    city = agreed.city.city
    add_done(connection, warehouse, city, done, contracts, agreed.registry)
    make_table(connection, "facts", "year_items", "items_before")
    add_done(connection, warehouse, city, done, contracts, agreed.registry, (period, folder))
    _count_this_run(connection, agreed, period)
    facts.prepare(connection)
    whole = period.kind in ("month", "clearing")
    passed = period.number if period.kind == "month" else 12
    ((settled,),) = connection.execute(
        "SELECT count(*) FROM done_periods, context WHERE kind = 'month' AND year = period_year AND number <= ?",
        [passed],
    ).fetchall()
    time = Time(passed, settled)
    budget, executed = _sums(connection, "budget_lines", "amount"), _sums(connection, "executed", "to_date")
    this_month = _sums(connection, "executed", "this_month") if period.kind == "month" else None
    capability = _capability(connection, agreed)
    standing = Standing(
        capability,
        _budgeted(agreed, budget, executed, time) if whole else (),
        _results(executed) if whole and time.settled == time.passed else {},
    )
    rules = RiskRules.of(agreed.rulebook, period.last_day)
    tables = {
        "budget_rows": pa.Table.from_pylist(
            _budget(agreed, budget, executed, this_month, time) if whole else [], schema=BUDGET
        ),
        "capability_rows": pa.Table.from_pylist(capability, schema=CAPABILITY),
        "risk_rows": pa.Table.from_pylist([] if ahead else warn(agreed, rules, standing, period), schema=RISKS),
        "assessment_rows": pa.Table.from_pylist(
            _assessed(connection, agreed, budget, executed, time) if whole else [], schema=ASSESSED
        ),
    }
    add_references(connection, tables)


def _count_this_run(connection: duckdb.DuckDBPyConnection, agreed: Agreed, period: Period) -> None:
    """Let what the run under way is about to publish count among what was published."""
    for table in _COUNTED:
        if period.kind not in agreed.registry.tables[table].of:
            continue
        connection.execute(f"CREATE OR REPLACE TEMP TABLE earlier_{table} AS FROM done_{table}")
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW done_{table} AS "
            f"FROM earlier_{table} UNION ALL BY NAME SELECT * FROM ({model_sql('marts', table)})"
        )


def _sums(connection: duckdb.DuckDBPyConnection, model: str, column: str) -> dict[tuple[str, str, str], int]:
    rows = connection.execute(
        f"SELECT fund, county, item, {column} FROM ({model_sql('indicators', model)}) ORDER BY ALL"
    ).fetchall()
    return {(fund, county, item): to_fen(amount) for fund, county, item, amount in rows}


def _of_city(sums: Sums, city: str) -> dict[tuple[str, str, str], int]:
    """Return the sums with those of the whole city under its code: of the counties, and of what is not split over them."""
    counties = {key: fen for key, fen in sums.items() if key[1] != city}
    total: dict[tuple[str, str, str], int] = {}
    for (fund, _, item), fen in sums.items():
        total[(fund, city, item)] = total.get((fund, city, item), 0) + fen
    return counties | total


def _budget(agreed: Agreed, budget: Sums, executed: Sums, this_month: Sums | None, time: Time) -> list[dict[str, Any]]:
    """Return the rows of budget_execution."""
    code = agreed.city.code
    names = _item_names(agreed)
    done, month = _of_city(executed, code), _of_city(this_month or {}, code)
    rows = []
    for key, fen in _of_city(budget, code).items():
        fund, county, item = key
        told = item in (*REVENUE, *EXPENDITURE)
        spent = done.get(key, 0) if told else None
        share = percent(spent, fen) if spent is not None else None
        rows.append(
            {
                "fund": fund,
                "county": county,
                "budget_side": "revenue" if item in REVENUE else "expenditure",
                "budget_item": item,
                "budget_item_name": names[item],
                "budget": from_fen(fen),
                "executed_month": from_fen(month.get(key, 0)) if told and this_month is not None else None,
                "executed": None if spent is None else from_fen(spent),
                "executed_percent": None if share is None else from_fen(share),
                "time_percent": from_fen(time.percent),
                "budget_left": None if spent is None else from_fen(fen - spent),
                "months_settled": time.settled,
            }
        )
    return rows


def _item_names(agreed: Agreed) -> dict[str, str]:
    names: dict[str, str] = {}
    for label, item in (agreed.contracts["annual_budget"].by_name["item"].values or {}).items():
        names.setdefault(item, label)
    return names


def _capability(connection: duckdb.DuckDBPyConnection, agreed: Agreed) -> list[dict[str, Any]]:
    """Return the rows of payment_capability: balance ÷ a month's expenditure, each county by its own months."""
    rows = connection.execute(
        f"SELECT fund, county, base, amount, months FROM ({model_sql('indicators', 'spent')}) ORDER BY ALL"
    ).fetchall()
    monthly: dict[tuple[str, str], tuple[Fraction, str, int]] = {}
    # Where months are published they count; final accounts sort first.
    for fund, county, base, amount, months in rows:
        monthly[(fund, county)] = (Fraction(to_fen(amount), months), base, months)
    held = connection.execute(
        f"SELECT held, fund, county, amount FROM ({model_sql('indicators', 'held')}) ORDER BY ALL"
    ).fetchall()
    found = []
    for kind, fund, county, amount in held:
        spent, base, months = (
            monthly.get((fund, county), (Fraction(0), None, None))
            if kind == "county"
            else _city_spent(monthly, fund, agreed)
        )
        lasts = from_fen(half_up(Fraction(to_fen(amount)) / spent * 100)) if spent > 0 else None
        found.append(
            {
                "fund": fund,
                "county": county or agreed.city.code,
                "held": kind,
                "held_title": HELD[kind].zh,
                "balance": amount,
                "year_expenditure": from_fen(half_up(spent * 12)) if base else None,
                "base": base,
                "base_months": months,
                "capability_months": lasts,
            }
        )
    return found


def _city_spent(
    monthly: Mapping[tuple[str, str], tuple[Fraction, str, int]], fund: str, agreed: Agreed
) -> tuple[Fraction, str | None, int | None]:
    """Return what the city spends a month. Once months are published, what final accounts have for the city as a whole would count
    twice and is left out."""
    mine = {county: found for (of, county), found in monthly.items() if of == fund}
    bases = {base for _, base, _ in mine.values()}
    if "published_months" in bases:
        mine.pop(agreed.city.code, None)
        bases = {base for _, base, _ in mine.values()}
    if not mine:
        return Fraction(0), None, None
    months = max(months for _, base, months in mine.values() if base == "published_months" or len(bases) == 1)
    return (
        sum((spent for spent, _, _ in mine.values()), Fraction(0)),
        bases.pop() if len(bases) == 1 else "mixed",
        months,
    )


def _budgeted(agreed: Agreed, budget: Sums, executed: Sums, time: Time) -> tuple[Budgeted, ...]:
    """Return premiums and expenditure of each fund and county, and of the city, against the budget."""
    code, found = agreed.city.code, []
    whole, done = _of_city(budget, code), _of_city(executed, code)
    for fund, county in sorted({key[:2] for key in whole}):
        for what, items in (("premium", ("premium",)), ("expenditure", EXPENDITURE)):
            known = [item for item in items if (fund, county, item) in whole]
            planned = sum(whole[(fund, county, item)] for item in known)
            came = sum(done.get((fund, county, item), 0) for item in known)
            if planned > 0:
                complete = time.settled == time.passed
                found.append(
                    Budgeted(what, fund, county, planned, came, percent(came, planned) or 0, time.percent, complete)
                )
    return tuple(found)


def _results(executed: Sums) -> dict[str, int]:
    """Return revenue less expenditure of each fund in the year so far, fen."""
    results: dict[str, int] = {}
    for (fund, _, item), fen in executed.items():
        results[fund] = results.get(fund, 0) + (-fen if item in EXPENDITURE else fen)
    return results


def _assessed(
    connection: duckdb.DuckDBPyConnection, agreed: Agreed, budget: Sums, executed: Sums, time: Time
) -> list[dict[str, Any]]:
    """Return the rows of assessment_figures: a county and fund with a budget or an assessment."""
    enrolled = {
        (fund, county): counts
        for fund, county, *counts in connection.execute(
            f"SELECT fund, county, insured, paying, insured_before FROM ({model_sql('indicators', 'enrolled')})"
        ).fetchall()
    }
    recovered = {
        (fund, county): amount
        for fund, county, amount in connection.execute(model_sql("indicators", "recovered")).fetchall()
    }
    found = {
        (fund, county): rest
        for fund, county, *rest in connection.execute(
            "SELECT fund, county, grade, under_collection, over_spending FROM assessment"
        ).fetchall()
    }
    budgeted = {(item.what, item.fund, item.county): item for item in _budgeted(agreed, budget, executed, time)}
    rows = []
    for fund, county in sorted({key[1:] for key in budgeted if key[2] != agreed.city.code} | set(found)):
        premium, spent = budgeted.get(("premium", fund, county)), budgeted.get(("expenditure", fund, county))
        due, may = _to_date(premium, time), _to_date(spent, time)
        insured, paying, before = enrolled.get((fund, county), (None, None, None))
        grade, under, over = found.get((fund, county), (None, None, None))
        rows.append(
            {
                "fund": fund,
                "county": county,
                "premium_budget": from_fen(premium.budget) if premium else None,
                "premium_due": None if due is None else from_fen(due),
                "premium_collected": from_fen(premium.executed) if premium else None,
                "collection_percent": _fen(percent(premium.executed, due) if premium and due else None),
                "expenditure_budget": from_fen(spent.budget) if spent else None,
                "expenditure_executed": from_fen(spent.executed) if spent else None,
                "expenditure_percent": from_fen(spent.percent) if spent else None,
                "time_percent": from_fen(time.percent),
                "insured": insured,
                "paying": paying,
                "insured_before": before,
                "enrolment_percent": _fen(percent(insured, before) if insured is not None and before else None),
                "recovered": recovered.get((fund, county)),
                "under_collection": from_fen(max(due - premium.executed, 0)) if premium and due is not None else None,
                "over_spending": from_fen(max(spent.executed - may, 0)) if spent and may is not None else None,
                "grade": grade,
                "assessed_under_collection": under,
                "assessed_over_spending": over,
                "months_settled": time.settled,
            }
        )
    return rows


def _to_date(item: Budgeted | None, time: Time) -> int | None:
    """Return what of a budget is due by now: as many twelfths as months have passed, half up to the fen."""
    return half_up(Fraction(item.budget * time.passed, 12)) if item else None


def _fen(hundredths: int | None) -> Any:
    return None if hundredths is None else from_fen(hundredths)
