"""Cities and accounts are dated data; a contradiction in them is refused."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import pytest

from medpool_etl import documents
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.places import City, cities, load_accounts, load_city

MERGER = """\
city: nantong
code: "320600"
name: {zh: 南通市, en: Nantong}
source: for the test
last_checked_on: 2026-11-22
units:
  - {code: "320684", name: {zh: 海门市, en: Haimen}, tax_office: "13206840000", valid_to: 2020-12-31, successor: "320614"}
  - {code: "320614", name: {zh: 海门区, en: Haimen}, tax_office: "13206140000", valid_from: 2021-01-01}
  - {code: "320602", name: {zh: 崇川区, en: Chongchuan}, tax_office: "13206020000"}
"""


@pytest.fixture(autouse=True)
def no_operator_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an operator's own documents, whatever the environment of the test run says."""
    monkeypatch.delenv("MEDPOOL_CONFIG", raising=False)


def city(text: str, folder: Path) -> City:
    """Read a city from text."""
    path = folder / "nantong.yaml"
    path.write_text(text, encoding="utf-8")
    return documents.load(path, City)


def test_taizhou() -> None:
    """Taizhou has its nine counties, each with a tax office of its own."""
    units = load_city("taizhou").units_on(dt.date(2022, 3, 31))
    assert [unit.name.zh for unit in units] == [
        "椒江区",
        "黄岩区",
        "路桥区",
        "三门县",
        "天台县",
        "仙居县",
        "温岭市",
        "临海市",
        "玉环市",
    ]
    assert len({unit.tax_office for unit in units}) == 9


@pytest.mark.parametrize(
    ("day", "codes"),
    [
        ("2020-12-31", ["320602", "320684"]),
        ("2021-01-01", ["320602", "320614"]),
        ("1990-01-01", ["320602", "320684"]),
        ("2030-01-01", ["320602", "320614"]),
    ],
)
def test_units_change_with_time(day: str, codes: list[str], tmp_path: Path) -> None:
    """A unit counts from its first to its last day, both included, and its successor from the next."""
    assert [unit.code for unit in city(MERGER, tmp_path).units_on(dt.date.fromisoformat(day))] == codes


MISTAKES = {
    "code twice": ('"320602"', '"320614"', "320614 stands twice"),
    "unknown successor": ('successor: "320614"', 'successor: "320699"', "its successor 320699"),
    "ends before it begins": ("valid_from: 2021-01-01", "valid_from: 2021-01-01, valid_to: 2020-01-01", "before valid_from"),
    "a circle": ("valid_from: 2021-01-01", 'valid_from: 2021-01-01, successor: "320684"', "lead back"),
    "short code": ('code: "320602"', 'code: "32060"', "units.2.code"),
    "code as a number": ('code: "320602"', "code: 320602", "units.2.code"),
    "impossible day": ("2020-12-31", "2020-12-32", "units.0.valid_to"),
}  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_in_a_city(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    """A city that contradicts itself is refused with what is wrong and where."""
    with pytest.raises(ConfigurationError) as caught:
        city(MERGER.replace(right, wrong), tmp_path)
    assert said in str(caught.value)
    assert "nantong.yaml, line" in str(caught.value)


@pytest.mark.parametrize(
    ("city", "code", "day", "expected"),
    [
        ("nantong", "320602", "2020-12-31", "320602"),
        ("nantong", "320602", "2021-01-01", "320613"),
        ("nantong", "320611", "2021-01-01", "320613"),
        ("nantong", "320684", "2021-01-01", "320614"),
        ("nantong", "320612", "2021-01-01", "320612"),
        ("hangzhou", "330103", "2021-04-30", "330105"),
        ("hangzhou", "330104", "2021-04-30", "330102"),
        ("hangzhou", "330110", "2021-04-30", "330110"),
        ("nantong", "A", "2021-01-01", "A"),
    ],
)
def test_who_inherits(city: str, code: str, day: str, expected: str) -> None:
    """A unit stands for itself while it exists, then who inherits it does (N: 合并单位由承继单位承担); a code of no unit for itself."""
    assert load_city(city).heir(code, dt.date.fromisoformat(day)) == expected


def test_heirs_of_heirs() -> None:
    """A unit is inherited by the one that stands on the day, over any number of mergers; successors that lead back are a mistake."""
    units = [
        {
            "code": f"33060{n}",
            "name": {"zh": "区", "en": "District"},
            "tax_office": "13306010000",
            "valid_to": f"202{n}-12-31",
        }
        for n in range(1, 4)
    ]
    for unit, after in itertools.pairwise(units):
        unit["successor"] = after["code"]
    about = {
        "city": "x",
        "code": "330600",
        "name": {"zh": "市", "en": "City"},
        "source": "-",
        "last_checked_on": "2026-01-01",
    }
    city = City.model_validate(about | {"units": units})
    assert [city.heir("330601", dt.date(year, 7, 1)) for year in (2021, 2022, 2023, 2024)] == [
        "330601", "330602", "330603", "330603",
    ]  # fmt: skip
    units[2]["successor"] = "330601"
    with pytest.raises(ValueError, match="lead back"):
        City.model_validate(about | {"units": units})


def test_zone_with_a_local_id(tmp_path: Path) -> None:
    """A zone without a code of its own takes its parent's with a name behind."""
    assert city(MERGER.replace('"320602"', '"320602-kfq"'), tmp_path).units[2].code == "320602-kfq"


def test_unknown_city() -> None:
    """A city medpool does not know is an error that lists those it knows."""
    with pytest.raises(InputError, match="taizhou"):
        load_city("atlantis")
    assert "taizhou" in cities()


def accounts_with(old: str, new: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a changed copy of Taizhou's accounts where an operator puts it."""
    text = (documents.PACKAGE / "places/taizhou.accounts.yaml").read_text(encoding="utf-8")
    assert old in text
    path = folder / "places" / "taizhou.accounts.yaml"
    path.parent.mkdir()
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setenv("MEDPOOL_CONFIG", str(folder))


def test_every_needed_account() -> None:
    """The city has a treasury and, per fund, a fiscal and an expenditure account; every county one a fund."""
    accounts = load_accounts("taizhou")
    assert accounts.one("treasury").fund is None
    for fund in ("worker", "resident"):
        assert accounts.one("fiscal", fund).unit is None
        assert accounts.one("expenditure", fund).unit is None
        for unit in load_city("taizhou").units:
            assert accounts.one("expenditure", fund, unit.code).fund == fund


def test_account_that_is_not_there() -> None:
    """Asking for an account the city lacks says which file to add it to."""
    with pytest.raises(InputError, match=r"taizhou\.accounts\.yaml"):
        load_accounts("taizhou").one("income", "worker")


ACCOUNT_MISTAKES = {
    "number twice": ('"331000100300002"', '"331000100300001"', "331000100300001"),
    "no fund": ("kind: fiscal, fund: worker", "kind: fiscal", "belongs to one fund"),
    "unknown kind": ("kind: treasury", "kind: vault", "accounts.0.kind"),
    "a unit the city does not have": ('unit: "331002"', 'unit: "339999"', "339999"),
}


@pytest.mark.parametrize(("right", "wrong", "said"), ACCOUNT_MISTAKES.values(), ids=ACCOUNT_MISTAKES)
def test_mistakes_in_accounts(
    right: str, wrong: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accounts that contradict themselves or the city are refused with what is wrong."""
    accounts_with(right, wrong, tmp_path, monkeypatch)
    with pytest.raises(ConfigurationError) as caught:
        load_accounts("taizhou")
    assert said in str(caught.value)
