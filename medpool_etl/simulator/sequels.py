"""What a simulated month has to do with the one before, and what follows from its own faults."""

from __future__ import annotations

from collections import Counter

from medpool_etl.places import FUNDS
from medpool_etl.simulator.expected import Before, Expected
from medpool_etl.simulator.world import Row, World

# By which pass a break ends when its cure arrives: by its number, unless it has none the other side could know.
_BY_AMOUNT = {
    ("tax_treasury", "manual_receipt"),
    ("voucher_transfer", "not_executed"),
    ("voucher_transfer", "late_voucher"),
}
_OPPOSITE = {("account_activity", "unknown_movement")}


def apply_before(world: World, expected: Expected, before: Before, cures: bool) -> None:
    """Bring into a month what the one before left: cures with the breaks they end, and the breaks that stay."""
    world.samples = before.samples
    staying = Counter(before.staying)
    for cure in before.cures if cures else ():
        for name, rows in cure.rows.items():
            for values in rows:
                target = {"tax": world.tax, "treasury": world.treasury, "agency": world.agency}.get(name)
                made = Row({**values, "touched": True})
                if target is not None:
                    target.append(made)
                elif name == "corrections":
                    made.values["correction_no"] = f"{len(world.corrections) + 15:08d}"
                    world.corrections.append(made)
                elif name == "vouchers":
                    made.values["voucher_no"] = f"{len(world.vouchers) + 9001:08d}"
                    world.vouchers.append(made)
                    world.lists_vouchers = True
        for fund, amount in cure.transfers.items():
            world.transfer_shortfall[fund] = world.transfer_shortfall.get(fund, 0) - amount
        for fund, amount in cure.late.items():
            world.late_transfers[fund] = world.late_transfers.get(fund, 0) + amount
            world.lists_vouchers = True
        world.extra_moves += [(move[0], move[1], move[2], move[3], move[4]) for move in cure.moves]
        for key, amount in cure.received.items():
            fund, code = key.split("/")
            world.reports[code].received[fund] += amount
        for item in cure.ends:
            staying[item] -= 1
            kind = (item.pair, item.cls)
            name = "same_amount" if kind in _BY_AMOUNT else "opposite" if kind in _OPPOSITE else "carried_over"
            expected.passes(item.pair, name)
    expected.breaks += list(staying.elements())


def after_faults(world: World, expected: Expected) -> None:
    """Expect what holds in every month: what was allocated but not spent, fund by fund, and vouchers found by their amount."""
    if world.lists_vouchers:
        listed = sum(1 for _, _, there in world.splits if there)
        expected.passes("voucher_transfer", "same_amount", len(FUNDS) + listed)
    for fund in FUNDS if world.explained else ():
        if f"account_statement/{world.accounts.one('fiscal', fund).number}" in expected.files:
            continue
        reported = [code for code in world.reports if f"county_expenditure_report/{code}" not in expected.files]
        moved = sum(world.reports[code].received[fund] - world.reports[code].total(fund) for code in reported)
        expected.broken("allocation_expenditure", "account_movement", moved + world.kept.get(fund, 0))
        passed_on = sum(amount for (name, _), amount in world.allocations.items() if name == fund)
        received = sum(world.reports[code].received[fund] for code in reported)
        expected.broken("allocation_expenditure", "other_pair", passed_on - received)
