"""Asking a rule what it gives on facts of one's own: files, mistakes in them, other cities, other readings, templates."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
import yaml

from medpool_etl import documents
from medpool_etl.errors import ConfigurationError, InputError, UnspecifiedError
from medpool_etl.pipeline.facts_schema import json_schema
from medpool_etl.pipeline.facts_template import template
from medpool_etl.pipeline.what_if import Answer, Question, Refused, answer_as_json, ask, ask_all
from medpool_etl.policy import load_rulebook, load_supplement, rulebooks
from tests.conftest import ROOT

CLEARING = """\
city: taizhou
rule: T19
fund: worker
period: 2022-clearing
facts: {pot: 20_000_000}
counties:
  B:
    result: -60_000_000
    balance: 1,000,000.50
  A: {result: "19999999.99"}
"""
RULES = [
    pytest.param(city, rule, fund, id=f"{city}-{rule}-{fund}")
    for city in rulebooks()
    for rule, entry in load_rulebook(city).rules.items()
    for fund in entry.funds
]


def written(folder: Path, text: str) -> Path:
    path = folder / "facts.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("city", "rule", "fund"), RULES)
def test_the_template_of_every_rule_runs(tmp_path: Path, city: str, rule: str, fund: str) -> None:
    """As printed, for each fund of the rule; it gives something, fits the rule's JSON Schema, and is the same each time."""
    text = template(city, rule, fund)
    assert text == template(city, rule, fund)
    answer = ask(written(tmp_path, text))
    assert (answer.rule_id, answer.fund) == (rule, fund)
    assert answer.outcome.transfers or answer.outcome.figures
    assert answer_as_json(answer) == answer_as_json(ask(tmp_path / "facts.yaml"))
    jsonschema.Draft202012Validator(json_schema(city, rule)).validate(yaml.safe_load(text))


@pytest.mark.parametrize("name", [path.stem for path in documents.find_all("policy/supplements")])
def test_a_supplement_s_rules_have_templates_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """While it is in force; the file names it, and runs where it is not."""
    supplement = load_supplement(name)
    for rule, entry in supplement.rules.items():
        with pytest.raises(InputError):
            template(supplement.city, rule)
        monkeypatch.setenv("MEDPOOL_SUPPLEMENTS", name)
        text = template(supplement.city, rule)
        monkeypatch.delenv("MEDPOOL_SUPPLEMENTS")
        answer = ask(written(tmp_path, text))
        assert answer.rule_id == rule and answer.outcome.transfers
        assert all(supplement.notice.number in each.clause for each in answer.outcome.transfers)
        assert answer.entry == entry


def test_a_file_names_the_supplements_of_each_city(tmp_path: Path) -> None:
    """Each counts for its own: Hangzhou then answers beside Taizhou; with none, it leaves the rule to later."""
    path = written(tmp_path, CLEARING.replace("facts:", "supplements: [hangzhou-example]\nfacts:"))
    own, other = ask_all(path, ["hangzhou"])
    assert isinstance(own, Answer) and not own.rulebook.supplements
    assert isinstance(other, Answer) and "虚构" in other.outcome.transfers[0].clause
    own, other = ask_all(written(tmp_path, CLEARING.replace("facts:", "supplements: []\nfacts:")), ["hangzhou"])
    assert isinstance(own, Answer) and isinstance(other, Refused)


@pytest.mark.parametrize(("city", "rule", "fund"), RULES)
def test_a_template_explains_every_fact(city: str, rule: str, fund: str) -> None:
    """Every fact stands in it with its description and whether it is needed."""
    text = template(city, rule, fund)
    properties = json_schema(city, rule)["properties"]
    schemas = [properties["facts"]]
    if "counties" in properties:
        schemas.append(properties["counties"]["additionalProperties"])
    for schema in schemas:
        for name, fact in schema.get("properties", {}).items():
            lines = [line for line in text.splitlines() if line.strip("# ").startswith(f"{name}: ")]
            needed = "必填 needed" if name in schema.get("required", []) else "可省略 left out"
            assert fact["description"] in text and any(needed in line for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("rule: T19", "rules: T19", "line 2, key rules: there is no such key, did you mean rule?"),
        ("rule: T19\n", "", "key rule: this key is missing"),
        ("rule: T19", "rule: T99", "line 2, key rule: taizhou has no rule 'T99'"),
        ("city: taizhou", "city: beijing", "line 1, key city: there is no rulebook for 'beijing'"),
        ("fund: worker", "fund: pension", "line 3, key fund: Input should be 'worker' or 'resident' (found 'pension')"),
        ("{pot: 20_000_000}", "{}", "line 5, key facts.pot: this key is missing: 归集基金"),
        ("facts: {pot: 20_000_000}\n", "", "key facts.pot: this key is missing"),
        ("{pot: 20_000_000}", "{pot: 20_000_000, pott: 1}", "line 5, key facts.pott: there is no such key, did you mean pot?"),
        ("balance:", "balanse:", "line 9, key counties.B.balanse: there is no such key, did you mean balance? Known: result"),
        ("result: -60_000_000", "over_spending: 0", "line 7, key counties.B.result: this key is missing: 当年收支结余"),
        ("-60_000_000", "-60.005", "line 8, key counties.B.result: an amount is written in yuan, exact to the fen"),
        ("-60_000_000", "六千万", "line 8, key counties.B.result: an amount is written in yuan"),
        ("-60_000_000", "true", "line 8, key counties.B.result: an amount is written in yuan"),
        ("-60_000_000", "", "line 8, key counties.B.result: an amount is written in yuan"),
        ("-60_000_000", ".inf", "line 8, key counties.B.result: an amount is written in yuan"),
        ("-60_000_000", "[1]", "line 8, key counties.B.result: an amount is written in yuan"),
        ("-60_000_000", "010", "line 8, key counties.B.result: YAML does not read 010 as the number it looks like"),
        ("-60_000_000", "1:30", "line 8, key counties.B.result: YAML does not read 1:30"),
        ("1,000,000.50", "1,5", "line 9, key counties.B.balance: commas stand between thousands"),
        ("1,000,000.50", "10,00,000", "line 9, key counties.B.balance: commas stand between thousands"),
        ("balance: 1,000,000.50", "over_spending: -1", "line 9, key counties.B.over_spending: this amount cannot be negative"),
        ("balance: 1,000,000.50", "grade: great", "line 9, key counties.B.grade: Input should be 'excellent'"),
        ("balance: 1,000,000.50", "deficit_before: maybe", "line 9, key counties.B.deficit_before: Input should be a valid boolean"),
        ("  B:", "  330902:", "line 7, key counties.330902: 330902 is no county of taizhou, expected one of 331002"),
        ("  B:", "  3310:", "line 7, key counties.3310: 3310 is no division code"),
        ("  B:", '  " ":', "a county is called by its code"),
        ("  B:", "  yes:", "line 7, key counties.yes: YAML takes this key for no text"),
        ("  B:", "  A:", "line 10: the key 'A' stands twice"),
        ("counties:\n  B:", 'counties:\n  "331002": {result: 1}\n  331002:', "line 8, key counties.331002: this key stands twice"),
        ("period: 2022-clearing", "period: 2022-07", "line 4, key period: 2022-07 does not fit a rule for every clearing"),
        ("period: 2022-clearing", "period: 2022-13", "line 4, key period: '2022-13' is not a period"),
        ("period: 2022-clearing", "period: 2021", "not in force on 2021-12-31"),
        ("period: 2022-clearing", "period: [2022]", "line 4, key period: Input should be a valid string"),
        ("facts:", "readings: {no_such: x}\nfacts:", "line 5, key readings.no_such: taizhou has no reading no_such"),
        (
            "facts:",
            "readings: {reserve_shortfall_base: x}\nfacts:",
            "line 5, key readings.reserve_shortfall_base: x is no reading of reserve_shortfall_base",
        ),
        ("facts:", "supplements: [no_such]\nfacts:", "line 5, key supplements, MEDPOOL_SUPPLEMENTS: there is no supplement"),
        ("rule: T19", "rule: T19\nrule: T19", "line 3: the key 'rule' stands twice"),
        ("facts: {", "facts: {{", "line 6: did not find expected"),
        ("facts: {pot: 20_000_000}", "facts: [1]", "line 5, key facts: Input should be a valid dictionary"),
        ("rule: T19", "rule: T15.1.2", "key counties: the rule (The old adjustment fund joins) knows no counties"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_named_with_key_and_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    """Whatever is wrong, the person who typed the file reads where and what."""
    assert old in CLEARING
    path = written(tmp_path, CLEARING.replace(old, new, 1))
    with pytest.raises((ConfigurationError, InputError)) as error:
        ask(path)
    assert says in str(error.value)
    assert "FactsOf" not in str(error.value) and "pydantic" not in str(error.value)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    """In the order of their lines."""
    text = (
        CLEARING.replace("pot:", "pott:").replace("balance: 1,000,000.50", "grade: great").replace('"19999999.99"', "x")
    )
    with pytest.raises(ConfigurationError) as error:
        ask(written(tmp_path, text))
    lines = str(error.value).splitlines()
    assert [line.split(",")[1] for line in lines[:-1]] == [" line 5", " line 5", " line 9", " line 10"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"# nothing\n", "the file is empty"),
        (b"just a text", "no facts file"),
        ("city: 台州".encode("gb18030"), "not UTF-8"),
        (b"city: a\n---\ncity: b\n", "line 2"),
        (b"\x00\x01", "facts.yaml"),
        (b"city: a\nfacts: " + b"[" * 100_000, "line 2: the file is nested too deeply"),
        (b"city: a\nrule: " + b"9" * 5_000, "line 2: a value of 5,000 characters"),
        (b"facts: &a [*a]\n", "line 1: found unconstructable recursive node"),
    ],
)  # fmt: skip
def test_what_is_no_facts_file_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """Empty, of another encoding, of another kind."""
    path = tmp_path / "facts.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"facts\.yaml") as error:
        ask(path)
    assert says in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Its whole path is named."""
    with pytest.raises(ConfigurationError, match="cannot be read: No such file") as error:
        ask(tmp_path / "no.yaml")
    assert str(tmp_path / "no.yaml") in str(error.value)


def test_amounts_are_taken_as_people_type_them(tmp_path: Path) -> None:
    """Underscores, thousands separators, text, trailing zeros: the same amount; the order of counties does not matter."""
    found = []
    for amount in ("1000000.5", "1_000_000.50", '"1,000,000.5"', "1,000,000.500", '" 1000000.50 "'):
        found.append(answer_as_json(ask(written(tmp_path, CLEARING.replace("1,000,000.50", amount)))))
    turned = CLEARING.replace('  A: {result: "19999999.99"}\n', "").replace(
        "counties:\n", 'counties:\n  A: {result: "19999999.99"}\n'
    )
    found.append(answer_as_json(ask(written(tmp_path, turned))))
    assert all(each == found[0] for each in found)
    own = [each for each in found[0] if isinstance(each, dict) and each["step"] == "own_balance"]
    assert [each["amount"] for each in own] == ["1000000.50"]


def test_a_bare_year_stands_for_its_clearing_and_a_january_for_the_opening(tmp_path: Path) -> None:
    """Where it says all that is needed; else the error says what to write."""
    whole = ask(written(tmp_path, CLEARING))
    assert answer_as_json(ask(written(tmp_path, CLEARING.replace("2022-clearing", "2022")))) == answer_as_json(whole)
    opening = template("taizhou", "T15.1")
    expected = answer_as_json(ask(written(tmp_path, opening)))
    for period in ("2022", "2022-01", "202201"):
        text = opening.replace('"2022-opening"', period)
        assert answer_as_json(ask(written(tmp_path, text))) == expected
    for period in ("2022-02", "2022-Q1", "2022-clearing"):
        with pytest.raises(InputError, match="key period") as error:
            ask(written(tmp_path, opening.replace('"2022-opening"', period)))
        assert "2022-opening, its January 2022-01, or just 2022" in str(error.value)
    for rule, period in (("T8.1", "2022"), ("T8.2", "2022-01"), ("T8.2", "2022")):
        text = template("taizhou", rule)
        line = next(line for line in text.splitlines() if line.startswith("period:"))
        with pytest.raises(InputError, match="does not fit a rule for every"):
            ask(written(tmp_path, text.replace(line, f"period: {period}")))


def test_the_fund_is_the_rule_s_where_none_is_given(tmp_path: Path) -> None:
    """A rule of residents alone needs no fund; a fund it does not speak of is an error with its clause."""
    text = template("taizhou", "T15.2")
    assert ask(written(tmp_path, text.replace("fund: resident\n", ""))).fund == "resident"
    with pytest.raises(InputError, match="no rule of the worker fund") as error:
        ask(written(tmp_path, text.replace("fund: resident\n", "fund: worker\n")))
    assert "台政办发〔2021〕48号 附件第十五条第二款" in str(error.value)


def test_what_a_rule_itself_refuses_names_its_clause(tmp_path: Path) -> None:
    """Nobody is enrolled: the split has no weights, and the clause is named, not guessed around."""
    text = template("taizhou", "T15.2").replace("500_000", "0").replace("300_000", "0")
    with pytest.raises(InputError, match="附件第十五条第二款"):
        ask(written(tmp_path, text))


def test_other_cities_and_readings_stand_side_by_side(tmp_path: Path) -> None:
    """Every city under every set of readings it knows; one that leaves the rule to later says so, and holds nothing up. What only
    one city's rule asks for may stand there for all."""
    more = "    financing: 300_000_000\n    base_expenditure: 240_000_000\n"
    path = written(tmp_path, CLEARING.replace("    balance: 1,000,000.50\n", "    balance: 1,000,000.50\n" + more))
    readings = [
        {"reserve_shortfall_base": "matched"},
        {"reserve_shortfall_base": "matched", "surplus_joins_reserve": "before_claims"},
    ]
    answers = ask_all(path, ["zhoushan", "hangzhou", "taizhou"], readings)
    assert [answer.label for answer in answers] == [
        "taizhou",
        "taizhou reserve_shortfall_base=matched",
        "taizhou reserve_shortfall_base=matched surplus_joins_reserve=before_claims",
        "zhoushan",
        "hangzhou",
    ]
    taizhou, matched, both, zhoushan, hangzhou = answers
    assert isinstance(hangzhou, Refused) and isinstance(hangzhou.error, UnspecifiedError)
    assert "error" in answer_as_json(hangzhou) and "H-2.5" in str(hangzhou.error)

    def city_pays(answer: Answer | Refused) -> Decimal:
        assert isinstance(answer, Answer)
        return sum((t.amount for t in answer.outcome.transfers if t.payer.role == "city_finance"), Decimal(0))

    # A gap of 58,999,999.50 asks 29,499,999.75 of a reserve of 20 million. By default city finance bears 20% of 9,499,999.75; matched,
    # 20% of the 18,999,999.50 that are left; with the half of A's surplus, the reserve pays 29,499,999.75 and nothing is left.
    assert city_pays(taizhou) == Decimal("1899999.95")
    assert city_pays(matched) == Decimal("3799999.90")
    assert city_pays(both) == 0
    assert isinstance(zhoushan, Answer) and zhoushan.rule_id == "Z-4"
    assert isinstance(taizhou, Answer) and answer_as_json(taizhou) == answer_as_json(ask(path))
    assert answer_as_json(zhoushan) == answer_as_json(ask(path, city="zhoushan"))


def test_readings_nobody_knows_and_cities_that_do_not_exist_are_errors(tmp_path: Path) -> None:
    """A slip of the pen is not a column."""
    path = written(tmp_path, CLEARING)
    with pytest.raises(ConfigurationError, match="--reading: taizhou has no reading nonsense"):
        ask_all(path, readings=[{"nonsense": "x"}])
    with pytest.raises(ConfigurationError, match="x is no reading of surplus_joins_reserve"):
        ask_all(path, readings=[{"surplus_joins_reserve": "x"}])
    with pytest.raises(InputError, match="no rulebook for 'beijing'"):
        ask_all(path, ["beijing"])


def test_what_one_s_own_city_leaves_open_can_be_asked_of_another(tmp_path: Path) -> None:
    """A file may name the kind of rule: alone it is refused with the clause, beside another city it is a column's message."""
    text = CLEARING.replace("city: taizhou", "city: hangzhou").replace("rule: T19", "rule: clearing")
    with pytest.raises(UnspecifiedError, match=r"H-2\.5"):
        ask(written(tmp_path, text))
    with pytest.raises(UnspecifiedError, match=r"H-2\.5"):
        ask_all(tmp_path / "facts.yaml")
    own, other = ask_all(tmp_path / "facts.yaml", ["taizhou"])
    assert isinstance(own, Refused) and isinstance(other, Answer)
    assert other.rule_id == "T19" and other.outcome.transfers


def test_a_city_without_such_a_rule_or_period_is_a_column_s_message(tmp_path: Path) -> None:
    """Zaozhuang has no reserve; Zhoushan's clearing of 2020 lies before its notice."""
    written(tmp_path, template("taizhou", "T15.1"))
    own, other = ask_all(tmp_path / "facts.yaml", ["zaozhuang"])
    assert isinstance(own, Answer) and isinstance(other, Refused)
    assert "no rule of the kind reserve_by_ratio" in str(other.error)
    text = (
        CLEARING.replace("city: taizhou", "city: nantong").replace("rule: T19", "rule: N-3").replace("2022-", "2020-")
    )
    own, other = ask_all(written(tmp_path, text), ["zhoushan"])
    assert isinstance(own, Answer) and isinstance(other, Refused)
    assert "not in force on 2020-12-31" in str(other.error)


def test_county_codes_may_be_typed_without_quotes(tmp_path: Path) -> None:
    """And are then called by their names."""
    answer = ask(written(tmp_path, CLEARING.replace("  B:", "  331002:")))
    assert {t.payer.name for t in answer.outcome.transfers if t.payer.role == "county_finance"} == {"椒江区财政"}


def test_a_template_of_what_a_city_does_not_have() -> None:
    """Is an error that says what there is, or quotes the clause that leaves it to later."""
    with pytest.raises(InputError, match="taizhou has no rule 'T99'"):
        template("taizhou", "T99")
    with pytest.raises(UnspecifiedError, match=r"H-2\.5"):
        template("hangzhou", "clearing")
    with pytest.raises(InputError, match="no rulebook for 'beijing'"):
        json_schema("beijing", "T19")


@pytest.mark.parametrize(
    ("key", "value", "fits"),
    [
        ("pot", 20_000_000, True),
        ("pot", "20,000,000.50", True),
        ("pot", "-20_000_000", True),
        ("pot", "20,00", False),
        ("pot", "1.005", False),
        ("pot", "much", False),
        ("pott", 1, False),
    ],
)  # fmt: skip
def test_the_json_schema_takes_what_a_facts_file_takes(key: str, value: object, fits: bool) -> None:
    """Editors that check a file by it agree with medpool."""
    document = {
        "city": "taizhou",
        "rule": "T19",
        "period": "2022",
        "facts": {"pot": 0, key: value},
        "counties": {"A": {"result": 1}},
    }
    assert jsonschema.Draft202012Validator(json_schema("taizhou", "T19")).is_valid(document) is fits


def test_the_documented_file_runs(tmp_path: Path) -> None:
    """docs/what-if.md shows a file that runs, and names every key of its head."""
    text = (ROOT / "docs" / "what-if.md").read_text(encoding="utf-8")
    answer = ask(written(tmp_path, text.split("```yaml\n", 1)[1].split("```", 1)[0]))
    assert {transfer.county for transfer in answer.outcome.transfers} == {"331002", "B"}
    table = text.split("| Key |", 1)[1].split("\n\n", 1)[0]
    assert all(f"`{name}`" in table for name in Question.model_fields)
