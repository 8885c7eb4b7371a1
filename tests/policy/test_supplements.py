"""Supplements supply what a notice leaves open, under their own number, and change nothing else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from medpool_etl import documents
from medpool_etl.errors import ConfigurationError, InputError, UnspecifiedError
from medpool_etl.policy import load_rulebook, load_supplement, supplements_in_force
from medpool_etl.settlement import gaps

SHIPPED = sorted(path.stem for path in (documents.PACKAGE / "policy/supplements").glob("*.yaml"))
HANGZHOU = documents.PACKAGE / "policy/supplements/hangzhou-example.yaml"


@pytest.fixture(autouse=True)
def no_operator_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an operator's own documents, whatever the environment of the test run says."""
    for name in ("MEDPOOL_CONFIG", "MEDPOOL_SUPPLEMENTS"):
        monkeypatch.delenv(name, raising=False)


def own(folder: Path, monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str], name: str = "mine") -> str:
    """Put a changed copy of Hangzhou's example where an operator puts supplements, and return its name."""
    text = HANGZHOU.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / f"policy/supplements/{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("MEDPOOL_CONFIG", str(folder))
    return name


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_is_invented_and_says_so(name: str) -> None:
    """Every shipped supplement is an example: marked in its header, its number, its quotes, and whatever cites it."""
    found = load_supplement(name)
    text = (documents.PACKAGE / f"policy/supplements/{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# INVENTED")
    assert found.invented and found.notice.number.startswith("示例")
    rulebook = load_rulebook(found.city, (name,))
    for clause_id, clause in found.clauses.items():
        assert clause.quote.startswith("（虚构）") and clause.gloss.startswith("Invented - ")
        assert rulebook.cite(clause_id).startswith(f"{found.notice.number}（示例，虚构）")
    assert all("虚构" in item.source for value in found.values.values() for item in value.dated)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_supplied_is_no_longer_open(name: str) -> None:
    """With it the kinds it supplies have rules and nothing is lacking; without it asking for them quotes the notice."""
    found = load_supplement(name)
    without, under = load_rulebook(found.city, ()), load_rulebook(found.city, (name,))
    assert gaps(without) == [] and gaps(under) == []
    for kind in found.supplies:
        with pytest.raises(UnspecifiedError) as caught:
            without.rule_of(kind)
        assert without.clauses[without.unspecified[kind].clause].quote in caught.value.where
        assert under.rule_of(kind)[0] in found.rules
    assert set(without.unspecified) - set(under.unspecified) == set(found.supplies)


def test_the_notice_keeps_its_own() -> None:
    """Clauses, values, readings, rules and deadlines of the notice are what they were, and cite the notice."""
    without, under = load_rulebook("hangzhou", ()), load_rulebook("hangzhou", ("hangzhou-example",))
    for part in ("clauses", "values", "readings", "rules", "deadlines", "pairs"):
        before, after = getattr(without, part), getattr(under, part)
        assert {name: after[name] for name in before} == before
    assert under.cite("H-2").startswith("杭政函〔2021〕77号")
    assert [notice.number for notice in under.supplements] == ["示例〔2021〕1号"]


def test_the_environment_puts_them_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """MEDPOOL_SUPPLEMENTS names those in force; each city takes its own."""
    assert supplements_in_force("hangzhou") == ()
    assert "HX-3" not in load_rulebook("hangzhou").rules
    monkeypatch.setenv("MEDPOOL_SUPPLEMENTS", " hangzhou-example, zaozhuang-example ,")
    assert supplements_in_force("hangzhou") == ("hangzhou-example",)
    assert supplements_in_force("taizhou") == ()
    assert "HX-3" in load_rulebook("hangzhou").rules
    assert "ZzX-3" in load_rulebook("zaozhuang").rules
    assert "HX-3" not in load_rulebook("hangzhou", ()).rules


def test_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without a document lists those there are."""
    monkeypatch.setenv("MEDPOOL_SUPPLEMENTS", "nowhere")
    with pytest.raises(ConfigurationError, match=r"(?s)there is no supplement 'nowhere'.*hangzhou-example"):
        load_rulebook("hangzhou")


REFUSED = {
    "for another city": ([("city: hangzhou", "city: zaozhuang")], "the supplement is for zaozhuang, not for hangzhou"),
    "what the notice does not leave open": (
        [("supplies: [remittance,", "supplies: [base_clamp, remittance,")],
        "does not leave open: base_clamp",
    ),
    "what it has no rule for": ([("kind: funding", "kind: remittance")], "no rule supplies funding"),
    "a clause of the notice": ([("  HX-1:\n    source", "  H-2:\n    source"), ("clause: HX-1", "clause: H-2")], "the notice has already: H-2"),
    "a rule of the notice": ([("  HX-1: {kind", "  H-1.2: {kind")], "rules the notice has already: H-1.2"),
    "a value of the notice": ([("  deficit_pool_share:", "  base_cap_percent:")], "values the notice has already: base_cap_percent"),
    "a value of a clause it lacks": ([("    clause: HX-3.3\n    dated", "    clause: HX-9\n    dated")], "deficit_pool_share: the supplement has no clause HX-9"),
    "a value that begins too late": (
        [("{from: 2022-01-01, value: \"60\"", "{from: 2022-02-01, value: \"60\"")],
        "deficit_pool_share: no value from 2022-01-01, when the supplement takes force",
    ),
    "a rule of a clause nobody has": ([("kind: clearing, clause: HX-4", "kind: clearing, clause: HX-9")], "there is no clause HX-9"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "says"), REFUSED.values(), ids=REFUSED)
def test_one_that_is_refused(
    changes: list[tuple[str, str]], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supplement adds to a notice and never changes it; a mistake in it is told by what is wrong."""
    name = own(tmp_path, monkeypatch, *changes)
    with pytest.raises(ConfigurationError) as caught:
        load_rulebook("hangzhou", (name,))
    assert says in str(caught.value) and "mine.yaml" in str(caught.value)


def test_one_that_takes_force_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its values begin with it, not with the notice; a day before is an error that cites the supplement."""
    name = own(tmp_path, monkeypatch, ("2022-01-01", "2022-07-01"))
    rulebook = load_rulebook("hangzhou", (name,))
    assert rulebook.number("deficit_pool_share", dt.date(2022, 7, 1)) == 60
    with pytest.raises(InputError, match="no value on 2022-06-30"):
        rulebook.value("deficit_pool_share", dt.date(2022, 6, 30))
    assert rulebook.number("base_cap_percent", dt.date(2022, 1, 1)) == 300


def test_two_that_supply_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Laid over one another, the second finds nothing left open."""
    name = own(tmp_path, monkeypatch)
    with pytest.raises(ConfigurationError, match="does not leave open: remittance, funding, clearing"):
        load_rulebook("hangzhou", ("hangzhou-example", name))
