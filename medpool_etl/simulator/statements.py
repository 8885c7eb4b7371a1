"""The statements, vouchers and balances of a simulated month, drawn up from what happened after faults changed it."""

from __future__ import annotations

import datetime as dt

from medpool_etl.places import FUNDS
from medpool_etl.simulator.world import Movement, Row, Statement, World, booked_in_treasury

# Where a county pays benefits to: accounts that are nobody's but the hospitals'.
HOSPITALS = (("620000000000000101", "人民医院"), ("620000000000000102", "中医院"), ("620000000000000103", "医药公司"))


def settle_statements(world: World) -> None:
    """Draw up the statements of the city's accounts, of the counties' where they are sent, and the list of vouchers."""
    days = world.working_days()
    by_fifth = [day for day in days if day <= world.calendar.late_after(world.month.day(5))]
    paid_out = by_fifth[-1]
    passed_on = world.calendar.plus(paid_out, 1)
    treasury = world.accounts.one("treasury")
    for fund, label in FUNDS.items():
        fiscal, agency = world.accounts.one("fiscal", fund), world.accounts.one("expenditure", fund)
        allocated = sum(amount for (name, _), amount in world.allocations.items() if name == fund)
        remark = f"拨付{world.month.zh}{label.zh}用款"
        moves = [Movement(paid_out, -allocated, agency.number, agency.name, remark)]
        if world.month.number % 3 == 0:
            day = min(world.calendar.on_or_after(world.month.day(21)), days[-1])
            moves.append(Movement(day, world.rng.randint(1_000_000, 90_000_000), "", "", "结息"))
        moved = transfers(world, fund, days)
        moves += [
            Movement(day, amount, treasury.number, treasury.name, f"划转{world.month.zh}{label.zh}保险费")
            for day, amount in moved
        ]
        add_statement(world, fiscal.number, allocated * 14 + world.rng.randint(0, 10**9), moves)
        moves = [Movement(paid_out, allocated, fiscal.number, fiscal.name, remark)]
        for unit in world.units:
            county = world.accounts.one("expenditure", fund, unit.code)
            moves.append(Movement(passed_on, -world.allocations[(fund, unit.code)], county.number, county.name, remark))
        add_statement(world, agency.number, world.rng.randint(0, 10**6), moves)
    for (fund, code), unreported in world.county_statements.items():
        _county_statement(world, fund, code, unreported, passed_on, days)
    for number in world.dropped_line:
        world.statements[number].drop = 1


def closing_balances(world: World) -> dict[str, int]:
    """Return what every statement and county report carries forward, in fen by account or "report/county/fund"."""
    balances = {
        number: statement.opening + sum(move.amount for move in statement.movements)
        for number, statement in world.statements.items()
    }
    for code, report in world.reports.items():
        for fund in FUNDS:
            balances[f"report/{code}/{fund}"] = report.closing(fund)
    balances |= world.carried
    return balances


def add_statement(world: World, number: str, opening: int, moves: list[Movement]) -> None:
    """Draw up a statement of the movements and of what a fault added, beginning with what the month before left."""
    last = world.working_days()[-1]
    moves += [
        Movement(last, amount, other, name, remark)
        for account, amount, other, name, remark in world.extra_moves
        if account == number
    ]
    opening = world.balances.get(number, opening) + world.opening_shift.get(number, 0)
    world.statements[number] = Statement(number, opening, moves)


def transfers(world: World, fund: str, days: list[dt.date]) -> list[tuple[dt.date, int]]:
    """Return the transfers from the treasury, with the vouchers for them where the month lists vouchers."""
    splits = [(amount, listed) for name, amount, listed in world.splits if name == fund]
    main = booked_in_treasury(world, fund) - world.transfer_shortfall.get(fund, 0) - sum(a for a, _ in splits)
    made = [(days[-1], main), *((days[-2], amount) for amount, _ in splits)]
    if world.lists_vouchers:
        listed = [(days[-2], main), *((days[-2], amount) for amount, there in splits if there)]
        for day, amount in listed:
            voucher(world, fund, day, amount)
    if late := world.late_transfers.get(fund, 0):
        made.append((days[1], late))
    return made


def voucher(world: World, fund: str, day: dt.date, amount: int) -> Row:
    """Add a voucher to the month's list and return it."""
    row = Row(voucher_values(world, fund, day, amount, len(world.vouchers) + 27))
    world.vouchers.append(row)
    return row


def voucher_values(world: World, fund: str, day: dt.date, amount: int, number: int) -> dict[str, object]:
    """Return the values of a voucher by column."""
    return {
        "voucher_no": f"{number:08d}",
        "issued_date": day,
        "fund": fund,
        "payer_account": world.accounts.one("treasury").number,
        "payee_account": world.accounts.one("fiscal", fund).number,
        "amount": amount,
        "period": world.month.first_day,
        "purpose": f"划转{world.month.zh}{FUNDS[fund].zh}保险费",
    }


def _county_statement(
    world: World, fund: str, code: str, unreported: int, received_on: dt.date, days: list[dt.date]
) -> None:
    account, payer = world.accounts.one("expenditure", fund, code), world.accounts.one("expenditure", fund)
    report = world.reports[code]
    paid = report.total(fund) + unreported
    moves = [Movement(received_on, report.received[fund], payer.number, payer.name, "用款")]
    parts = [paid // 2, paid // 3, paid - paid // 2 - paid // 3]
    for (number, name), amount, day in zip(HOSPITALS, parts, days[-3:], strict=True):
        moves.append(Movement(day, -amount, number, name, "医疗费结算"))
    if report.interest[fund]:
        moves.append(Movement(days[-1], report.interest[fund], "", "", "结息"))
    add_statement(world, account.number, report.opening[fund], moves)
