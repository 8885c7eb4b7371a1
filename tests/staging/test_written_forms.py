"""Every written form of amounts, days, months and rates is read exactly, and what is no such form is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medpool_etl.staging.macros import MACROS

session = duckdb.connect()
session.execute(MACROS)


@pytest.fixture(scope="module", autouse=True)
def close_session() -> Iterator[None]:
    """Close the module's session at its end."""
    yield
    session.close()


def read(macro: str, text: str, *unit: int) -> object:
    """Read one cell as staging does; None is what the form does not allow, and what is empty."""
    extra = "".join(f", {number}" for number in unit)
    row = session.execute(f"SELECT {macro}(filled(tidy(?)){extra})", [text]).fetchone()
    assert row is not None
    return row[0]


def is_empty(text: str) -> bool:
    """Whether a cell counts as empty."""
    row = session.execute("SELECT filled(tidy(?)) IS NULL", [text]).fetchone()
    return bool(row and row[0])


AMOUNTS = {
    "1234.5": "1234.50",
    "1234.50": "1234.50",
    "1234": "1234.00",
    "0": "0.00",
    "0.01": "0.01",
    "-0.01": "-0.01",
    "1,234.50": "1234.50",
    "1,234,567.89": "1234567.89",
    "-1,234.50": "-1234.50",
    "１２３４．５０": "1234.50",
    "１，２３４．５０": "1234.50",
    "－１２．３０": "-12.30",
    "−12.30": "-12.30",
    "(12.30)": "-12.30",
    "（12.30）": "-12.30",
    "(1,234.50)": "-1234.50",
    "¥12.30": "12.30",
    "￥12.30": "12.30",
    "￥1,234.50": "1234.50",
    "¥-12.30": "-12.30",
    "12.30元": "12.30",
    "1,234.50元": "1234.50",
    " 12.30 ": "12.30",
    "\t12.30\t": "12.30",
    "　12.30　": "12.30",
    "12.300": "12.30",
    "1234.5000": "1234.50",
    "9999999999999.99": "9999999999999.99",
}


@pytest.mark.parametrize(("text", "amount"), AMOUNTS.items())
def test_amount(text: str, amount: str) -> None:
    """Each form in which offices write an amount is read to the fen."""
    assert read("money", text, 1) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        "1.005", "0.001", "12.345", "1e3", "1E3", "1,23.45", "12,34", "1,2345.00", ",123.00", "1,234,56.00", "12O3", "l23",
        "1.2.3", "1.", ".5", "--5", "-(5)", "(-5)", "(5", "5)", "()", "5-", "+5", "一百", "壹佰元整", "12.5万", "12.5万元", "100美元", "$5",
        "1/2", "NaN", "inf", "0x10", "1_000", "12345678901234.00", "99999999999999999999",
    ],
)  # fmt: skip
def test_no_amount(text: str) -> None:
    """What is no amount, or finer or larger than amounts are kept, is refused and never rounded or guessed."""
    assert not is_empty(text)
    assert read("money", text, 1) is None


@pytest.mark.parametrize("text", ["", " ", "　", "\t", "-", "--", "—", "——", "/", "－", " -- "])
def test_empty_cell(text: str) -> None:
    """Dashes and blanks mean that nothing was written."""
    assert is_empty(text)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", "10000.00"),
        ("1.5", "15000.00"),
        ("0.000001", "0.01"),
        ("123.456789", "1234567.89"),
        ("1,234.567891", "12345678.91"),
        ("(0.5)", "-5000.00"),
        ("1.50000000", "15000.00"),
        ("999999999.999999", "9999999999999.99"),
    ],
)
def test_amount_in_ten_thousands(text: str, amount: str) -> None:
    """An amount in 万元 has up to six decimals, which are the fen."""
    assert read("money", text, 10_000) == Decimal(amount)


@pytest.mark.parametrize("text", ["0.0000001", "1.2345678", "1e3", "1234567890123", "12.5万"])
def test_no_amount_in_ten_thousands(text: str) -> None:
    """In 万元 too, what is finer than a fen or too large is refused."""
    assert read("money", text, 10_000) is None


def test_cell_in_yuan_in_a_file_in_ten_thousands() -> None:
    """A cell that says 元 in a file in 万元 is not multiplied by ten thousand."""
    assert read("money", "12.30元", 10_000) in (None, Decimal("12.30"))


def plainly(fen: int) -> str:
    """Write fen as 1234.50."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


FORMS = {
    "plain": plainly,
    "grouped": lambda fen: f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}",
    "bracketed": lambda fen: f"({plainly(-fen)})" if fen < 0 else plainly(fen),
    "full width": lambda fen: plainly(fen).translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789.-"}),
    "with a sign": lambda fen: f"￥{plainly(fen)}",
    "with 元": lambda fen: f"{plainly(fen)}元",
    "with blanks": lambda fen: f" {plainly(fen)}　",
    "with zeros": lambda fen: f"{plainly(fen)}000",
}


@settings(max_examples=150, deadline=None)
@given(st.integers(-(10**15) + 1, 10**15 - 1), st.sampled_from(sorted(FORMS)))
def test_any_amount_in_any_form(fen: int, form: str) -> None:
    """Any amount that is kept is read back exactly, in any form."""
    assert read("money", FORMS[form](fen), 1) == Decimal(fen) / 100


@settings(max_examples=80, deadline=None)
@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_any_amount_in_ten_thousands(fen: int) -> None:
    """Any amount written in 万元 is read back exactly."""
    whole, part = divmod(abs(fen), 1_000_000)
    assert read("money", f"{'-' if fen < 0 else ''}{whole}.{part:06d}", 10_000) == Decimal(fen) / 100


@settings(max_examples=150, deadline=None)
@given(st.text("0123456789.,-()¥元 eE+/", max_size=8))
def test_a_text_is_read_right_or_not_at_all(text: str) -> None:
    """Whatever is read as an amount has the digits of the text, in their order, and nothing added."""
    amount = read("money", text, 1)
    if amount is not None:
        assert isinstance(amount, Decimal)
        digits = "".join(character for character in text if character.isdigit() or character == ".")
        assert abs(amount) == Decimal(digits)
        assert (amount < 0) == (amount != 0 and ("-" in text or "(" in text))


MARCH_31 = dt.date(2022, 3, 31)


@pytest.mark.parametrize(
    "text",
    [
        "20220331", "2022-03-31", "2022/03/31", "2022.03.31", "2022-3-31", "2022/3/31", "2022年3月31日", "2022年03月31日", "2022年3月31", "44651",
        "2022-03-31 00:00:00", "２０２２－０３－３１", "２０２２年３月３１日", " 20220331 ",
    ],
)  # fmt: skip
def test_day(text: str) -> None:
    """Each form of a day, an Excel serial too, is the same day."""
    assert read("calendar_day", text) == MARCH_31


@pytest.mark.parametrize(
    "text",
    [
        "20220230", "2022-02-30", "2022年2月30日", "2023-02-29", "20221301", "2022-13-01", "2022-00-10", "2022-01-00", "20220332", "31/03/2022",
        "03-31-2022", "22-3-31", "2022-03", "202203", "2022", "0", "1", "99999", "2022-03-31 12:30:00", "3月31日", "昨天", "2022-3-311", "-44651", "44651.5",
    ],
)  # fmt: skip
def test_no_day(text: str) -> None:
    """A day that does not exist, or a form that could mean two, is refused."""
    assert read("calendar_day", text) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [("36526", "2000-01-01"), ("43891", "2020-03-01"), ("44562", "2022-01-01"), ("44620", "2022-02-28")],
)
def test_excel_serial(text: str, day: str) -> None:
    """An Excel serial is the day Excel shows for it."""
    assert read("calendar_day", text) == dt.date.fromisoformat(day)


@settings(max_examples=100, deadline=None)
@given(st.dates(dt.date(1990, 1, 1), dt.date(2063, 12, 31)), st.integers(0, 4))
def test_any_day_in_any_form(day: dt.date, form: int) -> None:
    """Any day is read back from every form."""
    written = [
        f"{day:%Y%m%d}",
        day.isoformat(),
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}/{day.month}/{day.day}",
        str((day - dt.date(1899, 12, 30)).days),
    ]
    assert read("calendar_day", written[form]) == day


@pytest.mark.parametrize(
    "text",
    [
        "202203",
        "2022-03",
        "2022/3",
        "2022.03",
        "2022年3月",
        "2022年03月",
        "20220331",
        "2022-03-15",
        "44651",
        "２０２２年３月",
    ],
)
def test_month(text: str) -> None:
    """A month, or a day in it, is the month's first day."""
    assert read("calendar_month", text) == dt.date(2022, 3, 1)


@pytest.mark.parametrize(
    "text", ["202213", "202200", "2022-13", "2022年0月", "2022", "3月", "032022", "20220230", "二〇二二年三月"]
)
def test_no_month(text: str) -> None:
    """What is no month is refused."""
    assert read("calendar_month", text) is None


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("0.08", "0.08"), ("8%", "0.08"), ("8.5%", "0.085"), ("８％", "0.08"), ("8 %", "0.08"), ("0.0850", "0.085"), ("0.123456", "0.123456"),
        ("100%", "1"), ("0.5%", "0.005"), ("0", "0"), ("12.3456%", "0.123456"),
    ],
)  # fmt: skip
def test_rate(text: str, rate: str) -> None:
    """A rate is read as a number or as a percentage."""
    assert read("rate", text) == Decimal(rate)


@pytest.mark.parametrize("text", ["0.1234567", "8.12345%", "%", "八%", "-8%", "8‰", "1e-2", "0,08"])
def test_no_rate(text: str) -> None:
    """What is no rate, or finer than rates are kept, is refused."""
    assert read("rate", text) is None


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("1,234", 1234), ("12.0", 12), ("１２", 12), ("0", 0), ("-3", -3)]
)
def test_whole_number(text: str, number: int) -> None:
    """A count is read with separators, and as Excel writes it."""
    assert read("whole_number", text) == number


@pytest.mark.parametrize("text", ["1.5", "1,23", "1e3", "十二", "12人", "1234567890123456789"])
def test_no_whole_number(text: str) -> None:
    """A fraction or a text is no count."""
    assert read("whole_number", text) is None
