"""Units that ceased: what they owed and had goes to who inherits them (N: 合并单位由承继单位承担). Nantong and Hangzhou, 2021."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import InputError
from medpool_etl.periods import Period
from medpool_etl.places import Unit, load_city
from medpool_etl.policy import load_rulebook
from medpool_etl.settlement import Facts, Named, apply_rule
from medpool_etl.settlement.rules.clearing import ClearingCounty
from medpool_etl.settlement.rules.legacy import AuditedCounty, OldDeficitCounty
from medpool_etl.settlement.rules.make_up import MakeUpCounty
from medpool_etl.settlement.rules.remittance import RemittanceCounty
from medpool_etl.settlement.successors import heir, inherited

NANTONG, HANGZHOU = load_city("nantong").units, load_city("hangzhou").units
BEFORE, AFTER = dt.date(2020, 12, 31), dt.date(2021, 1, 1)


def unit(code: str, successor: str | None = None, valid_to: dt.date | None = BEFORE) -> Unit:
    """Return a unit that ceased at the end of 2020."""
    return Unit.model_validate(
        {
            "code": code,
            "name": {"zh": "某区", "en": "Some District"},
            "tax_office": "13306010000",
            "valid_to": valid_to,
            "successor": successor,
        }
    )


@pytest.mark.parametrize(
    ("units", "code", "day", "expected"),
    [
        (NANTONG, "320602", BEFORE, "320602"),
        (NANTONG, "320602", AFTER, "320613"),
        (NANTONG, "320611", AFTER, "320613"),
        (NANTONG, "320684", AFTER, "320614"),
        (NANTONG, "320612", AFTER, "320612"),
        (HANGZHOU, "330103", AFTER, "330105"),
        (HANGZHOU, "330104", AFTER, "330102"),
        (HANGZHOU, "330110", AFTER, "330110"),
        (NANTONG, "A", AFTER, "A"),
    ],
)
def test_heir(units: tuple[Unit, ...], code: str, day: dt.date, expected: str) -> None:
    """A unit stands for itself until its last day, its successor from the next; a name that is no code stands for itself."""
    assert heir(code, units, day) == expected


def test_heirs_of_heirs() -> None:
    """A successor that ceased too passes on what it inherited."""
    units = (unit("330601", "330602"), unit("330602", "330603"), unit("330603", valid_to=None))
    assert heir("330601", units, AFTER) == "330603"


@pytest.mark.parametrize("units", [(unit("330601"),), (unit("330601", "330602"), unit("330602", "330601"))])
def test_nothing_inherits(units: tuple[Unit, ...]) -> None:
    """A unit that ceased into nothing, or in a circle, is an error that says where to mend it."""
    with pytest.raises(InputError, match=r"(?s)ceased on 2020-12-31 and nothing inherits it.*places"):
        heir("330601", units, AFTER)


def test_amounts_add_up_in_nantong() -> None:
    """Chongchuan and Gangzha are one, Haimen is a district; the rest stay as they are, and nothing is lost."""
    facts = {
        code: AuditedCounty(audited=Decimal(amount))
        for code, amount in (("320602", "10.01"), ("320611", "-3"), ("320684", "5"), ("320612", "7"))
    }
    merged = inherited(facts, NANTONG, AFTER)
    assert {code: str(county.audited) for code, county in merged.items()} == {
        "320612": "7.00",
        "320613": "7.01",
        "320614": "5.00",
    }
    assert inherited(facts, NANTONG, BEFORE) == dict(sorted(facts.items()))


def test_a_successor_with_facts_of_its_own_in_hangzhou() -> None:
    """Shangcheng keeps its code and takes Jianggan's receipts to its own, Gongshu those of Xiacheng."""
    facts = {
        "330102": RemittanceCounty(booked=Decimal("100.00"), receipts=10),
        "330103": RemittanceCounty(booked=Decimal("-0.01"), receipts=1),
        "330104": RemittanceCounty(booked=Decimal("20.02"), receipts=2),
        "330105": RemittanceCounty(booked=Decimal("1.00"), receipts=3),
    }
    merged = inherited(facts, HANGZHOU, AFTER)
    assert {code: (str(row.booked), row.receipts) for code, row in merged.items()} == {
        "330102": ("120.02", 12),
        "330105": ("0.99", 4),
    }


def test_what_does_not_add_up() -> None:
    """Grades that differ, and an amount only one of them knows, are errors; what is the same is kept."""
    same = {code: ClearingCounty(result=Decimal(-1), grade="good") for code in ("320602", "320611")}
    row = inherited(same, NANTONG, AFTER)["320613"]
    assert (row.result, row.grade, row.deficit_before) == (Decimal(-2), "good", False)
    differ = same | {"320611": ClearingCounty(result=Decimal(-1), grade="fail")}
    with pytest.raises(InputError, match=r"grade of the units merged into 320613 is good and fail"):
        inherited(differ, NANTONG, AFTER)
    half = {
        "320602": OldDeficitCounty(deficit=Decimal(5), paid_before=Decimal(1)),
        "320611": OldDeficitCounty(deficit=Decimal(5)),
    }
    with pytest.raises(InputError, match=r"paid_before of the units merged into 320613"):
        inherited(half, NANTONG, AFTER)


def test_the_new_chongchuan_owes_what_both_owed() -> None:
    """N-2: standards do not add up, so rows stay and name the successor, and the rule adds what they owe. The merger loses no fen."""
    rows = {
        "320602": MakeUpCounty(standard=Decimal("1199.99"), insured=2),
        "320611": MakeUpCounty(standard=Decimal("1199.97"), insured=1),
        "320612": MakeUpCounty(standard=Decimal("1100"), insured=1),
    }
    amounts = {}
    for year in range(2020, 2026):
        transfers = apply_rule(
            "N-2", load_rulebook("nantong", ()), WorkingCalendar.load(), Named({}), "resident",
            Period.parse(f"{year}-opening"), Facts(), inherited(rows, NANTONG, dt.date(year, 1, 31)),
        ).transfers  # fmt: skip
        amounts[year] = {t.county: str(t.amount) for t in transfers}
    # 2 fen of Chongchuan: a fifth rounds to none, so all in the last year. 3 fen of Gangzha: a fifth rounds up to one, for three years.
    assert amounts == {
        2020: {"320611": "0.01", "320612": "20.00"},
        2021: {"320613": "0.01", "320612": "20.00"},
        2022: {"320613": "0.01", "320612": "20.00"},
        2023: {"320612": "20.00"},
        2024: {"320613": "0.02", "320612": "20.00"},
        2025: {},
    }
