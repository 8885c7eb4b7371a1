"""Amounts are exact to the fen, and written for people and vouchers without a slip."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpool_etl.errors import SettlementError
from medpool_etl.money import exact, grouped, plain, uppercase_zh

DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = {"拾": 10, "佰": 100, "仟": 1000}

# Where the last of the 万 and the 元 group is 0 but the thousands are not, one 零 may stand or not (art. 52).
HAND_CHECKED = {
    "0": {"零元整"},
    "0.00": {"零元整"},
    "0.01": {"壹分"},
    "0.05": {"伍分"},
    "0.50": {"伍角整"},
    "0.55": {"伍角伍分"},
    "1.00": {"壹元整"},
    "1.05": {"壹元零伍分"},
    "10.00": {"壹拾元整"},
    "100.00": {"壹佰元整"},
    "102.30": {"壹佰零贰元叁角整"},
    "110.00": {"壹佰壹拾元整"},
    "1000.01": {"壹仟元零壹分"},
    "1005.00": {"壹仟零伍元整"},
    "10000.00": {"壹万元整"},
    "10001.00": {"壹万零壹元整"},
    "16409.02": {"壹万陆仟肆佰零玖元零贰分"},
    "100010.00": {"壹拾万零壹拾元整"},
    "107000.53": {"壹拾万柒仟元伍角叁分", "壹拾万零柒仟元伍角叁分", "壹拾万柒仟元零伍角叁分"},
    "1004050.00": {"壹佰万肆仟零伍拾元整", "壹佰万零肆仟零伍拾元整"},
    "100000000.00": {"壹亿元整"},
    "100000001.00": {"壹亿零壹元整"},
    "100010000.00": {"壹亿零壹万元整"},
    "1234567890.12": {
        "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元壹角贰分",
        "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元零壹角贰分",
    },
    "-102.30": {"负壹佰零贰元叁角整"},
    "-0.01": {"负壹分"},
}


@pytest.mark.parametrize(("amount", "words"), HAND_CHECKED.items())
def test_amount_in_words(amount: str, words: set[str]) -> None:
    """A hand-checked amount is written in words as the accounting rules allow."""
    assert uppercase_zh(Decimal(amount)) in words


def read_words(words: str) -> Decimal:
    """Read an amount in words, knowing nothing of how it was written."""
    sign = -1 if words.startswith("负") else 1
    words = words.removeprefix("负").removesuffix("整")
    yuan, there_is_yuan, rest = words.partition("元")
    if not there_is_yuan:
        yuan, rest = "", words
    total = Decimal(0)
    for unit, worth in (("万亿", 10**12), ("亿", 10**8), ("万", 10**4), ("", 1)):
        head, found, tail = yuan.partition(unit) if unit else (yuan, "", "")
        if unit and not found:
            continue
        part, digit = 0, 0
        for sign_ in head:
            if sign_ in DIGITS:
                digit = DIGITS.index(sign_)
            else:
                part, digit = part + digit * PLACES[sign_], 0
        total += (part + digit) * worth
        yuan = tail
    digit = 0
    for character in rest:
        if character in DIGITS:
            digit = DIGITS.index(character)
        else:
            total += digit * {"角": Decimal("0.1"), "分": Decimal("0.01")}[character]
    return sign * total


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_words_read_back(fen: int) -> None:
    """Every amount up to ten thousand 万亿 can be read back from its words, and no 零 stands twice or before 元."""
    amount = Decimal(fen) / 100
    words = uppercase_zh(amount)
    assert read_words(words) == amount
    assert "零零" not in words
    assert words == "零元整" or "零元" not in words


@pytest.mark.parametrize("amount", [Decimal(10**16), Decimal(-(10**16)), Decimal(10) ** 30])
def test_words_have_an_end(amount: Decimal) -> None:
    """An amount too large for words is an error, not a wrong text."""
    with pytest.raises(SettlementError):
        uppercase_zh(amount)


@pytest.mark.parametrize("amount", ["0.001", "1.005", "-0.009", "123456789012.345"])
@pytest.mark.parametrize("use", [exact, plain, grouped, uppercase_zh])
def test_finer_than_a_fen(use, amount: str) -> None:
    """No function rounds an amount finer than a fen; it is refused with the amount in the text."""
    with pytest.raises(SettlementError, match="finer than one fen"):
        use(Decimal(amount))


@pytest.mark.parametrize(
    ("given_amount", "expected"),
    [(5, "5.00"), ("1.5", "1.50"), ("1.500", "1.50"), ("-0.10", "-0.10"), (Decimal(0), "0.00")],
)
def test_exact_has_two_places(given_amount: Decimal | int | str, expected: str) -> None:
    """An amount that is exact comes back with two places, no more and no less."""
    assert str(exact(given_amount)) == expected


@pytest.mark.parametrize(
    ("amount", "as_plain", "as_grouped"),
    [
        ("0", "0.00", "0.00"),
        ("999.9", "999.90", "999.90"),
        ("1000", "1000.00", "1,000.00"),
        ("1234567.8", "1234567.80", "1,234,567.80"),
        ("-1234567.8", "-1234567.80", "-1,234,567.80"),
        ("9999999999999999.99", "9999999999999999.99", "9,999,999,999,999,999.99"),
    ],
)
def test_plain_and_grouped(amount: str, as_plain: str, as_grouped: str) -> None:
    """Files get plain digits, people get separators; both have two places."""
    assert plain(Decimal(amount)) == as_plain
    assert grouped(Decimal(amount)) == as_grouped


@given(st.integers(-(10**18), 10**18))
def test_written_amounts_read_back(fen: int) -> None:
    """What is written plain or with separators is the amount itself."""
    amount = Decimal(fen) / 100
    assert Decimal(plain(amount)) == amount
    assert Decimal(grouped(amount).replace(",", "")) == amount
