"""The loop of every DAG file over the cities: a mistake in one city's documents takes away that city's DAGs, and no other's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from medpool_etl.errors import MedpoolError
from medpool_etl.policy import rulebooks

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


def each_city(make: Callable[[str], object]) -> None:
    """Make the DAGs of every city that has a rulebook; of one whose documents cannot be used the log says why.

    Its DAG ``medpool_deadlines_<city>`` is there all the same, and alerts of the mistake every working day.
    """
    for city in rulebooks():
        try:
            make(city)
        except MedpoolError as error:
            log.error("%s has no DAG by %s: %s", city, getattr(make, "__name__", make), error)
