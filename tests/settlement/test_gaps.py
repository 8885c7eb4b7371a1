"""What `medpool check` says of rulebooks that are not whole, and of units that leave days to nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from medpool_etl import documents
from medpool_etl.places import City
from medpool_etl.policy import load_rulebook
from medpool_etl.policy.model import Rulebook
from medpool_etl.settlement import city_gaps, gaps, unit_gaps

RULEBOOKS = documents.PACKAGE / "policy/rulebooks"
DEADLINES = documents.PACKAGE / "policy/deadlines"


def changed(
    city: str, folder: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, where: Path = RULEBOOKS
) -> Rulebook:
    """Read a city's rulebook with one passage of it, or of its deadlines, replaced as an operator would."""
    text = (where / f"{city}.yaml").read_text(encoding="utf-8")
    assert text.count(old) >= 1
    own = folder / "policy" / where.name / f"{city}.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setenv("MEDPOOL_CONFIG", str(folder))
    return load_rulebook(city, ())


MISTAKES = {
    "an unknown kind": ("kind: relief_fund", "kind: relief", "rule Zz-2.2: medpool knows no kind relief", RULEBOOKS),
    "a value that is missing": ("  rate_flexible:", "  rate_flexibel:", "rule Zz-2.1: no value rate_flexible", RULEBOOKS),
    "a value nothing uses": ("  rate_flexible:", "  rate_flexibel:", "value rate_flexibel: no rule uses it", RULEBOOKS),
    "a reading that is missing": ("  bought_time:", "  bought:", "rule Zz-2.3: no reading bought_time", RULEBOOKS),
    "a reading nothing uses": ("  bought_time:", "  bought:", "reading bought: no rule uses it", RULEBOOKS),
    "a deadline that is missing": (
        "  income_to_fiscal:", "  income_on:", "rule Zz-4.2.1: no deadline income_to_fiscal", DEADLINES
    ),
    "a kind left open that nobody knows": (
        "  clearing: {clause: Zz-II", "  sharing: {clause: Zz-II", "unspecified sharing: medpool knows no such kind", RULEBOOKS
    ),
    "a deadline of an unknown reading": (
        "    working_day: -1", "    working_day: -1\n    reading: whenever\n    by_reading: {never: {day: 1}}", "deadline income_upload: no reading whenever", DEADLINES
    ),
    "a deadline moved by an unknown way": (
        "    working_day: -1", "    working_day: -1\n    reading: bought_time\n    by_reading: {never: {day: 1}}",
        "deadline income_upload: never is no alternative of the reading bought_time", DEADLINES,
    ),
    "a deadline shown by no kind of file": (
        "{contract: final_accounts}", "{contract: accounts}", "deadline final_accounts: there is no contract accounts", DEADLINES
    ),
    "a deadline shown by statements of no such account": (
        "{contract: funding_plan}", "{contract: funding_plan, account: fiscal}",
        "deadline plan: funding_plan comes for no fiscal account", DEADLINES,
    ),
    "a deadline shown by what comes more often": (
        "{contract: final_accounts}", "{contract: funding_plan}",
        "deadline final_accounts: funding_plan comes every month, the deadline every year", DEADLINES,
    ),
    "a deadline of the year of a monthly file": (
        "[{contract: funding_plan}]", "[{contract: funding_plan, years: 1}]", "deadline plan: funding_plan comes for no year", DEADLINES
    ),
    "a deadline of a step nobody takes": (
        "steps: [county]", "steps: [counties]", "deadline income_upload: there is no step counties", DEADLINES
    ),
    "steps of what no rule computes": (
        "date: 2020-03-31", "date: 2020-03-31\n  other:\n    {clause: Zz-4.2.0, title: {zh: 其他, en: Other}, who: county, kind: payment, "
        "every: once, date: 2020-03-31, steps: [county]}", "deadline other: it has steps, but no rule names it", DEADLINES,
    ),
    "a payment that could be either of two": (
        "    steps: [distribution]\n", "",
        "deadline distribution: the rule Zz-4.2.3 has allocation too; steps must say which of its transfers this one is of", DEADLINES,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says", "where"), MISTAKES.values(), ids=MISTAKES)
def test_a_rulebook_that_is_not_whole(
    old: str, new: str, says: str, where: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thing a rulebook lacks, or has without need, is said by name."""
    assert says in gaps(changed("zaozhuang", tmp_path, monkeypatch, old, new, where))


def test_a_deadline_that_follows_itself() -> None:
    """Deadlines that are each counted from the other have no day."""
    rulebook = load_rulebook("zaozhuang", ())
    turned = {
        **rulebook.deadlines,
        "allocation": rulebook.deadlines["allocation"].model_copy(update={"after": "distribution"}),
    }
    said = gaps(rulebook.model_copy(update={"deadlines": turned}))
    assert any(gap.startswith("deadline allocation: the deadline allocation follows itself") for gap in said)


def test_a_deadline_of_an_unknown_clause() -> None:
    """A deadline stands on a clause of the rulebook."""
    rulebook = load_rulebook("zaozhuang", ())
    deadline = rulebook.deadlines["budget"].model_copy(update={"clause": "Zz-9"})
    said = gaps(rulebook.model_copy(update={"deadlines": {**rulebook.deadlines, "budget": deadline}}))
    assert "deadline budget: there is no clause Zz-9" in said


def test_a_clearing_and_its_rule_belong_together() -> None:
    """The layers of a clearing without a rule, and a rule without layers, are both said, and so is a value of a layer."""
    whole = load_rulebook("hangzhou", ("hangzhou-example",))
    assert gaps(whole) == []
    assert "a rule clears the year, but the key clearing is missing" in gaps(
        whole.model_copy(update={"clearing": None})
    )
    rules = {name: entry for name, entry in whole.rules.items() if entry.kind != "clearing"}
    assert "the key clearing: no rule uses it" in gaps(whole.model_copy(update={"rules": rules}))
    values = {name: value for name, value in whole.values.items() if name != "grade_points"}
    assert "clearing: no value grade_points" in gaps(whole.model_copy(update={"values": values}))


def test_a_supplement_that_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A supplement is checked laid over its notice; what the notice itself lacks is said once, of the notice."""
    text = (documents.PACKAGE / "policy/supplements/hangzhou-example.yaml").read_text(encoding="utf-8")
    own = tmp_path / "policy/supplements/hangzhou-mine.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(text.replace("  deficit_pool_share:", "  pool_share:", 1), encoding="utf-8")
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    assert city_gaps("hangzhou") == [
        "policy/supplements/hangzhou-mine.yaml: clearing: no value deficit_pool_share",
        "policy/supplements/hangzhou-mine.yaml: value pool_share: no rule uses it",
    ]
    assert city_gaps("zaozhuang") == []


A, B, C = (
    {"code": code, "name": {"zh": "甲", "en": "a"}, "tax_office": f"1{code}0000"}
    for code in ("330101", "330102", "330103")
)
UNITS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "taken over the next day": (
        [{**A, "valid_to": "2020-12-31", "successor": "330102"}, {**B, "valid_from": "2021-01-01"}],
        "",
    ),
    "absorbed by one that was there": ([{**A, "valid_to": "2020-12-31", "successor": "330102"}, B], ""),
    "a later one joins what a merger made": (
        [
            {**A, "valid_to": "2020-12-31", "successor": "330102"},
            {**C, "valid_to": "2024-06-30", "successor": "330102"},
            {**B, "valid_from": "2021-01-01"},
        ],
        "",
    ),
    "a day nobody has": (
        [{**A, "valid_to": "2020-12-30", "successor": "330102"}, {**B, "valid_from": "2021-01-01"}],
        "began only on 2021-01-01: nobody has the days between",
    ),
    "days both have": (
        [{**A, "valid_to": "2020-12-31", "successor": "330102"}, {**B, "valid_from": "2020-12-31"}],
        "began on 2020-12-31 already: both have the days between",
    ),
    "a successor that had ended": (
        [
            {**A, "valid_to": "2020-12-31", "successor": "330102"},
            {**B, "valid_to": "2020-06-30", "successor": "330103"},
            C,
        ],
        "its successor 330102 ended itself on 2020-06-30",
    ),
    "no successor": ([{**A, "valid_to": "2020-12-31"}, B], "330101 ended on 2020-12-31 and has no successor"),
    "a successor of what goes on": ([{**A, "successor": "330102"}, B], "has the successor 330102, but no valid_to"),
}


@pytest.mark.parametrize(("units", "says"), UNITS.values(), ids=UNITS)
def test_units_follow_one_another(units: list[dict[str, Any]], says: str) -> None:
    """A unit that ends is followed on the next day, neither later nor earlier; an existing one may absorb it."""
    city = City.model_validate(
        {
            "city": "x",
            "code": "330100",
            "name": {"zh": "市", "en": "city"},
            "source": "test",
            "last_checked_on": "2026-11-25",
            "units": units,
        }
    )
    said = unit_gaps(city)
    assert said == [] if not says else len(said) == 1 and says in said[0], said


def test_places_are_read_from_the_operators_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap in the operator's own list of units is said with the file it stands in."""
    shipped = yaml.safe_load((documents.PACKAGE / "places/nantong.yaml").read_text(encoding="utf-8"))
    for unit in shipped["units"]:
        if unit["code"] == "320614":
            unit["valid_from"] = "2021-02-01"
        unit.update({key: str(unit[key]) for key in ("valid_from", "valid_to") if key in unit})
    shipped["last_checked_on"] = str(shipped["last_checked_on"])
    (tmp_path / "places").mkdir()
    (tmp_path / "places/nantong.yaml").write_text(yaml.safe_dump(shipped, allow_unicode=True), encoding="utf-8")
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    assert [
        gap for gap in city_gaps("nantong") if gap.startswith("places/nantong.yaml: unit 320684 ended on 2020-12-31")
    ]
