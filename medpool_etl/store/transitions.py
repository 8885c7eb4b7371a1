"""Which changes a break's life allows, and the one hand that makes them, for settlements (``medpool``) and people."""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from medpool_etl.errors import InputError
from medpool_etl.store.tables import Break, BreakEvent

MEDPOOL = "medpool"
OPEN, EXPLAINED, CORRECTED, CLEARED = STATES = ("open", "explained", "corrected", "cleared")
LIVING = frozenset({OPEN, EXPLAINED})

# The only place that says which change of state an event may make; None is a break that was not there.
TRANSITIONS: dict[str, frozenset[tuple[str | None, str]]] = {
    "opened": frozenset({(None, OPEN)}),
    "changed": frozenset({(OPEN, OPEN)}),
    "assigned": frozenset({(OPEN, OPEN), (EXPLAINED, EXPLAINED)}),
    "explained": frozenset({(OPEN, EXPLAINED)}),
    "corrected": frozenset({(OPEN, CORRECTED), (EXPLAINED, CORRECTED)}),
    "cleared": frozenset({(OPEN, CLEARED), (EXPLAINED, CLEARED)}),
    "reopened": frozenset({(EXPLAINED, OPEN), (CORRECTED, OPEN), (CLEARED, OPEN)}),
}

LONGEST_NAME, LONGEST_NOTE = 100, 500


@dataclass(frozen=True)
class Found:
    """A break as a settlement found it: born in ``month`` ('YYYY-MM'), left − right in fen, ``gate`` expected, warn or
    block; its age counts from ``since``."""

    break_id: str
    month: str
    pair: str
    fund: str
    county: str
    item_key: str
    break_class: str
    owner: str
    gate: str
    amount_fen: int
    since: dt.date


class Hand:
    """Somebody's hand on the breaks, in one transaction; every change passes through ``apply``."""

    def __init__(self, session: Session, by: str, run_id: str | None = None) -> None:
        self._session, self._by, self._run_id, self._now = session, by, run_id, now()
        self._events: list[dict[str, object]] = []

    def apply(self, row: Break, event: str, to: str, note: str = "") -> None:
        """Change a break's state and note the event; raises InputError for a change that TRANSITIONS does not list."""
        before: str | None = row.state
        if (before, to) not in TRANSITIONS.get(event, frozenset()):
            possible = [
                name
                for name, moves in TRANSITIONS.items()
                # Only settlements change a break.
                if name != "changed" and any(old == before for old, _ in moves)
            ]
            raise InputError(
                f"break {row.break_id} is {before} and cannot be {event}",
                expected=f"one of {', '.join(possible)}",
                do=f"see what happened to it: medpool breaks show {row.break_id}",
            )
        row.state, row.changed_at = to, self._now
        if to != before:
            row.note = note
        if event in ("opened", "reopened"):
            row.lives = (row.lives or 0) + 1
            row.opened_at = self._now
            row.ended_in = row.ended_by = None
        self._events.append(
            {
                "break_id": row.break_id,
                "event": event,
                "from_state": before,
                "to_state": to,
                "amount_fen": row.amount_fen,
                "by": self._by,
                "note": note,
                "run_id": self._run_id,
                "happened_at": self._now,
            }
        )

    def end(self, row: Break, state: str, month: str, note: str) -> None:
        """End a break as corrected or cleared, by the settlement of a month."""
        self.apply(row, state, state, note)
        row.ended_in, row.ended_by = month, self._by

    def open(self, city: str, month: str, item: Found) -> str:
        """Add a break nobody knew; return the event."""
        row = Break(city=city, seen_in=month, seen_run=self._run_id, **vars(item))
        self.apply(row, "opened", OPEN)
        self._session.add(row)
        return "opened"

    def meet(self, row: Break, item: Found, month: str) -> str | None:
        """Bring a known break in line with what a settlement lists; return the event, or None where there is none."""
        # An older month settled again says nothing new of what a newer one knows.
        newest = month >= row.seen_in
        differs, amount_differs = _differences(row, item) if newest else "", row.amount_fen != item.amount_fen
        again = f"{month}结算又列出 listed again by the settlement of {month}"
        event, why = None, differs
        if row.state in LIVING and not newest:
            return None
        if row.state == OPEN:
            event = "changed" if differs else None
        elif row.state == EXPLAINED:
            event = "reopened" if amount_differs else None
            why = f"{differs}; 原说明不再成立 the explanation no longer holds"
        elif (row.ended_in or "") > month or (row.ended_by != MEDPOOL and not amount_differs):
            return None
        else:
            event, why = "reopened", f"{again}; {differs}" if differs else again
        if newest:
            row.amount_fen, row.break_class = item.amount_fen, item.break_class
            row.owner, row.gate = item.owner, item.gate
            row.seen_in, row.seen_run = month, self._run_id or row.seen_run
        if event:
            self.apply(row, event, OPEN, why)
        return event

    def finish(self) -> None:
        """Write the breaks, then their events."""
        self._session.flush()
        if self._events:
            self._session.execute(sa.insert(BreakEvent), self._events)


def now() -> dt.datetime:
    """Return this moment, in UTC."""
    return dt.datetime.now(dt.UTC)


def _differences(row: Break, item: Found) -> str:
    """Return in words what a settlement says otherwise of a break; nothing where it says the same."""
    said = []
    if row.amount_fen != item.amount_fen:
        old, new = _yuan(row.amount_fen), _yuan(item.amount_fen)
        said.append(f"金额由{old}元变为{new}元 the amount changed from {old} to {new} yuan")
    for label, old, new in (
        ("差异类别 class", row.break_class, item.break_class),
        ("责任方 owner", row.owner, item.owner),
        ("发布关口 gate", row.gate, item.gate),
    ):
        if old != new:
            said.append(f"{label}: {old} → {new}")
    return "; ".join(said)


def _yuan(fen: int) -> str:
    return f"{Decimal(fen).scaleb(-2):,.2f}"


def person(by: str) -> str:
    """Return a person's name as it is kept, however it was typed (full-width letters, spaces, what cannot be seen): the same person has
    one name. Raises InputError for nobody's, a long one, and medpool's own."""
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", by) if unicodedata.category(sign) != "Cf")
    name = name_of(seen, "who says so?", "name yourself with --by")
    if name.casefold() == MEDPOOL:
        raise InputError(f"{name!r} is the program, not a person", do="name yourself with --by")
    return name


def name_of(text: str, blank: str, do: str) -> str:
    """Return a name on one line; raises InputError, saying ``blank`` or ``do``, for none or one of over 100 characters."""
    return " ".join(words_of(text, LONGEST_NAME, blank, do).split())


def words_of(text: str, longest: int, blank: str, do: str) -> str:
    """Return a person's words without space around them; raises InputError for what the database could not keep."""
    words = text.strip()
    if not any(sign.isprintable() and not sign.isspace() for sign in words):
        raise InputError(blank, do=do)
    if any(unicodedata.category(sign) in ("Cc", "Cs") and not sign.isspace() for sign in words):
        raise InputError(f"{words[:20]!r} holds characters nobody can read", do=do)
    if len(words) > longest:
        raise InputError(
            f"{words[:20]!r}… has {len(words)} characters", expected=f"at most {longest}", do="say it in fewer"
        )
    return words
