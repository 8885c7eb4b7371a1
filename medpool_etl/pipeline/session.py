"""A DuckDB session over one run: what was agreed, which files count, and their rows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.contracts import Contract, checks_of
from medpool_etl.intake import Arrival, missing_files
from medpool_etl.money import from_fen
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed, references
from medpool_etl.policy import due_of
from medpool_etl.reconciliation.compare import GROUNDS, KEYS
from medpool_etl.staging import prepare
from medpool_etl.store import Warehouse
from medpool_etl.store.session import add_past, add_references, add_rows, connect, staged_sql
from medpool_etl.store.warehouse import read_json

_MONEY = pa.decimal128(18, 2)
# What earlier months left open, and what each account and report carried forward, as sql/reconciliation makes them.
_CARRIED = "pair VARCHAR, side VARCHAR, fund VARCHAR, county VARCHAR, item_id VARCHAR, numbered BOOLEAN, batch VARCHAR, in_scope BOOLEAN, since DATE, amount DECIMAL(18, 2), class VARCHAR, origin VARCHAR, break_id VARCHAR, row_id VARCHAR"
_BALANCES = "item_key VARCHAR, fund VARCHAR, county VARCHAR, amount DECIMAL(18, 2), brought_from VARCHAR"
DECISION_SCHEMA = pa.schema(
    [
        ("break_id", pa.string()),
        ("state", pa.string()),
        ("amount", _MONEY),
        ("decided_by", pa.string()),
        ("note", pa.string()),
    ]
)
FILE_SCHEMA = pa.schema(
    [
        ("file_id", pa.string()),
        ("file_name", pa.string()),
        ("contract", pa.string()),
        ("contract_title", pa.string()),
        ("owner", pa.string()),
        ("part", pa.string()),
        ("outcome", pa.string()),
        ("problem_zh", pa.string()),
        ("problem_en", pa.string()),
        ("rows_read", pa.int64()),
        ("rows_set_aside", pa.int64()),
        ("sha256", pa.string()),
    ]
)
# The kind of file that says what contribution bases are held against.
AVERAGE_WAGE = "provincial_average_wage"
BLOCK_SCHEMA = pa.schema(
    [("file_id", pa.string()), ("sheet", pa.string()), ("first_line", pa.int64()), ("behind", pa.int64())]
)
VERDICT_SCHEMA = pa.schema(
    [
        ("file_id", pa.string()),
        ("check_id", pa.string()),
        ("severity", pa.string()),
        ("failing", pa.int64()),
        ("met", pa.bool_()),
    ]
)
MISSING_SCHEMA = pa.schema(
    [
        ("contract", pa.string()),
        ("part", pa.string()),
        ("fund", pa.string()),
        ("county", pa.string()),
        ("account_kind", pa.string()),
    ]
)


def staging_session(agreed: Agreed, month: Month) -> duckdb.DuckDBPyConnection:
    """Return a session with the reference tables and a ``context`` of the month, as staging needs it."""
    connection = connect()
    add_references(connection, references(agreed, month))
    add_references(connection, {"context": _context(agreed, month, {})})
    prepare(connection)
    return connection


def take_average_wage(
    connection: duckdb.DuckDBPyConnection, folder: Path, file_id: str, contract: Contract, summary: dict[str, Any]
) -> None:
    """Let the checks of a staging session use the provincial average wage of a file just staged, unless it is rejected."""
    if any(summary["failures"][check.id] for check in checks_of(contract) if check.severity == "reject"):
        return
    rows = " UNION ALL ".join(staged_sql(folder, file_id, contract))
    connection.execute(f"UPDATE context SET average_wage = (SELECT min(monthly_wage) FROM ({rows}))")


def look_back(
    connection: duckdb.DuckDBPyConnection, agreed: Agreed, warehouse: Warehouse, manifest: dict[str, Any]
) -> None:
    """Give a run's session what it brings along: carried_before, balances_before, decisions; the rows of the month it carries
    from as ``<contract>__before``; and what the treasury booked, corrected and paid back in that month and those before it as
    ``<contract>__past``, where a refund asks for it."""
    decisions = [
        {
            "break_id": item["break_id"],
            "state": item["state"],
            "amount": from_fen(item["amount_fen"]),
            "decided_by": item["by"],
            "note": item["note"],
        }
        for item in manifest.get("decisions", [])
    ]
    add_references(connection, {"decisions": pa.Table.from_pylist(decisions, schema=DECISION_SCHEMA)})
    connection.execute(f"CREATE OR REPLACE TEMP TABLE carried_before ({_CARRIED})")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE balances_before ({_BALANCES})")
    past = _months_before(agreed, warehouse, manifest)
    runs = [(folder, files) for _, folder, files in past]
    refunds = connection.execute("SELECT count(*) FROM treasury_refunds WHERE voucher_no IS NOT NULL").fetchall()
    for name, columns in GROUNDS.items():
        # Without a refund nobody asks what was booked before.
        add_past(connection, runs if refunds != [(0,)] else [], agreed.contracts[name], columns)
    if not past:
        return
    month, folder, _ = past[0]
    for table, name in (("carried_before", "carried_items"), ("balances_before", "balances")):
        connection.execute(
            f"INSERT INTO {table} BY NAME FROM read_parquet(?)", [str(folder / "reconciliation" / f"{name}.parquet")]
        )
    if Month.parse(month).plus(1) != Month.parse(manifest["month"]):
        # Balances go from month to month; over a month nobody settled they say nothing.
        connection.execute("DELETE FROM balances_before")
    add_rows(connection, runs[:1], (agreed.contracts[name] for name in KEYS), behind="__before")


def _months_before(
    agreed: Agreed, warehouse: Warehouse, manifest: dict[str, Any]
) -> list[tuple[str, Path, dict[str, list[str]]]]:
    """Return the month a run carries from, the one that carries from, and so on, as far back as receipts may be refunded:
    each with the folder of its run and the accepted files by contract. Raises StoreError for a run that is gone: what a month
    finds must not depend on what happens to be kept."""
    found: list[tuple[str, Path, dict[str, list[str]]]] = []
    first = Month.parse(manifest["month"]).plus(-agreed.rulebook.reconciliation.refund_within_months)
    carries = manifest.get("carries")
    # The newest is always wanted.
    while carries and (not found or Month.parse(carries["month"]) >= first):
        folder = warehouse.run(agreed.city.city, carries["month"], carries["run_id"])
        files: dict[str, list[str]] = {}
        for file_id, verdict in read_json(folder / "quality" / "verdicts.json").items():
            if verdict["outcome"].startswith("accepted"):
                files.setdefault(verdict["of"].split("/")[0], []).append(file_id)
        found.append((carries["month"], folder, files))
        carries = read_json(folder / "manifest.json").get("carries")
    return found


def run_session(
    agreed: Agreed, month: Month, folder: Path, known: dict[str, Any], period: Period | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a session over a run that has been judged: reference tables, files, verdicts, and accepted rows.

    ``known`` are further values of ``context`` (figures, reasons); ``period`` is the period of the run where that is no month.
    """
    manifest = read_json(folder / "manifest.json")
    arrivals = [Arrival.from_dict(item) for item in manifest["arrivals"]]
    judged = read_json(folder / "quality" / "verdicts.json")
    files = [_file_row(arrival, judged.get(arrival.file_id), agreed) for arrival in arrivals]
    accepted = [row for row in files if row["outcome"].startswith("accepted")]
    missing = missing_files(
        {(row["contract"], row["part"]) for row in accepted}, agreed.city, month, agreed.accounts, agreed.awaited
    )
    kinds = {account.number: account.kind for account in agreed.accounts.accounts}
    there = {(row["contract"], row["part"]) for row in files}
    for item in missing:
        item["account_kind"] = kinds.get(item["part"] or "")
        # What is ordered ahead does not wait for the rest.
        if (item["contract"], item["part"]) not in there and not manifest.get("ahead"):
            files.append(_missing_row(item, agreed))
    verdicts = [{"file_id": file_id, **c} for file_id, verdict in judged.items() for c in _verdict_rows(verdict)]
    carries = manifest.get("carries") or {"month": "", "run_id": ""}
    known = {
        "run_id": manifest["run_id"],
        "medpool_version": manifest["version"],
        "carries_month": carries["month"],
        "carries_run_id": carries["run_id"],
        "ahead": bool(manifest.get("ahead")),
        **known,
    }
    connection = connect()
    add_references(connection, references(agreed, month))
    add_references(
        connection,
        {
            "context": _context(agreed, month, known, period),
            "files": pa.Table.from_pylist(files, schema=FILE_SCHEMA),
            "verdicts": pa.Table.from_pylist(verdicts, schema=VERDICT_SCHEMA),
            "file_blocks": pa.Table.from_pylist(_blocks(judged), schema=BLOCK_SCHEMA),
            "missing_files": pa.Table.from_pylist(missing, schema=MISSING_SCHEMA),
        },
    )
    by_contract: dict[str, list[str]] = {}
    for row in accepted:
        by_contract.setdefault(row["contract"], []).append(row["file_id"])
    add_rows(connection, [(folder, by_contract)], agreed.contracts.values())
    staged = [
        folder / "staged" / row["contract"] / f"{row['file_id']}.parquet"
        for row in files
        if row["rows_read"] is not None
    ]
    _failing_rows(connection, [path for path in staged if path.is_file()])
    return connection


def _context(agreed: Agreed, month: Month, known: dict[str, Any], period: Period | None = None) -> pa.Table:
    rulebook, period = agreed.rulebook, period or Period.of(month)
    remittance = next(((n, r.clause) for n, r in rulebook.rules.items() if r.kind == "remittance"), ("", ""))
    due = (
        due_of(rulebook, "remittance", Period.of(month), agreed.calendar)
        if "remittance" in rulebook.deadlines
        else None
    )
    table = pa.Table.from_pylist(
        [
            {
                "city": agreed.city.city,
                "city_name": agreed.city.name.zh,
                "city_code": agreed.city.code,
                "month": str(period),
                "period_kind": period.kind,
                "period_year": period.year,
                "period_start": period.first_day,
                "period_end": period.last_day,
                "month_start": month.first_day,
                "month_end": month.last_day,
                "notice": rulebook.notice.number,
                "in_force_from": rulebook.notice.in_force_from,
                "remittance_rule": remittance[0],
                "remittance_clause": remittance[1],
                "premium_level": (
                    rulebook.value("premium_budget_level", month.first_day)
                    if "premium_budget_level" in rulebook.values
                    else None
                ),
                "cut_off_from": month.last_day - dt.timedelta(days=rulebook.reconciliation.cut_off_days - 1),
                "run_id": "",
                "medpool_version": "",
                "figures": "",
                "reasons_zh": "",
                "reasons_en": "",
                "gate": "",
                "override_by": "",
                "override_reason": "",
                "carries_month": "",
                "carries_run_id": "",
                "ahead": False,
                **{name: value for name, value in known.items() if name != "average_wage"},
            }
        ]
    )
    # Their type is known even where the city has none.
    for name, day in (("remittance_due", due and due.due), ("remittance_late_after", due and due.late_after)):
        table = table.append_column(name, pa.array([day], pa.date32()))
    return table.append_column("average_wage", pa.array([known.get("average_wage")], pa.decimal128(18, 2)))


def _file_row(arrival: Arrival, judged: dict[str, Any] | None, agreed: Agreed) -> dict[str, Any]:
    contract = agreed.contracts.get(arrival.contract)
    problem = {"zh": arrival.problem.zh, "en": arrival.problem.en} if arrival.problem else None
    outcome = arrival.state
    if judged is not None:
        outcome, problem = judged["outcome"], judged["problem"]
    return {
        "file_id": arrival.file_id,
        "file_name": arrival.name,
        "contract": arrival.contract,
        "contract_title": contract.title.zh if contract else "",
        "owner": contract.owner if contract else None,
        "part": arrival.part,
        "outcome": outcome,
        "problem_zh": problem["zh"] if problem else None,
        "problem_en": problem["en"] if problem else None,
        "rows_read": judged["staged"] if judged else None,
        "rows_set_aside": judged["set_aside"] if judged else None,
        "sha256": arrival.sha256,
    }


def _missing_row(item: dict[str, Any], agreed: Agreed) -> dict[str, Any]:
    contract = agreed.contracts[item["contract"]]
    whose = item["part"]
    for unit in agreed.city.units:
        if unit.code == whose:
            whose = unit.name.zh
    for account in agreed.accounts.accounts:
        if account.number == whose:
            whose = account.name
    return {
        "file_id": "",
        "file_name": "",
        "contract": item["contract"],
        "contract_title": contract.title.zh,
        "owner": contract.owner,
        "part": item["part"],
        "outcome": "missing",
        "problem_zh": f"缺少{whose + '的' if whose else ''}{contract.title.zh}（{contract.sender.zh}，{contract.due.zh}）",
        "problem_en": f"no {contract.title.en} of {item['part'] or 'the city'} ({contract.sender.en}, {contract.due.en})",
        "rows_read": None,
        "rows_set_aside": None,
        "sha256": "",
    }


def _blocks(judged: dict[str, Any]) -> list[dict[str, Any]]:
    """Return which sheet the lines of each staged file are from: line ids from ``first_line`` to before ``behind``."""
    rows = []
    for file_id, verdict in judged.items():
        blocks = verdict["blocks"]
        for block, following in zip(blocks, [*blocks[1:], None], strict=True):
            rows.append(
                {
                    "file_id": file_id,
                    "sheet": block["sheet"],
                    "first_line": block["first_line"],
                    "behind": following["first_line"] if following else 1 << 62,
                }
            )
    return rows


def _verdict_rows(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"check_id": c["check"], "severity": c["severity"], "failing": c["failing"], "met": c["met"]}
        for c in verdict["checks"]
    ]


def _failing_rows(connection: duckdb.DuckDBPyConnection, paths: list[Path]) -> None:
    """Make the view ``failing_rows``: a row for every check a staged row fails, whether its file counts or not."""
    parts = [
        f"SELECT '{path.stem}' AS file_id, line_id, row_no, unnest(failed).check_id AS check_id, "
        f"unnest(failed).found AS found FROM read_parquet('{str(path).replace(chr(39), chr(39) * 2)}')"
        for path in paths
    ]
    parts.append(
        "SELECT '' AS file_id, 0::BIGINT AS line_id, 0::BIGINT AS row_no, '' AS check_id, '' AS found WHERE false"
    )
    connection.execute(f"CREATE OR REPLACE TEMP VIEW failing_rows AS {' UNION ALL '.join(parts)}")
