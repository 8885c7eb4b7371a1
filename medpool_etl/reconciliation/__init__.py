"""Compare the figures that must agree, pair by pair, in passes, and name every difference."""

from medpool_etl.reconciliation.compare import PairResult, draw_up, reconcile
from medpool_etl.reconciliation.models import MODELS, PASSES, Model, verify_pairs

__all__ = ["MODELS", "PASSES", "Model", "PairResult", "draw_up", "reconcile", "verify_pairs"]
