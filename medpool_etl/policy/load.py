"""Read rulebooks and what goes with them."""

from __future__ import annotations

import os

from medpool_etl import documents
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.policy.classes import BreakClass, BreakClasses, Subject, Subjects
from medpool_etl.policy.deadline import Deadlines
from medpool_etl.policy.model import Rulebook
from medpool_etl.policy.supplement import Supplement, lay_over

# The names of the supplements in force, with commas between them.
VARIABLE = "MEDPOOL_SUPPLEMENTS"


def rulebooks() -> tuple[str, ...]:
    """Return the cities that have a rulebook."""
    return tuple(path.stem for path in documents.find_all("policy/rulebooks"))


def cities() -> tuple[str, ...]:
    """Return the cities whose months can be settled: those with a monthly rule, of the notice's own or of a supplement in force."""
    return tuple(c for c in rulebooks() if any(rule.when == "month" for rule in load_rulebook(c).rules.values()))


def supplements_in_force(city: str) -> tuple[str, ...]:
    """Return the names of the city's supplements the environment names (``MEDPOOL_SUPPLEMENTS``), in order."""
    names = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    return tuple(name for name in names if load_supplement(name).city == city)


def load_supplement(name: str) -> Supplement:
    """Read ``policy/supplements/<name>.yaml``; raises ConfigurationError when there is none, and for a mistake in it."""
    path = documents.find(f"policy/supplements/{name}.yaml")
    if not path.is_file():
        raise ConfigurationError(
            f"there is no supplement {name!r}",
            where=VARIABLE,
            expected=f"some of {', '.join(p.stem for p in documents.find_all('policy/supplements')) or 'none'}",
            do="put it into policy/supplements/ in the folder MEDPOOL_CONFIG names",
        )
    return documents.load(path, Supplement)


def load_rulebook(city: str, supplements: tuple[str, ...] | None = None) -> Rulebook:
    """Read the rulebook of a city and its deadlines, with its supplements laid over (default: those in force).

    Raises InputError when the city has no rulebook, ConfigurationError for a mistake in it or in a supplement.
    """
    path = documents.find(f"policy/rulebooks/{city}.yaml")
    if not path.is_file():
        raise InputError(f"there is no rulebook for {city!r}", expected=f"one of {', '.join(rulebooks())}")
    rulebook = documents.load(path, Rulebook)
    deadlines = documents.load(documents.find(f"policy/deadlines/{city}.yaml"), Deadlines).deadlines
    for name, deadline in deadlines.items():
        if deadline.clause not in rulebook.clauses:
            raise ConfigurationError(
                f"deadline {name}: there is no clause {deadline.clause}", where=f"policy/deadlines/{city}.yaml"
            )
    rulebook = rulebook.model_copy(update={"deadlines": deadlines})
    for name in supplements_in_force(city) if supplements is None else supplements:
        rulebook = lay_over(rulebook, load_supplement(name), name)
    for name, review in rulebook.reviews.items():
        unknown = [f"rule {rule}" for rule in review.rules if rule not in rulebook.rules]
        unknown += [f"clause {review.clause}"] if review.clause not in rulebook.clauses else []
        if unknown:
            raise ConfigurationError(
                f"review {name}: there is no {', '.join(unknown)}",
                where=f"policy/rulebooks/{city}.yaml, key reviews.{name}",
            )
    return rulebook


def load_subjects() -> tuple[Subject, ...]:
    """Return the budget subjects of the medical funds; raises ConfigurationError for a mistake."""
    return documents.load(documents.find("policy/subjects.yaml"), Subjects).subjects


def load_break_classes() -> dict[str, BreakClass]:
    """Return the classes of breaks by id; raises ConfigurationError for a mistake."""
    return documents.load(documents.find("policy/break_classes.yaml"), BreakClasses).classes
