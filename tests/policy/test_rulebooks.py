"""Every shipped rulebook is whole, and a sixth city is nothing but documents."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from pathlib import Path

import pytest

from medpool_etl import documents
from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import UnspecifiedError
from medpool_etl.periods import Period
from medpool_etl.pipeline.what_if import ask
from medpool_etl.places import cities as places
from medpool_etl.places import load_accounts, load_city
from medpool_etl.policy import Rulebook, load_rulebook, rulebooks
from medpool_etl.settlement import RULE_KINDS, Registered, apply_rule, city_gaps
from medpool_etl.settlement.rules.remittance import RemittanceCounty

CITIES = ("hangzhou", "nantong", "taizhou", "zaozhuang", "zhoushan")
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(autouse=True)
def no_operator_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an operator's own documents, whatever the environment of the test run says."""
    for name in ("MEDPOOL_CONFIG", "MEDPOOL_SUPPLEMENTS"):
        monkeypatch.delenv(name, raising=False)


def named(rulebook: Rulebook) -> list[str]:
    """Every clause a rulebook's parts name."""
    parts = (
        *rulebook.values.values(),
        *rulebook.readings.values(),
        *rulebook.rules.values(),
        *rulebook.deadlines.values(),
        *rulebook.unspecified.values(),
        *rulebook.pairs.values(),
        *(ledger for ledgers in rulebook.ledgers.values() for ledger in ledgers),
    )
    return [part.clause for part in parts] + list(rulebook.clearing.clauses if rulebook.clearing else ())


def test_all_five_are_there() -> None:
    """The five cities have a rulebook, deadlines and places."""
    assert rulebooks() == CITIES
    assert set(CITIES) <= set(places())


@pytest.mark.parametrize("city", CITIES)
def test_every_rulebook_is_whole(city: str) -> None:
    """Nothing is lacking and nothing is there without need, with and without each supplement."""
    assert city_gaps(city) == []
    assert load_rulebook(city, ()).rules


@pytest.mark.parametrize("city", CITIES)
def test_every_clause_can_be_looked_up(city: str) -> None:
    """A clause has a place, the notice's own Chinese words and one English sentence; no two quote the same words."""
    rulebook = load_rulebook(city, ())
    for clause_id, clause in rulebook.clauses.items():
        assert clause.source.strip() and HAN.search(clause.source), clause_id
        assert len(HAN.findall(clause.quote)) >= 6, clause_id
        # A gloss may name a Chinese term, no more.
        assert clause.gloss.endswith(".") and len(HAN.findall(clause.gloss)) <= 4, clause_id
        assert "\n" not in clause.quote and clause.quote == clause.quote.strip(), clause_id
    quotes = Counter(clause.quote for clause in rulebook.clauses.values())
    assert [quote for quote, times in quotes.items() if times > 1] == []
    assert set(named(rulebook)) <= set(rulebook.clauses)


@pytest.mark.parametrize("city", CITIES)
def test_every_value_has_its_source(city: str) -> None:
    """A value names the notice it comes from, or that it names none, and was checked; from its first day on the notice never lacks it."""
    rulebook = load_rulebook(city, ())
    for name, value in rulebook.values.items():
        for item in value.dated:
            # What the notice leaves to the office is its setting, and says so.
            assert item.source.startswith((rulebook.notice.number, "通知未规定")), name
            assert item.last_checked_on >= dt.date(2026, 11, 1), name
        assert rulebook.value(name, rulebook.notice.in_force_from) == value.dated[0].value


@pytest.mark.parametrize("city", CITIES)
def test_every_reading_is_explained(city: str) -> None:
    """A reading says why it is taken and what each alternative means."""
    for name, reading in load_rulebook(city, ()).readings.items():
        assert len(reading.why) > 20, name
        assert all(len(meaning) > 10 for meaning in reading.alternatives.values()), name


def test_zaozhuang_keeps_its_ledgers() -> None:
    """Workers have five ledgers, residents two; personal accounts are booked and never pooled (G1)."""
    ledgers = load_rulebook("zaozhuang", ()).ledgers
    assert [item.id for item in ledgers["worker"]] == [
        "pooled",
        "critical_illness",
        "personal_account",
        "relief",
        "long_term_care",
    ]
    assert [item.id for item in ledgers["resident"]] == ["pooled", "critical_illness"]
    assert [item.id for items in ledgers.values() for item in items if not item.pooled] == ["personal_account"]


@pytest.mark.parametrize(
    ("city", "kind"), [("hangzhou", "clearing"), ("hangzhou", "funding"), ("zaozhuang", "clearing")]
)
def test_what_is_left_open_quotes_the_notice(city: str, kind: str) -> None:
    """Asking for what a notice leaves open is an error with its words (G6); the kind is one that could be supplied."""
    rulebook = load_rulebook(city, ())
    assert kind in RULE_KINDS
    with pytest.raises(UnspecifiedError) as caught:
        rulebook.rule_of(kind, "worker")
    assert rulebook.clauses[rulebook.unspecified[kind].clause].quote in str(caught.value)


SIXTH = {
    "places/xincheng.yaml": """\
city: xincheng
code: "990100"
name: {zh: 新城市, en: Sixth City}
source: for the test
last_checked_on: 2026-11-25
units:
  - {code: "990101", name: {zh: 东区, en: East}, tax_office: "19901010000"}
  - {code: "990102", name: {zh: 西区, en: West}, tax_office: "19901020000", valid_to: 2022-12-31, successor: "990101"}
""",
    "places/xincheng.accounts.yaml": """\
city: xincheng
source: for the test
accounts:
  - {number: "990100100500001", name: 新城国库, kind: treasury}
  - {number: "990100100300001", name: 新城财政专户（职工医保）, kind: fiscal, fund: worker}
  - {number: "990100100300002", name: 新城财政专户（居民医保）, kind: fiscal, fund: resident}
""",
    "policy/rulebooks/xincheng.yaml": """\
city: xincheng

notice: {number: 新政〔2022〕6号, title: 新城市市级统筹办法, issuer: 新城市, issued_on: 2022-01-05, in_force_from: 2022-02-01}
clauses:
  X1: {source: 第一条, quote: 保险费于次月第三个工作日前划转市财政专户, gloss: Premiums are moved by the third working day of the next month.}
  X2: {source: 第二条, quote: 缺口由统筹基金结余承担七成五其余由区财政承担, gloss: The pool bears three quarters of a deficit.}
values:
  pool_percent: {unit: percent, clause: X2, dated: [{from: 2022-02-01, value: "75", source: 新政〔2022〕6号 第二条, last_checked_on: 2026-11-25}]}
rules:
  X1: {kind: remittance, clause: X1, title: {zh: 划款, en: Remittance}, when: month}
  X2: {kind: clearing, clause: X2, title: {zh: 清算, en: Clearing}, when: clearing}
clearing:
  shared: {clause: X2, pot: pool, percent: pool_percent}
pairs: {}
""",
    "policy/deadlines/xincheng.yaml": """\
city: xincheng
deadlines:
  remittance: {clause: X1, title: {zh: 划款, en: Remittance}, who: finance, kind: payment, every: month, months: 1, working_day: 3}
  clearing: {clause: X2, title: {zh: 清算, en: Clearing}, who: city, kind: payment, every: year, months: 9, day: 30}
""",
    "facts.yaml": """\
city: xincheng
rule: X2
fund: worker
period: 2022-clearing
facts: {pot: 60}
counties:
  "990101": {result: "-100.01"}
""",
}


def test_a_sixth_city_needs_documents_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places, accounts, rulebook and deadlines in the operator's folder: its rules apply, to its accounts and on its days."""
    for name, text in SIXTH.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    assert rulebooks() == tuple(sorted([*CITIES, "xincheng"]))
    assert city_gaps("xincheng") == []
    assert [unit.code for unit in load_city("xincheng").units_on(dt.date(2023, 1, 1))] == ["990101"]
    outcome = apply_rule(
        "X1",
        load_rulebook("xincheng"),
        WorkingCalendar.load(),
        Registered(load_accounts("xincheng")),
        "resident",
        Period.parse("2022-09"),
        RULE_KINDS["remittance"].facts(),
        {"990101": RemittanceCounty.model_validate({"booked": "12.34"})},
    )
    (moved,) = outcome.transfers
    assert (moved.payer.number, moved.receiver.number) == ("990100100500001", "990100100300002")
    # The working days of October 2022 begin with the weekend of the 8th, which was worked.
    assert (str(moved.amount), moved.due_date, moved.clause) == (
        "12.34",
        dt.date(2022, 10, 10),
        "新政〔2022〕6号 第一条",
    )
    cleared = ask(tmp_path / "facts.yaml")
    answer = cleared[0] if isinstance(cleared, tuple) else cleared
    shares = {t.payer.role: str(t.amount) for t in answer.outcome.transfers}
    # 75% of 100.01 is 75.0075, half up 75.01; the county bears the rest, and the pot of 60 leaves 15.01 to nobody.
    assert shares == {"pool": "60.00", "county_finance": "25.00"}
    assert [str(item.amount) for item in answer.outcome.unfunded] == ["15.01"]


def test_the_package_names_no_city_in_its_rules() -> None:
    """No rule asks which city it is: the kinds are the same for all."""
    for path in sorted((documents.PACKAGE / "settlement").rglob("*.py")):
        code = path.read_text(encoding="utf-8")
        assert not re.search(r"""["'](taizhou|nantong|zhoushan|hangzhou|zaozhuang)["']""", code), path.name
