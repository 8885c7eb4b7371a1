"""Tables of every kind as offices write them: valid values at random, and the many forms in which they are put down."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from medpool_etl.contracts import Column, Contract, load_all

CONTRACTS = load_all()
COUNTIES = ["331002", "331003", "331004", "331022", "331023", "331024", "331081", "331082", "331083"]
KNOWN = {
    "counties": COUNTIES,
    "units": COUNTIES,
    "tax_offices": [f"1{code}0000" for code in COUNTIES],
    "subjects": ["1020301", "1021201", "1020399"],
}
TEXTS = ["电子税票", "手工税票", "单位缴纳", "A4", "甲乙", "x1"]
ODD_TEXTS = ["甲,乙", '甲"乙', "甲;乙|丙", "甲\n乙", "甲\t乙", "第一行\n\n第三行", '"', "a b", "合计数", "𠮷村"]
TEN_THOUSAND = Decimal(10_000)
WIDE = {ord(c): ord(c) + 0xFEE0 for c in "0123456789.-,"}
Row = dict[str, Any]


@dataclass(frozen=True)
class Style:
    """How a table is put down."""

    delimiter: str = ","
    quoting: int = csv.QUOTE_MINIMAL
    encoding: str = "utf-8"
    end: str = "\n"
    titles: tuple[str, ...] = ()
    unit: int = 1
    money: str = "plain"
    date: str = "compact"
    month: str = "compact"
    numbers: bool = False
    serial: bool = False
    others: tuple[int, ...] = ()
    turned: int = 0
    odd_texts: bool = False
    empty_cells: int = 0
    blank_lines: int = 0
    end_of_file: str = ""
    total: bool = False
    notes: bool = False
    tiers: bool = False


@dataclass
class Table:
    """Rows of a contract with the values they must be read back as, and the values of its title."""

    contract: Contract
    rows: list[Row]
    titles: dict[str, Any] = field(default_factory=dict)


def table(name: str, rng: Random, amounts: list[int], odd_texts: bool = False) -> Table:
    """Return a table of a contract that keeps every rule, a row for each amount in fen (more than nothing)."""
    contract = CONTRACTS[name]
    texts = TEXTS + (ODD_TEXTS if odd_texts else [])
    rows = [{c.name: _value(c, rng, n, fen, texts) for c in contract.columns} for n, fen in enumerate(amounts)]
    result = Table(contract, rows)
    balance = opening = Decimal(rng.randrange(10**12)) / 100
    for n, row in enumerate(rows):
        day = dt.date(2022, 3, rng.randint(1, 31))
        if "level" in row and rng.random() < 0.8:
            # As the rules want it: only rows without a warning are certain to the quick look.
            row["level"] = "city"
        if name == "tax_collection_detail":
            row["county"] = row["tax_office"][1:7]
        if name in ("tax_collection_detail", "agency_bookings"):
            row |= rng.choice(
                [{"payer_type": "employer", "fund": "worker"}, {"payer_type": "resident", "fund": "resident"}]
            )
        if name == "tax_collection_detail":
            row |= {"paid_date": day, "booked_date": rng.choice([day, None]), "base": None, "rate": None}
        if name == "funding_plan":
            row |= {
                "county": COUNTIES[n % 9],
                "fund": ("worker", "resident")[n // 9],
                "plan_month": dt.date(2022, 4, 1),
            }
        if name == "treasury_corrections":
            row |= {"original_level": "county", "level": "city"}
            row |= {place + "tax_office": rng.choice(KNOWN["tax_offices"]) for place in ("", "original_")}
            row |= {place + "subject": "1020301" for place in ("", "original_")}
        if name == "account_statement":
            side = rng.choice(["debit", "credit"])
            balance += row[side] if side == "credit" else -row[side]
            row |= {"debit": None, "credit": None, side: row[side], "balance": balance}
    if name == "account_statement":
        result.titles = {"account_no": "331000100300001", "opening_balance": opening, "closing_balance": balance}
    return result


def _value(column: Column, rng: Random, number: int, fen: int, texts: list[str]) -> Any:
    if column.known:
        return rng.choice(KNOWN[column.known])
    if column.values is not None:
        return rng.choice(list(column.values.values()))
    match column.type:
        case "money":
            return Decimal(fen) / 100
        case "date":
            return dt.date(2022, 3, rng.randint(1, 31))
        case "month":
            return dt.date(2022, 3, 1)
        case "integer":
            return rng.randrange(1, 10**6)
        case "rate":
            return Decimal(rng.randrange(10**6)) / 10**6
        case "text":
            return rng.choice(texts if column.required else [*texts, None])
    if column.pattern:
        return f"{rng.randrange(10**12):012d}{number:06d}" if column.required or rng.random() < 0.8 else None
    return f"{rng.randrange(1000):0{(column.width or 10) - 4}d}{number:04d}"


def amount(value: Decimal, style: Style) -> str:
    """Write an amount."""
    value = value / (TEN_THOUSAND if style.unit == 10_000 else 1)
    places = 6 if style.unit == 10_000 else 2
    text = f"{abs(value):{',' if style.money != 'plain' else ''}.{places}f}"
    if style.money == "bracketed" and value < 0:
        return f"({text})"
    text = f"-{text}" if value < 0 else text
    match style.money:
        case "wide":
            return text.translate(WIDE)
        case "signed":
            return f"￥{text}"
        case "worded":
            return f"{text}{'万元' if style.unit == 10_000 else '元'}"
    return text


def day(value: dt.date, form: str) -> str:
    """Write a day."""
    return {
        "compact": f"{value:%Y%m%d}",
        "dashed": f"{value:%Y-%m-%d}",
        "slashed": f"{value.year}/{value.month}/{value.day}",
        "words": f"{value.year}年{value.month}月{value.day}日",
        "serial": str((value - dt.date(1899, 12, 30)).days),
        "wide": f"{value:%Y-%m-%d}".translate(WIDE),
    }[form]


def month(value: dt.date, form: str) -> str:
    """Write a month."""
    return {"compact": f"{value:%Y%m}", "dashed": f"{value:%Y-%m}", "words": f"{value.year}年{value.month}月"}[form]


def written(column: Column, value: Any, style: Style) -> str:
    """Write a value as text."""
    if value is None:
        return ""
    if column.values is not None:
        return next(text for text, code in column.values.items() if code == value)
    match column.type:
        case "money":
            return amount(value, style)
        case "date":
            return day(value, style.date)
        case "month":
            return month(value, style.month)
    return str(value)


def typed(column: Column, value: Any, style: Style) -> Any:
    """Write a value as a cell of a workbook: numbers and days as Excel keeps them, where the style says so."""
    if value is None:
        return None
    if column.type == "money" and style.numbers:
        return float(value / style.unit)
    if column.type == "date" and style.numbers:
        return (value - dt.date(1899, 12, 30)).days if style.serial else value
    text = written(column, value, style)
    if style.numbers and column.type in ("code", "integer", "enum") and text.isdecimal() and len(text) < 15:
        # Excel takes a code for a number, and the zeros in front are gone.
        return int(text) if column.width or not text.startswith("0") or text == "0" else text
    return text


def grid(data: Table, style: Style, cell: Any) -> list[list[Any]]:
    """Return the header, the rows, a total and notes as cells."""
    columns = list(data.contract.columns)
    columns = columns[style.turned % len(columns) :] + columns[: style.turned % len(columns)]
    rows: list[list[Any]] = [[column.header for column in columns]]
    rows += [[cell(column, row[column.name], style) for column in columns] for row in data.rows]
    if style.total:
        sums = [sum((row[c.name] or Decimal(0) for row in data.rows), Decimal(0)) if c.total else None for c in columns]
        rows.append([None if value is None else cell(c, value, style) for c, value in zip(columns, sums, strict=True)])
    for place in sorted(style.others):
        place %= len(columns) + 1
        for number, line in enumerate(rows):
            total = style.total and number == len(rows) - 1
            line.insert(place, f"备注{place}" if number == 0 else None if total else f"x{number}")
    if style.total:
        # The label stands in a column of serial numbers of its own.
        for number, line in enumerate(rows):
            line.insert(0, "序号" if number == 0 else "合计" if number == len(rows) - 1 else number)
    for line in rows[1:]:
        line += [None] * style.empty_cells
    if style.total and style.notes:
        rows += [["填表人：张三", "审核人：李四"], ["说明：无"]]
    return rows


def heading(data: Table, style: Style) -> list[list[str]]:
    """Return the title rows."""
    rows = [[title] for title in style.titles]
    if data.titles:
        rows.append([f"账号：{data.titles['account_no']}", "币种：人民币"])
        opening, closing = (amount(data.titles[f"{place}_balance"], style) for place in ("opening", "closing"))
        rows.append([f"期初余额：{opening}", f"期末余额：{closing}"])
    return rows + ([["", "单位：万元"]] if style.unit == 10_000 else [])


def as_text(data: Table, style: Style) -> bytes:
    """Write a table as a text with delimiters."""
    rows = [
        [("" if cell is None else str(cell)) for cell in row]
        for row in heading(data, style) + grid(data, style, written)
    ]
    special = {style.delimiter, '"', "\n", "\r"}
    quoting = style.quoting
    if quoting == csv.QUOTE_NONE and any(special & set(cell) for row in rows for cell in row):
        quoting = csv.QUOTE_MINIMAL
    out = io.StringIO()
    writer = csv.writer(out, delimiter=style.delimiter, quoting=quoting, lineterminator="\n")
    writer.writerows([] if row == [""] else row for row in rows)
    text = out.getvalue() + "\n" * style.blank_lines
    return (text.replace("\n", style.end) + style.end_of_file).encode(style.encoding)


def as_fixed(data: Table, style: Style) -> bytes:
    """Write a table as a text whose columns stand below one another, as a terminal that shows GB18030 does."""
    rows = [["" if cell is None else str(cell) for cell in row] for row in grid(data, style, written)]
    wide = [max(len(row[i].encode("gb18030")) for row in rows if i < len(row)) + 2 for i in range(len(rows[0]))]
    lines = ["  ".join(row) for row in heading(data, style)]
    for row in rows:
        lines.append(
            "".join(cell + " " * (wide[i] - len(cell.encode("gb18030"))) for i, cell in enumerate(row)).rstrip()
        )
    return (style.end.join(lines) + style.end + style.end * style.blank_lines + style.end_of_file).encode(
        style.encoding
    )


def fill(sheet: Worksheet, data: Table, style: Style) -> None:
    """Write a table into a sheet, with a header of two merged tiers where the style says so."""
    above = heading(data, style)
    for row in above:
        sheet.append(row)
    rows = grid(data, style, typed)
    if style.tiers and "费款所属期起" in rows[0]:
        top = rows[0]
        place = top.index("费款所属期起")
        if place + 1 < len(top) and top[place + 1] == "费款所属期止":
            below: list[Any] = [None] * len(top)
            top[place], top[place + 1], below[place], below[place + 1] = "费款所属期", None, "起", "止"
            rows.insert(1, below)
            line = len(above) + 1
            sheet.merge_cells(start_row=line, end_row=line, start_column=place + 1, end_column=place + 2)
    for row in rows:
        sheet.append(row)


def as_workbook(tables: list[Table], style: Style) -> bytes:
    """Write tables into a workbook, a sheet each."""
    book = openpyxl.Workbook()
    book.active.append(["填写说明"])
    for number, data in enumerate(tables):
        fill(book.create_sheet(f"第{number + 1}页"), data, style)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


ITEMS = tuple(CONTRACTS["county_expenditure_report"].by_name["item"].values or {})
BEHIND = ("合计", "期初余额", "本月拨入", "利息收入", "本月支出", "期末余额")
Form = dict[str, list[list[int]]]


def form(amounts: list[int]) -> Form:
    """Return a county's report that adds up: for each item visits, cost and payment (fen) of both funds."""
    items = [item for item in ITEMS if item not in BEHIND]
    lines = {item: [[n, abs(amounts[n % len(amounts)]), amounts[(n + fund) % len(amounts)]] for fund in (0, 1)] for n, item in enumerate(items)}  # fmt: skip
    total = [[sum(lines[item][fund][i] for item in items) for i in range(3)] for fund in (0, 1)]
    lines["合计"] = total
    moved = {"期初余额": 5_000_001, "本月拨入": 700, "利息收入": 3}
    lines |= {name: [[0, 0, fen], [0, 0, fen]] for name, fen in moved.items()}
    lines["本月支出"] = [[0, 0, total[fund][2]] for fund in (0, 1)]
    lines["期末余额"] = [[0, 0, sum(moved.values()) - total[fund][2]] for fund in (0, 1)]
    return lines


def form_rows(county: str, lines: Form, unit: int) -> list[list[Any]]:
    """Return a county's report as rows of a sheet."""
    rows: list[list[Any]] = [
        ["台州市基本医疗保险基金支出核算报表"],
        [
            f"填报单位：{county} 某县",
            None,
            None,
            "所属期：2022年3月",
            None,
            f"单位：{'万元' if unit == 10_000 else '元'}",
        ],
        ["项目", "职工医保", None, None, "城乡居民医保"],
        [None, *["人次", "医疗总费用", "基金支付"] * 2],
    ]
    for item, funds in lines.items():
        rows.append([item])
        for times, cost, paid in funds:
            rows[-1] += [times, float(Decimal(cost) / 100 / unit), float(Decimal(paid) / 100 / unit)]
    return [*rows, ["填表人：　　审核人："], []]
