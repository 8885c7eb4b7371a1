"""Faults that can be planted: every one of domain's month-end surprises, each with what medpool must find and what ends it.

A fault changes the simulated month before its files are written and says what must come out: rows set aside or warned of with
their checks, breaks with pair, class, owner and amount, what is matched by which pass, and files that cannot be used; and, where
the next month ends it, how.
"""

from medpool_etl.simulator.faults import accounts, files, receipts, rows
from medpool_etl.simulator.faults.registry import FAULTS, Fault

__all__ = ["FAULTS", "Fault", "accounts", "files", "receipts", "rows"]
