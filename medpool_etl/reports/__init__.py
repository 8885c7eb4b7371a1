"""What people receive: the workbook of a month, and its summary."""

from medpool_etl.reports.summary import Summary, read_summary
from medpool_etl.reports.workbook import workbook_path, write_workbook

__all__ = ["Summary", "read_summary", "workbook_path", "write_workbook"]
