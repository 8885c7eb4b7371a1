"""Double entry: what the accounts of a month say happened, posted under the account codes of 财会〔2017〕28号."""

from medpool_etl.ledger.posting import Flow, entries_table, load_postings, post

__all__ = ["Flow", "entries_table", "load_postings", "post"]
