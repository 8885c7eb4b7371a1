"""Progress bars on standard error, only where somebody watches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from medpool_etl.cli.render import err

T = TypeVar("T")


def progress(items: Iterable[T], what: str) -> Iterable[T]:
    """Yield the items, showing how many are done; ``what`` names the step."""
    items = list(items)
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        yield from bar.track(items, description=what)
