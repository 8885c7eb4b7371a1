"""What people receive: the workbook of a month, its validation report, and its summary."""

from medpool_etl.reports.period_workbook import period_workbook_path, write_period_workbook
from medpool_etl.reports.summary import Summary, read_summary
from medpool_etl.reports.validation import validation_path, write_validation
from medpool_etl.reports.workbook import workbook_path, write_workbook

__all__ = [
    "Summary",
    "period_workbook_path",
    "read_summary",
    "validation_path",
    "workbook_path",
    "write_period_workbook",
    "write_validation",
    "write_workbook",
]
