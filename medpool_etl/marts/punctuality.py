"""When the counties' own files came, and whether in time: from the control database, which knows when each content was received first.

It is no table of a run: a run is named by what it is made of, and the same files sent again on another day are the same run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.contracts import Contract, load_all
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.intake.arrivals import Arrival, expected_parts
from medpool_etl.periods import Month, Period
from medpool_etl.places import Accounts, load_accounts, load_city
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.control import Published
from medpool_etl.store.warehouse import read_json

SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("city", "month", "county", "county_name", "contract", "contract_title", "part")
        ),
        ("due_date", pa.date32()),
        ("late_after", pa.date32()),
        ("received_at", pa.timestamp("us")),
        ("on_time", pa.bool_()),
    ]
)
# Deadlines are days in China.
_ZONE = ZoneInfo("Asia/Shanghai")


def punctuality_table(control: Control, warehouse: Warehouse, published: Iterable[Published]) -> pa.Table:
    """Return a row for every file a county owes of a published month (moments in UTC). A file that was never usable has no moment,
    and it is not said whether it is late: that depends on the day somebody asks."""
    months = [item for item in published if Period.parse(item.month).kind == "month"]
    rows: list[dict[str, Any]] = []
    if months:
        contracts, calendar = load_all(), WorkingCalendar.load()
        for item in months:
            rows += _of_month(control, warehouse, item, contracts, calendar)
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _of_month(
    control: Control, warehouse: Warehouse, item: Published, contracts: dict[str, Contract], calendar: WorkingCalendar
) -> Iterator[dict[str, Any]]:
    month = Month.parse(item.month)
    city, accounts = load_city(item.city), load_accounts(item.city)
    folder = warehouse.run(item.city, item.month, item.run_id)
    manifest = read_json(folder / "manifest.json")
    if manifest.get("ahead"):  # made of the files for that alone: it says nothing of the others
        return
    usable = {
        file_id
        for file_id, verdict in read_json(folder / "quality" / "verdicts.json").items()
        if verdict["outcome"].startswith("accepted") or verdict["outcome"] == "superseded"
    }
    first: dict[str, dt.datetime] = {}
    for row in control.received(item.city, item.month):
        at = row.received_at if row.received_at.tzinfo else row.received_at.replace(tzinfo=dt.UTC)
        first[row.sha256] = min(at, first.get(row.sha256, at))
    came: dict[tuple[str, str], dt.datetime] = {}
    for arrival in map(Arrival.from_dict, manifest["arrivals"]):
        moment, key = first.get(arrival.sha256), (arrival.contract, arrival.part)
        if moment is not None and arrival.file_id in usable:
            came[key] = min(moment, came.get(key, moment))
    names = {unit.code: unit.name.zh for unit in city.units}
    for name, contract in contracts.items():
        if contract.expected.every != "month":
            continue
        due = contract.expected.deadline.on(month)
        late_after = _late_after(calendar, due)
        for part in expected_parts(contract, city, month, accounts):
            county = _county(contract, part, accounts)
            if county is None:
                continue
            received = came.get((name, part))
            yield {
                "city": item.city,
                "month": item.month,
                "county": county,
                "county_name": names.get(county, county),
                "contract": name,
                "contract_title": contract.title.zh,
                "part": part,
                "due_date": due,
                "late_after": late_after,
                "received_at": None if received is None else received.astimezone(dt.UTC).replace(tzinfo=None),
                "on_time": None if received is None else received.astimezone(_ZONE).date() <= (late_after or due),
            }


def _county(contract: Contract, part: str, accounts: Accounts) -> str | None:
    """Return the county that owes a file of a part, or None: for the city's, and for what comes only when there is something to say."""
    if contract.expected.per == "county" and contract.expected.need == "always":
        return part
    if contract.expected.per == "account":
        return next((a.unit for a in accounts.accounts if a.number == part and a.statement_needed), None)
    return None


def _late_after(calendar: WorkingCalendar, due: dt.date) -> dt.date | None:
    """Return the last day that is not late, or None where the holidays of its year are not known."""
    try:
        return calendar.late_after(due)
    except (InputError, ConfigurationError):
        return None
