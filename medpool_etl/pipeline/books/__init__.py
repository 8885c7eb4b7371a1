"""The books of a run: what rules instructed and what accounts show happened, two ledgers, and the statements made of them."""

from medpool_etl.pipeline.books.executed import match_movements, matched_before
from medpool_etl.pipeline.books.instructed import instruct, instructed_in
from medpool_etl.pipeline.books.keep import Books, add_books, keep_month, keep_period

__all__ = [
    "Books",
    "add_books",
    "instruct",
    "instructed_in",
    "keep_month",
    "keep_period",
    "match_movements",
    "matched_before",
]
