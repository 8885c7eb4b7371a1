"""What is settled beside the months: quarters, the opening of a year, its clearing.

They take yearly files from the inbox and rest on what the city has published before; they are runs like the months': named
by what goes into them, immutable, published by the same switch.
"""

from medpool_etl.pipeline.annual.agenda import STATES, Item, agenda
from medpool_etl.pipeline.annual.opening import open_period
from medpool_etl.pipeline.annual.settle import settle_period, write_reports

__all__ = ["STATES", "Item", "agenda", "open_period", "settle_period", "write_reports"]
