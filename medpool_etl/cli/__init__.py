"""The ``medpool`` command: a thin face over :mod:`medpool_etl.pipeline`.

Exit codes: 0 done (figures final), 1 done but the month's figures are provisional, 2 something the user must mend,
3 a promise of medpool does not hold (nothing was published), 4 breaks block the month, 5 something waits for approval.
"""

from medpool_etl.cli.app import main

__all__ = ["main"]
