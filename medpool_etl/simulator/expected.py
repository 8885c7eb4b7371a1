"""What medpool must find in a simulated month, and what ends it in the next."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import Any

from medpool_etl.simulator.world import Row

# Whose a break of a class is, wherever it is found; of the others it is that of the side that lacks the money.
OWNERS = {
    **dict.fromkeys(
        ("in_transit", "refund", "refund_unfounded", "refund_unseen", "wrong_level", "wrong_subject"), "treasury"
    ),
    **dict.fromkeys(("manual_receipt", "adjustment_period", "not_executed"), "treasury"),
    **dict.fromkeys(("not_transferred", "over_transferred", "late_voucher", "unknown_movement"), "finance"),
    **dict.fromkeys(("account_movement", "other_pair"), "agency"),
}
# The owners of the left and the right side of each pair.
SIDES = {
    "tax_treasury": ("tax", "treasury"),
    "treasury_fiscal": ("treasury", "finance"),
    "agency_tax_county": ("agency", "tax"),
    "agency_tax_employer": ("agency", "tax"),
    "employer_breakdown": ("agency", "tax"),
    "fiscal_agency": ("finance", "agency"),
    "agency_county": ("agency", "county"),
    "allocation_expenditure": ("finance", "county"),
    "report_statement": ("county", "county"),
    "balance_continuity": ("finance", "finance"),
}
# Breaks that end with their month, by class and by pair.
ENDING = {
    "refund",
    "refund_unfounded",
    "refund_unseen",
    "late_fee",
    "account_movement",
    "other_pair",
    "file_missing",
    "balance_gap",
}
ENDING_PAIRS = {"allocation_expenditure", "report_statement", "balance_continuity"}


@dataclass(frozen=True)
class Planted:
    """A break that must be found: left − right in fen, whose it is, and the month it arose in."""

    pair: str
    cls: str
    owner: str
    fen: int
    origin: str

    @property
    def stays(self) -> bool:
        """Whether it goes on to the next month unless something ends it."""
        return self.cls not in ENDING and self.pair not in ENDING_PAIRS


@dataclass
class Cure:
    """What happens in the next month to end breaks: rows of its lists, amounts that move, and the breaks they end.

    ``rows`` are values by list (tax, treasury, agency, corrections, vouchers); ``late`` transfers to the fiscal account by
    fund; ``moves`` lines of a statement (account, amount, other account, its name, remark); ``received`` what a county
    reports more, by "fund/county". Amounts in fen.
    """

    ends: list[Planted]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    transfers: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    moves: list[tuple[str, int, str, str, str]] = field(default_factory=list)
    received: dict[str, int] = field(default_factory=dict)


@dataclass
class Expected:
    """What must be found. Amounts in fen. ``files`` maps a file's key to rejected, unusable or missing; ``matched`` counts
    what is matched otherwise than by number and amount, by pair and pass."""

    month: str = ""
    aside: list[tuple[str, Row, tuple[str, ...]]] = field(default_factory=list)
    warned: list[tuple[str, Row, str]] = field(default_factory=list)
    breaks: list[Planted] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    matched: dict[tuple[str, str], int] = field(default_factory=dict)
    cures: list[Cure] = field(default_factory=list)

    def broken(self, pair: str, cls: str, *amounts: int, owner: str = "") -> list[Planted]:
        """Expect one break of a class in a pair for each amount, left − right in fen, and return them."""
        found = [
            Planted(pair, cls, owner or OWNERS.get(cls) or SIDES[pair][1 if fen > 0 else 0], fen, self.month)
            for fen in amounts
            if fen
        ]
        self.breaks += found
        return found

    def passes(self, pair: str, name: str, count: int = 1) -> None:
        """Expect that many items to be matched by a pass."""
        self.matched[(pair, name)] = self.matched.get((pair, name), 0) + count


@dataclass
class Before:
    """What the month before leaves to a month: closing balances in fen by account or "report/county/fund", the breaks that stay
    open, their cures, and some receipts nothing is wrong with."""

    balances: dict[str, int]
    staying: list[Planted]
    cures: list[Cure]
    samples: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        packed: dict[str, Any] = _packed(asdict(self))
        return packed

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Before:
        """Return what :meth:`as_dict` gave."""
        data = _unpacked(data)
        cures = [Cure(**{**cure, "ends": [Planted(**item) for item in cure["ends"]]}) for cure in data["cures"]]
        return cls(data["balances"], [Planted(**item) for item in data["staying"]], cures, data["samples"])


def _packed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _packed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(item) for item in value]
    return {"day": value.isoformat()} if isinstance(value, dt.date) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"day"}:
            return dt.date.fromisoformat(value["day"])
        return {key: _unpacked(item) for key, item in value.items()}
    return [_unpacked(item) for item in value] if isinstance(value, list) else value
