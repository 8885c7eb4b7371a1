"""When Airflow does what is done every working day: at a time of day in China, on the State Council's working days, weekend days
worked in exchange (调休) included."""

from __future__ import annotations

import datetime as dt
import functools
import logging
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.exceptions import AirflowTimetableInvalid
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

from medpool_etl import documents
from medpool_etl.calendar import NAME, WorkingCalendar
from medpool_etl.errors import InputError, MedpoolError

if TYPE_CHECKING:
    from airflow.timetables.base import TimeRestriction
    from pendulum import DateTime

log = logging.getLogger(__name__)

CHINA = pendulum.timezone("Asia/Shanghai")


class WorkingDayTimetable(Timetable):
    """One run a working day of the State Council's notices, at ``hour``:``minute`` in China.

    The data interval goes from the beginning of the day in China to the run; ``day_of`` gives the day. Where the notice of the year is not
    loaded there is no next run, and the log says what to do: plain weekdays are never taken instead.
    """

    def __init__(self, hour: int = 8, minute: int = 30) -> None:
        self.hour, self.minute = hour, minute
        self.description = (
            f"At {hour:02d}:{minute:02d} China time on every working day of the State Council's holiday notices, weekend days worked in "
            "exchange (调休) included"
        )

    @staticmethod
    def day_of(moment: dt.datetime) -> dt.date:
        """Return the day in China in which ``moment`` lies; of a run, that of its data interval's start."""
        if moment.tzinfo is None:
            raise InputError(f"{moment} has no time zone", expected="an instant, as Airflow hands it to tasks")
        return moment.astimezone(CHINA).date()

    @property
    def summary(self) -> str:
        """The schedule as the list of DAGs shows it."""
        return f"working days, {self.hour:02d}:{self.minute:02d}"

    def validate(self) -> None:
        """Raise AirflowTimetableInvalid for a time of day that does not exist."""
        if not 0 <= self.hour <= 23 or not 0 <= self.minute <= 59:
            raise AirflowTimetableInvalid(f"the time is {self.hour}:{self.minute}; expected 0:00 to 23:59")

    def serialize(self) -> dict[str, Any]:
        """Return what ``deserialize`` needs to build an equal timetable."""
        return {"hour": self.hour, "minute": self.minute}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> WorkingDayTimetable:
        """Return the timetable that ``serialize`` described."""
        return cls(**data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WorkingDayTimetable):
            return NotImplemented
        return self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((self.hour, self.minute))

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the day ``run_after`` lies in, up to then; it may be a day off."""
        return DataInterval(_midnight(self.day_of(run_after)), run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the run of the next working day: after the last one, or from where the restriction lets the DAG begin.

        Without catchup it is at least the latest one that is already due. None when the DAG has no beginning, has reached its end, or the
        calendar does not know the year (which is logged as an error).
        """
        try:
            day = self._next_day(last_automated_data_interval, restriction)
            if day is None:
                return None
            run_after = self.run_after(day)
            if restriction.latest is not None and run_after > restriction.latest:
                return None
            return DagRunInfo(run_after=run_after, data_interval=DataInterval(_midnight(day), run_after))
        except MedpoolError as error:
            log.error("No further working day can be scheduled. %s", error)
            return None

    def run_after(self, day: dt.date) -> DateTime:
        """Return the instant (UTC) at which the run of a day begins."""
        return pendulum.datetime(day.year, day.month, day.day, self.hour, self.minute, tz=CHINA).in_timezone("UTC")

    def _next_day(self, last: DataInterval | None, restriction: TimeRestriction) -> dt.date | None:
        calendar, candidates = current_calendar(), []
        if last is not None:
            candidates.append(calendar.plus(self.day_of(last.start), 1))
        if restriction.earliest is not None:
            candidates.append(calendar.on_or_after(self._first_day(restriction.earliest)))
        if not restriction.catchup:
            # The first day that is not due yet, less one working day: the latest that is due.
            coming = self._first_day(pendulum.now("UTC").add(microseconds=1))
            candidates.append(calendar.on_or_before(coming - dt.timedelta(days=1)))
        return max(candidates, default=None) if last is not None or restriction.earliest is not None else None

    def _first_day(self, moment: DateTime) -> dt.date:
        """Return the first day whose run begins at ``moment`` or later."""
        day = self.day_of(moment)
        return day if self.run_after(day) >= moment else day + dt.timedelta(days=1)


def current_calendar() -> WorkingCalendar:
    """Return the calendar, read again when its file was replaced or edited: the scheduler runs for months."""
    path = documents.find(NAME)
    return _read(str(path), path.stat().st_mtime_ns if path.is_file() else 0)


@functools.lru_cache(maxsize=1)
def _read(path: str, changed: int) -> WorkingCalendar:
    return WorkingCalendar.load()


def _midnight(day: dt.date) -> DateTime:
    return pendulum.datetime(day.year, day.month, day.day, tz=CHINA).in_timezone("UTC")


class MedpoolWorkdaysPlugin(AirflowPlugin):
    """Registers the timetable, so that Airflow can store DAGs that use it."""

    name = "medpool_workdays"
    timetables = [WorkingDayTimetable]  # noqa: RUF012 - Airflow's own declaration
