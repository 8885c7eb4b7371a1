"""Faults of accounts: what moves between treasury, fiscal account, agencies and counties."""

from __future__ import annotations

from medpool_etl.simulator.expected import Cure, Expected
from medpool_etl.simulator.faults.registry import fault, next_day
from medpool_etl.simulator.statements import voucher_values
from medpool_etl.simulator.world import Row, World

STRANGER = ("622200001234567890", "台州某某信息科技有限公司")


@fault(
    "not_transferred",
    "未划专户：部分保费月末未划转",
    "part of the premiums was not transferred by month-end",
    once=True,
)
def _(world: World, expected: Expected) -> None:
    amount = world.fault_rng.randint(100_000, 9_000_000)
    world.transfer_shortfall["worker"] = world.transfer_shortfall.get("worker", 0) + amount
    ends = expected.broken("treasury_fiscal", "not_transferred", amount)
    expected.cures.append(Cure(ends, transfers={"worker": amount}))


@fault("over_transferred", "多划：划转多于入库", "more was transferred than booked", once=True)
def _(world: World, expected: Expected) -> None:
    amount = world.fault_rng.randint(100_000, 900_000)
    world.transfer_shortfall["resident"] = world.transfer_shortfall.get("resident", 0) - amount
    ends = expected.broken("treasury_fiscal", "over_transferred", -amount)
    expected.cures.append(Cure(ends, transfers={"resident": -amount}))


@fault("vouchers", "划款凭证齐全（无差错）", "the list of vouchers comes, and every transfer has one", once=True)
def _(world: World, expected: Expected) -> None:
    world.lists_vouchers = True


@fault(
    "late_voucher", "凭证迟到：专户已到账，凭证未报", "a transfer whose voucher is handed in a month later", once=True
)
def _(world: World, expected: Expected) -> None:
    amount = world.fault_rng.randint(100_000, 900_000)
    world.lists_vouchers = True
    world.splits.append(("worker", amount, False))
    ends = expected.broken("voucher_transfer", "late_voucher", -amount)
    late = voucher_values(world, "worker", next_day(world), amount, 1)
    # The cure brings the list, and with it the vouchers of the next month's own transfers.
    expected.cures.append(Cure(ends, {"vouchers": [late]}))


@fault(
    "not_executed",
    "凭证未执行：凭证已开，款项次月才到",
    "a voucher the treasury executes only in the next month",
    once=True,
)
def _(world: World, expected: Expected) -> None:
    amount = world.fault_rng.randint(100_000, 900_000)
    world.lists_vouchers = True
    world.transfer_shortfall["worker"] = world.transfer_shortfall.get("worker", 0) + amount
    values = voucher_values(world, "worker", world.working_days()[-2], amount, 9999)
    world.vouchers.append(Row(values))
    ends = expected.broken("treasury_fiscal", "not_transferred", amount)
    ends += expected.broken("voucher_transfer", "not_executed", amount)
    expected.cures.append(Cure(ends, late={"worker": amount}))


@fault("unknown_movement", "未识别收支：专户付给不明账户", "a payment of the fiscal account to a stranger")
def _(world: World, expected: Expected) -> None:
    amount = world.fault_rng.randint(1_000_000, 9_000_000)
    account = world.accounts.one("fiscal", "worker").number
    world.extra_moves.append((account, -amount, *STRANGER, "往来款"))
    ends = expected.broken("account_activity", "unknown_movement", -amount)
    expected.cures.append(Cure(ends, moves=[(account, amount, *STRANGER, "退回往来款")]))


@fault("county_received_less", "县报表本月拨入少于市级拨出", "a county reports less than it was sent", once=True)
def _(world: World, expected: Expected) -> None:
    code = world.fault_rng.choice(world.units).code
    amount = world.fault_rng.randint(1, 1_000_000)
    world.reports[code].received["resident"] -= amount
    ends = expected.broken("agency_county", "amount_differs", amount)
    expected.cures.append(Cure(ends, received={f"resident/{code}": amount}))


@fault(
    "county_statement",
    "县支出户对账单随报表报送（无差错）",
    "a county's statement comes with its report, and agrees",
    once=True,
)
def _(world: World, expected: Expected) -> None:
    world.county_statements[("worker", world.units[0].code)] = 0


@fault("county_statement_differs", "县报表支出与对账单不符", "a county paid more than it reports", once=True)
def _(world: World, expected: Expected) -> None:
    amount = world.fault_rng.randint(100, 1_000_000)
    world.county_statements[("worker", world.units[1].code)] = amount
    # What was paid, and what is left.
    expected.broken("report_statement", "amount_differs", -amount, amount)


@fault(
    "balance_gap",
    "期初余额与上月期末不符",
    "a statement that does not begin where the last one ended",
    sequel=True,
    once=True,
)
def _(world: World, expected: Expected) -> None:
    amount = world.fault_rng.randint(1, 1_000_000)
    world.opening_shift[world.accounts.one("fiscal", "resident").number] = amount
    expected.broken("balance_continuity", "balance_gap", -amount)
