"""Whatever settlements and people do in whatever order, breaks live as a small model of plain dicts says."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from medpool_etl.errors import InputError
from medpool_etl.store import Control
from medpool_etl.store.breaks import Breaks, Found, Synced

MONTHS = ("2022-03", "2022-04", "2022-05")
POOL = range(6)
LISTED = {
    "opened": [(None, "open")],
    "changed": [("open", "open")],
    "assigned": [("open", "open"), ("explained", "explained")],
    "explained": [("open", "explained")],
    "corrected": [("open", "corrected"), ("explained", "corrected")],
    "cleared": [("open", "cleared"), ("explained", "cleared")],
    "reopened": [("explained", "open"), ("corrected", "open"), ("cleared", "open")],
}
EXAMPLES = itertools.count()


def born(number: int) -> str:
    """Return the month a break of the pool arises in."""
    return MONTHS[number % 3]


class Lives(RuleBasedStateMachine):
    """Settlements of three months and people, at six breaks, beside a model that is told the same."""

    def __init__(self, control: Control) -> None:
        super().__init__()
        self.control, self.breaks, self.example = control, Breaks(control), next(EXAMPLES)
        self.city = f"city{self.example}"
        self.model: dict[int, dict[str, Any]] = {}
        # The runs of a month in the order they were begun, and those that were published.
        self.runs: dict[str, list[str]] = {month: [] for month in MONTHS}
        self.published: set[str] = set()

    def name(self, number: int) -> str:
        """Return the id of a break of the pool, which no other example has."""
        return f"{self.example:08d}{number:08d}"

    @rule(
        month=st.sampled_from(MONTHS),
        which=st.integers(-1, 3),
        again=st.booleans(),
        listed=st.dictionaries(st.sampled_from(POOL), st.tuples(st.integers(1, 3), st.sampled_from("xy"))),
        carried=st.sets(st.sampled_from(POOL)),
    )
    def settle(
        self, month: str, which: int, again: bool, listed: dict[int, tuple[int, str]], carried: set[int]
    ) -> None:
        """Settle a month in a new run, or an older one, which may be begun again."""
        runs = self.runs[month]
        run = runs[which] if 0 <= which < len(runs) else f"{self.example:06d}m{month[-1]}r{len(runs)}"
        if run not in runs or again:
            self.control.start_run(run, self.city, month, "1")
            self.runs[month] = runs = [*(other for other in runs if other != run), run]
        listed = {number: what for number, what in listed.items() if born(number) <= month}
        found = [
            Found(
                break_id=self.name(number),
                month=born(number),
                pair="pair",
                fund="worker",
                county="331002",
                item_key=str(number),
                break_class=kind,
                owner="tax",
                gate="warn",
                amount_fen=amount,
                since=dt.date(2022, 3, 31),
            )
            for number, (amount, kind) in listed.items()
        ]
        done = self.breaks.sync(run, self.city, month, found, {self.name(number) for number in carried})
        expected: dict[str, set[int]] = {event: set() for event in vars(done)}
        if not any(later in self.published for later in runs[runs.index(run) + 1 :]):
            self.expect(month, listed, carried, expected)
            self.control.publish(run, self.city, month, "final")
            self.published.add(run)
        assert done == Synced(
            **{event: tuple(self.name(number) for number in sorted(numbers)) for event, numbers in expected.items()}
        )

    def expect(
        self, month: str, listed: dict[int, tuple[int, str]], carried: set[int], expected: dict[str, set[int]]
    ) -> None:
        """Tell the model of a settlement."""
        for number, (amount, kind) in listed.items():
            told = {"amount": amount, "kind": kind, "seen": month}
            if number not in self.model:
                fresh = {"state": "open", "lives": 1, "ended": None, "to": None}
                self.model[number] = {**fresh, **told}
                expected["opened"].add(number)
                continue
            life = self.model[number]
            newer = month >= life["seen"]
            same = life["amount"] == amount
            if life["ended"]:
                ended_in, by_medpool = life["ended"]
                if ended_in <= month and (by_medpool or not same):
                    life |= {"state": "open", "lives": life["lives"] + 1, "ended": None}
                    expected["reopened"].add(number)
                else:
                    continue
            elif newer and life["state"] == "explained" and not same:
                life |= {"state": "open", "lives": life["lives"] + 1}
                expected["reopened"].add(number)
            elif newer and life["state"] == "open" and (not same or life["kind"] != kind):
                expected["changed"].add(number)
            if newer:
                life |= told
        for number, life in self.model.items():
            if number in listed or life["ended"]:
                continue
            if born(number) == month:
                end = "corrected"
            elif number in carried and born(number) < month:
                end = "cleared"
            else:
                continue
            life |= {"state": end, "ended": (month, True)}
            expected[end].add(number)

    def person(self, number: int, act: str, possible: bool, **then: object) -> None:
        """Let a person act, and tell the model; what is not possible must be refused."""
        deeds = {
            "explain": lambda name: self.breaks.explain(name, "Wang", "why"),
            "corrected": lambda name: self.breaks.resolve(name, "Wang", "why", "corrected"),
            "cleared": lambda name: self.breaks.resolve(name, "Wang", "why", "cleared"),
            "reopen": lambda name: self.breaks.reopen(name, "Wang", "why"),
            "assign": lambda name: self.breaks.assign(name, "Li", "Wang"),
        }
        if not possible:
            with pytest.raises(InputError):
                deeds[act](self.name(number))
            return
        deeds[act](self.name(number))
        self.model[number] |= then

    @rule(number=st.sampled_from(POOL))
    def explain(self, number: int) -> None:
        """Explain a break."""
        self.person(number, "explain", self.stands(number) == "open", state="explained")

    @rule(number=st.sampled_from(POOL), end=st.sampled_from(["corrected", "cleared"]))
    def resolve(self, number: int, end: str) -> None:
        """End a break."""
        alive = self.stands(number) in ("open", "explained")
        self.person(number, end, alive, state=end, ended=(self.model[number]["seen"], False) if alive else None)

    @rule(number=st.sampled_from(POOL))
    def reopen(self, number: int) -> None:
        """Take back what a person said."""
        life = self.model.get(number, {"ended": None, "lives": 0})
        mine = self.stands(number) == "explained" or bool(life["ended"] and not life["ended"][1])
        self.person(number, "reopen", mine, state="open", ended=None, lives=life["lives"] + 1)

    @rule(number=st.sampled_from(POOL))
    def assign(self, number: int) -> None:
        """Give a break to somebody."""
        self.person(number, "assign", self.stands(number) in ("open", "explained"), to="Li")

    def stands(self, number: int) -> str | None:
        """Return the state the model knows."""
        return self.model[number]["state"] if number in self.model else None

    @invariant()
    def kept_as_the_model_says(self) -> None:
        """The database holds what the model holds, and the history of each break leads to where it stands."""
        rows = {row.break_id: row for row in self.breaks.listing(self.city)}
        assert set(rows) == {self.name(number) for number in self.model}
        for number, life in self.model.items():
            row = rows[self.name(number)]
            ended = (row.ended_in, row.ended_by == "medpool") if row.ended_in else None
            assert {
                "state": row.state,
                "lives": row.lives,
                "ended": ended,
                "to": row.assigned_to,
                "amount": row.amount_fen,
                "kind": row.break_class,
                "seen": row.seen_in,
            } == life
            state, lives, amount = None, 0, None
            for event in self.breaks.history(row.break_id):
                assert event.from_state == state
                assert (event.from_state, event.to_state) in LISTED[event.event]
                assert (event.by == "medpool") == (event.run_id is not None)
                state, amount = event.to_state, event.amount_fen
                lives += event.event in ("opened", "reopened")
            assert (state, lives, amount) == (row.state, row.lives, row.amount_fen)
        decided = {
            self.name(number)
            for number, life in self.model.items()
            if life["state"] == "explained" or (life["ended"] and not life["ended"][1])
        }
        assert set(self.breaks.decisions(self.city)) == decided


@pytest.fixture
def control(database_url: str) -> Iterator[Control]:
    """A new control database."""
    opened = Control(database_url)
    yield opened
    opened.close()


def test_lives(control: Control) -> None:
    """The model and the database agree after every step; each example has a city of its own."""
    run_state_machine_as_test(
        lambda: Lives(control),
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
