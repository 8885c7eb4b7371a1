"""The SQL of one column and one check: how a text becomes a value, when a row fails, and what is said of it."""

from __future__ import annotations

import re

from medpool_etl.contracts import Check, Column, Contract
from medpool_etl.staging.macros import MONEY_STEPS, READERS
from medpool_etl.staging.raw import quoted

# Checks that look at more than their own row. The others are made while the rows stream by.
_WINDOW = re.compile(r"\bOVER\s*\(", re.IGNORECASE)
# Checks of the whole file, counted apart.
OF_FILE = ("total", "unverified", "unmatched", "volume", "stated")


def across(check: Check) -> bool:
    """Whether a check looks at other rows of the file too."""
    return check.kind == "duplicate" or (check.kind == "own" and bool(_WINDOW.search(check.sql)))


def text_of(column: Column, position: int | None, contract: Contract) -> str:
    """Return the SQL for a column's text, from cells that are tidy. A row of another width may be shifted, so only a key that looks like one is
    taken from it: the row is set aside whole, and its counterpart can still be told what became of it."""
    if position is None:
        return "NULL"
    text = f"filled(cells[{position}])"
    if column.width:
        text = f"padded({text}, {column.width})"
    kept = ""
    if column.name in contract.key and column.pattern:
        kept = f" WHEN regexp_full_match({text}, {quoted(column.pattern)}) THEN {text}"
    return f"CASE WHEN width = wanted OR kind = 'total' THEN {text}{kept} END"


def value_of(column: Column) -> str:
    """Return the SQL for a column's value, from its text ``raw_<name>``; NULL where the text is not of that form.

    An amount's text comes as ``bare__<name>``, from the last of :func:`amount_steps`.
    """
    if column.values is not None:
        cases = " ".join(f"WHEN {quoted(text)} THEN {quoted(code)}" for text, code in column.values.items())
        return f"CASE replace(raw_{column.name}, ' ', '') {cases} END"
    if column.type == "money":
        return f"in_unit(bare__{column.name}, unit)"
    return READERS[column.type].format(f"raw_{column.name}")


def amount_steps(contract: Contract) -> list[str]:
    """Return the select lists that, one after another, make ``bare__<name>`` of every amount."""
    names = [column.name for column in contract.columns if column.type == "money"]
    first, *others = MONEY_STEPS
    if not names:
        return []
    return [
        "*, " + ", ".join(f"{first.format(f'raw_{name}')} AS bare__{name}" for name in names),
        *(
            "* REPLACE (" + ", ".join(f"{step.format(f'bare__{n}')} AS bare__{n}" for n in names) + ")"
            for step in others
        ),
    ]


def applies(check: Check) -> str:
    """Return the SQL condition under which the check is made: a row of another width has no columns to look at."""
    return "true" if check.kind in ("fields", "unreadable") else "width = wanted"


def failing(check: Check, contract: Contract) -> str:
    """Return the SQL condition under which a row fails the check; one that looks across rows has none of its own."""
    if check.kind == "fields":
        return "width <> wanted"
    if check.kind == "unreadable":
        texts = [f"raw_{c.name}" for c in contract.columns if c.type in ("text", "code") and c.values is None]
        # Of what nobody can see, only the forms of numbers and days tell by themselves.
        unseen = f" OR has_unseen(concat_ws('', {', '.join(texts)}))" if texts else ""
        return f"contains(original, chr(65533)){unseen}"
    name = check.columns[0]
    if check.kind == "missing":
        return f"raw_{name} IS NULL"
    if check.kind == "form":
        return f"raw_{name} IS NOT NULL AND {name} IS NULL"
    if check.kind == "pattern":
        pattern = contract.by_name[name].pattern or ""
        return f"raw_{name} IS NOT NULL AND NOT regexp_full_match(raw_{name}, {quoted(pattern)})"
    if check.kind == "unknown":
        column = contract.by_name[name]
        if column.values is not None:
            return f"raw_{name} IS NOT NULL AND {name} IS NULL"
        return f"raw_{name} IS NOT NULL AND {name} NOT IN (SELECT code FROM {column.known})"
    return f"NOT coalesce({check.sql}, true)"


def found(check: Check, contract: Contract, text: str = "raw_{0}") -> str:
    """Return the SQL for what a failing row has where the check looks; who a payer is stays out of it.

    ``text`` gives the SQL for the text of a column.
    """
    if check.kind == "fields":
        return "width || ' 栏'"
    texts = []
    for name in check.columns:
        if name in contract.personal:
            texts.append("'（不显示）'")
        else:
            shown = f"coalesce({text.format(name)}, '（空）')"
            # In a file with payers' ids, one may have got into any column.
            hide = contract.personal and name not in contract.key
            texts.append(f"regexp_replace({shown}, '[0-9A-Za-z]{{15,}}', '（已隐去）', 'g')" if hide else shown)
    return f"concat_ws(' / ', {', '.join(texts)})" if texts else "'（见原文件）'"
