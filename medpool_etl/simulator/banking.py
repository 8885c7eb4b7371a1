"""The bank statements of a month of a year, and the lists that follow from them: subsidies, interest, plans, enrolment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from medpool_etl.places import FUNDS, Account
from medpool_etl.simulator.statements import HOSPITALS, add_statement, transfers
from medpool_etl.simulator.world import Movement, Row
from medpool_etl.simulator.year import YearWorld

# Who pays premiums into income accounts, besides the treasury.
PAYERS = (
    ("620000000000000201", "某某煤业有限公司"),
    ("620000000000000202", "某某纺织有限公司"),
    ("", "银联代收居民保费"),
)
LEVELS = {"central": "upper", "province": "upper", "city": "government", "county": "government"}


class Bank:
    """The accounts of a month: what moved on each, in the order it was written down."""

    def __init__(self, world: YearWorld) -> None:
        self.world = world
        self.days = world.working_days()
        self.moves: dict[str, list[Movement]] = {account.number: [] for account in self._sent()}
        paid_by = world.calendar.late_after(world.month.day(5))
        self.paid_out = [day for day in self.days if day <= paid_by][-1]
        self.passed_on = world.calendar.plus(self.paid_out, 1)

    def _sent(self) -> Iterator[Account]:
        """The accounts whose statements come: those of the city, and of the counties what the city is like or a fault wants."""
        world, units = self.world, {unit.code for unit in self.world.units}
        for account in world.accounts.accounts:
            if account.kind not in ("fiscal", "income", "expenditure") or not account.has_statement:
                continue
            asked = account.kind in world.profile.statements or (
                account.kind == "expenditure" and (account.fund, account.unit) in world.county_statements
            )
            if account.unit is None or (account.unit in units and asked):
                yield account

    def line(self, account: Account, day: dt.date, amount: int, name: str, number: str, remark: str) -> None:
        """Write down a movement of an account whose statement comes."""
        if account.number in self.moves and amount:
            self.moves[account.number].append(Movement(day, amount, number, name, remark))

    def pay(self, payer: Account, receiver: Account, day: dt.date, amount: int, remark: str) -> None:
        """Move fen between two accounts, as the statements of both show it."""
        self.line(payer, day, -amount, receiver.name, receiver.number, remark)
        self.line(receiver, day, amount, payer.name, payer.number, remark)

    def one(self, kind: str, fund: str | None = None, unit: str | None = None, purpose: str | None = None) -> Account:
        """Return an account of the city."""
        return self.world.accounts.one(kind, fund, unit, purpose)

    def lowest(self, account: Account, opening: int) -> int:
        """Return the lowest balance an account has in the month."""
        balance = lowest = opening
        for move in sorted(self.moves[account.number], key=lambda move: move.day):
            balance += move.amount
            lowest = min(lowest, balance)
        return lowest


def settle_year(world: YearWorld) -> None:
    """Draw up every statement, the vouchers where they are listed, and the lists of a month of the year."""
    bank = Bank(world)
    for fund in FUNDS:
        _premiums(bank, fund)
        _allocations(bank, fund)
        _critical_illness(bank, fund)
        for item in world.payments:
            if item.order.fund == fund:
                bank.pay(item.payer, item.receiver, item.day, item.order.amount_fen, _remark(item.order.transfer_id))
        if world.lists:
            _subsidies(bank, fund)
        _county_agencies(bank, fund)
        _interest(bank, fund)
        _cover(bank, fund)
    for number, moves in bank.moves.items():
        opening = _opening(world, next(a for a in world.accounts.accounts if a.number == number))
        if moves or any(extra[0] == number for extra in world.extra_moves):
            add_statement(world, number, opening, moves)
        else:
            world.carried[number] = world.balances.get(number, opening)
    for number in world.dropped_line:
        world.statements[number].drop = 1
    if world.lists:
        _lists(world)


def _remark(transfer_id: str) -> str:
    return f"执行指令 {transfer_id}"


def _premiums(bank: Bank, fund: str) -> None:
    """Move premiums on: from the treasury, from the counties' treasuries, or from income account to income account."""
    world, fiscal, days = bank.world, bank.one("fiscal", fund), bank.days
    remark = f"划转{world.month.zh}{FUNDS[fund].zh}保险费"
    if world.profile.levied == "city_treasury":
        treasury = bank.one("treasury")
        for day, amount in transfers(world, fund, days):
            bank.pay(treasury, fiscal, day, amount, remark)
    elif world.profile.levied == "county_treasuries":
        for unit in world.units:
            booked = sum(
                row.values["paid_amount"]
                for row in world.tax
                if row.values["county"] == unit.code and row.values["fund"] == fund
            )
            bank.pay(bank.one("treasury", None, unit.code), fiscal, days[-1], booked, remark)
    else:
        city, uploaded = bank.one("income", fund), 0
        for unit in world.units:
            county, left = bank.one("income", fund, unit.code), world.levied[(fund, unit.code)]
            parts = [left // 2, left // 4, left // 8, left - left // 2 - left // 4 - left // 8]
            payers = ((bank.one("treasury").number, bank.one("treasury").name), *PAYERS)
            for index, ((number, name), part) in enumerate(zip(payers, parts, strict=True)):
                bank.line(county, days[2 + index * 3], part, name, number, "医疗保险费")
            rest = left - _paid(world, fund, "county income", "income", unit.code)
            bank.pay(county, city, days[-2], rest - rest // 10, "上解医疗保险费")
            bank.pay(county, city, days[-1], rest // 10, "上解医疗保险费")
            uploaded += left
        bank.pay(city, fiscal, days[-1], uploaded - _paid(world, fund, "income", "fiscal"), "上解医疗保险费")


def _paid(world: YearWorld, fund: str, payer: str, receiver: str, unit: str = "") -> int:
    """Return what orders of a fund pay from one sort of account to another, of a county or of the city."""
    mine = (item for item in world.payments if item.order.fund == fund and item.unit == unit)
    return sum(item.order.amount_fen for item in mine if item.between(payer, receiver))


def _allocations(bank: Bank, fund: str) -> None:
    """Pay the allocations no order was given for: one sum to the city's agency, from there to the counties."""
    world, fiscal, agency = bank.world, bank.one("fiscal", fund), bank.one("expenditure", fund)
    remark = f"拨付{world.month.zh}{FUNDS[fund].zh}用款"
    mine = {code: amount for (name, code), amount in world.allotted.items() if name == fund}
    bank.pay(fiscal, agency, bank.paid_out, sum(mine.values()), remark)
    for code, amount in mine.items():
        bank.pay(agency, bank.one("expenditure", fund, code), bank.passed_on, amount, remark)


def _critical_illness(bank: Bank, fund: str) -> None:
    """Let the city's agency pay the insurer, where it does and no order says so."""
    world = bank.world
    ordered = any(item.between("expenditure", "payee") and item.order.fund == fund for item in world.payments)
    if world.profile.critical_illness != "city" or ordered:
        return
    amount = sum(world.plan.critical_illness(unit.code, fund, world.month.year) for unit in world.units) // 12
    agency = bank.one("expenditure", fund)
    bank.pay(bank.one("fiscal", fund), agency, bank.paid_out, amount, "拨付大病保险资金")
    bank.pay(agency, bank.one("payee", None, None, "insurer"), bank.passed_on, amount, "大病保险资金")


def _subsidies(bank: Bank, fund: str) -> None:
    """Let the month's subsidies arrive and list them; an order stands for what its county would have paid."""
    world, fiscal, subsidies = bank.world, bank.one("fiscal", fund), bank.world.profile.subsidies
    rows: list[Row] = []
    ordered = [
        item
        for item in world.payments
        if item.order.fund == fund
        and item.order.of_rules(subsidies.rules)
        and item.between("county government", "fiscal")
    ]
    local = [share for share in subsidies.shares if share.level == "county" and share.month <= world.month.number]
    for item in ordered:
        share = local[-1] if local else subsidies.shares[0]
        if "arrears" in item.order.transfer_id.split("/") and len(local) > 1:
            share = local[-2]
        rows.append(_subsidy(world, fund, item.unit, "county", share.instalment, item.day, item.order.amount_fen))
    for unit in world.units:
        amounts = subsidies.amounts(world.plan.subsidy(unit.code, fund))
        for share in subsidies.in_month(world.month.number):
            if not amounts[share] or (share.level == "county" and any(item.unit == unit.code for item in ordered)):
                continue
            payer = bank.one(LEVELS[share.level], None, unit.code if share.level == "county" else None)
            day = bank.days[world.rng.randint(7, 12)]
            bank.pay(payer, fiscal, day, amounts[share], f"{world.month.year}年城乡居民医保财政补助")
            rows.append(_subsidy(world, fund, unit.code, share.level, share.instalment, day, amounts[share]))
    if rows:
        world.filings.setdefault("subsidy_receipts", []).extend(rows)


def _subsidy(world: YearWorld, fund: str, county: str, level: str, instalment: str, day: dt.date, amount: int) -> Row:
    return Row(
        {
            "county": county,
            "fund": fund,
            "payer_level": level,
            "budget_year": world.month.year,
            "instalment": instalment,
            "arrived_date": day,
            "amount": amount,
        }
    )


def _county_agencies(bank: Bank, fund: str) -> None:
    """Write what else moves on the counties' expenditure accounts, where their statements come: what hospitals are paid."""
    world = bank.world
    for unit in world.units:
        account, report = bank.one("expenditure", fund, unit.code), world.reports[unit.code]
        by_order = _paid(world, fund, "county expenditure", "payee", unit.code)
        by_order -= _paid(world, fund, "payee", "county expenditure", unit.code)
        for item in world.payments:
            mine = item.order.fund == fund and item.unit == unit.code
            if mine and item.between("county fiscal", "county expenditure"):
                # What a legacy balance bears goes out again; it is no expenditure of the month's report.
                bank.line(account, item.day, -item.order.amount_fen, HOSPITALS[0][1], HOSPITALS[0][0], "统筹前费用")
        paid = report.total(fund) - by_order + world.county_statements.get((fund, unit.code), 0)
        parts = [paid // 2, paid // 3, paid - paid // 2 - paid // 3]
        for (number, name), amount, day in zip(HOSPITALS, parts, bank.days[-3:], strict=True):
            bank.line(account, day, -amount, name, number, "医疗费结算")


def _interest(bank: Bank, fund: str) -> None:
    """Pay the quarter's interest and list it."""
    world = bank.world
    if world.month.number % 3:
        return
    day = min(world.calendar.on_or_after(world.month.day(21)), bank.days[-1])
    for account in world.accounts.accounts:
        if account.fund != fund or account.number not in bank.moves or account.kind == "income":
            continue
        if account.kind == "expenditure" and account.unit:
            continue
        amount = max(_opening(world, account), 0) * 3 // 1000 + world.rng.randint(1_000, 90_000)
        _earn(bank, account, day, amount)
    for unit in world.units:
        account = bank.one("expenditure", fund, unit.code)
        _earn(bank, account, bank.days[-1], world.reports[unit.code].interest[fund])


def _earn(bank: Bank, account: Account, day: dt.date, amount: int) -> None:
    world = bank.world
    bank.line(account, day, amount, "", "", "结息")
    values = {
        "county": account.unit or world.city.code,
        "fund": account.fund,
        "account_no": account.number,
        "income_kind": "interest",
        "received_date": day,
        "amount": amount,
    }
    if world.lists and amount:
        world.filings.setdefault("other_income", []).append(Row(values))


def _cover(bank: Bank, fund: str) -> None:
    """Let city finance pay the agency what it lacks for what it was told to pay, and reckon what the agency kept."""
    world, agency, fiscal = bank.world, bank.one("expenditure", fund), bank.one("fiscal", fund)
    lacking = -bank.lowest(agency, _opening(world, agency))
    if lacking > 0:
        bank.pay(fiscal, agency, bank.days[0], lacking, "拨付市经办用款")
    received = sum(move.amount for move in bank.moves[agency.number] if move.account == fiscal.number)
    world.kept[fund] = received - sum(amount for (name, _), amount in world.allocations.items() if name == fund)


def _opening(world: YearWorld, account: Account) -> int:
    """Return what an account brings forward: from the month before, or what it would have."""
    number, fund = account.number, account.fund or ""
    if number in world.balances:
        return world.balances[number]
    plan, codes = world.plan, [unit.code for unit in world.units]
    if account.unit:
        if account.kind == "expenditure":
            return world.reports[account.unit].opening[fund]
        return 0 if account.kind == "income" else max(sum(plan.audited(account.unit, fund)), 0) + 5_000_000
    if account.kind != "fiscal":
        return 0 if account.kind == "income" else 200_000
    within = [other for other in world.accounts.accounts if other.within == number]
    total = sum(
        max(sum(plan.audited(other.unit, fund)), 0)
        for other in within
        if other.purpose == "legacy" and other.unit in codes
    )
    total += plan.adjustment_fund(fund) if any(other.purpose == "adjustment" for other in within) else 0
    for code in codes:
        total += plan.spent(code, fund, world.month.year) * 4 // 12
        total += plan.collected_beforehand(code, fund, world.month.year)
    return total


def _lists(world: YearWorld) -> None:
    """List what the counties plan for the next month, and who is insured."""
    plan, following = world.plan, world.month.plus(1)
    units = {unit.code for unit in world.city.units_on(following.last_day)}
    for unit in world.units:
        report = world.reports[unit.code]
        for fund in FUNDS:
            if unit.code in units:
                planned = plan.spent_in(unit.code, fund, following) * world.rng.randint(990, 1020) // 1000
                values = {
                    "county": unit.code,
                    "fund": fund,
                    "plan_month": following.first_day,
                    "planned_amount": planned // 10_000_00 * 10_000_00,
                    "account_balance": report.closing(fund),
                }
                world.filings.setdefault("funding_plan", []).append(Row(values))
            heads = plan.heads(unit.code, fund)
            heads += heads * (world.month.number - 6) // 2000
            paying = heads * (70 if fund == "worker" else 97) // 100
            values = {"county": unit.code, "fund": fund, "insured": heads, "paying": paying}
            if fund == "resident":
                own, subsidy = plan.standards(unit.code)
                values |= {"own_standard": own, "subsidy_standard": subsidy}
            world.filings.setdefault("enrolment", []).append(Row(values))
