"""What is agreed outside the program: one rulebook a city, the budget subjects, and the classes of breaks.

Every value carries the clause it comes from and the day it starts to hold; where a notice leaves room, a named
reading says which way is taken, which others there are, and why.
"""

from medpool_etl.policy.load import cities, load_break_classes, load_rulebook, load_subjects, rulebooks
from medpool_etl.policy.model import BreakClass, Clause, Pair, Rulebook, Subject

__all__ = [
    "BreakClass",
    "Clause",
    "Pair",
    "Rulebook",
    "Subject",
    "cities",
    "load_break_classes",
    "load_rulebook",
    "load_subjects",
    "rulebooks",
]
