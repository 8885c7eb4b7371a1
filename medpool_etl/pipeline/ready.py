"""What came into a city's inbox, and which periods should be settled now because of it: because everything a period needs is in, because
something of what it was settled from changed, because its day has come, because something it orders is due before it is over, or because a file came for a month that is closed.

Every question is answered from inbox, control database, rulebook and calendar; nothing is settled here. Whoever starts what :func:`to_start`
names asks again once it is published: a period waits for what it rests on.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field
from typing import Literal

from medpool_etl.documents import Text
from medpool_etl.intake.looks import digest
from medpool_etl.periods import Period
from medpool_etl.pipeline.inbox import ZONE
from medpool_etl.pipeline.inputs import (
    Inputs,
    basis_now,
    difference,
    inputs_of,
    made_from,
    newest_opened,
    times_published,
)
from medpool_etl.pipeline.looking import Came, Inbox, open_inbox
from medpool_etl.pipeline.needs import ahead_on, begun, due_on, following, missing_of
from medpool_etl.store import Settings

Because = Literal["complete", "changed", "deadline", "adjustment", "ahead"]
BECAUSE: dict[Because, Text] = {
    "complete": Text(zh="所需已齐", en="everything it needs is in"),
    "changed": Text(zh="已发布，依据有变", en="published, and what it was settled from changed"),
    "deadline": Text(zh="已到办理日，仍有缺项", en="its day has come, and something is missing"),
    "adjustment": Text(zh="已结账月份有迟到文件，待调整", en="a file came for a closed month, which this one adjusts"),
    "ahead": Text(zh="期内到期款项所需已齐，先行办理", en="what it orders before it is over can be ordered"),
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """A period that should be settled now. ``missing``: what it lacks, where its day has come without; ``what``: what changed. ``due``:
    the day from which it is settled at the latest, None where nobody can say.

    ``key`` is a digest of what makes it start: its files, what else it stands on, and how often it was published. The same inputs
    start one run, whoever asks and however often.
    """

    city: str
    period: Period
    because: Because
    key: str
    missing: tuple[Text, ...] = ()
    what: tuple[Text, ...] = ()
    due: dt.date | None = None

    @property
    def name(self) -> str:
        """The name of the run it starts: ``complete__2022-03__0123456789abcdef``."""
        return f"{self.because}__{self.period}__{self.key}"


@dataclass(frozen=True)
class Waiting:
    """A period of which something is in and that is not settled now: it ``lacks`` something, is ``behind`` another that goes first, was
    ``begun`` with these very inputs (blocked, under way, or waiting for an approval), or its files are ``gone`` from the inbox."""

    period: Period
    because: Literal["lacks", "behind", "begun", "gone"]
    what: tuple[Text, ...]
    due: dt.date | None = None


@dataclass(frozen=True)
class Intake:
    """A look into a city's inbox: what ``came`` since the one before, what of everything there is ``unusable`` for a period that is not
    closed, names that are ``misplaced`` (no period's folder), what should ``start`` now and what is ``waiting``."""

    city: str
    came: tuple[Came, ...] = ()
    unusable: tuple[Came, ...] = ()
    misplaced: tuple[str, ...] = ()
    starts: tuple[Start, ...] = ()
    waiting: tuple[Waiting, ...] = ()


@dataclass
class _Line:
    """The queue of a city's periods: what starts, what waits, and who is at its head."""

    starts: list[Start] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    begun: Period | None = None

    def join(self, start: Start, begun: str | None, today: dt.date) -> None:
        """Let a period start, or wait: behind one that starts, and behind one that was begun and is not published. A month waits for that
        until its own day, and what is due before its period is over does not wait for it."""
        if self.starts:
            self._wait(start, "behind", self.starts[0].period)
        elif begun:
            what = Text(zh=f"运行 {begun}", en=f"run {begun}")
            self.waiting.append(Waiting(start.period, "begun", (what,), start.due))
            self.begun = self.begun or start.period
        elif (
            self.begun
            and start.because != "ahead"
            and (start.period.kind != "month" or start.due is None or today < start.due)
        ):
            self._wait(start, "behind", self.begun)
        else:
            self.starts.append(start)

    def _wait(self, start: Start, why: Literal["behind"], first: Period) -> None:
        self.waiting.append(
            Waiting(start.period, why, (Text(zh=f"先办 {first}", en=f"{first} goes first"),), start.due)
        )


def take_in(settings: Settings, city: str, today: dt.date | None = None) -> Intake:
    """Receive what is new in every folder of the city's inbox, and return what came, what nobody can use, and what is to start now.

    ``today`` is the day in the offices' time (default: now). A file that cannot be recognised is named, never an error. Two at once do not
    harm each other. Raises InputError for a city without a rulebook, ConfigurationError for a mistake in a document, StoreError when
    the control database does not answer, OSError when the disk fails.
    """
    today = today or dt.datetime.now(ZONE).date()
    with open_inbox(settings, city) as inbox:
        line = _Line()
        for period in inbox.open_periods:
            _consider(inbox, period, today, line)
        return Intake(city, inbox.came(), inbox.unusable(), inbox.misplaced, tuple(line.starts), tuple(line.waiting))


def to_start(settings: Settings, city: str, today: dt.date | None = None) -> tuple[Start, ...]:
    """Return the periods that should be settled now, the earliest first, as :func:`take_in` finds them; raises as it does.

    At most the first of those that rest on each other: the next one is named once it is published.
    """
    return take_in(settings, city, today).starts


def _consider(inbox: Inbox, period: Period, today: dt.date, line: _Line) -> None:
    """Put a period that is not closed into the line, if there is a reason to settle it."""
    if period.kind == "month" and not inbox.has_files(period):
        if inbox.published.get(period) and inbox.made_from_files(period):
            line.waiting.append(Waiting(period, "gone", (Text(zh="收件夹已空", en="its folder is empty or gone"),)))
        return
    control, warehouse, agreed, city = inbox.control, inbox.warehouse, inbox.agreed, inbox.city
    own = inbox.own_contents(period)
    now = inputs_of(inbox.deliveries(period), basis_now(control, warehouse, city, period), own)
    due = due_on(agreed, period)
    last, run = newest_opened(control, city, period), inbox.published.get(period)
    was = made_from(warehouse, city, period, run, own) if run else None
    tried = made_from(warehouse, city, period, last, own) if last and last != run else None
    # With the run that was begun last: going back to earlier inputs is a start of its own.
    key = digest([city, str(period), now.key, times_published(control, city, period), last])[:16]
    if run and not (was and was.ahead):
        found = difference(was, now) if was else None
        if found is None or found.gone:
            names = tuple(Text(zh=name, en=name) for name in (found.gone if found else (run,)))
            line.waiting.append(Waiting(period, "gone", names, due))
            return
        if not found.what:
            return
        start = Start(city, period, "adjustment" if found.late else "changed", key, (), found.what, due)
    else:
        missing = missing_of(agreed, period, now.active, inbox.whole, inbox.settled(period.year))
        if missing and not _its_day(inbox, period, due, today):
            if not _ahead(inbox, period, now, (was, tried), last, today, line) and (
                run or begun(agreed, period, now.active, inbox.whole)
            ):
                line.waiting.append(Waiting(period, "lacks", missing, due))
            return
        if not begun(agreed, period, now.active, inbox.whole):
            return
        start = Start(city, period, "deadline" if missing else "complete", key, missing, (), due)
    line.join(start, last if tried and not tried.ahead and tried.key == now.key else None, today)


def _ahead(
    inbox: Inbox,
    period: Period,
    now: Inputs,
    earlier: tuple[Inputs | None, Inputs | None],
    last: str | None,
    today: dt.date,
    line: _Line,
) -> bool:
    """Put into the line what a period orders before it is over, and return whether there is such a thing: the files for that are in, its day
    has come and that of the period itself has not, every month before the quarter is settled, and it is not what was published ``earlier``
    (the first of them; the other is what was begun ``last``)."""
    found, due = ahead_on(inbox.agreed, period), due_on(inbox.agreed, period)
    if found is None or due is None or not found[0] <= today < due:
        return False
    day, files = found
    open_before = [
        item for item in inbox.settled(period.year) if item.kind == "month" and item.last_day < period.first_day
    ]
    if period.kind == "quarter" and not inbox.whole.keys() >= set(open_before):
        return False
    if not {contract for contract, _ in now.active}.issuperset(files):
        return False
    published, tried = [item.part(files) if item and item.ahead else None for item in earlier]
    part = now.part(files)
    if published == part:
        return False
    key = digest(["ahead", inbox.city, str(period), part, times_published(inbox.control, inbox.city, period), last])
    line.join(Start(inbox.city, period, "ahead", key[:16], due=day), last if tried == part else None, today)
    return True


def _its_day(inbox: Inbox, period: Period, due: dt.date | None, today: dt.date) -> bool:
    """Whether a period is settled with what is there: its day has come. Of quarters, openings and clearings only the latest whose day has
    come: an older one whose months are put in afterwards waits for them."""
    if due is None or today < due:
        return False
    if period.kind == "month":
        return True
    later = due_on(inbox.agreed, following(period))
    return later is None or today < later
