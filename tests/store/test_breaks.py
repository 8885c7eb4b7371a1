"""A break's life: what settlements and people may do to it, and what is kept of that."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator

import pytest
import sqlalchemy as sa

from medpool_etl.errors import InputError, SettlementError, StoreError
from medpool_etl.store import Control
from medpool_etl.store.breaks import STATES, TRANSITIONS, Breaks, Decision, Found, Synced
from medpool_etl.store.tables import Break
from medpool_etl.store.transitions import Hand

CITY = "taizhou"
MARCH, APRIL, MAY = "2022-03", "2022-04", "2022-05"
A, B = "aaaa000000000001", "bbbb000000000002"
NOTHING = Synced()


def found(break_id: str = A, amount_fen: int = 100, month: str = MARCH, **other: object) -> Found:
    """Return a break as a settlement lists it."""
    item = Found(
        break_id=break_id,
        month=month,
        pair="tax_treasury",
        fund="worker",
        county="331002",
        item_key="T0001",
        break_class="in_transit",
        owner="treasury",
        gate="warn",
        amount_fen=amount_fen,
        since=dt.date(2022, 3, 31),
    )
    return dataclasses.replace(item, **other)


@pytest.fixture
def control(database_url: str) -> Iterator[Control]:
    """A new control database."""
    opened = Control(database_url)
    yield opened
    opened.close()


class Desk:
    """The breaks, and settlements of months, each a new run."""

    def __init__(self, control: Control) -> None:
        self.control, self.breaks, self.runs = control, Breaks(control), 0

    def begin(self, month: str, city: str = CITY) -> str:
        """Begin a run and return its id."""
        self.runs += 1
        self.control.start_run(f"run{self.runs:04d}", city, month, "1")
        return f"run{self.runs:04d}"

    def settle(self, month: str, *items: Found, carried: Iterable[str] = ()) -> Synced:
        """Settle a month in a new run."""
        return self.breaks.sync(self.begin(month), CITY, month, items, tuple(carried))

    def events(self, break_id: str = A) -> list[str]:
        """Return the names of what happened to a break."""
        return [event.event for event in self.breaks.history(break_id)]

    def state(self, break_id: str = A) -> str:
        """Return a break's state."""
        return self.breaks.one(break_id).state


@pytest.fixture
def desk(control: Control) -> Desk:
    """A desk over a new database."""
    return Desk(control)


# Which changes of state there are: written here once more, on purpose.
ALLOWED = {
    (None, "opened", "open"),
    ("open", "changed", "open"),
    ("open", "assigned", "open"),
    ("explained", "assigned", "explained"),
    ("open", "explained", "explained"),
    ("open", "corrected", "corrected"),
    ("explained", "corrected", "corrected"),
    ("open", "cleared", "cleared"),
    ("explained", "cleared", "cleared"),
    ("explained", "reopened", "open"),
    ("corrected", "reopened", "open"),
    ("cleared", "reopened", "open"),
}
EVENTS = sorted({event for _, event, _ in ALLOWED})


def test_the_table_of_transitions() -> None:
    """The table says what this file says."""
    assert {(old, event, new) for event, moves in TRANSITIONS.items() for old, new in moves} == ALLOWED


@pytest.mark.parametrize("event", [*EVENTS, "forgotten"])
@pytest.mark.parametrize("before", [None, *STATES])
def test_every_change_is_listed_or_refused(before: str | None, event: str) -> None:
    """From every state, every event leads where the table says and nowhere else; a refusal changes nothing."""
    for to in STATES:
        row = Break(break_id=A, state=before, amount_fen=100, note="as it was", lives=1)
        with sa.orm.Session() as session:
            hand = Hand(session, "Wang")
            if (before, event, to) in ALLOWED:
                hand.apply(row, event, to, "why")
                assert row.state == to
                continue
            with pytest.raises(InputError) as caught:
                hand.apply(row, event, to, "why")
        assert (
            A in str(caught.value) and f"is {before}" in str(caught.value) and "expected: one of" in str(caught.value)
        )
        assert (row.state, row.note, row.lives) == (before, "as it was", 1)


COMMANDS: dict[str, Callable[[Breaks], Break]] = {
    "explain": lambda breaks: breaks.explain(A, "Wang", "why"),
    "corrected": lambda breaks: breaks.resolve(A, "Wang", "why", "corrected"),
    "cleared": lambda breaks: breaks.resolve(A, "Wang", "why", "cleared"),
    "reopen": lambda breaks: breaks.reopen(A, "Wang", "why"),
    "assign": lambda breaks: breaks.assign(A, "Li", "Wang"),
}
# What people may do, and where it leads, by how the break stands.
LEADS_TO = {
    "open": {"explain": "explained", "corrected": "corrected", "cleared": "cleared", "assign": "open"},
    "explained": {"corrected": "corrected", "cleared": "cleared", "reopen": "open", "assign": "explained"},
    "corrected by a person": {"reopen": "open"},
    "cleared by a person": {"reopen": "open"},
    "corrected by medpool": {},
    "cleared by medpool": {},
}


def brought_to(desk: Desk, standing: str) -> None:
    """Bring a break of March, listed in April again, to stand so."""
    desk.settle(MARCH, found())
    desk.settle(APRIL, found(), carried=[A])
    if standing == "corrected by medpool":
        desk.settle(MARCH)
    elif standing == "cleared by medpool":
        desk.settle(APRIL, carried=[A])
    elif standing != "open":
        COMMANDS["explain" if standing == "explained" else standing.split()[0]](desk.breaks)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("standing", LEADS_TO)
def test_what_people_may_do(desk: Desk, standing: str, command: str) -> None:
    """Everything a person may do does what it says and is kept with who and why; all else changes nothing."""
    brought_to(desk, standing)
    before, events = desk.breaks.one(A), desk.breaks.history(A)
    if command not in LEADS_TO[standing]:
        with pytest.raises(InputError, match=before.state):
            COMMANDS[command](desk.breaks)
        assert vars_of(desk.breaks.one(A)) == vars_of(before)
        assert len(desk.breaks.history(A)) == len(events)
        return
    returned = COMMANDS[command](desk.breaks)
    row = desk.breaks.one(A)
    assert vars_of(returned) == vars_of(row)
    assert row.state == LEADS_TO[standing][command]
    assert row.lives == before.lives + (command == "reopen")
    ended = command in ("corrected", "cleared")
    assert (row.ended_in, row.ended_by) == ((APRIL, "Wang") if ended else (None, None))
    assert row.assigned_to == ("Li" if command == "assign" else None)
    last = desk.breaks.history(A)[-1]
    assert (last.from_state, last.to_state, last.by, last.amount_fen) == (before.state, row.state, "Wang", 100)
    assert last.note == ("Li" if command == "assign" else "why")
    assert last.run_id is None and len(desk.breaks.history(A)) == len(events) + 1


def vars_of(row: Break) -> dict[str, object]:
    """Return a row's values."""
    values = {column.name: getattr(row, column.name) for column in Break.__table__.columns}
    # SQLite returns a moment without its time zone, PostgreSQL in the server's.
    return {name: in_utc(value) if isinstance(value, dt.datetime) else value for name, value in values.items()}


def in_utc(moment: dt.datetime) -> dt.datetime:
    """Return a moment in UTC, which it is in where it has no time zone."""
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def test_a_new_break_is_opened(desk: Desk) -> None:
    """A break nobody knew is open, once, and everything the settlement said of it is kept."""
    assert desk.settle(MARCH, found()) == Synced(opened=(A,))
    row = desk.breaks.one(A)
    assert {name: getattr(row, name) for name in vars(found())} == vars(found())
    assert (row.city, row.state, row.lives, row.note) == (CITY, "open", 1, "")
    assert (row.seen_in, row.seen_run, row.ended_in, row.ended_by, row.assigned_to) == (MARCH, "run0001", *[None] * 3)
    (event,) = desk.breaks.history(A)
    assert (event.event, event.from_state, event.to_state, event.by) == ("opened", None, "open", "medpool")
    assert (event.run_id, event.amount_fen) == ("run0001", 100)


def test_the_same_settlement_again_changes_nothing(desk: Desk) -> None:
    """The same run, and another run that finds the same, leave breaks and history as they are."""
    items = [found(), found(B, 200)]
    run = desk.begin(MARCH)
    assert desk.breaks.sync(run, CITY, MARCH, iter(items), []) == Synced(opened=(A, B))
    desk.breaks.explain(B, "Wang", "why")
    for again in (run, run, desk.begin(MARCH)):
        assert desk.breaks.sync(again, CITY, MARCH, items, []) == NOTHING
    assert desk.events(A) == ["opened"] and desk.events(B) == ["opened", "explained"]


@pytest.mark.parametrize(
    "other", [{"amount_fen": 250}, {"break_class": "wrong_level"}, {"owner": "tax"}, {"gate": "block"}]
)
def test_an_open_break_changes(desk: Desk, other: dict[str, object]) -> None:
    """What a settlement says otherwise of an open break is kept, with an event that says from what to what."""
    desk.settle(MARCH, found())
    assert desk.settle(MARCH, found(**other)) == Synced(changed=(A,))
    row, event = desk.breaks.one(A), desk.breaks.history(A)[-1]
    assert {name: getattr(row, name) for name in other} == other
    assert (row.state, row.lives, event.event, event.amount_fen) == ("open", 1, "changed", row.amount_fen)
    for value in other.values():
        assert ("2.50" if value == 250 else str(value)) in event.note
    assert desk.settle(MARCH, found(**other)) == NOTHING


def test_another_amount_reopens_an_explained_break(desk: Desk) -> None:
    """The explanation was of another amount: the break is open again, and the event says why."""
    desk.settle(MARCH, found())
    desk.breaks.explain(A, "Wang", "why")
    assert desk.settle(APRIL, found(amount_fen=123456789), carried=[A]) == Synced(reopened=(A,))
    row = desk.breaks.one(A)
    assert (row.state, row.lives, row.amount_fen, row.seen_in) == ("open", 2, 123456789, APRIL)
    assert "from 1.00 to 1,234,567.89 yuan" in row.note and "no longer holds" in row.note
    assert desk.breaks.history(A)[-1].note == row.note


def test_an_explained_break_keeps_its_explanation_where_the_amount_is_the_same(desk: Desk) -> None:
    """Another class, owner or gate is taken over without an event."""
    desk.settle(MARCH, found())
    desk.breaks.explain(A, "Wang", "why")
    assert desk.settle(MARCH, found(break_class="wrong_level", owner="tax", gate="block")) == NOTHING
    row = desk.breaks.one(A)
    assert (row.state, row.break_class, row.owner, row.gate, row.note) == (
        "explained",
        "wrong_level",
        "tax",
        "block",
        "why",
    )
    assert desk.events() == ["opened", "explained"]


@pytest.mark.parametrize("explained", [False, True])
def test_an_older_month_settled_again(desk: Desk, explained: bool) -> None:
    """March settled again after April does not overwrite what April knows."""
    desk.settle(MARCH, found())
    desk.settle(APRIL, found(amount_fen=60, gate="block"), carried=[A])
    if explained:
        desk.breaks.explain(A, "Wang", "why")
    before = vars_of(desk.breaks.one(A))
    assert desk.settle(MARCH, found(amount_fen=100)) == NOTHING
    assert vars_of(desk.breaks.one(A)) == before
    assert before["seen_in"] == APRIL and before["amount_fen"] == 60


@pytest.mark.parametrize("explained", [False, True])
def test_a_break_its_month_no_longer_lists_is_corrected(desk: Desk, explained: bool) -> None:
    """What March settled again no longer lists is corrected, by medpool, in March; listed again, it is reopened."""
    desk.settle(MARCH, found(), found(B))
    if explained:
        desk.breaks.explain(A, "Wang", "why")
    assert desk.settle(MARCH, found(B)) == Synced(corrected=(A,))
    row = desk.breaks.one(A)
    assert (row.state, row.ended_in, row.ended_by) == ("corrected", MARCH, "medpool") and MARCH in row.note
    assert desk.settle(MARCH, found(B)) == NOTHING
    assert desk.settle(MARCH, found(amount_fen=70), found(B)) == Synced(reopened=(A,))
    row = desk.breaks.one(A)
    assert (row.state, row.lives, row.amount_fen, row.ended_in, row.ended_by) == ("open", 2, 70, None, None)


@pytest.mark.parametrize("explained", [False, True])
def test_a_carried_break_that_is_no_longer_listed_is_cleared(desk: Desk, explained: bool) -> None:
    """What April brought forward and no longer lists is cleared by April; March settled again leaves it so."""
    desk.settle(MARCH, found())
    if explained:
        desk.breaks.explain(A, "Wang", "why")
    assert desk.settle(APRIL, carried=[A]) == Synced(cleared=(A,))
    row = desk.breaks.one(A)
    assert (row.state, row.ended_in, row.ended_by) == ("cleared", APRIL, "medpool") and APRIL in row.note
    assert desk.settle(APRIL, carried=[A]) == NOTHING
    assert desk.settle(MARCH, found()) == NOTHING and desk.state() == "cleared"
    assert desk.settle(APRIL, found(), carried=[A]) == Synced(reopened=(A,))


def test_what_is_not_carried_is_left_alone(desk: Desk) -> None:
    """A break of an earlier month that April neither brought forward nor lists stays as it is."""
    desk.settle(MARCH, found())
    assert desk.settle(APRIL) == NOTHING
    assert desk.state() == "open"


def test_a_later_month_is_left_alone(desk: Desk) -> None:
    """March settled again says nothing of the breaks of April, nor of those of another city."""
    desk.settle(APRIL, found(month=APRIL))
    desk.breaks.sync(desk.begin(MARCH, "zhoushan"), "zhoushan", MARCH, [found(B)], [])
    assert desk.settle(MARCH, carried=[A]) == NOTHING
    assert (desk.state(A), desk.state(B)) == ("open", "open")


@pytest.mark.parametrize("state", ["corrected", "cleared"])
def test_what_a_person_ended(desk: Desk, state: str) -> None:
    """It stays ended while the amount is the same, in its month and later; another amount reopens it."""
    desk.settle(MARCH, found())
    desk.settle(APRIL, found(), carried=[A])
    COMMANDS[state](desk.breaks)
    for month in (MARCH, APRIL, MAY):
        assert desk.settle(month, found(), carried=[A]) == NOTHING
        assert desk.settle(month) == NOTHING
    assert desk.settle(MARCH, found(amount_fen=60)) == NOTHING
    assert desk.state() == state
    assert desk.settle(MAY, found(amount_fen=60), carried=[A]) == Synced(reopened=(A,))
    row = desk.breaks.one(A)
    assert (row.lives, row.amount_fen, row.ended_by, row.seen_in) == (2, 60, None, MAY)


def test_an_older_run_loses(desk: Desk) -> None:
    """A run begun before one whose breaks are kept changes nothing; begun again, it is the newer."""
    older, newer = desk.begin(MARCH), desk.begin(MARCH)
    assert desk.breaks.sync(newer, CITY, MARCH, [found()], []) == Synced(opened=(A,))
    assert desk.breaks.sync(older, CITY, MARCH, [found(B)], []) == NOTHING
    assert [row.break_id for row in desk.breaks.listing()] == [A]
    desk.control.start_run(older, CITY, MARCH, "1")
    assert desk.breaks.sync(older, CITY, MARCH, [found(B)], []) == Synced(opened=(B,), corrected=(A,))


def test_an_older_run_loses_to_one_that_only_ended_breaks(desk: Desk) -> None:
    """A newer run leaves its mark, too, where all it did was to end a break."""
    desk.settle(MARCH, found())
    older, newer = desk.begin(MARCH), desk.begin(MARCH)
    assert desk.breaks.sync(newer, CITY, MARCH, [], []) == Synced(corrected=(A,))
    assert desk.breaks.sync(older, CITY, MARCH, [found()], []) == NOTHING
    assert desk.state() == "corrected"


def test_an_older_run_loses_to_one_that_is_published(desk: Desk) -> None:
    """A newer run that found nothing at all is known by being published."""
    older, newer = desk.begin(MARCH), desk.begin(MARCH)
    desk.control.publish(newer, CITY, MARCH, "final")
    assert desk.breaks.sync(newer, CITY, MARCH, [], []) == NOTHING
    assert desk.breaks.sync(older, CITY, MARCH, [found()], []) == NOTHING
    assert desk.breaks.listing() == ()


def test_runs_of_other_months_do_not_count(desk: Desk) -> None:
    """A run of March is not older than one of April."""
    march, april = desk.begin(MARCH), desk.begin(APRIL)
    desk.breaks.sync(april, CITY, APRIL, [found(B, month=APRIL)], [])
    assert desk.breaks.sync(march, CITY, MARCH, [found()], []) == Synced(opened=(A,))


def test_a_settlement_that_cannot_be(desk: Desk) -> None:
    """A run nobody started, one of another month, and a break listed twice are refused; nothing is kept."""
    run = desk.begin(MARCH)
    for name, month in (("nowhere", MARCH), (run, APRIL)):
        with pytest.raises(StoreError, match=f"there is no run {name} of taizhou {month}"):
            desk.breaks.sync(name, CITY, month, [found()], [])
    with pytest.raises(SettlementError, match="lists a break twice"):
        desk.breaks.sync(run, CITY, MARCH, [found(), found()], [])
    assert desk.breaks.listing() == ()


def test_thousands_of_breaks(desk: Desk) -> None:
    """Five thousand breaks are opened, listed again, changed and ended, each in one settlement."""
    ids = [f"{number:016x}" for number in range(5000)]
    assert len(desk.settle(MARCH, *(found(name) for name in ids)).opened) == 5000
    assert desk.settle(MARCH, *(found(name) for name in ids)) == NOTHING
    assert len(desk.settle(APRIL, *(found(name, 7) for name in ids), carried=ids).changed) == 5000
    assert len(desk.settle(APRIL, *(found(name, 7) for name in ids[:2500]), carried=ids).cleared) == 2500
    assert len(desk.breaks.listing(CITY, state="open")) == 2500
    assert desk.events(ids[-1]) == ["opened", "changed", "cleared"]


def test_listing(desk: Desk) -> None:
    """Breaks come by owner, day, amount and id, and can be asked for by each of their marks."""
    items = [
        found("0000000000000001", 5, owner="treasury"),
        found("0000000000000002", 9, owner="tax", since=dt.date(2022, 4, 1)),
        found("0000000000000003", 5, owner="tax", pair="treasury_fiscal"),
        found("0000000000000004", 5, owner="tax"),
        found("0000000000000005", 8, owner="tax"),
    ]
    desk.settle(MARCH, *items)
    desk.settle(APRIL, found("0000000000000006", 1, month=APRIL, owner="agency"))
    desk.breaks.sync(desk.begin(MARCH, "zhoushan"), "zhoushan", MARCH, [found("0000000000000007")], [])
    desk.breaks.explain("0000000000000005", "Wang", "why")
    desk.breaks.assign("0000000000000004", "Li", "Wang")

    def numbers(*city: str, **marks: str) -> list[int]:
        return [int(row.break_id) for row in desk.breaks.listing(*city, **marks)]

    assert numbers() == [6, 5, 3, 4, 2, 7, 1]
    assert numbers(CITY) == [6, 5, 3, 4, 2, 1]
    assert numbers(CITY, owner="tax") == [5, 3, 4, 2]
    assert numbers(state="explained") == [5] and numbers(month=APRIL) == [6]
    assert numbers(assigned_to="Li") == [4] and numbers(pair="treasury_fiscal") == [3]
    assert numbers(CITY, owner="tax", state="open", month=MARCH, pair="tax_treasury") == [4, 2]
    with pytest.raises(InputError, match="'closed' is no state"):
        desk.breaks.listing(state="closed")


def test_a_break_by_the_beginning_of_its_id(desk: Desk) -> None:
    """Four characters name a break where they begin no other id; a whole id always does."""
    desk.settle(MARCH, found("abcd1"), found("abcd12"), found("beef_1"), found("beefX2"))
    assert desk.breaks.one(" beef_ ").break_id == "beef_1"
    assert desk.breaks.one("abcd1").break_id == "abcd1"
    assert desk.breaks.history("abcd12")[0].break_id == "abcd12"
    for text, says in (
        ("abcd", "several breaks begin with 'abcd'\n  expected: one of abcd1, abcd12"),
        ("bee", "'bee' does not name a break"),
        ("", "'' does not name a break"),
        ("差异编号", "does not name a break"),
        ("\udcff" * 4, "does not name a break"),
        ("%%%%", "there is no break '%%%%'"),
        ("BEEF_1", "there is no break 'BEEF_1'"),
        ("x" * 5000, "there is no break"),
    ):
        with pytest.raises(InputError) as caught:
            desk.breaks.one(text)
        assert says in str(caught.value)


@pytest.mark.parametrize(
    ("by", "note", "says"),
    [
        ("", "why", "name yourself with --by"),
        (" \n\u3000", "why", "name yourself with --by"),
        ("\u200b", "why", "name yourself with --by"),
        ("medpool", "why", "is the program, not a person"),
        (" MedPool ", "why", "is the program, not a person"),
        ("王" * 101, "why", "at most 100"),
        ("Wang\x00", "why", "characters nobody can read"),
        ("Wang", "", "say why with --note"),
        ("Wang", " \t ", "say why with --note"),
        ("Wang", "因" * 501, "at most 500"),
        ("Wang", "why\x00", "characters nobody can read"),
        ("Wang", "why\udcff", "characters nobody can read"),
    ],
)
def test_names_and_notes_that_cannot_be_kept(desk: Desk, by: str, note: str, says: str) -> None:
    """Blank, overlong and unreadable names and notes are refused before the database sees them."""
    desk.settle(MARCH, found())
    for act in (
        lambda: desk.breaks.explain(A, by, note),
        lambda: desk.breaks.resolve(A, by, note, "corrected"),
        lambda: desk.breaks.reopen(A, by, note),
        lambda: desk.breaks.override(CITY, MARCH, by, note, {}),
    ):
        with pytest.raises(InputError) as caught:
            act()
        assert says in str(caught.value)
    assert desk.events() == ["opened"] and desk.breaks.overrides(CITY, MARCH) == ()


def test_whom_a_break_is_assigned_to(desk: Desk) -> None:
    """A break is assigned to a name of at most 100 characters; the note is optional and kept with the event."""
    desk.settle(MARCH, found())
    for to, says in (("", "name who takes it with --to"), ("李" * 101, "at most 100")):
        with pytest.raises(InputError, match=says):
            desk.breaks.assign(A, to, "Wang")
    with pytest.raises(InputError, match="at most 500"):
        desk.breaks.assign(A, "Li", "Wang", "x" * 500)
    assert desk.breaks.assign(A, "李" * 100, "王" * 100, "please").assigned_to == "李" * 100
    assert desk.breaks.history(A)[-1].note == "李" * 100 + ": please"
    desk.breaks.explain(A, "Wang", "因" * 500)
    assert desk.breaks.assign(A, " Zhao  Yun ", "Wang").assigned_to == "Zhao Yun"
    assert desk.breaks.one(A).note == "因" * 500


def test_decisions(desk: Desk) -> None:
    """What people explained or ended counts with who and why; what medpool ended and what is open again does not."""
    ids = [f"{number:016d}" for number in range(1, 8)]
    desk.settle(MARCH, *(found(name, number) for number, name in enumerate(ids, 1)))
    for name in reversed(ids[:6]):
        desk.breaks.explain(name, "Wang", f"why {name[-1]}")
    desk.breaks.resolve(ids[1], "Li", "done", "cleared")
    desk.breaks.resolve(ids[2], "Li", "done", "corrected")
    desk.breaks.reopen(ids[3], "Li", "not so")
    desk.breaks.assign(ids[0], "Zhao", "Li", "have a look")
    desk.settle(MARCH, *(found(name, number) for number, name in enumerate(ids[:4], 1)), found(ids[5], 99))
    assert list(desk.breaks.decisions(CITY).values()) == [
        Decision(ids[0], MARCH, "explained", 1, "Wang", "why 1"),
        Decision(ids[1], MARCH, "cleared", 2, "Li", "done"),
        Decision(ids[2], MARCH, "corrected", 3, "Li", "done"),
    ]
    assert list(desk.breaks.decisions(CITY)) == ids[:3]
    assert desk.breaks.decisions("zhoushan") == {}


def test_overrides(desk: Desk) -> None:
    """Every override is kept with what it covers, in a fixed order; the newest is last."""
    first = desk.breaks.override(CITY, MARCH, "Wang", "the bank is late", {B: -2, A: 10**15})
    second = desk.breaks.override(CITY, MARCH, "Li", "again", {})
    desk.breaks.override(CITY, APRIL, "Li", "April", {})
    kept = desk.breaks.overrides(CITY, MARCH)
    assert [(row.id, row.by, row.reason) for row in kept] == [
        (first.id, "Wang", "the bank is late"),
        (second.id, "Li", "again"),
    ]
    assert kept[0].covers == json.dumps({A: 10**15, B: -2}) and kept[1].covers == "{}"
