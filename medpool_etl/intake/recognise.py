"""Which contract a file answers to, and where in it the header stands."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medpool_etl.contracts import Contract
from medpool_etl.intake.peek import NotReadable, Peek, clean, peek

_UNIT = re.compile(r"(?<!填报)单位:?[\s|]*\(?(?:人民币)?([\u4e00-\u9fff]{0,3}元)")
_UNITS = {"元": 1, "万元": 10_000}


@dataclass(frozen=True)
class Shape:
    """How to read a recognised file: what staging needs, and nothing about its rows.

    ``header_row`` and ``first_row`` are counted from 1 as in an editor or in Excel. ``columns`` are the contract's
    column names by position ("" for a column it does not know). For a form, ``groups`` gives each position's group.
    ``unit`` is what one unit of a written amount is worth in yuan. ``metadata`` are texts from the title rows.
    """

    contract: str
    kind: str
    header_row: int
    first_row: int
    columns: tuple[str, ...]
    groups: tuple[str, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    unit: int = 1
    metadata: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data; :meth:`from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Shape:
        """Return the shape that :meth:`as_dict` wrote."""
        return cls(**{**data, "columns": tuple(data["columns"]), "groups": tuple(data["groups"])})


@dataclass(frozen=True)
class _Header:
    contract: Contract
    row: int
    rows: int
    columns: tuple[str, ...]
    groups: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def recognise(path: Path, contracts: dict[str, Contract]) -> Shape:
    """Return how to read the file; raises NotReadable saying what is wrong when no contract fits it whole."""
    closest: _Header | None = None
    whole: list[tuple[Peek, _Header]] = []
    for look in peek(path):
        for header in _headers(look, contracts):
            if not header.missing:
                whole.append((look, header))
                break
            if closest is None or _found(header) > _found(closest):
                closest = header
    sheets = [look.sheet for look, _ in whole if look.sheet]
    if len(sheets) > 1:
        listed = "、".join(sheets)
        raise NotReadable(
            f"工作簿有 {len(sheets)} 张表（{listed}）都是“{whole[0][1].contract.title.zh}”一类的数据；请每张表另存为一个文件，或合并为一张",
            f"the sheets {listed} all look like data; save each as a file of its own, or join them",
        )
    if whole:
        return _shape(*whole[0])
    if closest is not None and _found(closest) >= len(closest.missing):
        lacks, unknown = "、".join(closest.missing), "、".join(closest.unknown)
        raise NotReadable(
            f"像是“{closest.contract.title.zh}”，但缺少栏目：{lacks}"
            + (f"；不认识的栏目：{unknown}" if unknown else ""),
            f"it looks like {closest.contract.title.en}, but lacks the columns {lacks}"
            + (f"; it has columns medpool does not know: {unknown}" if unknown else ""),
        )
    known = "、".join(contract.title.zh for contract in contracts.values())
    raise NotReadable(f"表头不属于任何已知文件（{known}）", "its header belongs to no kind of file medpool knows")


def _found(header: _Header) -> int:
    return sum(1 for name in header.columns if name)


def _headers(look: Peek, contracts: dict[str, Contract]) -> list[_Header]:
    headers = []
    for index in range(len(look.rows)):
        for contract in contracts.values():
            header = _form_header(look, index, contract) if contract.form else _table_header(look, index, contract)
            if header is not None:
                headers.append(header)
    return headers


def _table_header(look: Peek, index: int, contract: Contract) -> _Header | None:
    cells = [clean(cell) for cell in look.rows[index]]
    found = [contract.header_of(cell) for cell in cells]
    names = tuple(column.name if column else "" for column in found)
    known = [name for name in names if name]
    if len(known) < 2:
        return None
    # A column may be empty, but it is there: one that is absent is more likely to be there under another name.
    missing = [column.header for column in contract.columns if column.name not in names]
    missing += [f"{contract.by_name[name].header}（重复）" for name in dict.fromkeys(known) if known.count(name) > 1]
    unknown = tuple(cell for cell, column in zip(cells, found, strict=True) if cell and column is None)
    return _Header(contract, index + 1, 1, names, (), tuple(missing), unknown)


def _form_header(look: Peek, index: int, contract: Contract) -> _Header | None:
    form = contract.form
    top = [clean(cell) for cell in look.rows[index]]
    if form is None or form.label not in top or index + 1 >= len(look.rows):
        return None
    below = [clean(cell) for cell in look.rows[index + 1]]
    names, groups, group = [], [], ""
    for position, cell in enumerate(top):
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


def _shape(look: Peek, header: _Header) -> Shape:
    title = "\n".join("|".join(row) for row in look.rows[: header.row - 1])
    title = unicodedata.normalize("NFKC", title)
    metadata = {}
    for item in header.contract.metadata:
        match = re.search(item.pattern, title)
        if match is None and item.required:
            raise NotReadable(
                f"“{header.contract.title.zh}”的标题中没有{item.description.zh}",
                f"the title of {header.contract.title.en} lacks: {item.description.en}",
            )
        metadata[item.name] = match[1].strip() if match else ""
    unit = _UNIT.search(title)
    if unit and unit[1] not in _UNITS:
        raise NotReadable(f"金额单位是“{unit[1]}”，只接受元或万元", f"amounts are in {unit[1]}; 元 and 万元 are read")
    return Shape(
        contract=header.contract.contract,
        kind=look.kind,
        header_row=header.row,
        first_row=header.row + header.rows,
        columns=header.columns,
        groups=header.groups,
        encoding=look.encoding,
        delimiter=look.delimiter,
        sheet=look.sheet,
        unit=_UNITS[unit[1]] if unit else 1,
        metadata=metadata,
    )
