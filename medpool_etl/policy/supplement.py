"""Supplements: what an office lays over a notice that leaves something to a later rule (G6), with its own citation."""

from __future__ import annotations

from pydantic import Field, ValidationError, model_validator

from medpool_etl.documents import Document
from medpool_etl.errors import ConfigurationError
from medpool_etl.policy.clearing import Clearing
from medpool_etl.policy.deadline import Deadline
from medpool_etl.policy.model import Clause, Notice, Reading, Review, Rulebook, RuleEntry, Value


class Supplement(Document):
    """One supplement of a city: ``supplies`` names the kinds of rules the notice left open. ``invented``: it is an example, no
    published rule, and everything computed with it says so."""

    city: str
    notice: Notice
    invented: bool = False
    supplies: tuple[str, ...] = Field(min_length=1)
    clauses: dict[str, Clause]
    values: dict[str, Value] = Field(default_factory=dict)
    readings: dict[str, Reading] = Field(default_factory=dict)
    rules: dict[str, RuleEntry] = Field(default_factory=dict)
    clearing: Clearing | None = None
    deadlines: dict[str, Deadline] = Field(default_factory=dict)
    reviews: dict[str, Review] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _own_values(self) -> Supplement:
        for name, value in self.values.items():
            if value.clause not in self.clauses:
                raise ValueError(f"{name}: the supplement has no clause {value.clause}")
            if value.dated[0].from_day > self.notice.in_force_from:
                raise ValueError(f"{name}: no value from {self.notice.in_force_from}, when the supplement takes force")
        return self


def lay_over(rulebook: Rulebook, supplement: Supplement, name: str) -> Rulebook:
    """Return the rulebook with what a supplement supplies; its clauses keep the supplement's document number.

    Raises ConfigurationError for a supplement of another city, one that supplies what the notice does not leave open, one that
    would change a clause, value, reading or rule of the notice, and one that names a clause nobody has.
    """
    where = f"policy/supplements/{name}.yaml"
    if supplement.city != rulebook.city:
        raise ConfigurationError(f"the supplement is for {supplement.city}, not for {rulebook.city}", where=where)
    if closed := [kind for kind in supplement.supplies if kind not in rulebook.unspecified]:
        raise ConfigurationError(
            f"{rulebook.notice.number} does not leave open: {', '.join(closed)}",
            where=where,
            expected=f"some of {', '.join(rulebook.unspecified) or 'nothing'}",
        )
    for part in ("clauses", "values", "readings", "rules", "deadlines", "reviews"):
        if twice := sorted(set(getattr(rulebook, part)) & set(getattr(supplement, part))):
            raise ConfigurationError(f"{part} the notice has already: {', '.join(twice)}", where=where)
    given = {rule.kind for rule in supplement.rules.values()}
    if lacking := [kind for kind in supplement.supplies if kind not in given]:
        raise ConfigurationError(f"no rule supplies {', '.join(lacking)}", where=where)
    number = supplement.notice.number + ("（示例，虚构）" if supplement.invented else "")
    cited = {key: clause.model_copy(update={"document": number}) for key, clause in supplement.clauses.items()}
    merged = {name: getattr(rulebook, name) for name in Rulebook.model_fields} | {
        "clauses": {**rulebook.clauses, **cited},
        "values": {**rulebook.values, **supplement.values},
        "readings": {**rulebook.readings, **supplement.readings},
        "rules": {**rulebook.rules, **supplement.rules},
        "unspecified": {key: open_ for key, open_ in rulebook.unspecified.items() if key not in supplement.supplies},
        "deadlines": {**rulebook.deadlines, **supplement.deadlines},
        "reviews": {**rulebook.reviews, **supplement.reviews},
        "clearing": supplement.clearing or rulebook.clearing,
        "supplements": (*rulebook.supplements, supplement.notice),
    }
    try:
        return Rulebook.model_validate(merged)
    except ValidationError as error:
        said = "\n".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise ConfigurationError(said, where=where, do="correct the supplement") from error
