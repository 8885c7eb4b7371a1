"""Compose the alerts of a run from its published tables. They carry receipt numbers, never a payer's id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from medpool_etl.marts import table_path
from medpool_etl.money import ZERO, grouped
from medpool_etl.periods import Month
from medpool_etl.places import City
from medpool_etl.policy.model import OWNERS

WORST = 5


@dataclass(frozen=True)
class Alert:
    """A message to one owner: ``title`` and ``body`` as people read them (Chinese)."""

    owner: str
    title: str
    body: str


def compose(folder: Path, city: City, month: Month) -> tuple[Alert, ...]:
    """Return the alerts of a run, by owner: breaks with counts, amounts and the worst rows, and files to send again."""
    with duckdb.connect() as connection:
        for name in ("breaks", "files", "set_aside_rows"):
            path = str(table_path(folder, name)).replace("'", "''")
            connection.execute(f"CREATE TEMP VIEW {name} AS FROM read_parquet('{path}')")
        alerts = []
        for owner, title in OWNERS.items():
            lines = [*_breaks(connection, owner), *_files(connection, owner), *_rows(connection, owner)]
            if lines:
                head = f"【medpool】{city.name.zh} {month.zh} 医保基金结算：{title.zh}有待处理事项"
                alerts.append(Alert(owner, head, "\n".join(lines)))
    return tuple(alerts)


def _breaks(connection: duckdb.DuckDBPyConnection, owner: str) -> list[str]:
    lines = []
    groups = connection.execute(
        """
        SELECT pair, pair_title, class, class_title, do_zh, count(*), sum(difference)::DECIMAL(18,2)
        FROM breaks WHERE owner = ? GROUP BY ALL ORDER BY pair, class
        """,
        [owner],
    ).fetchall()
    for pair, pair_title, cls, class_title, do, count, difference in groups:
        lines.append(f"■ {pair_title}：{class_title} {count} 笔，差额合计 {grouped(difference)} 元")
        worst = connection.execute(
            """
            SELECT county_name, item_key, left_amount, right_amount, left_file, left_row, right_file, right_row
            FROM breaks WHERE owner = ? AND pair = ? AND class = ?
            ORDER BY abs(difference) DESC, row_id LIMIT ?
            """,
            [owner, pair, cls, WORST],
        ).fetchall()
        for county, key, left, right, left_file, left_row, right_file, right_row in worst:
            places = [f"{name} 第{row}行" for name, row in ((left_file, left_row), (right_file, right_row)) if name]
            amounts = f"左方 {grouped(left or ZERO)}，右方 {grouped(right or ZERO)}"
            lines.append(f"  - {county} {_item(key)}：{amounts}（{'；'.join(places)}）")
        if count > WORST:
            lines.append(f"  - ……另有 {count - WORST} 笔，见工作簿“差异明细”")
        lines.append(f"  处理：{do}")
    return lines


def _item(key: str) -> str:
    """Return what an item's key stands for: a sum, a voucher without number, a bank's movement or a receipt."""
    if not key:
        return "合计"
    if key.startswith("#"):
        return "无号凭证"
    account, _, serial = key.partition("/")
    return f"账号 {account} 流水号 {serial}" if serial else f"票据号 {key}"


def _files(connection: duckdb.DuckDBPyConnection, owner: str) -> list[str]:
    # A file nobody could recognise has no contract and so no owner: the agency, which runs the settlement, follows it up.
    rows = connection.execute(
        """
        SELECT file_name, outcome, problem_zh FROM files
        WHERE outcome IN ('missing', 'unusable', 'rejected')
          AND CASE WHEN contract = '' THEN 'agency' ELSE owner END = ?
        ORDER BY file_name, problem_zh
        """,
        [owner],
    ).fetchall()
    return [f"■ 文件 {name or '（未到）'}：{problem}" for name, _outcome, problem in rows]


def _rows(connection: duckdb.DuckDBPyConnection, owner: str) -> list[str]:
    groups = connection.execute(
        """
        SELECT files.file_name, count(DISTINCT rows.row_no)
        FROM set_aside_rows AS rows JOIN files USING (file_id)
        WHERE files.owner = ? AND rows.severity = 'warning' AND files.outcome LIKE 'accepted%'
        GROUP BY files.file_name ORDER BY files.file_name
        """,
        [owner],
    ).fetchall()
    lines = []
    for name, count in groups:
        lines.append(f"■ {name}：{count} 行被剔除，请更正后重新报送")
        rows = connection.execute(
            """
            SELECT row_no, column_headers, found, expected_zh FROM set_aside_rows
            WHERE file_name = ? AND severity = 'warning' ORDER BY row_no, check_id LIMIT ?
            """,
            [name, WORST],
        ).fetchall()
        lines += [
            f"  - 第{row}行 {column or '整行'}：{found}，应为：{expected}" for row, column, found, expected in rows
        ]
    return lines
