"""The stages of a rule whose money goes on from hand to hand: each with its own clause and day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from medpool_etl.settlement.case import Case


@dataclass(frozen=True)
class Stage:
    """The clause of a stage, and the deadline it is due by; ``due`` None: the notice names no day."""

    clause: str
    due: str | None

    @classmethod
    def of(cls, case: Case[Any, Any], name: str) -> Stage:
        """Return the stage of the deadline ``name``; where the city has none, it stands on the clause of the rule and has no day."""
        if name not in case.rulebook.deadlines:
            return cls(case.entry.clause, None)
        return cls(case.rulebook.deadline(name).clause, name)
