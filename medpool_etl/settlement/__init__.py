"""The rules of the cities as pure functions: facts and rulebook in, transfers out, each with its clause."""

from medpool_etl.settlement.remittance import TreasuryPremium, monthly_remittance
from medpool_etl.settlement.transfers import Transfer, transfers_table

__all__ = ["Transfer", "TreasuryPremium", "monthly_remittance", "transfers_table"]
