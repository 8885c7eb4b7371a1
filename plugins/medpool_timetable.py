"""When Airflow settles a month: early on the working day after the counties' reports for it can still be in time.

Which day that is, the deadlines of the city's rulebook say. Give a DAG ``schedule=SettlementMonthTimetable("taizhou")`` and a
``start_date`` in Asia/Shanghai: 2022-01-01 without a time zone is 08:00 in China, inside January, so that the first run
would be February's.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.exceptions import AirflowTimetableInvalid
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

from medpool_etl import documents
from medpool_etl.calendar import NAME, WorkingCalendar
from medpool_etl.contracts import load_all
from medpool_etl.errors import InputError, MedpoolError
from medpool_etl.periods import Month
from medpool_etl.policy import load_rulebook, rulebooks
from medpool_etl.policy.timetable import reports_in_time_until

if TYPE_CHECKING:
    import datetime as dt

    from airflow.timetables.base import TimeRestriction
    from pendulum import DateTime

log = logging.getLogger(__name__)

CHINA = pendulum.timezone("Asia/Shanghai")


class SettlementMonthTimetable(Timetable):
    """One run a calendar month M of Asia/Shanghai, after the reports for M are due.

    The data interval is M, from its first instant to the first instant of M+1. The day by which reports for M are due comes from the
    deadlines of ``city`` (Taizhou, art. 10: by the 15th of M+1); where its notice names none, it is the latest day at which the
    contracts expect a file every month needs. Reports are late only after the next working day when that day is none; the
    run starts at ``hour`` o'clock of the first working day after that.

    Airflow keeps instants in UTC: the ``data_interval_start`` of 2022-01 reads 2021-12-31 16:00. ``month_of`` gives the
    month. Where the State Council's notice of the year is not loaded there is no next run, and the log says what to do.
    """

    def __init__(self, city: str, hour: int = 6) -> None:
        self.city, self.hour = city, hour
        self.description = (
            f"Each month's settlement, at {hour:02d}:00 China time on the first working day after the reports "
            f"of {city} are due (or the working day that follows), as the deadlines of its rulebook say"
        )

    @staticmethod
    def month_of(moment: dt.datetime) -> Month:
        """Return the month of Asia/Shanghai in which ``moment`` lies; of a run, that of its data interval's start."""
        if moment.tzinfo is None:
            raise InputError(f"{moment} has no time zone", expected="an instant, as Airflow hands it to tasks")
        return Month.of(moment.astimezone(CHINA).date())

    @property
    def summary(self) -> str:
        """The schedule as the list of DAGs shows it."""
        return f"monthly, {self.hour:02d}:00 on the working day after the reports of {self.city} are due"

    def validate(self) -> None:
        """Raise AirflowTimetableInvalid for a city without a rulebook and for an hour that does not exist."""
        if self.city not in rulebooks():
            raise AirflowTimetableInvalid(f"city is {self.city!r}; expected one of {', '.join(rulebooks())}")
        if not 0 <= self.hour <= 23:
            raise AirflowTimetableInvalid(f"hour is {self.hour}; expected 0 to 23")

    def serialize(self) -> dict[str, Any]:
        """Return what ``deserialize`` needs to build an equal timetable."""
        return {"city": self.city, "hour": self.hour}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SettlementMonthTimetable:
        """Return the timetable that ``serialize`` described."""
        return cls(**data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SettlementMonthTimetable):
            return NotImplemented
        return self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((self.city, self.hour))

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the month before the one ``run_after`` lies in; it may be triggered before its reports are due."""
        return _interval(self.month_of(run_after).plus(-1))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next month's run: the month after the last one, or where the restriction lets the DAG begin.

        Without catchup it is at least the latest month whose run is already due. None when the DAG has no beginning,
        has reached its end, or the calendar cannot say when the run is due (which is logged as an error).
        """
        try:
            month = self._next_month(last_automated_data_interval, restriction)
            if month is None or (restriction.latest is not None and _start(month) > restriction.latest):
                return None
            return DagRunInfo(run_after=self.run_after(month), data_interval=_interval(month))
        except MedpoolError as error:
            log.error("No further settlement month can be scheduled. %s", error)
            return None

    def run_after(self, month: Month) -> DateTime:
        """Return the instant (UTC) from which ``month`` is settled.

        Raises ConfigurationError when the notice of a year it has to look at is not loaded, or a document has a mistake.
        """
        calendar = _calendar()
        last_in_time = reports_in_time_until(load_rulebook(self.city), month, calendar)
        day = calendar.plus(last_in_time or calendar.late_after(_latest_file(month)), 1)
        return pendulum.datetime(day.year, day.month, day.day, self.hour, tz=CHINA).in_timezone("UTC")

    def _next_month(self, last: DataInterval | None, restriction: TimeRestriction) -> Month | None:
        candidates = []
        if last is not None:
            # Another timetable may have left an interval that is no whole month: never repeat or precede its start.
            candidates += [self.month_of(last.end), self.month_of(last.start).plus(1)]
        if restriction.earliest is not None:
            month = self.month_of(restriction.earliest)
            candidates.append(month if _start(month) == restriction.earliest else month.plus(1))
        if not restriction.catchup and (latest := self._latest_due()) is not None:
            candidates.append(latest)
        return max(candidates, default=None)

    def _latest_due(self) -> Month | None:
        """Return the latest month whose run is due by now; a month nobody can date is not due."""
        now, first_year = pendulum.now("UTC"), min(_calendar().years)
        month = self.month_of(now).plus(-1)
        unknown = ""
        while month.plus(1).year >= first_year:
            try:
                due = self.run_after(month) <= now
            except MedpoolError as error:
                due, unknown = False, f"Nobody can say when {month} is to be settled. {error}"
            if due:
                break
            month = month.plus(-1)
        if unknown:  # once, not for every month of a year that is missing
            log.error("%s", unknown)
        return month if month.plus(1).year >= first_year else None


def _start(month: Month) -> DateTime:
    return pendulum.datetime(month.year, month.number, 1, tz=CHINA).in_timezone("UTC")


def _interval(month: Month) -> DataInterval:
    return DataInterval(_start(month), _start(month.plus(1)))


def _latest_file(month: Month) -> dt.date:
    """Return the latest day at which the contracts expect a file that every month needs."""
    expected = [contract.expected for contract in load_all().values()]
    return max(it.deadline.on(month) for it in expected if it.every == "month" and it.need == "always")


def _calendar() -> WorkingCalendar:
    """Return the calendar, read again when its file was replaced or edited: the scheduler runs for months."""
    path = documents.find(NAME)
    return _read(str(path), path.stat().st_mtime_ns if path.is_file() else 0)


@functools.lru_cache(maxsize=1)
def _read(path: str, changed: int) -> WorkingCalendar:
    return WorkingCalendar.load()


class MedpoolTimetablePlugin(AirflowPlugin):
    """Registers the timetable, so that Airflow can store DAGs that use it."""

    name = "medpool_timetable"
    timetables = [SettlementMonthTimetable]  # noqa: RUF012 - Airflow's own declaration
