"""The data dictionary as Markdown, from the contracts and the registry of published tables."""

from __future__ import annotations

from medpool_etl.contracts import Contract, checks_of
from medpool_etl.marts import Registry
from medpool_etl.policy import BreakClass
from medpool_etl.policy.model import GATES, OWNERS
from medpool_etl.reconciliation import PASSES

_NEEDED = {"month": "every month 每月", "year": "every year 每年", "once": "once 一次"}
_PER = {
    "city": "one for the city 全市一份",
    "county": "one per county 每县一份",
    "account": "one per account of the city, a county's where it comes 市级每个账户一份，县级账户有则报送",
    "year": "one per year 每年度一份",
}
_SEVERITY = {"reject": "reject the file 拒收文件", "set_aside": "set the row aside 剔除该行", "warn": "warn 警告"}


def dictionary_text(contracts: dict[str, Contract], registry: Registry, classes: dict[str, BreakClass]) -> str:
    """Return the dictionary: files as received (columns, units, checks), published tables (columns, units), classes of break
    and passes of the reconciliation."""
    lines = [
        "# Data dictionary 数据字典",
        "",
        "Made by `medpool dictionary` from the contracts and `marts/tables.yaml`; edit those, not this page.",
        "",
        "## Files received 收到的文件",
    ]
    for contract in contracts.values():
        lines += _contract(contract)
    lines += ["", "## Published tables 发布的表", "", "In the DuckDB mart, and as Parquet in each run's `tables/`."]
    for name, table in registry.tables.items():
        lines += [
            "",
            f"### `{name}`",
            "",
            f"{table.zh}  ",
            table.en,
            "",
            "| column | type | unit | 中文 | English |",
            "|---|---|---|---|---|",
        ]
        for column in table.columns:
            term = registry.terms[column]
            lines.append(f"| `{column}` | {term.type} | {term.unit} | {term.zh} | {term.en} |")
    return "\n".join([*lines, *_breaks(classes)]) + "\n"


def _breaks(classes: dict[str, BreakClass]) -> list[str]:
    lines = [
        "",
        "## Classes of break 差异类别",
        "",
        "What a break means for the settlement in the month it arises in and, where that is another thing, in later months; a pair may",
        "say otherwise (`gate` in the rulebook). What is not carried ends with its month.",
        "",
        "| class | 中文 | English | owner 责任方 | gate 结算 | later 次月起 | carried 结转 | 处理办法 | what to do |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    sides = {"lacking": "缺款一方 the side that lacks it", "having": "有款一方 the side that has it"}
    for name, item in classes.items():
        owner = f"{OWNERS[item.owner].zh} {OWNERS[item.owner].en}" if item.owner else sides[item.whose]
        later = GATES[item.later or item.gate]
        lines.append(
            f"| `{name}` | {item.title.zh} | {item.title.en} | {owner} | {GATES[item.gate].zh} {item.gate} | {later.zh} "
            f"{item.later or item.gate} | {'yes' if item.carried else ''} | {item.do.zh} | {item.do.en} |"
        )
    lines += ["", "## Passes of the reconciliation 核对方式", "", "| pass | 中文 | English |", "|---|---|---|"]
    return lines + [f"| `{name}` | {text.zh} | {text.en} |" for name, text in PASSES.items()]


def _contract(contract: Contract) -> list[str]:
    lines = [
        "",
        f"### {contract.title.zh} · {contract.title.en} (`{contract.contract}`)",
        "",
        f"{contract.description.zh}  ",
        contract.description.en,
        "",
        f"- Sent by 报送方: {contract.sender.zh} · {contract.sender.en}; due 期限: {contract.due.zh} · {contract.due.en}",
        f"- Source 依据: {contract.source}",
        f"- Needed 报送: {_NEEDED[contract.expected.every]}, {_PER[contract.expected.per]}{_optional(contract)}; "
        f"key 主键: {', '.join(contract.key)}",
        "",
        "| 表头 header | column | type | required | 中文 | English |",
        "|---|---|---|---|---|---|",
    ]
    for column in contract.columns:
        headers = " / ".join(column.headers)
        kind = f"{column.type} (yuan)" if column.type == "money" else column.type
        kind += f", {column.width} digits" if column.width else ""
        kind += f" → `{column.references}`" if column.references else ""
        personal = " (personal, never shown)" if column.personal else ""
        required = "yes" if column.required else "the column may be absent 可无此栏" if column.optional else ""
        lines.append(
            f"| {headers} | `{column.name}` | {kind} | {required} | {column.description.zh} | {column.description.en}{personal} |"
        )
    for item in contract.metadata:
        lines.append(
            f"| (title 标题) | `{item.name}` | {item.type} | {'yes' if item.required else ''} | {item.description.zh} | {item.description.en} |"
        )
    lines += ["", "| check | what a failure does | 应为 | expected |", "|---|---|---|---|"]
    for check in checks_of(contract):
        lines.append(
            f"| `{check.id}` | {_SEVERITY[check.severity]} | {check.expected.zh} | {check.expected.en} |".replace(
                "^", "\\^"
            )
        )
    row = contract.example[0]
    shown = [column for column in contract.columns if column.header in row and not column.personal]
    lines += ["", "Example 示例", "", f"| {' | '.join(column.header for column in shown)} |", "|---" * len(shown) + "|"]
    lines.append(f"| {' | '.join(row[column.header] for column in shown)} |")
    return lines


def _optional(contract: Contract) -> str:
    return "" if contract.expected.need == "always" else ", only when there is something to say 有则报送"
