"""What is agreed outside the program: one rulebook a city, the budget subjects, and the classes of breaks.

Every value carries the clause it comes from and the day it starts to hold; where a notice leaves room, a named
reading says which way is taken, which others there are, and why.
"""

from medpool_etl.policy.classes import BreakClass, Subject
from medpool_etl.policy.clearing import Clearing
from medpool_etl.policy.deadline import Deadline
from medpool_etl.policy.due import Due, due_of
from medpool_etl.policy.load import (
    cities,
    load_break_classes,
    load_rulebook,
    load_subjects,
    load_supplement,
    rulebooks,
    supplements_in_force,
)
from medpool_etl.policy.model import Clause, Pair, Review, Rulebook, RuleEntry

__all__ = [
    "BreakClass",
    "Clause",
    "Clearing",
    "Deadline",
    "Due",
    "Pair",
    "Review",
    "RuleEntry",
    "Rulebook",
    "Subject",
    "cities",
    "due_of",
    "load_break_classes",
    "load_rulebook",
    "load_subjects",
    "load_supplement",
    "rulebooks",
    "supplements_in_force",
]
