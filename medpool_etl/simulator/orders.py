"""Instructed transfers that a rehearsed month executes, and what each does to whose account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import InputError
from medpool_etl.periods import Month
from medpool_etl.places import Account, Accounts


@dataclass(frozen=True)
class Order:
    """An instructed transfer that falls due in the month: what it is called, the fund, the county it is reckoned for (empty for the
    city), the numbers of both accounts, fen, and the day it is due by."""

    transfer_id: str
    fund: str
    county: str
    payer_account: str
    receiver_account: str
    amount_fen: int
    due: dt.date

    def of_rules(self, rules: Iterable[str]) -> bool:
        """Whether it is by one of some rules: its name has the rule's id between slashes."""
        return not set(rules).isdisjoint(self.transfer_id.split("/"))


@dataclass(frozen=True)
class Payment:
    """An order as banks see it: between two bank accounts, on a working day."""

    order: Order
    payer: Account
    receiver: Account
    day: dt.date

    def between(self, payer: str, receiver: str) -> bool:
        """Whether it goes from one sort of account to another: the kind, with "county " before it for a county's."""
        return (_sort(self.payer), _sort(self.receiver)) == (payer, receiver)

    @property
    def unit(self) -> str:
        """The county one of whose accounts it moves, or empty."""
        return self.payer.unit or self.receiver.unit or ""


def payments_of(
    orders: Iterable[Order], accounts: Accounts, month: Month, calendar: WorkingCalendar
) -> tuple[Payment, ...]:
    """Return what banks see of the orders, in the order given.

    A sub-ledger stands for its bank account; what stays within one bank account is no movement, and what a treasury pays is none
    of these: it follows what was booked. A city's fiscal account pays a county's agency by way of the city's agency. Money moves
    on the last working day of the month by which it is not yet late. Raises InputError for an account that is not registered or
    an amount that is not positive.
    """
    registered = {account.number: account for account in accounts.accounts}
    last, first = calendar.on_or_before(month.last_day), calendar.on_or_after(month.first_day)
    made = []
    for order in orders:
        sides = []
        for number in (order.payer_account, order.receiver_account):
            if number not in registered:
                raise InputError(
                    f"the order {order.transfer_id} is about account {number!r}, which is not registered",
                    do=f"add it to places/{accounts.city}.accounts.yaml",
                )
            sides.append(registered[registered[number].within or number])
        if order.amount_fen <= 0:
            raise InputError(
                f"the order {order.transfer_id} is of {order.amount_fen} fen", expected="a positive amount"
            )
        payer, receiver = sides
        if payer.number == receiver.number or "treasury" in (payer.kind, receiver.kind):
            continue
        day = max(first, calendar.on_or_before(min(last, calendar.late_after(order.due))))
        payment = Payment(order, payer, receiver, day)
        if payment.between("fiscal", "county expenditure"):
            agency = accounts.one("expenditure", order.fund)
            made += [Payment(order, payer, agency, day), Payment(order, agency, receiver, day)]
        else:
            made.append(payment)
    return tuple(made)


def _sort(account: Account) -> str:
    return f"county {account.kind}" if account.unit else account.kind
