"""What a period needs before it can be settled whole, and from which day it is settled without."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection

from medpool_etl.documents import Text
from medpool_etl.errors import MedpoolError
from medpool_etl.intake import missing_files
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.inbox import _whose
from medpool_etl.settlement import ahead_from, rules_of, settled_from

log = logging.getLogger(__name__)
ASSESSMENT, FINAL_ACCOUNTS, BALANCES = "assessment", "final_accounts", "legacy_balances"
# What the rules of an opening take from files (their models in sql/facts say how). Final accounts are of the year before, as long as
# no month of it was settled.
OPENING_FILES: dict[str, tuple[str, ...]] = {
    "old_deficit": (BALANCES,),
    "legacy_upload": (BALANCES,),
    "reserve_by_ratio": (FINAL_ACCOUNTS, BALANCES),
    "reserve_first": (FINAL_ACCOUNTS, BALANCES),
    "reserve_top_up": (FINAL_ACCOUNTS, BALANCES),
    "revolving_advance": (FINAL_ACCOUNTS,),
    "adjustment_fund": (FINAL_ACCOUNTS,),
    "prepaid_premiums": (FINAL_ACCOUNTS,),
}


def missing_of(
    agreed: Agreed,
    period: Period,
    active: Collection[tuple[str, str]],
    published: Collection[Period],
    settled: Collection[Period],
) -> tuple[Text, ...]:
    """Return what a period lacks, in words: files of a month; months of a quarter; months, quarters and the assessment of a clearing;
    files of an opening, and the months of the year before.

    ``active`` are contract and part of the files that are usable as far as they were looked at, ``published`` the periods of the city
    that are, ``settled`` those of the year that the city settles at all.
    """
    if period.kind == "month":
        return _files_of_month(agreed, period.first_month, active)
    if period.kind == "opening":
        return _of_opening(agreed, period, active, published)
    within = [
        item for item in settled if item.kind == "month" or (period.kind == "clearing" and item.kind == "quarter")
    ]
    if period.kind == "quarter":
        within = [item for item in within if period.first_day <= item.first_day <= period.last_day]
    lacking = [_not_published(item) for item in within if item not in published]
    if period.kind == "clearing" and not any(contract == ASSESSMENT for contract, _ in active):
        lacking.append(_file(agreed, ASSESSMENT, str(period.year)))
    return tuple(lacking)


def begun(agreed: Agreed, period: Period, active: Collection[tuple[str, str]], published: Collection[Period]) -> bool:
    """Whether there is anything to settle a period from: files of a month, final accounts or balances of an opening, a published month
    of a quarter or of a year."""
    if period.kind == "month":
        return any(agreed.contracts[contract].expected.every == "month" for contract, _ in active)
    if period.kind == "opening":
        return any(contract in (FINAL_ACCOUNTS, BALANCES) for contract, _ in active)
    return any(
        item.kind == "month" and period.first_month <= item.first_month <= period.last_month for item in published
    )


def due_on(agreed: Agreed, period: Period) -> dt.date | None:
    """Return the working day from which a period is settled with what is there, or None where the holiday notice that says so is not
    loaded."""
    try:
        return settled_from(agreed.rulebook, period, agreed.calendar)
    except MedpoolError as error:
        log.debug("nobody can say when %s is to be settled: %s", period, error)
        return None


def ahead_on(agreed: Agreed, period: Period) -> tuple[dt.date, tuple[str, ...]] | None:
    """Return the working day from which what a period orders before it is over is settled, and the contracts that must be in for it; None
    where nothing is due that early, or the holiday notice that says so is not loaded."""
    try:
        return ahead_from(agreed.rulebook, period, agreed.calendar)
    except MedpoolError as error:
        log.debug("nobody can say what of %s is to be settled ahead: %s", period, error)
        return None


def following(period: Period) -> Period:
    """Return the next period of the same kind."""
    if period.kind in ("month", "quarter"):
        last = 12 if period.kind == "month" else 4
        if period.number < last:
            return Period(period.year, period.kind, period.number + 1)
        return Period(period.year + 1, period.kind, 1)
    return Period(period.year + 1, period.kind)


def whose(agreed: Agreed, part: str) -> str:
    """Return the name of the county, account or year a file is of; "" for one of the city."""
    return _whose(agreed, part) if part else ""


def _files_of_month(agreed: Agreed, month: Month, active: Collection[tuple[str, str]]) -> tuple[Text, ...]:
    rows = missing_files(set(active), agreed.city, month, agreed.accounts, agreed.awaited)
    return tuple(_file(agreed, str(row["contract"]), str(row["part"])) for row in rows)


def _of_opening(
    agreed: Agreed, period: Period, active: Collection[tuple[str, str]], published: Collection[Period]
) -> tuple[Text, ...]:
    kinds = {agreed.rulebook.rules[name].kind for name in rules_of(agreed.rulebook, period)}
    wanted = dict.fromkeys(name for kind, names in OPENING_FILES.items() if kind in kinds for name in names)
    before = [Period(period.year - 1, "month", number) for number in range(1, 13)]
    lacking = []
    if FINAL_ACCOUNTS in wanted and any(month in published for month in before):
        del wanted[FINAL_ACCOUNTS]
        lacking += [_not_published(month) for month in before if month not in published]
    there = {contract for contract, _ in active}
    lacking += [
        _file(agreed, name, str(period.year - 1) if name == FINAL_ACCOUNTS else "")
        for name in wanted
        if name not in there
    ]
    return tuple(lacking)


def _file(agreed: Agreed, contract: str, part: str) -> Text:
    title, of = agreed.contracts[contract].title, whose(agreed, part)
    return Text(zh=f"{title.zh}（{of}）" if of else title.zh, en=f"{title.en} ({of})" if of else title.en)


def _not_published(period: Period) -> Text:
    return Text(zh=f"{period} 未发布", en=f"{period} is not published")
