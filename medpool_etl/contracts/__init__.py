"""Contracts: what every kind of file is, one YAML each, from which parser, checks, suites and documentation derive.

A file is recognised by its header row and never by its name. Each check of a contract counts failing rows under its
id; what a failure means is its severity: ``reject`` the file, ``set_aside`` the row, ``warn``.
"""

from medpool_etl.contracts.checks import Check, checks_of
from medpool_etl.contracts.model import Column, Contract, load_all, load_contract

__all__ = ["Check", "Column", "Contract", "checks_of", "load_all", "load_contract"]
