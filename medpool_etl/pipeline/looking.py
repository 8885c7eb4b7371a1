"""A city's inbox, opened: what lies in its folders, whose it is, and which periods it is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from medpool_etl.documents import Text
from medpool_etl.errors import InputError
from medpool_etl.intake import Arrival
from medpool_etl.intake.looks import Look, deliveries, digest, look, remembered
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.annual import Item, agenda
from medpool_etl.pipeline.annual.opening import _known
from medpool_etl.pipeline.done import is_ahead
from medpool_etl.pipeline.needs import whose
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.settings import YEARLY
from medpool_etl.store.warehouse import write_json

# What the simulator leaves beside a month's folder.
_BESIDE = ".simulation.json"
_CLOSED_TO_US = Text(zh="无权读取该文件，请开放读取权限", en="it may not be read: let medpool's user read it")


@dataclass(frozen=True)
class Came:
    """A file, or one of several deliveries in it: the folder it lies in, what it is and whose; ``problem`` where it cannot be used."""

    place: str
    name: str
    title: Text | None
    whose: str
    problem: Text | None


class Inbox:
    """The inbox of a city, looked into once."""

    def __init__(self, settings: Settings, city: str, control: Control, warehouse: Warehouse) -> None:
        """Look into every folder of it; raises as :func:`medpool_etl.pipeline.ready.take_in` says."""
        self.settings, self.city, self.control, self.warehouse = settings, city, control, warehouse
        self.agreed = Agreed.load(city)
        root = settings.inbox / city
        names = sorted(path for path in root.iterdir() if not path.name.startswith((".", "~"))) if root.is_dir() else []
        folders = {path: _period(path) for path in names}
        self.misplaced = tuple(
            path.name for path, of in folders.items() if of is None and path.name != YEARLY and _speaks(path)
        )
        self._yearly = look(root / YEARLY, YEARLY, city, control, warehouse)
        self._looks = {of: look(path, str(of), city, control, warehouse) for path, of in folders.items() if of}
        self.published = {Period.parse(p.month): p.run_id for p in control.published() if p.city == city}
        self._of = digest([self.agreed.fingerprints()[name] for name in ("contracts", "places", "program")])

    @cached_property
    def whole(self) -> dict[Period, str]:
        """The run of each published period that is settled: not of those of which only what was due before they were over is published."""
        warehouse, city = self.warehouse, self.city
        return {of: run for of, run in self.published.items() if not is_ahead(warehouse, city, of, run)}

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """What there is to settle of every year something came for or is published of, in order."""
        years = {period.year for period in (*self._looks, *self.published)} | self._years_of_files()
        first = self.agreed.rulebook.notice.in_force_from.year
        found = [item for year in years if year >= first for item in agenda(self.settings, self.city, year)]
        return tuple(sorted(found, key=lambda item: item.period.order))

    @property
    def open_periods(self) -> tuple[Period, ...]:
        """The periods that are neither closed nor left to a later rule, in order."""
        return tuple(item.period for item in self.items if item.state not in ("closed", "unspecified"))

    def settled(self, year: int) -> tuple[Period, ...]:
        """Return the periods of a year that the city settles."""
        return tuple(item.period for item in self.items if item.period.year == year and item.state != "unspecified")

    def has_files(self, period: Period) -> bool:
        """Whether anything lies in a period's own folder."""
        return period in self._looks and bool(self._looks[period].files)

    def own_contents(self, period: Period) -> set[str]:
        """Return the SHA-256 of everything that ever lay in a period's own folder."""
        return {row.sha256 for row in self.control.received(self.city, str(period))}

    def made_from_files(self, period: Period) -> bool:
        """Whether files ever lay in a period's own folder."""
        return bool(self.own_contents(period))

    def deliveries(self, period: Period) -> tuple[Arrival, ...]:
        """Return what the inbox holds for a period, as a run of it would receive it; what was recognised before is not opened again."""
        own = self._looks.get(period, Look())
        serving = self.agreed.serving(period)
        contracts = serving.contracts if period.kind == "month" else _known(self.agreed, serving)
        memory = self.warehouse.root / "looks" / self.city / f"{period}.deliveries.json"
        of = digest([own.digest, self._yearly.digest, self._of])
        known = remembered(memory)
        if known and known["of"] == of:
            return tuple(Arrival.from_dict(item) for item in known["deliveries"])
        found = deliveries(
            own,
            self._yearly,
            self.agreed.city,
            period.last_month,
            self.agreed.accounts,
            contracts,
            self.warehouse,
        )
        write_json(memory, {"of": of, "deliveries": [arrival.as_dict() for arrival in found]})
        return found

    def came(self) -> tuple[Came, ...]:
        """Return what no look had found before, by folder."""
        found = [self._came(YEARLY, a) for a in self._recognised_yearly if a.sha256 in self._yearly.new]
        for period, seen in self._looks.items():
            if seen.new:
                found += [self._came(str(period), a) for a in self.deliveries(period) if a.sha256 in seen.new]
        return tuple(found)

    def unusable(self) -> tuple[Came, ...]:
        """Return what cannot be used, or not be read, of everything that lies in the yearly folder and those of periods that are open."""
        open_ = set(self.open_periods)
        found = [self._came(YEARLY, a) for a in self._recognised_yearly if a.problem and not a.contract]
        found += [Came(YEARLY, name, None, "", _CLOSED_TO_US) for name in self._yearly.closed]
        for period, seen in self._looks.items():
            if period in open_:
                inside = {file.sha256 for file in seen.files}
                bad = (a for a in self.deliveries(period) if a.state != "active" and a.sha256 in inside)
                found += [self._came(str(period), a) for a in bad]
                found += [Came(str(period), name, None, "", _CLOSED_TO_US) for name in seen.closed]
        return tuple(found)

    @cached_property
    def _recognised_yearly(self) -> tuple[Arrival, ...]:
        """What lies in the yearly folder, as what it is; of which year it is, its shape says."""
        memory = self.warehouse.root / "looks" / self.city / f"{YEARLY}.deliveries.json"
        of = digest([self._yearly.digest, self._of])
        known = remembered(memory)
        if known and known["of"] == of:
            return tuple(Arrival.from_dict(item) for item in known["deliveries"])
        month = Month.of(self.agreed.rulebook.notice.in_force_from)
        agreed = self.agreed
        found = deliveries(self._yearly, Look(), agreed.city, month, agreed.accounts, agreed.contracts, self.warehouse)
        write_json(memory, {"of": of, "deliveries": [arrival.as_dict() for arrival in found]})
        return found

    def _years_of_files(self) -> set[int]:
        """Return the years that files of the yearly folder serve."""
        years = set()
        for arrival in self._recognised_yearly:
            year = self._year_of(arrival)
            if year.isdigit():
                serves = self.agreed.contracts[arrival.contract].expected.serves
                years.add(int(year) + (serves == "next_year"))
        return years

    def _year_of(self, arrival: Arrival) -> str:
        if arrival.shape is None or self.agreed.contracts[arrival.contract].expected.per != "year":
            return ""
        part_from = self.agreed.contracts[arrival.contract].expected.part_from or ""
        return str(arrival.shape.metadata.get(part_from, ""))

    def _came(self, place: str, arrival: Arrival) -> Came:
        title = self.agreed.contracts[arrival.contract].title if arrival.contract else None
        year = self._year_of(arrival)
        # Whether a yearly file is of a year that is wanted, the periods it serves know.
        problem = None if place == YEARLY and title is not None else arrival.problem
        return Came(place, arrival.name, title, year or whose(self.agreed, arrival.part), problem)


@contextmanager
def open_inbox(settings: Settings, city: str) -> Iterator[Inbox]:
    """Yield a city's inbox, looked into; other processes of this machine that look wait until the block ends."""
    warehouse, control = Warehouse(settings.warehouse), Control(settings.control_url)
    try:
        with warehouse.exclusive(f"inbox-{city}"):
            yield Inbox(settings, city, control, warehouse)
    finally:
        control.close()


def _period(path: Path) -> Period | None:
    """Return the period whose folder it is, None for a file and for a name that is none as it must be written."""
    if not path.is_dir():
        return None
    try:
        period = Period.parse(path.name)
    except InputError:
        return None
    return period if str(period) == path.name and period.kind != "year" else None


def _speaks(path: Path) -> bool:
    """Whether something lies where nobody looks for it."""
    return not path.name.endswith(_BESIDE) and (path.is_file() or any(path.iterdir()))
