"""The registry of published tables and columns, ``tables.yaml``."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from medpool_etl import documents
from medpool_etl.documents import Document
from medpool_etl.periods import PeriodKind

MONEY = "DECIMAL(18,2)"


class Term(Document):
    """A column wherever it stands: its SQL type, unit, and what it is in Chinese and English."""

    type: str
    unit: str = ""
    zh: str
    en: str


class Table(Document):
    """A published table: what it is and its columns in order. ``made_from``: a run's rows, or the control database. ``of``: the
    kinds of periods whose runs publish it."""

    zh: str
    en: str
    made_from: Literal["runs", "control"] = "runs"
    of: tuple[PeriodKind, ...] = ("month",)
    columns: tuple[str, ...]


class Registry(Document):
    """Everything published."""

    terms: dict[str, Term]
    tables: dict[str, Table]

    @model_validator(mode="after")
    def _complete(self) -> Registry:
        used = {column for table in self.tables.values() for column in table.columns}
        if unknown := used - set(self.terms):
            raise ValueError(f"columns without a term: {', '.join(sorted(unknown))}")
        if unused := set(self.terms) - used:
            raise ValueError(f"terms no table uses: {', '.join(sorted(unused))}")
        return self

    def of_runs(self, kind: PeriodKind) -> dict[str, Table]:
        """Return the tables the run of a kind of period publishes."""
        return {n: table for n, table in self.tables.items() if table.made_from == "runs" and kind in table.of}

    def money_columns(self, table: str) -> tuple[str, ...]:
        """Return the names of a table's columns that hold yuan."""
        return tuple(name for name in self.tables[table].columns if self.terms[name].type == MONEY)


def load_registry() -> Registry:
    """Read ``marts/tables.yaml``; raises ConfigurationError for a mistake in it."""
    return documents.load(documents.find("marts/tables.yaml"), Registry)
