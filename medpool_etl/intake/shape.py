"""How to read a recognised file: what staging needs, and nothing about its rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from medpool_etl.intake.peek import Span


@dataclass(frozen=True)
class Block:
    """Rows under one header.

    Rows are counted from 1 as in an editor or in Excel; ``last_row`` None is the end of the file or sheet. ``columns``
    are the contract's column names by position ("" for a column it does not know). For a form, ``groups`` gives each
    position's group. ``unit`` is what one unit of a written amount is worth in yuan. ``spans`` are the places of the
    columns in a fixed text, in bytes.
    """

    header_row: int
    first_row: int
    columns: tuple[str, ...]
    last_row: int | None = None
    groups: tuple[str, ...] = ()
    sheet: str = ""
    unit: int = 1
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Shape:
    """One delivery: the blocks of a file that belong to one contract and one part of it, read as one table.

    ``kind`` is text, fixed or xlsx. ``metadata`` are texts from the title rows.
    """

    contract: str
    kind: str
    blocks: tuple[Block, ...]
    encoding: str = ""
    delimiter: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def first(self) -> Block:
        """The first block; the only one of most files."""
        return self.blocks[0]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data; :meth:`from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Shape:
        """Return the shape that :meth:`as_dict` wrote."""
        blocks = tuple(
            Block(
                **{
                    **block,
                    "columns": tuple(block["columns"]),
                    "groups": tuple(block["groups"]),
                    "spans": tuple((start, end) for start, end in block["spans"]),
                }
            )
            for block in data["blocks"]
        )
        return cls(**{**data, "blocks": blocks})
