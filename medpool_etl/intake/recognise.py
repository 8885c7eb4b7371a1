"""Which contracts a file answers to, and where in it their headers stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medpool_etl.contracts import Contract
from medpool_etl.intake.peek import TOTALS, NotReadable, Peek, clean, peek
from medpool_etl.intake.shape import Block, Shape

# In a title without white space: 单位：元, 金额单位：人民币万元, （万元）, 以万元为单位.
_UNIT = re.compile(
    r"(?:(?<!填报)单位[:|]*\(?|\(|以)(?:人民币|RMB|[¥￥])?\(?([\u4e00-\u9fff]{0,3}元)(?:\)|为单位|(?![\u4e00-\u9fff]))"
)
_UNITS = {"元": 1, "万元": 10_000}
_WIDEST_HEADER = 500


@dataclass(frozen=True)
class Recognised:
    """What a file holds: ``shapes`` that can be read, ``problems`` with tables that look like one but are not whole."""

    shapes: tuple[Shape, ...]
    problems: tuple[tuple[str, NotReadable], ...] = ()


@dataclass(frozen=True)
class _Header:
    contract: Contract
    row: int
    rows: int
    columns: tuple[str, ...]
    groups: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    @property
    def found(self) -> int:
        """How many of the contract's columns are there."""
        return sum(1 for name in self.columns if name)

    @property
    def close(self) -> bool:
        """Whether it looks like the contract's header all the same."""
        return self.found >= len(self.missing)


@dataclass(frozen=True)
class _Table:
    """A whole header in a look, with the rows of its title (from 1) and the last of its rows."""

    look: Peek
    header: _Header
    title_from: int
    last_row: int | None


def recognise(path: Path, contracts: dict[str, Contract]) -> Recognised:
    """Return what the file holds; raises NotReadable saying what is wrong when no contract fits any of it.

    A text holds one table. Every sheet of a workbook may hold some, one below the other; those of one kind and one
    county or account are one delivery.
    """
    closest: _Header | None = None
    tables: list[_Table] = []
    problems: list[tuple[str, NotReadable]] = []
    for look in peek(path):
        found, near = _tables(look, contracts)
        tables += found
        if found and look.kind != "xlsx":
            break
        if near and not found:
            if look.sheet and near.close:
                problems.append((look.sheet, _incomplete(near)))
            if closest is None or near.found > closest.found:
                closest = near
    if tables:
        shapes, faults = _shapes(tables)
        if shapes:
            return Recognised(shapes, (*problems, *faults))
        raise faults[0][1]
    if closest is not None and closest.close:
        raise _incomplete(closest)
    known = "、".join(contract.title.zh for contract in contracts.values())
    raise NotReadable(f"表头不属于任何已知文件（{known}）", "its header belongs to no kind of file medpool knows")


def _incomplete(header: _Header) -> NotReadable:
    lacks, unknown = "、".join(header.missing), "、".join(header.unknown)
    return NotReadable(
        f"像是“{header.contract.title.zh}”，但缺少栏目：{lacks}" + (f"；不认识的栏目：{unknown}" if unknown else ""),
        f"it looks like {header.contract.title.en}, but lacks the columns {lacks}"
        + (f"; it has columns medpool does not know: {unknown}" if unknown else ""),
    )


def _tables(look: Peek, contracts: dict[str, Contract]) -> tuple[list[_Table], _Header | None]:
    """Return the whole headers of a look, in order, and the one that comes closest where there is none."""
    tables: list[_Table] = []
    closest: _Header | None = None
    index, after = 0, 0
    while index < len(look.rows):
        whole = None
        for header in _headers(look, index, contracts):
            if not header.missing:
                whole = whole or header
            elif closest is None or header.found > closest.found:
                closest = header
        if whole is None:
            index += 1
            continue
        title = _title_from(look, after, index, tables[-1].header if tables else None)
        if tables:
            previous = tables.pop()
            tables.append(_Table(look, previous.header, previous.title_from, title))
        tables.append(_Table(look, whole, title, None))
        if look.kind != "xlsx":
            break
        index = after = index + whole.rows
    return tables, closest


def _title_from(look: Peek, after: int, header: int, above: _Header | None) -> int:
    """Return the row (from 0) where the title of a header begins: behind the last row that belongs to the table above."""
    if above is None:
        return 0
    labels = _labels(above.contract)
    first = after
    for index in range(after, header):
        cells = [clean(cell) for cell in look.rows[index]]
        filled = [cell for cell in cells if cell]
        data = bool(filled) and (
            filled[0].rstrip(":") in labels if above.contract.form else len(filled) * 2 >= above.found
        )
        if data or (filled and filled[0].rstrip(":") in TOTALS):
            first = index + 1
    return first


def _labels(contract: Contract) -> set[str]:
    """Return the labels of a form's lines."""
    column = contract.by_name[contract.form.label_column] if contract.form else None
    return set(column.values or ()) if column else set()


def _headers(look: Peek, index: int, contracts: dict[str, Contract]) -> Iterator[_Header]:
    if len(look.rows[index]) > _WIDEST_HEADER:
        return
    for contract in contracts.values():
        header = _form_header(look, index, contract) if contract.form else _table_header(look, index, contract)
        if header is not None:
            yield header


def _table_header(look: Peek, index: int, contract: Contract) -> _Header | None:
    cells = [clean(cell) for cell in look.rows[index]]
    header = _named(contract, index, 1, cells)
    if header is not None and header.missing and look.kind == "xlsx" and index + 1 < len(look.rows):
        two = _named(contract, index, 2, _two_tiers(contract, cells, [clean(c) for c in look.rows[index + 1]]))
        if two is not None and not two.missing:
            return two
    return header


def _two_tiers(contract: Contract, top: list[str], below: list[str]) -> list[str]:
    """Return the header cells of two rows: 费款所属期 above 起 is 费款所属期起; a merged cell stands for all it covers."""
    merged, cells = "", []
    for position in range(max(len(top), len(below))):
        upper = top[position] if position < len(top) else ""
        lower = below[position] if position < len(below) else ""
        merged = upper or merged
        both = merged + lower
        cells.append(both if lower and contract.header_of(both) else lower or upper)
    return cells


def _named(contract: Contract, index: int, rows: int, cells: list[str]) -> _Header | None:
    found = [contract.header_of(cell) for cell in cells]
    names = tuple(column.name if column else "" for column in found)
    known = [name for name in names if name]
    if len(known) < 2:
        return None
    # A column may be empty, but unless the contract says otherwise it is there: one that is absent is more likely to be there
    # under another name.
    missing = [c.header for c in contract.columns if c.name not in names and not c.optional]
    missing += [f"{contract.by_name[name].header}（重复）" for name in dict.fromkeys(known) if known.count(name) > 1]
    unknown = tuple(cell for cell, column in zip(cells, found, strict=True) if cell and column is None)
    return _Header(contract, index + 1, rows, names, (), tuple(missing), unknown)


def _form_header(look: Peek, index: int, contract: Contract) -> _Header | None:
    form = contract.form
    top = [clean(cell) for cell in look.rows[index]]
    if form is None or form.label not in top or index + 1 >= len(look.rows):
        return None
    below = [clean(cell) for cell in look.rows[index + 1]]
    names, groups, group = [], [], ""
    for position in range(max(len(top), len(below))):
        cell = top[position] if position < len(top) else ""
        group = form.groups.get(cell, "" if cell else group)
        column = contract.header_of(below[position] if position < len(below) else "")
        names.append(form.label_column if cell == form.label else column.name if column and group else "")
        groups.append(group)
    measures = [c for c in contract.columns if c.name not in (form.label_column, form.group_column)]
    missing = tuple(
        f"{label}/{column.header}"
        for label, value in form.groups.items()
        for column in measures
        if (column.name, value) not in set(zip(names, groups, strict=True))
    )
    return _Header(contract, index + 1, 2, tuple(names), tuple(groups), missing)


def _shapes(tables: list[_Table]) -> tuple[tuple[Shape, ...], list[tuple[str, NotReadable]]]:
    """Return the deliveries the tables make, and what is wrong with those that make none."""
    deliveries: dict[tuple[str, str], list[tuple[_Table, Block, dict[str, str]]]] = {}
    faults: list[tuple[str, NotReadable]] = []
    above: dict[str, str] = {}
    sheet, title = "", ""
    for table in tables:
        if table.look.sheet != sheet:
            sheet, title = table.look.sheet, ""
        own = "\n".join("|".join(row) for row in table.look.rows[table.title_from : table.header.row - 1])
        # What a sheet says above its first table holds for those below it, unless they say otherwise.
        title = unicodedata.normalize("NFKC", own) + ("\n" + title if title else "")
        try:
            block, above = _block(table, title), _metadata(table.header.contract, title)
        except NotReadable as error:
            faults.append((sheet, error))
            continue
        contract = table.header.contract
        part = above.get(contract.expected.part_from or "", "")
        deliveries.setdefault((contract.contract, part), []).append((table, block, above))
    shapes = []
    for same in deliveries.values():
        table, _, metadata = same[0]
        contract = table.header.contract
        if differing := next((other for _, _, other in same if other != metadata), None):
            names = [item.description.zh for item in contract.metadata if metadata[item.name] != differing[item.name]]
            listed = "、".join(block.sheet for _, block, _ in same)
            faults.append(
                (
                    table.look.sheet,
                    NotReadable(
                        f"{listed} 都是同一单位的“{contract.title.zh}”，但{'、'.join(names)}不同；请分别报送或合并为一张",
                        f"{listed} are for the same thing but differ in their titles; send them as files of their own",
                    ),
                )
            )
            continue
        shapes.append(
            Shape(
                contract=contract.contract,
                kind=table.look.kind,
                blocks=tuple(block for _, block, _ in same),
                encoding=table.look.encoding,
                delimiter=table.look.delimiter,
                metadata=metadata,
            )
        )
    return tuple(shapes), faults


def _metadata(contract: Contract, title: str) -> dict[str, str]:
    metadata = {}
    for item in contract.metadata:
        match = re.search(item.pattern, title)
        if match is None and item.required:
            raise NotReadable(
                f"“{contract.title.zh}”的标题中没有{item.description.zh}",
                f"the title of {contract.title.en} lacks: {item.description.en}",
            )
        metadata[item.name] = match[1].strip() if match else ""
    return metadata


def _block(table: _Table, title: str) -> Block:
    header = table.header
    plain = "".join(title.split())
    unit = _UNIT.search(plain)
    if unit is None and "万元" in plain.replace("填报单位:万元", ""):
        raise NotReadable(
            "标题中有“万元”，但看不出金额单位是不是万元，请写明“单位：元”或“单位：万元”",
            "the title has 万元 in it, but does not say whether amounts are: write 单位：元 or 单位：万元",
        )
    if unit and unit[1] not in _UNITS:
        raise NotReadable(f"金额单位是“{unit[1]}”，只接受元或万元", f"amounts are in {unit[1]}; 元 and 万元 are read")
    return Block(
        header_row=header.row,
        first_row=header.row + header.rows,
        last_row=table.last_row,
        columns=header.columns,
        groups=header.groups,
        sheet=table.look.sheet,
        unit=_UNITS[unit[1]] if unit else 1,
        spans=table.look.spans,
    )
