"""Settle a quarter, an opening or a clearing: apply its rules in the notice's order and write what is published."""

from __future__ import annotations

from typing import Any

import duckdb

from medpool_etl import reports
from medpool_etl.documents import Text
from medpool_etl.marts import build_tables
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline import facts
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.applying import add_applied, apply_rules
from medpool_etl.pipeline.basis import manifest_of
from medpool_etl.pipeline.books import add_books, keep_period
from medpool_etl.pipeline.done import add_done
from medpool_etl.pipeline.indicators import add_indicators
from medpool_etl.pipeline.opening import MonthRun, Progress, silent
from medpool_etl.pipeline.session import run_session
from medpool_etl.store import Settings, Warehouse
from medpool_etl.store.session import add_rows
from medpool_etl.store.warehouse import write_json


def settle_period(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> None:
    """Apply the period's rules to what the city published before and the files that came; write tables and ``summary.json``."""
    agreed, folder = run.agreed(), run.folder(settings)
    manifest, everything = manifest_of(folder), Agreed.load(run.city)
    warehouse, ahead = Warehouse(settings.warehouse), bool(manifest.get("ahead"))
    with run_session(agreed, run.when, folder, {}, run.period) as connection:
        _complete(connection, everything)
        add_done(connection, warehouse, run.city, manifest["done"], everything.contracts, agreed.registry)
        facts.prepare(connection)
        applied = apply_rules(connection, agreed, run.period, ahead)
        books = keep_period(connection, agreed, run.period, applied.outcome.transfers)
        reasons = [*_reasons(connection, run.period), *applied.reasons, *books.reasons]
    known = {
        "gate": "open",
        "override_by": "",
        "override_reason": "",
        "figures": "provisional" if reasons else "final",
        "reasons_zh": "；".join(reason.zh for reason in reasons),
        "reasons_en": "; ".join(reason.en for reason in reasons),
    }
    with run_session(agreed, run.when, folder, known, run.period) as connection:
        add_applied(connection, applied)
        add_books(connection, agreed, books)
        _complete(connection, everything)
        add_indicators(connection, everything, run.period, warehouse, folder, manifest["done"], ahead)
        for _ in progress([str(run.period)], "settling"):
            counts = build_tables(connection, folder, agreed.registry, run.period.kind)
    write_json(
        folder / "summary.json",
        {"run_id": run.run_id, **known, "gate": {"blocked": False, "override": None}, "tables": counts},
    )


def write_reports(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> None:
    """Write the validation report of a settled period, beside the workbook."""
    agreed, folder = run.agreed(), run.folder(settings)
    for _ in progress([str(run.period)], "writing the workbook"):
        reports.write_period_workbook(folder, agreed.city, agreed.rulebook, run.period)
        reports.write_validation(folder, agreed.city, run.period, agreed.contracts)


def _complete(connection: duckdb.DuckDBPyConnection, agreed: Agreed) -> None:
    """Give a session empty views of the kinds of files a period does not take, which models speak of all the same."""
    there = {row[0] for row in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    add_rows(connection, [], [contract for name, contract in agreed.contracts.items() if name not in there])


def _reasons(connection: duckdb.DuckDBPyConnection, period: Period) -> list[Text]:
    """Return why the figures are provisional: months it needs that are not settled, files that do not count, rows set aside."""
    reasons: list[Text] = []
    done = {row[0] for row in connection.execute("SELECT period FROM done_periods WHERE kind = 'month'").fetchall()}
    if period.kind in ("quarter", "clearing"):
        first = period.first_month
        months = [first.plus(n) for n in range(3 if period.kind == "quarter" else 12)]
        if missing := [month for month in months if str(month) not in done]:
            reasons.append(_months(missing))
    if period.kind == "clearing":
        ((assessed,),) = connection.execute(
            "SELECT count(*) FROM files WHERE contract = 'assessment' AND outcome LIKE 'accepted%'"
        ).fetchall()
        if not assessed:
            reasons.append(
                Text(
                    zh="考核结果未到，按全部达标计算",
                    en="no assessment has come: every county is taken to have met its targets",
                )
            )
    rows = connection.execute(
        "SELECT outcome, count(*) FROM files WHERE outcome IN ('unusable', 'rejected', 'missing') GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for outcome, count in rows:
        words = {"unusable": "无法使用", "rejected": "被拒收", "missing": "未到"}
        reasons.append(Text(zh=f"{count}份文件{words[outcome]}", en=f"{count} files {outcome}"))
    ((aside,),) = connection.execute(
        "SELECT coalesce(sum(rows_set_aside), 0) FROM files WHERE outcome LIKE 'accepted%'"
    ).fetchall()
    if aside:
        reasons.append(Text(zh=f"{aside}行被剔除", en=f"{aside} rows set aside"))
    return reasons


def _months(missing: list[Month]) -> Text:
    return Text(
        zh=f"{len(missing)}个月尚未结算（{'、'.join(str(month) for month in missing)}）",
        en=f"{len(missing)} months are not settled ({', '.join(str(month) for month in missing)})",
    )
