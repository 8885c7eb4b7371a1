"""The schema of a contract document."""

from __future__ import annotations

import datetime as dt
import re
from functools import cached_property
from typing import Literal

from pydantic import Field, model_validator

from medpool_etl import documents
from medpool_etl.documents import Document, Text
from medpool_etl.errors import ConfigurationError
from medpool_etl.periods import Month, Period

ColumnType = Literal["text", "code", "money", "integer", "rate", "date", "month", "enum"]
Severity = Literal["reject", "set_aside", "warn"]

SQL_TYPES: dict[str, str] = {
    "text": "VARCHAR",
    "code": "VARCHAR",
    "enum": "VARCHAR",
    "money": "DECIMAL(18,2)",
    "integer": "BIGINT",
    "rate": "DECIMAL(9,6)",
    "date": "DATE",
    "month": "DATE",
}


# The columns every staged file has besides its contract's.
_RESERVED = frozenset(
    [
        "file_id",
        "line_id",
        "row_no",
        "block",
        "kind",
        "cells",
        "original",
        "unit",
        "width",
        "wanted",
        "failed",
        "set_aside",
        "line",
        "fields",
        "inside",
        "more",
    ]
)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


class Column(Document):
    """One column: ``name`` in code and marts, ``header`` (and ``aliases``) as offices write it.

    ``values`` of an enum maps what is written to the code kept. ``known`` names the reference list a code must be in.
    ``optional``: the whole column may be absent from a file, which then says nothing of it. ``total`` marks a column whose 合计 row must agree. ``personal`` marks a payer's identity: never logged or shown.
    ``width`` is how many digits a code has: Excel eats the zeros in front, and they are put back. ``references`` names a
    column of another kind of file (``contract.column``) that must hold the same key in the same month.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    header: str
    aliases: tuple[str, ...] = ()
    type: ColumnType
    description: Text
    required: bool = True
    optional: bool = False
    personal: bool = False
    total: bool = False
    pattern: str | None = None
    width: int | None = Field(default=None, ge=2, le=18)
    references: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")
    values: dict[str, str] | None = None
    known: Literal["counties", "units", "tax_offices", "subjects"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if (self.type == "enum") != (self.values is not None):
            raise ValueError("an enum has values, and only an enum")
        if self.optional and (self.required or self.total):
            raise ValueError("a column that may be absent is neither required nor added up")
        if self.total and self.type != "money":
            raise ValueError("only a money column has a control total")
        if (self.width or self.references) and self.type != "code":
            raise ValueError("only a code has a width or references another kind of file")
        if self.pattern is not None:
            _compiled(self.pattern)
        return self

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header the column may have, the usual one first."""
        return (self.header, *self.aliases)


class Metadata(Document):
    """A value that stands once a file above the header: group 1 of ``pattern`` in the text of the title rows."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    pattern: str
    type: Literal["text", "code", "money", "month"]
    required: bool = True
    description: Text

    @model_validator(mode="after")
    def _one_group(self) -> Metadata:
        if _compiled(self.pattern).groups != 1:
            raise ValueError("the pattern needs exactly one group")
        return self


class RowCheck(Document):
    """A condition every good row meets: ``sql`` over the contract's columns, its metadata and ``context``.

    NULL counts as met, so that one fault is reported once. Windows over the rows of the file are allowed; DuckDB then
    sorts the whole file, so they are for small kinds of file. ``needs`` names a value of ``context`` that may be unknown
    this month: the check is then reported as not made.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    severity: Severity
    columns: tuple[str, ...] = Field(min_length=1)
    sql: str
    needs: Literal["average_wage"] | None = None
    expected: Text
    do: Text


class Form(Document):
    """How a two-tier form is unfolded into rows: one row for each line of the form and each ``group`` of columns."""

    label: str
    label_column: str
    group_column: str
    groups: dict[str, str]


class Deadline(Document):
    """The calendar day a file is due: ``day`` of the month ``months`` after the one it is for (0: of that month).

    A yearly file counts from January of its year: ``months: 17, day: 30`` is the end of June of the next year. For a file
    that comes once, the day is the one in the first month it is wanted.
    """

    months: int = Field(ge=0, le=36)
    day: int = Field(ge=1, le=31)

    def on(self, start: Month) -> dt.date:
        """Return the day for a file of the month (or of the year beginning with the month) ``start``."""
        return start.plus(self.months).day(self.day)


class Expected(Document):
    """Which files of the kind a month needs: one for the city, one per county, or one per account of the city.

    ``part_from`` names the metadata that says whose file it is (of which year, where ``every`` is year). ``need``:
    ``always``, or ``any`` when it comes only if there is something to say, or not yet from everybody. ``every``: month;
    year, for a file that is handed in once and serves the months of that year (``serves: this_year``), of the year
    after (``serves: next_year``), or no month but the clearing of its year (``serves: clearing``); once, for one that serves every month.
    """

    per: Literal["city", "county", "account", "year"]
    part_from: str | None = None
    account_kinds: tuple[str, ...] = ()
    need: Literal["always", "any"] = "always"
    every: Literal["month", "year", "once"] = "month"
    serves: Literal["this_year", "next_year", "clearing"] = "this_year"
    deadline: Deadline

    @model_validator(mode="after")
    def _consistent(self) -> Expected:
        if (self.every == "year") != (self.per == "year"):
            raise ValueError("a file that comes every year is one per year, and only that")
        if self.every != "year" and self.serves != "this_year":
            raise ValueError("only a yearly file serves another year than its own")
        return self

    @property
    def every_month(self) -> bool:
        """Whether no month can do without it."""
        return self.every == "month" and self.need == "always"

    def year_of(self, month: Month) -> str:
        """Return the year whose yearly file serves the month, as its title writes it."""
        return str(month.year - (1 if self.serves == "next_year" else 0))

    def serving(self, period: Period) -> Expected | None:
        """Return what a quarter, an opening or a clearing expects of the kind, or None for what comes by the month."""
        if self.every == "month":
            return None
        if self.serves != "clearing":
            return self if period.kind != "clearing" or self.serves == "this_year" else None
        return self.model_copy(update={"serves": "this_year"}) if period.kind == "clearing" else None


class Contract(Document):
    """One kind of file. ``all_or_nothing``: it says something only as a whole, so a bad row rejects the file."""

    contract: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    title: Text
    description: Text
    sender: Text
    owner: Literal["tax", "treasury", "finance", "agency", "county"]
    due: Text
    source: str
    expected: Expected
    all_or_nothing: bool = False
    layout: Literal["table", "form"]
    form: Form | None = None
    metadata: tuple[Metadata, ...] = ()
    columns: tuple[Column, ...] = Field(min_length=1)
    key: tuple[str, ...] = ()
    checks: tuple[RowCheck, ...] = ()
    example: tuple[dict[str, str], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        names = [column.name for column in self.columns] + [item.name for item in self.metadata]
        if taken := (_RESERVED & set(names)) | {name for name in names if "__" in name}:
            raise ValueError(f"names that staging itself uses: {', '.join(sorted(taken))}")
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"names stand twice: {', '.join(sorted(twice))}")
        headers = [header for column in self.columns for header in column.headers]
        if twice := {header for header in headers if headers.count(header) > 1}:
            raise ValueError(f"headers stand twice: {', '.join(sorted(twice))}")
        if unknown := set(self.key) - {column.name for column in self.columns}:
            raise ValueError(f"the key: there is no column {', '.join(sorted(unknown))}")
        for name in (name for check in self.checks for name in check.columns):
            if name not in names:
                raise ValueError(f"there is no column {name}")
        if (self.layout == "form") != (self.form is not None):
            raise ValueError("a form layout has a form, and only a form layout")
        if (self.expected.per == "city") != (self.expected.part_from is None):
            raise ValueError("part_from says whose file it is, wherever there is more than one a city")
        if self.expected.part_from and self.expected.part_from not in {item.name for item in self.metadata}:
            raise ValueError(f"there is no metadata {self.expected.part_from}")
        if self.all_or_nothing and any(check.severity == "set_aside" for check in self.checks):
            raise ValueError("a file that counts only as a whole has no check that sets rows aside: reject or warn")
        for row in self.example:
            if unknown := set(row) - {column.header for column in self.columns}:
                raise ValueError(f"the example has unknown headers: {', '.join(sorted(unknown))}")
        return self

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names."""
        return {column.name: column for column in self.columns}

    @property
    def personal(self) -> frozenset[str]:
        """The names of the columns that identify a person."""
        return frozenset(column.name for column in self.columns if column.personal)

    def header_of(self, text: str) -> Column | None:
        """Return the column a header cell names, or None."""
        return next((column for column in self.columns if text in column.headers), None)


def load_contract(name: str) -> Contract:
    """Read ``contracts/<name>.yaml``; raises ConfigurationError for a mistake in it."""
    return documents.load(documents.find(f"contracts/{name}.yaml"), Contract)


def load_all() -> dict[str, Contract]:
    """Return every contract by name, in the order of their names; raises ConfigurationError for a mistake in one."""
    contracts = {}
    for path in documents.find_all("contracts"):
        contract = documents.load(path, Contract)
        if contract.contract != path.stem:
            raise ConfigurationError(
                f"the contract is called {contract.contract}", where=path.name, expected=f"contract: {path.stem}"
            )
        contracts[contract.contract] = contract
    for contract in contracts.values():
        for index, column in enumerate(contract.columns):
            if column.references:
                name, other = column.references.split(".")
                if name not in contracts or other not in contracts[name].by_name:
                    raise ConfigurationError(
                        f"there is no column {column.references}",
                        where=documents.place(f"contracts/{contract.contract}.yaml", "columns", index, "references"),
                    )
    return contracts
