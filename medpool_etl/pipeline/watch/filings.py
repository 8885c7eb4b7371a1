"""Whether a filing was made, told by the files that show it: who has sent them, and who has not."""

from __future__ import annotations

import logging
import tempfile
from functools import cache
from pathlib import Path

from medpool_etl.contracts import Contract
from medpool_etl.errors import InputError
from medpool_etl.intake import ODD, Arrival, expected_parts, receive
from medpool_etl.intake.peek import NotReadable
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.session import staging_session
from medpool_etl.pipeline.watch.evidence import Evidence, Place, listed
from medpool_etl.policy.deadline import Shown
from medpool_etl.policy.timetable import Entry
from medpool_etl.staging import stage_file
from medpool_etl.store.session import staged_sql

log = logging.getLogger(__name__)


class Filings:
    """Looks into a city's inboxes, each kind of file of a month once."""

    def __init__(self, place: Place) -> None:
        """Look into the inboxes of this city."""
        self._place = place
        self._lacking = cache(self._look)

    def evidence(self, entry: Entry) -> Evidence:
        """Return whether all files that show a filing have come, and who has not sent them, by name.

        A county counts as having filed with a whole city's file when it has rows in it that can be used. Looking records what came,
        as `medpool inbox` does.
        """
        lines: list[str] = []
        for shown in self._place.agreed.rulebook.deadlines[entry.name].shown_by:
            contract = self._place.agreed.contracts[shown.contract]
            lacking, asked, came = self._lacking(shown, self._month(shown, contract, entry))
            if not lacking:
                continue
            if not came:
                lines.append(f"“{contract.title.zh}”尚未收到：{listed(lacking)}")
            else:
                lines.append(f"“{contract.title.zh}”未报 {len(lacking)}/{asked}：{listed(lacking)}")
        return Evidence(done=not lines, lines=tuple(lines))

    def _month(self, shown: Shown, contract: Contract, entry: Entry) -> Month:
        """Return the month in whose inbox, or among whose yearly files, a kind of file of a deadline is looked for."""
        if contract.expected.every == "once" or entry.period is None:
            return Month.of(self._place.agreed.rulebook.notice.in_force_from)
        if contract.expected.every == "month":
            return entry.period.last_month
        year = entry.period.year + shown.years
        return Month(year + (contract.expected.serves == "next_year"), 1)

    def _look(self, shown: Shown, month: Month) -> tuple[tuple[str, ...], int, bool]:
        """Return the names of those whose part of a kind of file is lacking, how many parts are expected, and whether any came."""
        place = self._place
        agreed, contract = place.agreed, place.agreed.contracts[shown.contract]
        arrivals = [
            arrival
            for arrival in receive(
                place.settings.month_inbox(place.city, month),
                agreed.city,
                month,
                agreed.accounts,
                agreed.contracts,
                place.control,
                place.warehouse,
                period=Period.of(month),
            )
            if arrival.contract == shown.contract and arrival.state == "active"
        ]
        units = {unit.code: unit.name.zh for unit in agreed.city.units_on(month.last_day)}
        by_county = contract.expected.per in ("city", "year") and "county" in contract.by_name
        if by_county:
            rows = self._counties(month, contract, arrivals)
            # What is not split by county stands under the code of the city.
            whole = rows == {agreed.city.code}
            lacking = () if whole else tuple(name for code, name in units.items() if code not in rows)
            return lacking, len(units), bool(rows)
        accounts = {a.number: a for a in agreed.accounts.accounts}
        parts = [
            part
            for part in expected_parts(contract, agreed.city, month, agreed.accounts)
            if part not in accounts
            or (accounts[part].statement_needed and shown.account in (None, accounts[part].kind))
        ]
        have = {arrival.part for arrival in arrivals}
        names = {
            part: accounts[part].name if part in accounts else units.get(part, agreed.city.name.zh) for part in parts
        }
        return tuple(names[part] for part in parts if part not in have), len(parts), bool(have & set(parts))

    def _counties(self, month: Month, contract: Contract, arrivals: list[Arrival]) -> set[str]:
        """Return the counties that have usable rows in the newest readable version of a city's file."""
        place = self._place
        for arrival in sorted(arrivals, key=lambda a: -a.version):
            assert arrival.shape is not None
            with tempfile.TemporaryDirectory() as folder, staging_session(place.agreed, month) as connection:
                try:
                    received = place.warehouse.received(arrival.sha256)
                    stage_file(connection, received, arrival.file_id, arrival.shape, contract, Path(folder))
                except (NotReadable, InputError, *ODD) as error:
                    log.warning("%s cannot be read: %s", arrival.name, type(error).__name__)
                    continue
                parts = staged_sql(Path(folder), arrival.file_id, contract, ["county"])
                rows = connection.execute(
                    f"SELECT DISTINCT county FROM ({' UNION ALL '.join(parts)}) WHERE NOT set_aside"
                ).fetchall()
            return {row[0] for row in rows}
        return set()
