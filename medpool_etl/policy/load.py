"""Read rulebooks and what goes with them."""

from __future__ import annotations

from medpool_etl import documents
from medpool_etl.errors import InputError
from medpool_etl.policy.model import BreakClass, BreakClasses, Rulebook, Subject, Subjects


def rulebooks() -> tuple[str, ...]:
    """Return the cities that have a rulebook."""
    return tuple(path.stem for path in documents.find_all("policy/rulebooks"))


def cities() -> tuple[str, ...]:
    """Return the cities whose rulebook settles months; of the others only the reconciliation is there yet."""
    return tuple(city for city in rulebooks() if load_rulebook(city).settles)


def load_rulebook(city: str) -> Rulebook:
    """Read the rulebook of a city; raises InputError when it has none, ConfigurationError for a mistake in it."""
    path = documents.find(f"policy/rulebooks/{city}.yaml")
    if not path.is_file():
        raise InputError(f"there is no rulebook for {city!r}", expected=f"one of {', '.join(rulebooks())}")
    return documents.load(path, Rulebook)


def load_subjects() -> tuple[Subject, ...]:
    """Return the budget subjects of the medical funds; raises ConfigurationError for a mistake."""
    return documents.load(documents.find("policy/subjects.yaml"), Subjects).subjects


def load_break_classes() -> dict[str, BreakClass]:
    """Return the classes of breaks by id; raises ConfigurationError for a mistake."""
    return documents.load(documents.find("policy/break_classes.yaml"), BreakClasses).classes
