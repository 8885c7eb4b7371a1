"""Double entry: what rules instruct and what accounts say happened, posted under the account codes of 财会〔2017〕28号."""

from medpool_etl.ledger.balances import check_balances, compare, inter_level, overdrafts
from medpool_etl.ledger.chart import Moves, Postings, city_held, load_moves, load_postings
from medpool_etl.ledger.entries import LEDGER, add, closing, ledger, opening, reverse
from medpool_etl.ledger.posting import Flow, entries_table, post, post_flows, post_transfers
from medpool_etl.ledger.statements import account_statement, balance_sheet, fund_statement, trial_balance

__all__ = [
    "LEDGER",
    "Flow",
    "Moves",
    "Postings",
    "account_statement",
    "add",
    "balance_sheet",
    "check_balances",
    "city_held",
    "closing",
    "compare",
    "entries_table",
    "fund_statement",
    "inter_level",
    "ledger",
    "load_moves",
    "load_postings",
    "opening",
    "overdrafts",
    "post",
    "post_flows",
    "post_transfers",
    "reverse",
    "trial_balance",
]
