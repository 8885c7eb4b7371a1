"""Compare the figures that must agree, pair by pair, and name every difference."""

from medpool_etl.reconciliation.compare import PairResult, reconcile, verify_pairs

__all__ = ["PairResult", "reconcile", "verify_pairs"]
