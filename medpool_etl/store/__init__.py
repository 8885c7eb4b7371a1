"""Where things are kept: settings, the control database (what happened), and the warehouse (the data itself)."""

from medpool_etl.store.control import Control
from medpool_etl.store.settings import Settings
from medpool_etl.store.warehouse import Warehouse

__all__ = ["Control", "Settings", "Warehouse"]
