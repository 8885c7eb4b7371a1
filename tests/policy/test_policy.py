"""A rulebook's values, readings and pairs each stand on a clause, and hold from the day they say."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from medpool_etl import documents
from medpool_etl.contracts import load_all
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.policy import cities, load_break_classes, load_rulebook, load_subjects, rulebooks
from medpool_etl.policy.model import OWNERS, Rulebook

TAIZHOU = documents.PACKAGE / "policy/rulebooks/taizhou.yaml"


@pytest.fixture(autouse=True)
def no_operator_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an operator's own documents, whatever the environment of the test run says."""
    monkeypatch.delenv("MEDPOOL_CONFIG", raising=False)


def changed(old: str, new: str, folder: Path) -> Rulebook:
    """Read Taizhou's rulebook with one passage replaced."""
    text = TAIZHOU.read_text(encoding="utf-8")
    assert old in text
    path = folder / "taizhou.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return documents.load(path, Rulebook)


def line_of(passage: str) -> int:
    """The line of the shipped rulebook in which a passage stands first."""
    text = TAIZHOU.read_text(encoding="utf-8")
    return text[: text.index(passage)].count("\n") + 1


def test_every_shipped_document_loads() -> None:
    """Rulebooks, subjects and break classes are valid as shipped."""
    assert "taizhou" in cities()
    for city in rulebooks():
        assert load_rulebook(city).city == city
    assert {subject.fund for subject in load_subjects()} == {"worker", "resident"}
    assert {item.owner for item in load_break_classes().values()} <= {None, *OWNERS}


def test_subjects_are_medical() -> None:
    """10203 is the worker fund, 10212 the resident fund; 10211, civil-service pensions, is none of medpool's."""
    assert {(subject.code[:5], subject.fund) for subject in load_subjects()} == {
        ("10203", "worker"),
        ("10212", "resident"),
    }


def test_pairs_and_classes_fit_the_contracts() -> None:
    """Each pair compares files that have a contract; the class of its shortfall exists."""
    contracts, classes = load_all(), load_break_classes()
    for city in rulebooks():
        for name, pair in load_rulebook(city).pairs.items():
            assert {pair.left.contract, pair.right.contract} <= set(contracts), name
            assert {pair.shortfall, pair.surplus} <= {None, *classes}, name
            for side in (pair.left, pair.right):
                assert side.account is None or side.contract == "account_statement", name


def test_every_clause_is_quoted() -> None:
    """A clause has where it stands, words of the notice, and their meaning in English."""
    for city in rulebooks():
        for name, clause in load_rulebook(city).clauses.items():
            assert clause.source and clause.quote and clause.gloss, name


def test_readings_say_why() -> None:
    """A reading names at least one other way and why it was not taken."""
    for city in rulebooks():
        for name, reading in load_rulebook(city).readings.items():
            assert len(reading.alternatives) > 1, name
            assert reading.why, name


def test_unknown_city() -> None:
    """A city without a rulebook is an error that lists those with one."""
    with pytest.raises(InputError, match="taizhou"):
        load_rulebook("atlantis")


def test_reading_outside_its_alternatives(tmp_path: Path) -> None:
    """A reading that is not among its alternatives is refused at its line, with the alternatives."""
    with pytest.raises(ConfigurationError) as caught:
        changed("value: month_end", "value: some_day", tmp_path)
    message = str(caught.value)
    assert f"taizhou.yaml, line {line_of('remittance_due:')}, key readings.remittance_due" in message
    assert "some_day" in message
    assert "month_end, next_month_end" in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("clause: T12.1\n", "clause: T99\n", "tax_treasury: there is no clause T99"),
        ("clause: T8.1\n    dated", "clause: T98\n    dated", "premium_budget_level: there is no clause T98"),
        ("clause: T8.1\n    value", "clause: T97\n    value", "remittance_due: there is no clause T97"),
    ],
)
def test_unknown_clause(old: str, new: str, said: str, tmp_path: Path) -> None:
    """A value, reading or pair of a clause the rulebook lacks is refused with its name."""
    with pytest.raises(ConfigurationError) as caught:
        changed(old, new, tmp_path)
    assert said in str(caught.value)
    assert "taizhou.yaml, line" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("scope: county", "scope: town", "pairs.tax_treasury.scope"),
        ("owner: tax,", "owner: nobody,", "pairs.tax_treasury.left.owner"),
        ("in_force_from: 2022-01-01", "in_force_from: 2022-02-30", "notice.in_force_from"),
        ("funds: [worker]\n    left", "funds: [pension]\n    left", "pairs.agency_tax_employer.funds.0"),
        ("value: city, ", "value: city, valeu: x, ", "values.premium_budget_level.dated.0.valeu"),
    ],
)
def test_mistake_is_located(old: str, new: str, key: str, tmp_path: Path) -> None:
    """A mistake is told with its line and its key."""
    with pytest.raises(ConfigurationError) as caught:
        changed(old, new, tmp_path)
    assert f"taizhou.yaml, line {line_of(old)}, key {key}:" in str(caught.value)


HISTORY = "- {from: 2022-01-01, value: city, source: 台政办发〔2021〕48号 附件第八条, last_checked_on: 2026-11-22}"
LATER = "- {from: 2023-07-01, value: county, source: invented, last_checked_on: 2026-11-22}"


@pytest.mark.parametrize(
    ("day", "value"),
    [("2022-01-01", "city"), ("2023-06-30", "city"), ("2023-07-01", "county"), ("2030-01-01", "county")],
)
def test_dated_value(day: str, value: str, tmp_path: Path) -> None:
    """A value holds from its day until the day of the next."""
    rulebook = changed(HISTORY, f"{HISTORY}\n      {LATER}", tmp_path)
    assert rulebook.value("premium_budget_level", dt.date.fromisoformat(day)) == value


def test_value_before_its_first_day() -> None:
    """A day before the first value is an error with the clause and the first day."""
    with pytest.raises(InputError, match=r"(?s)T8\.1.*2022-01-01"):
        load_rulebook("taizhou").value("premium_budget_level", dt.date(2021, 12, 31))


@pytest.mark.parametrize("history", [f"{LATER}\n      {HISTORY}", f"{HISTORY}\n      {HISTORY}"])
def test_history_out_of_order(history: str, tmp_path: Path) -> None:
    """Values stand oldest first and no day twice."""
    with pytest.raises(ConfigurationError, match="oldest first"):
        changed(HISTORY, history, tmp_path)


def test_value_later_than_the_notice(tmp_path: Path) -> None:
    """A value must hold from the day the notice takes force."""
    with pytest.raises(ConfigurationError, match="premium_budget_level: no value from 2022-01-01"):
        changed(HISTORY, HISTORY.replace("2022-01-01", "2022-02-01"), tmp_path)


def test_what_the_rulebook_lacks() -> None:
    """Asking for a value or reading the rulebook lacks names the rulebook to add it to."""
    rulebook = load_rulebook("taizhou")
    with pytest.raises(ConfigurationError, match=r"(?s)taizhou\.yaml.*no_such"):
        rulebook.value("no_such", dt.date(2022, 1, 1))
    with pytest.raises(ConfigurationError, match=r"(?s)taizhou\.yaml.*no_such"):
        rulebook.reading("no_such")


def test_not_yet_in_force() -> None:
    """The day before the notice is in force is refused with the notice and the first month; the day itself is not."""
    rulebook = load_rulebook("taizhou")
    rulebook.require_in_force(dt.date(2022, 1, 1))
    with pytest.raises(InputError) as caught:
        rulebook.require_in_force(dt.date(2021, 12, 31))
    assert "台政办发〔2021〕48号" in str(caught.value)
    assert "2022-01" in caught.value.expected


def test_own_rulebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An office takes the other reading by a rulebook of its own."""
    own = tmp_path / "policy/rulebooks/taizhou.yaml"
    own.parent.mkdir(parents=True)
    text = TAIZHOU.read_text(encoding="utf-8")
    own.write_text(text.replace("value: month_end", "value: next_month_end"), encoding="utf-8")
    assert load_rulebook("taizhou").reading("remittance_due") == "month_end"
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    assert load_rulebook("taizhou").reading("remittance_due") == "next_month_end"
