"""Whether files can be used: Great Expectations judges what staging counted, by the suites in ``expectations/``.

DuckDB counts the failures of every check in one pass; Great Expectations sees that one-row summary, so suites,
severities and thresholds stay its own, at any size of file.
"""

from medpool_etl.quality.history import MONTHS, against_months_before, size_of
from medpool_etl.quality.judge import Judge, Verdict
from medpool_etl.quality.suites import skeleton, suite_path, verify_suite, write_suites

__all__ = [
    "MONTHS",
    "Judge",
    "Verdict",
    "against_months_before",
    "size_of",
    "skeleton",
    "suite_path",
    "verify_suite",
    "write_suites",
]
