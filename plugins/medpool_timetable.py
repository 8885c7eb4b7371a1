"""When Airflow settles a period: a month early on the working day after the counties' reports for it can still be in time, a quarter with its
last month, an opening and a clearing some working days before the first of their days.

Which day that is, the deadlines of the city's rulebook say. Give a DAG ``schedule=SettlementMonthTimetable("taizhou")`` and a
``start_date`` in Asia/Shanghai: 2022-01-01 without a time zone is 08:00 in China, inside January, so that the first run
would be February's.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.exceptions import AirflowTimetableInvalid
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from medpool_runs import period_at
from medpool_workdays import CHINA, current_calendar

from medpool_etl.errors import InputError, MedpoolError
from medpool_etl.periods import Month, Period
from medpool_etl.policy import load_rulebook, rulebooks
from medpool_etl.settlement import rules_of, settled_from

if TYPE_CHECKING:
    import datetime as dt

    from airflow.timetables.base import TimeRestriction
    from pendulum import DateTime

log = logging.getLogger(__name__)

_KINDS = {
    "month": "Each month's settlement",
    "quarter": "Each quarter's transfers",
    "opening": "The opening of each year",
    "clearing": "The annual clearing",
}
_WHEN = {
    "month": "working day after the reports are due",
    "quarter": "working day after the reports of its last month are due",
    "opening": "third working day before the first of its payments is due",
    "clearing": "tenth working day before its list is due",
}
# Periods without a rule are passed over no further than this; a rulebook names no rule that begins later.
_LOOK_AHEAD = 24


class SettlementTimetable(Timetable):
    """One run a period of a city, on the working day from which it is settled with what is there: by the deadlines of its rulebook.

    ``kind`` is ``month``, ``quarter``, ``opening`` or ``clearing``. The data interval is the month, the quarter, the year; of an opening the
    year before, which it is reckoned from. The run starts at ``hour`` o'clock China time of the day that
    :func:`medpool_etl.settlement.settled_from` names. Periods the rulebook orders nothing for are left out.

    Airflow keeps instants in UTC: the ``data_interval_start`` of 2022-01 reads 2021-12-31 16:00. ``period_of`` gives the
    period. Where the State Council's notice of the year is not loaded there is no next run, and the log says what to do.
    """

    def __init__(self, city: str, kind: str = "month", hour: int = 6) -> None:
        self.city, self.kind, self.hour = city, kind, hour
        self.description = (
            f"{_KINDS.get(kind, kind)} of {city}, at {hour:02d}:00 China time on the {_WHEN.get(kind, '')}"
        )

    @property
    def summary(self) -> str:
        """The schedule as the list of DAGs shows it."""
        return f"{self.kind}, {self.hour:02d}:00 on the {_WHEN.get(self.kind, '')}"

    def period_of(self, moment: dt.datetime) -> Period:
        """Return the period whose data interval starts at ``moment``, or holds it."""
        if moment.tzinfo is None:
            raise InputError(f"{moment} has no time zone", expected="an instant, as Airflow hands it to tasks")
        return period_at(self.kind, moment)

    def interval(self, period: Period) -> DataInterval:
        """Return the data interval of a period, in UTC."""
        if period.kind in ("month", "quarter"):
            first, behind = period.first_month, period.last_month.plus(1)
        else:
            year = period.year - (period.kind == "opening")
            first, behind = Month(year, 1), Month(year + 1, 1)
        return DataInterval(_start(first), _start(behind))

    def validate(self) -> None:
        """Raise AirflowTimetableInvalid for a city without a rulebook, a kind of period there is not, an hour that does not exist."""
        if self.city not in rulebooks():
            raise AirflowTimetableInvalid(f"city is {self.city!r}; expected one of {', '.join(rulebooks())}")
        if self.kind not in _KINDS:
            raise AirflowTimetableInvalid(f"kind is {self.kind!r}; expected one of {', '.join(_KINDS)}")
        if not 0 <= self.hour <= 23:
            raise AirflowTimetableInvalid(f"hour is {self.hour}; expected 0 to 23")

    def serialize(self) -> dict[str, Any]:
        """Return what ``deserialize`` needs to build an equal timetable."""
        return {"city": self.city, "kind": self.kind, "hour": self.hour}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SettlementTimetable:
        """Return the timetable that ``serialize`` described."""
        return cls(**data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SettlementTimetable):
            return NotImplemented
        return self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((self.city, self.kind, self.hour))

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the interval of the period before the one ``run_after`` lies in, which may be triggered before it is due; of an opening
        that of the year under way, in December of the next."""
        now = self.period_of(run_after)
        ahead = self.kind == "opening" and run_after.astimezone(CHINA).month == 12
        return self.interval(now if ahead else _plus(now, -1))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next period's run: the one after the last, or where the restriction lets the DAG begin.

        Without catchup it is at least the latest period whose run is already due. None when the DAG has no beginning,
        has reached its end, or the calendar cannot say when the run is due (which is logged as an error).
        """
        try:
            period = self._next(last_automated_data_interval, restriction)
            if period is None or (restriction.latest is not None and self.interval(period).start > restriction.latest):
                return None
            return DagRunInfo(run_after=self.run_after(period), data_interval=self.interval(period))
        except MedpoolError as error:
            log.error("No further %s of %s can be scheduled. %s", self.kind, self.city, error)
            return None

    def run_after(self, period: Period) -> DateTime:
        """Return the instant (UTC) from which a period is settled with what is there.

        Raises ConfigurationError when the notice of a year it has to look at is not loaded, or a document has a mistake.
        """
        day = settled_from(load_rulebook(self.city), period, current_calendar())
        return pendulum.datetime(day.year, day.month, day.day, self.hour, tz=CHINA).in_timezone("UTC")

    def _next(self, last: DataInterval | None, restriction: TimeRestriction) -> Period | None:
        candidates = []
        if last is not None:
            # Another timetable may have left an interval that is no whole period: never repeat or precede its start.
            candidates += [self.period_of(last.end), _plus(self.period_of(last.start), 1)]
        if restriction.earliest is not None:
            period = self.period_of(restriction.earliest)
            candidates.append(period if self.interval(period).start == restriction.earliest else _plus(period, 1))
        if not restriction.catchup and (latest := self._latest_due()) is not None:
            candidates.append(latest)
        found = max(candidates, key=lambda period: period.order, default=None)
        return None if found is None else self._settled(found)

    def _settled(self, period: Period) -> Period | None:
        """Return the period, or the first behind it that the rulebook orders something for; None where there is none any more."""
        within = (_plus(period, n) for n in range(_LOOK_AHEAD))
        return next((later for later in within if self._orders(later)), None)

    def _orders(self, period: Period) -> bool:
        # Every month is settled: files are compared and books kept, whatever there is to order.
        return self.kind == "month" or bool(rules_of(load_rulebook(self.city), period))

    def _latest_due(self) -> Period | None:
        """Return the latest period whose run is due by now; one nobody can date is not due."""
        now, first_year = pendulum.now("UTC"), min(current_calendar().years)
        # One further than the present: an opening may be due before its year begins.
        period = _plus(self.period_of(now), int(self.kind == "opening"))
        unknown = ""
        while period.last_month.plus(1).year >= first_year:
            if self._orders(period):
                try:
                    if self.run_after(period) <= now:
                        break
                except MedpoolError as error:
                    unknown = f"Nobody can say when {period} of {self.city} is to be settled. {error}"
            period = _plus(period, -1)
        else:
            return None
        if unknown:  # once, not for every period of a year that is missing
            log.error("%s", unknown)
        return period


class SettlementMonthTimetable(SettlementTimetable):
    """One run a calendar month M of Asia/Shanghai, after the reports for M are due.

    The day by which reports for M are due comes from the deadlines of ``city`` (Taizhou, art. 10: by the 15th of M+1); where its notice
    names none, it is the latest day at which the contracts expect a file every month needs. Reports are late only after the next
    working day when that day is none; the run starts at ``hour`` o'clock of the first working day after that.
    """

    def __init__(self, city: str, hour: int = 6) -> None:
        super().__init__(city, "month", hour)

    @staticmethod
    def month_of(moment: dt.datetime) -> Month:
        """Return the month of Asia/Shanghai in which ``moment`` lies; of a run, that of its data interval's start."""
        return SettlementTimetable("", "month").period_of(moment).first_month

    def serialize(self) -> dict[str, Any]:
        """Return what ``deserialize`` needs to build an equal timetable."""
        return {"city": self.city, "hour": self.hour}


def _plus(period: Period, n: int) -> Period:
    """Return the period of the same kind ``n`` later."""
    per_year = {"month": 12, "quarter": 4}.get(period.kind, 1)
    index = period.year * per_year + max(period.number - 1, 0) + n
    return Period(index // per_year, period.kind, index % per_year + 1 if per_year > 1 else 0)


def _start(month: Month) -> DateTime:
    return pendulum.datetime(month.year, month.number, 1, tz=CHINA).in_timezone("UTC")


class MedpoolTimetablePlugin(AirflowPlugin):
    """Registers the timetable, so that Airflow can store DAGs that use it."""

    name = "medpool_timetable"
    timetables = [SettlementMonthTimetable, SettlementTimetable]  # noqa: RUF012 - Airflow's own declaration
