"""The schemas of budget subjects and break classes."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from medpool_etl.documents import Document, Text
from medpool_etl.places import Fund
from medpool_etl.policy.model import Gate, Owner


class Subject(Document):
    """A budget subject (预算科目) of the medical funds."""

    code: str = Field(pattern=r"^\d{7}$")
    fund: Fund
    kind: Literal["premium", "subsidy", "interest", "other"]
    name: Text


class Subjects(Document):
    """The document of budget subjects."""

    source: str
    last_checked_on: dt.date
    subjects: tuple[Subject, ...]


class BreakClass(Document):
    """A class of break (差异类别): whose it is, and what that person does. ``owner`` None: the owner of the side of the pair
    that lacks the money, or (``whose: having``) of the one that has it.

    ``gate`` is what it means in the month it arises in, ``later`` in the months after. ``carried``: it stays open until
    something ends it; what is not ends with its month.
    """

    title: Text
    owner: Owner | None = None
    whose: Literal["lacking", "having"] = "lacking"
    gate: Gate = "warn"
    later: Gate | None = None
    carried: bool = True
    do: Text


class BreakClasses(Document):
    """The document of break classes."""

    classes: dict[str, BreakClass]
