"""Amounts of money: exact decimals in yuan with two places, never a float.

``Decimal`` carries an amount in Python, ``DECIMAL(18,2)`` on disk. The text forms offices write are read by
:mod:`medpool_etl.staging`; this room only writes amounts for people.
"""

from __future__ import annotations

from decimal import Decimal

from medpool_etl.errors import SettlementError

FEN = Decimal("0.01")
ZERO = Decimal("0.00")
LARGEST = 20

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万亿")


def exact(amount: Decimal | int | str) -> Decimal:
    """Return ``amount`` in yuan with exactly two places; raises SettlementError if that would round it."""
    value = Decimal(amount)
    if not value.is_finite() or value.adjusted() > LARGEST:
        raise SettlementError(
            f"{amount} yuan is no amount medpool can hold", expected="at most 16 digits before the point"
        )
    fen = value.quantize(FEN)
    if fen != value:
        raise SettlementError(f"{amount} yuan is finer than one fen", expected="an amount exact to 0.01 yuan")
    return fen


def from_fen(fen: int) -> Decimal:
    """Return an amount in yuan, given in fen."""
    return Decimal(fen).scaleb(-2).quantize(FEN)


def to_fen(amount: Decimal) -> int:
    """Return an amount in fen, given in yuan; raises SettlementError for one finer than a fen."""
    return int(exact(amount).scaleb(2))


def plain(amount: Decimal) -> str:
    """Return ``1234567.80``: two places, no separators, as files and JSON carry it."""
    return f"{exact(amount):.2f}"


def grouped(amount: Decimal) -> str:
    """Return ``1,234,567.80``, as people read it."""
    return f"{exact(amount):,.2f}"


def uppercase_zh(amount: Decimal) -> str:
    """Return the amount in words (金额大写) as vouchers carry it: ``壹佰零贰元叁角整``.

    Follows the Ministry of Finance's 会计基础工作规范 (art. 52): 整 after yuan or jiao, 零 for a gap, 负 before a
    negative amount. Raises SettlementError from ten thousand 万亿 yuan upwards.
    """
    fen = int(exact(abs(amount)) * 100)
    yuan, jiao, last = fen // 100, fen // 10 % 10, fen % 10
    if yuan >= 10**16:
        raise SettlementError(f"{amount} yuan is too large to write in words")
    words = "负" if amount < 0 else ""
    if yuan or not fen:
        words += _integer_zh(yuan) + "元"
    if jiao:
        words += _DIGITS[jiao] + "角"
    elif last and yuan:
        words += "零"
    return words + (_DIGITS[last] + "分" if last else "整")


def _integer_zh(number: int) -> str:
    if number == 0:
        return _DIGITS[0]
    words, gap = "", False
    for group in range(3, -1, -1):
        part = number // 10000**group % 10000
        if part == 0:
            gap = gap or bool(words)
            continue
        if words and (gap or part < 1000):
            words += _DIGITS[0]
        words += _four_digits_zh(part) + _GROUPS[group]
        gap = False
    return words


def _four_digits_zh(part: int) -> str:
    words, gap = "", False
    for place in range(3, -1, -1):
        digit = part // 10**place % 10
        if digit == 0:
            gap = bool(words)
            continue
        words += (_DIGITS[0] if gap else "") + _DIGITS[digit] + _PLACES[place]
        gap = False
    return words
