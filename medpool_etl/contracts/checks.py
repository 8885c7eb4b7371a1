"""Every check of a contract, its own and those its columns imply, in one list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from medpool_etl.contracts.model import Column, Contract, Metadata, Severity
from medpool_etl.documents import Text

_FORMS: dict[str, Text] = {
    "money": Text(
        zh="金额，最多两位小数，如 1234.50 或 1,234.50", en="an amount with at most two decimals, like 1234.50"
    ),
    "integer": Text(zh="整数", en="a whole number"),
    "rate": Text(zh="费率，如 0.08 或 8%", en="a rate, like 0.08 or 8%"),
    "date": Text(zh="日期，如 20220331、2022-03-31 或 2022年3月31日", en="a date, like 20220331 or 2022-03-31"),
    "month": Text(zh="月份，如 202203 或 2022年3月", en="a month, like 202203 or 2022-03"),
}
_KNOWN: dict[str, Text] = {
    "counties": Text(zh="本市当月有效的行政区划代码", en="the code of a county of the city in that month"),
    "units": Text(zh="本市现有或曾有的行政区划代码", en="the code of a county the city has or had"),
    "tax_offices": Text(zh="本市主管税务机关代码", en="the code of a tax office of the city"),
    "subjects": Text(zh="医疗保险基金的预算科目", en="a budget subject of the medical funds"),
}
# Checks of a file against the months before.
VOLUME = "file__volume"
STATED = "file__total_stated"
RESEND = Text(zh="请更正后重新报送整个文件", en="correct it and send the whole file again")


@dataclass(frozen=True)
class Check:
    """One check: ``id`` names its count in the summary; ``kind`` says how the count is made.

    ``columns`` are the columns looked at (empty: the whole row), ``sql`` the condition of a contract's own check.
    """

    id: str
    kind: Literal[
        "missing",
        "form",
        "unknown",
        "pattern",
        "fields",
        "unreadable",
        "duplicate",
        "total",
        "unverified",
        "unmatched",
        "volume",
        "stated",
        "own",
    ]
    severity: Severity
    columns: tuple[str, ...]
    expected: Text
    do: Text
    sql: str = ""


def checks_of(contract: Contract) -> tuple[Check, ...]:
    """Return every check of the contract in a fixed order: row shape, column by column, key, its own, totals."""
    checks = [
        Check(
            "row__fields",
            "fields",
            "set_aside",
            (),
            Text(zh="栏数与表头一致", en="as many fields as the header"),
            RESEND,
        ),
        Check(
            "row__unreadable",
            "unreadable",
            "set_aside",
            (),
            Text(
                zh="可识别的文字（GB18030 或 UTF-8），没有看不见的控制字符",
                en="readable text (GB18030 or UTF-8) without control characters nobody can see",
            ),
            RESEND,
        ),
    ]
    for item in contract.metadata:
        checks.extend(_implied_by_title(item))
    for column in contract.columns:
        checks.extend(_implied(column))
    if contract.key:
        key = "、".join(contract.by_name[name].header for name in contract.key)
        checks.append(
            Check(
                "row__duplicate",
                "duplicate",
                "set_aside",
                contract.key,
                Text(zh=f"{key} 在文件中只出现一次", en=f"{key} stands once in the file"),
                Text(
                    zh="核对是否重复；重复的请删除后重新报送",
                    en="see whether it is a repeat; if so send the file without it",
                ),
            )
        )
    checks.extend(
        Check(check.id, "own", check.severity, check.columns, check.expected, check.do, check.sql)
        for check in contract.checks
    )
    checks.extend(
        Check(
            f"{column.name}__total",
            "total",
            "reject",
            (column.name,),
            Text(zh=f"{column.header}合计等于各行之和", en=f"the total of {column.header} equals the sum of its rows"),
            Text(zh="文件可能缺行或被改动，请重新导出", en="rows may be missing or changed: export the file again"),
        )
        for column in contract.columns
        if column.total
    )
    checks.extend(
        Check(
            f"{column.name}__total_unverified",
            "unverified",
            "warn",
            (column.name,),
            Text(zh=f"{column.header}合计可以核对", en=f"the total of {column.header} can be compared"),
            Text(
                zh="有行无法读取，合计未能核对；请更正剔除行后重新报送",
                en="rows could not be read, so the total was not compared; correct them and send the file again",
            ),
        )
        for column in contract.columns
        if column.total
    )
    checks.extend(_against_others(contract))
    if contract.all_or_nothing:
        checks = [replace(check, severity="reject") if check.severity == "set_aside" else check for check in checks]
    return tuple(checks)


def _against_others(contract: Contract) -> list[Check]:
    """What a file is compared with beyond its own rows: keys in other files of the month, its size in months before."""
    checks = []
    for column in contract.columns:
        if column.references:
            checks.append(
                Check(
                    f"{column.name}__unmatched",
                    "unmatched",
                    "warn",
                    (column.name,),
                    Text(
                        zh=f"{column.header}在本月“{column.references.split('.')[0]}”中能找到",
                        en=f"{column.header} is found in this month's {column.references.split('.')[0]}",
                    ),
                    Text(zh="见对账差异明细", en="see the breaks of the reconciliations"),
                )
            )
    if contract.expected.need == "always" and contract.expected.every == "month" and contract.layout == "table":
        before = Text(zh="请确认文件是否完整、是否为本月数据", en="see whether the file is whole, and of this month")
        checks.append(
            Check(
                VOLUME,
                "volume",
                "warn",
                (),
                Text(
                    zh="行数与前三个月平均相近（百分比）",
                    en="about as many rows as in the three months before (percent)",
                ),
                before,
            )
        )
        for column in (column for column in contract.columns if column.total):
            checks.append(
                Check(
                    f"{column.name}__sum",
                    "volume",
                    "warn",
                    (column.name,),
                    Text(
                        zh=f"{column.header}之和与前三个月平均相近（百分比）",
                        en=f"the sum of {column.header} is about that of the three months before (percent)",
                    ),
                    before,
                )
            )
        if any(column.total for column in contract.columns):
            checks.append(
                Check(
                    STATED,
                    "stated",
                    "warn",
                    (),
                    Text(
                        zh="有合计行（前几个月的文件都有）", en="a total line, as the files of the months before have"
                    ),
                    Text(zh="文件可能被截断，请重新导出", en="the file may be cut short: export it again"),
                )
            )
    return checks


def _implied_by_title(item: Metadata) -> list[Check]:
    """A value of the title rows holds for the whole file, so a bad one rejects it."""
    there = Text(zh=f"标题中有{item.description.zh}", en=f"the title has: {item.description.en}")
    checks = [Check(f"{item.name}__missing", "missing", "reject", (item.name,), there, RESEND)] if item.required else []
    if item.type in _FORMS:
        checks.append(Check(f"{item.name}__form", "form", "reject", (item.name,), _FORMS[item.type], RESEND))
    return checks


def _implied(column: Column) -> list[Check]:
    checks, columns = [], (column.name,)
    if column.required:
        filled = Text(zh=f"{column.header}必须填写", en=f"{column.header} is filled in")
        checks.append(Check(f"{column.name}__missing", "missing", "set_aside", columns, filled, RESEND))
    if column.type in _FORMS:
        checks.append(Check(f"{column.name}__form", "form", "set_aside", columns, _FORMS[column.type], RESEND))
    if column.pattern:
        form = Text(zh=f"{column.header}的编码规则（{column.pattern}）", en=f"the form {column.pattern}")
        checks.append(Check(f"{column.name}__form", "pattern", "set_aside", columns, form, RESEND))
    if column.values is not None:
        listed = "、".join(column.values)
        one_of = Text(zh=f"下列之一：{listed}", en=f"one of {listed}")
        checks.append(Check(f"{column.name}__unknown", "unknown", "set_aside", columns, one_of, RESEND))
    if column.known is not None:
        checks.append(Check(f"{column.name}__unknown", "unknown", "set_aside", columns, _KNOWN[column.known], RESEND))
    return checks
