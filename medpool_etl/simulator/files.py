"""Write a simulated month as offices do: GB18030 and UTF-8 text, workbooks with titles, merged cells, totals and 万元."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

from medpool_etl.contracts import Contract, load_contract
from medpool_etl.places import FUNDS
from medpool_etl.simulator.world import Movement, Report, Row, Statement, World

_MADE = dt.datetime(2000, 1, 1)
# What accounts are called in the names of their statements, and as what these are written.
_KINDS = {"fiscal": ("财政专户", "csv"), "income": ("经办收入户", "csv"), "expenditure": ("经办支出户", "xlsx")}
# Further lists of a month, as their files are called.
FILINGS = {
    "funding_plan": "用款计划",
    "enrolment": "参保人数",
    "subsidy_receipts": "财政补助到位",
    "other_income": "利息及其他收入",
}


def yuan(fen: int) -> str:
    """Return fen as yuan with two places: ``1234.50``."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def grouped(fen: int) -> str:
    """Return fen as yuan with separators: ``1,234.50``."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def write(world: World, folder: Path) -> dict[str, str]:
    """Write every file of the month into ``folder`` and return file names by key (contract, or contract/part)."""
    names = file_names(world)
    bodies: dict[str, Callable[[], bytes]] = {
        "tax_collection_detail": lambda: _tax(world),
        "treasury_receipts": lambda: _treasury(world),
        "agency_bookings": lambda: _agency(world),
    }
    bodies = {name: body for name, body in bodies.items() if name in world.sends}
    # Lists that come only when there is something in them.
    if world.refunds:
        bodies["treasury_refunds"] = lambda: _refunds(world)
    if world.corrections:
        bodies["treasury_corrections"] = lambda: _corrections(world)
    if world.lists_vouchers:
        bodies["transfer_vouchers"] = lambda: _table(
            world, "transfer_vouchers", world.vouchers, encoding="utf-8-sig", total=True
        )
    for name in world.filings:
        bodies[name] = lambda name=name: _filing(world, name)  # type: ignore[misc]
    for number in world.statements:
        bodies[f"account_statement/{number}"] = lambda number=number: _statement(world, number)  # type: ignore[misc]
    for code in world.reports:
        bodies[f"county_expenditure_report/{code}"] = lambda code=code: _report(world, world.reports[code])  # type: ignore[misc]
    folder.mkdir(parents=True, exist_ok=True)
    for key, body in bodies.items():
        data = body()
        if key in world.damaged:
            data = data[: len(data) * 2 // 3]
        if key in world.absent:
            continue
        (folder / names[key]).write_bytes(data)
    return names


def file_names(world: World) -> dict[str, str]:
    """Return the name of every file of the month by key."""
    stamp = world.month.compact
    names = {
        "tax_collection_detail": f"{world.city.name.zh}税务征收明细_{stamp}.csv",
        "treasury_receipts": f"国库入库清单3139_{stamp}.csv",
        "agency_bookings": f"医保系统到账_{stamp}.csv",
    }
    names = {name: text for name, text in names.items() if name in world.sends}
    if world.refunds:
        names["treasury_refunds"] = f"国库退库清单1104_{stamp}.csv"
    if world.corrections:
        names["treasury_corrections"] = f"国库更正清单1105_{stamp}.csv"
    if world.lists_vouchers:
        names["transfer_vouchers"] = f"划款凭证清单_{stamp}.csv"
    names |= {name: f"{FILINGS[name]}_{stamp}.csv" for name in world.filings}
    units = {unit.code: unit.name.zh for unit in world.units}
    for account in world.accounts.accounts:
        if account.number in world.statements and account.fund:
            label = FUNDS[account.fund].zh
            kind, ending = _KINDS[account.kind]
            whose = units[account.unit] if account.unit else "" if account.kind == "fiscal" else "市"
            names[f"account_statement/{account.number}"] = f"{whose}{kind}对账单_{label}_{stamp}.{ending}"
    for unit in world.units:
        names[f"county_expenditure_report/{unit.code}"] = f"基金支出核算报表_{unit.name.zh}_{stamp}.xlsx"
    return names


def _text(contract: Contract, row: Row, name: str, money: Callable[[int], str], day: str) -> str:
    if name in row.texts:
        return row.texts[name]
    value, column = row.values.get(name), contract.by_name[name]
    if value is None:
        return ""
    if column.type == "money":
        return money(value)
    if column.type == "month":
        return f"{value:%Y%m}"
    if column.type == "date":
        return day.format(value, y=value.year, m=value.month, d=value.day)
    if column.values and value in column.values.values():
        return next(text for text, code in column.values.items() if code == value)
    return str(value)


def table(name: str, rows: list[Row], title: str = "", *, total: bool = False) -> bytes:
    """Return a list of a contract, of no month, with a title where it needs one and a total below."""
    return _lines(name, rows, encoding="gb18030", title=title, total=total, money=grouped)


def _table(
    world: World,
    name: str,
    rows: list[Row],
    *,
    encoding: str,
    title: str = "",
    total: bool = False,
    money: Callable[[int], str] = yuan,
    day: str = "{0:%Y%m%d}",
) -> bytes:
    error, lacking = world.total_error.get(name, 0), world.lacking_column.get(name, "")
    return _lines(
        name, rows, encoding=encoding, title=title, total=total, money=money, day=day, error=error, lacking=lacking
    )


def _lines(
    name: str,
    rows: list[Row],
    *,
    encoding: str,
    title: str = "",
    total: bool = False,
    money: Callable[[int], str] = yuan,
    day: str = "{0:%Y%m%d}",
    error: int = 0,
    lacking: str = "",
) -> bytes:
    """Write rows under the usual headers of a contract; ``error`` falsifies the totals, ``lacking`` leaves out a column."""
    contract = load_contract(name)
    columns = [
        column
        for column in contract.columns
        if lacking != column.name and (not column.optional or any(column.name in row.values for row in rows))
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    line = 1
    if title:
        writer.writerow([title])
        line += 1
    writer.writerow([column.header for column in columns])
    for row in rows:
        line += 1
        row.row_no = line
        cells = [_text(contract, row, column.name, money, day) for column in columns]
        writer.writerow(cells[: len(cells) - row.cut])
    if total:
        sums = []
        for index, column in enumerate(columns):
            amount = sum(row.values.get(column.name) or 0 for row in rows) if column.total else 0
            shown = money(amount + error) if column.total else ""
            sums.append("合计" if index == 0 else shown)
        writer.writerow(sums)
    return out.getvalue().encode(encoding)


def _tax(world: World) -> bytes:
    title = f"{world.city.name.zh}基本医疗保险费征收明细（{world.month.zh}）"
    return _table(world, "tax_collection_detail", world.tax, encoding="gb18030", title=title, total=True)


def _treasury(world: World) -> bytes:
    return _table(world, "treasury_receipts", world.treasury, encoding="utf-8-sig", day="{0:%Y-%m-%d}")


def _refunds(world: World) -> bytes:
    return _table(world, "treasury_refunds", world.refunds, encoding="gb18030", day="{0:%Y-%m-%d}", total=True)


def _corrections(world: World) -> bytes:
    return _table(world, "treasury_corrections", world.corrections, encoding="gb18030", day="{0:%Y-%m-%d}", total=True)


def wage_file(year: int, wage: int) -> dict[str, bytes]:
    """Return the file of a year's provincial average wage (invented), by its name; ``wage`` in fen a month."""
    book, sheet, body = _workbook("平均工资")
    sheet.write_string(0, 0, f"{year}年度全省全口径城镇单位就业人员月平均工资（演练数据）")
    sheet.write_string(1, 0, "单位：元")
    contract = load_contract("provincial_average_wage")
    texts = {"indicator": "全省月平均工资", "document": f"演练〔{year + 1}〕1号"}
    for position, column in enumerate(contract.columns):
        sheet.write_string(2, position, column.header)
        if column.type == "money":
            sheet.write_number(3, position, Decimal(wage) / 100)
        else:
            sheet.write_string(3, position, texts.get(column.name, ""))
    book.close()
    return {f"全省月平均工资_{year}.xlsx": body.getvalue()}


def _filing(world: World, name: str) -> bytes:
    """Return a further list: with a title that names the month, and a total where its contract adds up a column."""
    contract = load_contract(name)
    title = f"{world.city.name.zh}{contract.title.zh} 所属期：{world.month.zh}" if contract.metadata else ""
    total = any(column.total for column in contract.columns)
    return _table(world, name, world.filings[name], encoding="gb18030", title=title, total=total, money=grouped)


def _agency(world: World) -> bytes:
    return _table(
        world, "agency_bookings", world.agency, encoding="gb18030", total=True, money=grouped, day="{y}年{m}月{d}日"
    )


def _statement_rows(statement: Statement) -> tuple[list[list[Any]], int]:
    """Return the lines (day, serial, debit, credit, balance in fen, name, number, remark) and the closing balance."""
    rows, balance = [], statement.opening
    for index, move in enumerate(sorted(statement.movements, key=_by_day), 1):
        balance += move.amount
        serial = f"{move.day:%Y%m%d}{index:05d}"
        sides = (-move.amount, None) if move.amount < 0 else (None, move.amount)
        rows.append([move.day, serial, *sides, balance, move.name, move.account, move.remark])
    if statement.drop is not None:
        del rows[statement.drop]
    return rows, balance


def _by_day(move: Movement) -> dt.date:
    return move.day


def _statement(world: World, number: str) -> bytes:
    statement = world.statements[number]
    account = next(a for a in world.accounts.accounts if a.number == number)
    rows, closing = _statement_rows(statement)
    headers = [column.header for column in load_contract("account_statement").columns]
    opening_text, closing_text = grouped(statement.opening), grouped(closing)
    if _KINDS[account.kind][1] == "csv":
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow([f"户名：{account.name}", f"账号：{number}", "币种：人民币"])
        writer.writerow([f"期初余额：{yuan(statement.opening)}", f"期末余额：{yuan(closing)}", "单位：元"])
        writer.writerow(headers)
        for row in rows:
            money = ["" if cell is None else grouped(cell) for cell in row[2:5]]
            writer.writerow([f"{row[0]:%Y-%m-%d}", row[1], *money, *row[5:]])
        return out.getvalue().encode("gb18030")
    book, sheet, body = _workbook("对账单")
    bold = book.add_format({"bold": True, "align": "center"})
    two = book.add_format({"num_format": "#,##0.00"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.merge_range(0, 0, 0, len(headers) - 1, "银行账户对账单", bold)
    sheet.write_string(1, 0, f"户名：{account.name}")
    sheet.write_string(1, 5, f"账号：{number}")
    sheet.write_string(2, 0, f"期初余额：{opening_text}")
    sheet.write_string(2, 5, f"期末余额：{closing_text}")
    sheet.write_row(3, 0, headers, bold)
    for line, row in enumerate(rows, 4):
        sheet.write_datetime(line, 0, dt.datetime.combine(row[0], dt.time()), day)
        sheet.write_string(line, 1, row[1])
        for position in (2, 3, 4):
            if row[position] is not None:
                _number(sheet, line, position, row[position], 100, two)
        for position in (5, 6, 7):
            sheet.write_string(line, position, row[position])
    sheet.set_column(0, 7, 18)
    book.close()
    return body.getvalue()


def _report(world: World, report: Report) -> bytes:
    book, sheet, body = _workbook("支出核算")
    title = book.add_format({"bold": True, "font_size": 14, "align": "center"})
    head = book.add_format({"bold": True, "align": "center", "valign": "vcenter", "border": 1})
    money = book.add_format({"num_format": "#,##0.00####", "border": 1})
    unit = "万元" if report.wan else "元"
    worth = 1_000_000 if report.wan else 100
    sheet.merge_range(0, 0, 0, 6, f"{world.city.name.zh}基本医疗保险基金支出核算报表", title)
    sheet.merge_range(1, 0, 1, 2, f"填报单位：{report.unit.code} {report.unit.name.zh}医疗保险服务中心")
    sheet.merge_range(1, 3, 1, 4, f"所属期：{world.month.zh}")
    sheet.merge_range(1, 5, 1, 6, f"单位：{unit}")
    sheet.merge_range(2, 0, 3, 0, "项目", head)
    for index, label in enumerate(FUNDS.values()):
        sheet.merge_range(2, 1 + index * 3, 2, 3 + index * 3, label.zh, head)
        sheet.write_row(3, 1 + index * 3, ["人次", "医疗总费用", "基金支付"], head)
    line = 4
    for name in report.items["worker"]:
        sheet.write_string(line, 0, name)
        for index, fund in enumerate(FUNDS):
            times, cost, paid = report.items[fund][name]
            sheet.write_number(line, 1 + index * 3, times)
            _number(sheet, line, 2 + index * 3, cost, worth, money)
            _number(sheet, line, 3 + index * 3, paid, worth, money)
        line += 1
    sheet.write_string(line, 0, "合计", head)
    for index, fund in enumerate(FUNDS):
        rows = report.items[fund].values()
        sheet.write_number(line, 1 + index * 3, sum(row[0] for row in rows))
        _number(sheet, line, 2 + index * 3, sum(row[1] for row in rows), worth, money)
        _number(sheet, line, 3 + index * 3, report.total(fund) + report.total_error, worth, money)
    sheet.merge_range(line + 1, 0, line + 1, 6, "支出户收支情况", head)
    account_lines = {
        "期初余额": report.opening,
        "本月拨入": report.received,
        "利息收入": report.interest,
        "本月支出": {fund: report.total(fund) for fund in FUNDS},
        "期末余额": {fund: report.closing(fund) for fund in FUNDS},
    }
    for offset, (name, amounts) in enumerate(account_lines.items(), line + 2):
        sheet.write_string(offset, 0, name)
        for index, fund in enumerate(FUNDS):
            _number(sheet, offset, 3 + index * 3, amounts[fund], worth, money)
    sheet.write_string(line + 8, 0, "填表人：　　　　审核人：")
    sheet.set_column(0, 6, 18)
    book.close()
    return body.getvalue()


def _workbook(sheet: str) -> tuple[xlsxwriter.Workbook, Any, io.BytesIO]:
    body = io.BytesIO()
    book = xlsxwriter.Workbook(body, {"in_memory": True})
    book.set_properties({"created": _MADE})
    return book, book.add_worksheet(sheet), body


def _number(sheet: Any, line: int, position: int, fen: int, worth: int, form: Any) -> None:
    """Write fen as a number of ``worth`` fen each (100: yuan, 1,000,000: 万元); Excel keeps 15 digits of it."""
    sheet.write_number(line, position, Decimal(fen) / worth, form)
