"""Remind everybody of what falls due, and alert of what is overdue: one message an actor a day, and nothing twice."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from medpool_etl.alerts import Alert, Outcome
from medpool_etl.alerts.daily import Item, subject_of, tell_daily
from medpool_etl.errors import ConfigurationError, StoreError
from medpool_etl.periods import Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.inbox import ZONE
from medpool_etl.pipeline.watch.evidence import Evidence, Place
from medpool_etl.pipeline.watch.filings import Filings
from medpool_etl.pipeline.watch.payments import Payments
from medpool_etl.pipeline.watch.publishing import OPERATOR, PUBLISH, standing_of
from medpool_etl.policy.deadline import ACTORS, Actor
from medpool_etl.policy.timetable import Entry, standing
from medpool_etl.settlement.ordering import ordered_by, publish_by, rests_on
from medpool_etl.store import Control, Settings
from medpool_etl.store.met import ONCE, Met

log = logging.getLogger(__name__)
# How many working days back an overdue deadline is told of for the first time, and how long it is told of again.
LOOK_BACK = 10
LONGEST = dt.timedelta(days=366)
WEEK = 7
_PHASES = {"overdue": "逾期", "last": "顺延至今日，最后一天", "remind": "到期提醒"}


@dataclass(frozen=True)
class Matter:
    """A deadline as it stands on a day: ``phase`` remind, last or overdue; of the pipeline's own (``entry`` None) the period to publish."""

    reader: Actor
    name: str
    period: str
    title: str
    clause: str
    due: dt.date
    late_after: dt.date
    phase: str
    entry: Entry | None = None
    publishes: Period | None = None

    def subject(self, city: str) -> str:
        """Return what is remembered once this was told."""
        return subject_of(f"deadline/{city}/{self.name}/{self.period}")

    def what(self, day: dt.date) -> str:
        """Return what is told on a day: of what is overdue, each week anew."""
        return f"{self.phase}/{(day - self.late_after).days // WEEK}" if self.phase == "overdue" else self.phase


def remind(settings: Settings, city: str, day: dt.date | None = None) -> Outcome:
    """Tell every actor what falls due on a working day and what is overdue, unless it is known to be done, and return what was told.

    ``day`` (default: today, in the offices' time) is the day as of which things are told; on a day off nobody is told anything. A reminder
    is told once, what is overdue once a week for a year, as long as it is not met. What an earlier day should have told and did not is told
    now: a reminder while it is in time, what is overdue for ``LOOK_BACK`` working days; what was late before that is told only to who heard of
    it in time. Raises StoreError when a destination did not take a message (the next call sends what is left), ConfigurationError for a year
    whose holiday notice is not loaded, InputError for a city without a rulebook.
    """
    day = day or dt.datetime.now(ZONE).date()
    agreed = Agreed.load(city)
    if not agreed.calendar.is_working_day(day):
        log.info("%s is no working day: nobody is reminded", day)
        return Outcome((), 0)
    control = Control(settings.control_url)
    try:
        outcome = _tell(Place(settings, agreed, control), day)
    finally:
        control.close()
    if outcome.failed:
        raise StoreError(
            f"{outcome.failed} reminders could not be delivered",
            where="MEDPOOL_ALERT_URLS",
            do="check the destinations, then run the task again: only what is left is sent",
        )
    return outcome


def _tell(place: Place, day: dt.date) -> Outcome:
    calendar = place.agreed.calendar
    recent = calendar.plus(day, -LOOK_BACK)
    # Nobody can say of a year whose notice is not loaded what was due in it.
    since = max(day - LONGEST, dt.date(min(calendar.years), 1, 15))
    matters = [*_of_notice(place, day, since), *_of_pipeline(place, day, since)]
    said = Met(place.control).of(place.city)
    filings, payments = Filings(place), Payments(place)

    @cache
    def evidence(matter: Matter) -> Evidence:
        return _evidence(place, matter, filings, payments)

    def wanted(known: set[tuple[str, str]]) -> list[Item]:
        heard = {subject for subject, _ in known}
        items = []
        for matter in matters:
            subject, what = matter.subject(place.city), matter.what(day)
            if (matter.name, matter.period) in said or (subject, what) in known:
                continue
            if matter.late_after < recent and subject not in heard:
                continue
            if not (found := evidence(matter)).done:
                items.append(Item(matter.reader, subject, what, _lines(place, matter, found, day)))
        return items

    def write(reader: str, items: Sequence[Item]) -> Alert:
        return _message(place, reader, items, day)

    subjects = [matter.subject(place.city) for matter in matters]
    return tell_daily(place.control, place.settings.alert_urls, subjects, wanted, write)


def _of_notice(place: Place, day: dt.date, since: dt.date) -> Iterator[Matter]:
    """Yield the deadlines of the notice as they stand, what is overdue first."""
    found = standing(place.agreed.rulebook, place.agreed.calendar, day, since)
    for phase, entries in (("overdue", found.overdue), ("last", found.last_day), ("remind", found.remind)):
        for entry in entries:
            yield Matter(
                reader=entry.who,
                name=entry.name,
                period=str(entry.period) if entry.period else ONCE,
                title=f"{entry.title.zh}（{entry.period.zh}）" if entry.period else entry.title.zh,
                clause=entry.clause,
                due=entry.due,
                late_after=entry.late_after,
                phase=phase,
                entry=entry,
            )


def _of_pipeline(place: Place, day: dt.date, since: dt.date) -> Iterator[Matter]:
    """Yield the periods that are to be published by the end of this day, or were to be, and are not."""
    rulebook, calendar = place.agreed.rulebook, place.agreed.calendar
    years = (day.year - 1, day.year, day.year + 1)
    periods = [Period(year, kind) for year in years for kind in ("opening", "clearing")]
    periods += [Period(year, "month", number) for year in years for number in range(1, 13)]
    periods += [Period(year, "quarter", number) for year in years for number in range(1, 5)]
    for period in sorted(periods, key=lambda period: period.order):
        # A period that is not over is not to be published, but for an opening, which comes with the beginning of its year.
        begun = period.first_day if period.kind == "opening" else period.last_day
        if place.settled(period) or begun - dt.timedelta(days=31) > day or period.last_day < since - LONGEST:
            continue
        try:
            by = publish_by(rulebook, period, calendar)
        except ConfigurationError as error:
            log.error("Nobody can say by when %s of %s is to be published. %s", period, place.city, error)
            continue
        if by is not None and since <= by <= day:
            yield Matter(
                reader=OPERATOR,
                name=PUBLISH,
                period=str(period),
                title=f"发布{period.zh}结算",
                clause="本系统：以便据其办理的付款、报送不逾期",
                due=by,
                late_after=by,
                phase="overdue" if by < day else "remind",
                publishes=period,
            )


def _evidence(place: Place, matter: Matter, filings: Filings, payments: Payments) -> Evidence:
    entry = matter.entry
    if entry is None:
        assert matter.publishes is not None
        standing = standing_of(place.settings, place.control, place.city, matter.publishes)
        return Evidence(
            standing.state == "published",
            (f"目前状态：{standing.zh}", *((f"处理：{standing.do}",) if standing.do else ())),
        )
    deadline = place.agreed.rulebook.deadlines[entry.name]
    if deadline.shown_by:
        return filings.evidence(entry)
    if entry.kind == "payment":
        return payments.evidence(entry)
    needed = rests_on(place.agreed.rulebook, entry)
    if needed is None:
        return _decided(place, entry)
    waits_for = () if place.settled(needed) else (needed,)
    return Evidence(False, (f"{place.said_of(needed)}；是否已报送只能由经办人登记",), waits_for)


def _decided(place: Place, entry: Entry) -> Evidence:
    """Return whether what is filed was decided in the settlement that needs it (a plan reviewed, claims that came): it is once the period is
    published, which it is not before its reviews are approved. What no settlement needs, only a person can tell."""
    rules: dict[Period, list[str]] = {}
    for period, rule_id in ordered_by(place.agreed.rulebook, entry, place.agreed.calendar):
        rules.setdefault(period, []).append(rule_id)
    if not rules:
        return Evidence(False, ("是否办理只能由经办人登记",))
    waits_for = tuple(period for period, ids in rules.items() if not place.decided(period, ids))
    return Evidence(not waits_for, tuple(place.said_of(period) for period in waits_for), waits_for)


def _lines(place: Place, matter: Matter, found: Evidence, day: dt.date) -> tuple[str, ...]:
    late = (day - matter.late_after).days
    state = f"逾期 {late} 天" if matter.phase == "overdue" else _PHASES[matter.phase]
    lines = [
        f"■ 【{state}】{matter.title}：期限 {matter.due}（{matter.clause}）",
        *(f"  - {line}" for line in found.lines),
    ]
    lines += [f"  - {_expected(place, period, day)}" for period in found.waits_for]
    if matter.publishes is None:
        lines.append(f"  已办理的请登记：medpool met {place.city} {matter.name} {matter.period} --by 姓名 --note 说明")
    return tuple(lines)


def _expected(place: Place, period: Period, day: dt.date) -> str:
    """Return by when a period that something waits for is to be published."""
    try:
        by = publish_by(place.agreed.rulebook, period, place.agreed.calendar)
    except ConfigurationError:
        by = None
    if by is None:
        return f"{period.zh}结算何时发布，尚无法确定"
    if by < day:
        return f"{period.zh}结算本身已迟（应于 {by} 前发布），已提醒{ACTORS[OPERATOR].zh}"
    return f"{period.zh}结算最迟于 {by} 发布"


def _message(place: Place, reader: str, items: Sequence[Item], day: dt.date) -> Alert:
    overdue = sum(item.what.startswith("overdue") for item in items)
    counts = [f"逾期 {overdue} 项"] if overdue else []
    if rest := len(items) - overdue:
        counts.append(f"到期 {rest} 项")
    title = f"【medpool】{place.agreed.city.name.zh} {day} 期限{'预警' if overdue else '提醒'}：{ACTORS[_actor(reader)].zh} {'，'.join(counts)}"
    body = "\n".join(line for item in items for line in item.lines)
    return Alert(reader, title, body, cut=f"……（其余见 medpool deadlines {place.city} {day.year} --on {day}）")


def _actor(reader: str) -> Actor:
    return next(actor for actor in ACTORS if actor == reader)
