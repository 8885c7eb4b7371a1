"""The close look: every form an office writes is read, and every check that fails is kept with what was found."""

from __future__ import annotations

from medpool_etl.contracts import Check, Contract
from medpool_etl.contracts.model import SQL_TYPES
from medpool_etl.intake.peek import clean
from medpool_etl.intake.shape import Shape
from medpool_etl.staging.expressions import OF_FILE, across, amount_steps, applies, failing, found, text_of, value_of
from medpool_etl.staging.macros import READERS
from medpool_etl.staging.raw import contract_order, quoted

# What people write below a table.
_NOTES = r"^(注|备注|说明|填表|制表|填报|报送|经办|审核|复核|负责人|打印|第\d+页|共\d+页)"
FAILED_TYPE = "STRUCT(check_id VARCHAR, found VARCHAR)[]"


def close_sql(shape: Shape, contract: Contract, checks: tuple[Check, ...]) -> str:
    """Return the SELECT over ``raw`` that types every line and makes every check of its row.

    Columns: line_id, row_no, block, kind, the contract's metadata and columns, ``stated__<name>`` (the text of a total),
    ``found__<check>`` for the checks that look across rows, failed, original. ``kind`` is data, total (a 合计 or 总计 line),
    subtotal (小计), header (a repeated one), note, blank, or odd: a note if it stands below a total, else data.
    """
    by_position = shape.kind in ("text", "fixed")
    names = shape.first.columns if by_position else contract_order(contract)
    positions = {name: index for index, name in enumerate(names, 1) if name}
    # The cells of a workbook are in the contract's order; what a line begins with is told by the line itself.
    in_line = (
        "cells" if by_position or contract.form else "list_transform(string_split(original, chr(9)), lambda c: tidy(c))"
    )
    texts = ",\n".join(
        f"{text_of(column, positions.get(column.name), contract)} AS raw_{column.name}" for column in contract.columns
    )
    titles = "".join(
        f", filled(tidy({quoted(shape.metadata.get(item.name, ''))})) AS raw_{item.name}" for item in contract.metadata
    )
    titled = "".join(
        f"CAST({READERS[item.type].format(f'raw_{item.name}')} AS {SQL_TYPES[item.type]}) AS {item.name},\n"
        for item in contract.metadata
    )
    values = ",\n".join(f"CAST({value_of(c)} AS {SQL_TYPES[c.type]}) AS {c.name}" for c in contract.columns)
    amounts, last = "", "read"
    for number, step in enumerate(amount_steps(contract), 1):
        amounts += f"amounts{number} AS (SELECT {step} FROM {last}),\n"
        last = f"amounts{number}"
    kept = ", ".join([*(item.name for item in contract.metadata), *(c.name for c in contract.columns)])
    totals = "".join(
        f"CASE WHEN kind = 'total' THEN raw_{c.name} END AS stated__{c.name}, " for c in contract.columns if c.total
    )
    others = "".join(
        f"CASE WHEN kind IN ('data', 'odd') THEN {found(c, contract)} END AS found__{c.id}, "
        for c in checks
        if across(c)
    )
    made = [check for check in checks if check.kind not in OF_FILE and not across(check)]
    failed = ",\n".join(
        f"CASE WHEN {applies(c)} AND ({failing(c, contract)}) THEN {{'check_id': '{c.id}', 'found': {found(c, contract)}}} END"
        for c in made
    )
    # The list is made only of rows that fail something.
    fails = " OR ".join(f"coalesce({applies(c)} AND ({failing(c, contract)}), false)" for c in made)
    return f"""
    WITH tidied AS (
      -- Most lines have nothing to narrow or to replace: they are only trimmed.
      SELECT * REPLACE (
        CASE WHEN needs_cleaning(original) THEN list_transform(cells, lambda c: tidy(c))
          ELSE list_transform(cells, lambda c: trimmed(c)) END AS cells
      ) FROM raw
    ),
    filled AS (SELECT *, list_filter({in_line}, lambda c: c <> '') AS full_cells FROM tidied),
    named AS (SELECT *, rtrim(replace(coalesce(full_cells[1], ''), ' ', ''), ':') AS label FROM filled),
    kinds AS (SELECT * EXCLUDE (full_cells, label), CASE {_kinds(shape, contract, positions)} END AS kind FROM named),
    texts AS (
      SELECT line_id, row_no, block, kind, original, unit, wanted,
        -- Empty fields behind the last column are what spreadsheets leave behind.
        CASE WHEN width > wanted AND len(list_filter(cells[wanted + 1:], lambda c: c <> '')) = 0 AND {by_position}
          THEN wanted ELSE width END AS width,
        cells
      FROM kinds
    ),
    read AS (SELECT * EXCLUDE (cells), {texts}{titles} FROM texts),
    {amounts}
    rows AS (SELECT *, {titled} {values} FROM {last})
    SELECT line_id, row_no, block, kind, {kept}, {totals} {others}
      CASE WHEN kind IN ('data', 'odd') AND ({fails}) THEN list_filter([{failed}], lambda c: c IS NOT NULL) ELSE [] END
        :: {FAILED_TYPE} AS failed,
      original
    FROM rows, context
    """


def _kinds(shape: Shape, contract: Contract, positions: dict[str, int]) -> str:
    """Return the branches that tell data from what else stands below a header."""
    repeated = [name for name in shape.first.columns if name][:2]
    header = " AND ".join(
        f"replace(cells[{positions[name]}], ' ', '') IN ({', '.join(map(quoted, _headers(contract, name)))})"
        for name in repeated
        if name in positions
    )
    if contract.form is not None:
        # In a form 合计 is a line like others; an unfolded line always has its two labels, and a line of the form that has
        # its label is data even where all its cells are empty.
        column = contract.by_name[contract.form.label_column]
        label = f"replace(cells[{positions[column.name]}], ' ', '')"
        labels = ", ".join(quoted(text) for text in column.values or {})
        return f"""WHEN len(full_cells) = 0 THEN 'blank'
            WHEN len(full_cells) <= 2 AND {label} NOT IN ({labels}) THEN 'note' ELSE 'data'"""
    return f"""WHEN len(full_cells) = 0 THEN 'blank' WHEN label IN ('合计', '总计') THEN 'total'
        WHEN label = '小计' THEN 'subtotal' WHEN {header or "false"} THEN 'header'
        WHEN len(full_cells) <= 3 AND regexp_matches(label, {quoted(_NOTES)}) THEN 'note'
        WHEN len(full_cells) <= 2 THEN 'odd' ELSE 'data'"""


def _headers(contract: Contract, name: str) -> tuple[str, ...]:
    return tuple(clean(header) for header in contract.by_name[name].headers)
