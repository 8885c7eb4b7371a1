"""What arrived: a month's inbox folder is read, every file kept by its content, and recognised by contract.

A file is recognised by its header row and title, never by its name. Nothing here reads the rows.
"""

from medpool_etl.intake.arrivals import ODD, Arrival, expected_parts, identify, missing_files, receive, unreadable
from medpool_etl.intake.recognise import Recognised, recognise
from medpool_etl.intake.shape import Block, Shape

__all__ = [
    "ODD",
    "Arrival",
    "Block",
    "Recognised",
    "Shape",
    "expected_parts",
    "identify",
    "missing_files",
    "receive",
    "recognise",
    "unreadable",
]
