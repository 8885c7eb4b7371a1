"""What every movement on an account is called, by who is on its other side; and that none is known which the funds may not make
(财社〔2017〕144号 第四十条至第四十二条)."""

from __future__ import annotations

import pytest

from medpool_etl.places import Account, load_accounts
from medpool_etl.store.models import make_view
from medpool_etl.store.session import connect

TAIZHOU, ZAOZHUANG = load_accounts("taizhou"), load_accounts("zaozhuang")
HERE, THERE = "331002", "331003"
ONE = TAIZHOU.one
FISCAL, RESIDENT, RESERVE = ONE("fiscal", "worker"), ONE("fiscal", "resident"), ONE("fiscal", "worker", None, "reserve")
AGENCY, COUNTY, OTHER = (
    ONE("expenditure", "worker"),
    ONE("expenditure", "worker", HERE),
    ONE("expenditure", "worker", THERE),
)
BALANCE, OTHER_BALANCE = ONE("fiscal", "worker", HERE), ONE("fiscal", "worker", THERE)
TREASURY, CITY, UPPER = ONE("treasury"), ONE("government"), ONE("upper")
GOVERNMENT, OTHER_GOVERNMENT = ONE("government", None, HERE), ONE("government", None, THERE)
INSURER, INSTITUTIONS = ONE("payee", None, None, "insurer"), ONE("payee", None, None, "institutions")
STRANGER = Account(number="622200001234567890", name="某某公司", kind="payee")
INCOME, CITY_INCOME = ZAOZHUANG.one("income", "worker", "370402"), ZAOZHUANG.one("income", "worker")
ZZ_FISCAL, ZZ_COUNTY = ZAOZHUANG.one("fiscal", "worker"), ZAOZHUANG.one("expenditure", "worker", "370402")

# Whose statement, who is on the other side, what it is called when money comes in and when it goes out.
KNOWN = [
    (FISCAL, TREASURY, "treasury_transfer", "unknown"),
    (FISCAL, AGENCY, "agency_return_received", "allocation_paid"),
    (FISCAL, BALANCE, "county_premiums_received", "balance_returned"),
    (FISCAL, GOVERNMENT, "subsidy_received", "refunded_to_government"),
    (FISCAL, CITY, "subsidy_received", "refunded_to_government"),
    (FISCAL, UPPER, "subsidy_received", "refunded_to_government"),
    (AGENCY, FISCAL, "allocation_received", "agency_returned"),
    # A sub-ledger is written down as the account it is within, but may stand for it.
    (AGENCY, RESERVE, "allocation_received", "agency_returned"),
    (AGENCY, COUNTY, "revolving_received", "distribution"),
    (AGENCY, INSURER, "benefit_returned", "benefit_paid"),
    (COUNTY, AGENCY, "distribution_received", "revolving_returned"),
    (COUNTY, BALANCE, "legacy_received", "interest_uploaded"),
    (COUNTY, INSTITUTIONS, "benefit_returned", "benefit_paid"),
    (COUNTY, STRANGER, "unknown", "benefit_paid"),
    (COUNTY, FISCAL, "unknown", "interest_uploaded"),
    (BALANCE, FISCAL, "balance_received", "county_premiums_sent"),
    (BALANCE, COUNTY, "county_interest_received", "legacy_paid"),
    (BALANCE, GOVERNMENT, "county_subsidy_received", "unknown"),
    (INCOME, CITY_INCOME, "unknown", "upload_sent"),
    (CITY_INCOME, INCOME, "upload_received", "unknown"),
    (CITY_INCOME, ZZ_FISCAL, "unknown", "income_sent"),
    (ZZ_FISCAL, CITY_INCOME, "income_received", "unknown"),
]
UNKNOWN = [
    # Strangers, the other fund, and the wrong level.
    (FISCAL, STRANGER),
    (FISCAL, INSURER),
    (FISCAL, INSTITUTIONS),
    (FISCAL, RESIDENT),
    (FISCAL, COUNTY),
    (FISCAL, ONE("expenditure", "resident")),
    # An expenditure account takes nothing from governments or the treasury, and pays them nothing.
    (AGENCY, TREASURY),
    (AGENCY, CITY),
    (AGENCY, GOVERNMENT),
    (AGENCY, UPPER),
    (AGENCY, BALANCE),
    (AGENCY, STRANGER),
    (COUNTY, TREASURY),
    (COUNTY, GOVERNMENT),
    (COUNTY, OTHER),
    (COUNTY, OTHER_BALANCE),
    (COUNTY, ONE("expenditure", "resident", HERE)),
    (COUNTY, RESIDENT),
    # A county's balance is its own.
    (BALANCE, OTHER),
    (BALANCE, OTHER_BALANCE),
    (BALANCE, OTHER_GOVERNMENT),
    (BALANCE, CITY),
    (BALANCE, UPPER),
    (BALANCE, AGENCY),
    (BALANCE, INSTITUTIONS),
    (BALANCE, STRANGER),
    # An income account pays nobody but the one above it.
    (INCOME, ZZ_COUNTY),
    (INCOME, ZAOZHUANG.one("government", None, "370402")),
    (INCOME, ZZ_FISCAL),
    (INCOME, ZAOZHUANG.one("income", "resident", "370402")),
]
CASES = [
    *((own, other, amount, name) for own, other, into, out in KNOWN for amount, name in ((1, into), (-1, out))),
    *((own, other, amount, "unknown") for own, other in UNKNOWN for amount in (1, -1)),
]


@pytest.fixture(scope="module")
def names() -> dict[int, str]:
    """What each of the cases is called."""
    with connect() as connection:
        accounts = [*TAIZHOU.accounts, *ZAOZHUANG.accounts]
        connection.execute("CREATE TABLE accounts (number VARCHAR, kind VARCHAR, fund VARCHAR, county VARCHAR)")
        known = {account.number: [account.number, account.kind, account.fund, account.unit] for account in accounts}
        connection.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?)", [*known.values()])
        for table, remark in (("interest_remarks", "结息"), ("return_remarks", "退汇")):
            connection.execute(f"CREATE TABLE {table} AS SELECT '{remark}' AS remark")
        connection.execute(
            "CREATE TABLE account_statement (file_id VARCHAR, line_id BIGINT, row_no BIGINT, account_no VARCHAR, "
            "serial_no VARCHAR, booked_date DATE, credit DECIMAL(18, 2), debit DECIMAL(18, 2), counterparty_no VARCHAR, "
            "counterparty_name VARCHAR, remark VARCHAR)"
        )
        for line, (own, other, amount, _) in enumerate(CASES):
            sides = [amount, None] if amount > 0 else [None, -amount]
            values = ["f", line, line, own.number, str(line), "2022-03-09", *sides, other.number, other.name, "划款"]
            connection.execute(f"INSERT INTO account_statement VALUES ({', '.join('?' * len(values))})", values)
        make_view(connection, "staging", "account_movements")
        return dict(connection.sql("SELECT line_id, movement FROM account_movements").fetchall())


@pytest.mark.parametrize("line", range(len(CASES)))
def test_a_movement_is_called_by_who_is_on_the_other_side(line: int, names: dict[int, str]) -> None:
    """Every movement between two accounts has the one name it should, in either direction."""
    own, other, amount, name = CASES[line]
    assert names[line] == name, f"{own.name} {'←' if amount > 0 else '→'} {other.name}"


def test_every_case_is_looked_at_once(names: dict[int, str]) -> None:
    """No line is lost or doubled by who is registered."""
    assert sorted(names) == list(range(len(CASES)))
