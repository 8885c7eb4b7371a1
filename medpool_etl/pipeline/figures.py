"""Whether a month's figures are final, and if not, why."""

from __future__ import annotations

import duckdb

from medpool_etl.documents import Text

_OUTCOMES = {
    "missing": Text(zh="份文件未到", en="files missing"),
    "unusable": Text(zh="份文件无法使用", en="files unusable"),
    "rejected": Text(zh="份文件被拒收", en="files rejected"),
}


def provisional_reasons(connection: duckdb.DuckDBPyConnection) -> list[Text]:
    """Return why the figures are provisional, most serious first; none means they are final.

    A month is final only when every file it needs is accepted, no row was set aside, and every break is expected or
    decided, and nothing lies unsettled between it and the month it carries from.
    """
    counts = dict(connection.execute("SELECT outcome, count(*) FROM files GROUP BY outcome").fetchall())
    reasons = [
        Text(zh=f"{counts[outcome]}{text.zh}", en=f"{counts[outcome]} {text.en}")
        for outcome, text in _OUTCOMES.items()
        if counts.get(outcome)
    ]
    aside = _one(connection, "SELECT coalesce(sum(rows_set_aside), 0) FROM files WHERE outcome LIKE 'accepted%'")
    if aside:
        reasons.append(Text(zh=f"{aside}行被剔除", en=f"{aside} rows set aside"))
    ((pairs, breaks),) = connection.execute(
        "SELECT count(DISTINCT pair), count(*) FROM classified_breaks WHERE gate <> 'expected' AND state = 'open'"
    ).fetchall()
    if breaks:
        reasons.append(
            Text(
                zh=f"{pairs}个对账项不一致，共{breaks}笔差异", en=f"{pairs} reconciliations disagree in {breaks} breaks"
            )
        )
    ((carries, before),) = connection.execute(
        "SELECT carries_month, strftime(month_start - INTERVAL 1 MONTH, '%Y-%m') FROM context"
    ).fetchall()
    if carries and carries != before:
        reasons.append(
            Text(
                zh=f"{before}未发布，差异结转自{carries}",
                en=f"{before} is not published, breaks are carried from {carries}",
            )
        )
    return reasons


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0
