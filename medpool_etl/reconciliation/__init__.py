"""Compare the figures that must agree, pair by pair, and name every difference."""

from medpool_etl.reconciliation.compare import PairResult, reconcile

__all__ = ["PairResult", "reconcile"]
