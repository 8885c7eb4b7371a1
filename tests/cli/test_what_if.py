"""``medpool what-if`` as its users meet it: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from medpool_etl import documents
from medpool_etl.cli import main
from medpool_etl.cli.what_if import out
from medpool_etl.pipeline.what_if import Question
from medpool_etl.policy import load_rulebook, rulebooks
from medpool_etl.settlement import kind_of
from tests.conftest import ROOT

EXAMPLES = sorted((ROOT / "tests" / "examples").rglob("*.yaml"))
RESERVE = ROOT / "tests" / "examples" / "taizhou" / "T15.1_worker_reserve.yaml"
CLEARING = ROOT / "tests" / "examples" / "taizhou" / "T19_clearing.yaml"


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def medpool(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run `medpool what-if` in this process, in a window of 100 columns."""
    monkeypatch.setenv("MEDPOOL_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(out, "width", 100)

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["medpool", "what-if", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capfd.readouterr()
        return Done(code, printed.out, printed.err)

    return run


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_json_of_every_example_is_what_the_example_says(medpool: Any, path: Path) -> None:
    """A list of transfers and nothing else; figures of a rule that moves no money; an error ends with 2 and prints nothing."""
    question = documents.load(path, Question)
    done = medpool(path, "--json")
    assert "Traceback" not in done.err
    if question.error:
        assert (done.code, done.out) == (2, "")
        return
    assert done.code == 0, done.err
    found = json.loads(done.out)
    rulebook = load_rulebook(question.city, question.supplements)
    if not kind_of(rulebook, question.rule).moves_money:
        shown = {" ".join(filter(None, (line["step"], line["county"]))): line["value"] for line in found}
        assert shown and all(shown[name] == value for name, value in question.figures.items() if name in shown)
        return
    rows = [tuple(each[key] for key in ("county", "step", "payer", "receiver", "amount")) for each in found]
    if question.expected is not None:
        assert sorted(rows) == sorted((e.county, e.step, e.payer, e.receiver, e.amount) for e in question.expected)
    assert all(each["fund"] and each["rule"] and each["clause"] for each in found)
    assert ("unfunded" in done.err) == bool(question.unfunded)


def test_the_table_shows_transfers_and_every_step(medpool: Any) -> None:
    """With county, step, parties, amount, due, rule and clause; whole amounts in 100 columns, and no line longer."""
    done = medpool(RESERVE)
    assert (done.code, done.err) == (0, "")
    for text in (
        "台州市 2022年年初 职工医保 T15.1",
        "应划款项 Transfers",
        "A基金累计结余 →",
        "60,000,000.00",
        "2022-01-31",
        "顺延 02-07",
    ):
        assert text in done.out
    for text in (
        "附件第十五条第一款",
        "合计 Total",
        "100,000,000.00",
        "计算过程 Working",
        "0.6666666667",
        "归集基金 Reserve",
    ):
        assert text in done.out
    done = medpool(CLEARING)
    for amount in ("9,756,097.56", "19,195,121.95", "1,048,780.49", "23,930,182.93"):
        assert amount in done.out
    assert "surplus_returned" in done.out and "…" not in done.out.replace("……", "")


def test_an_answer_is_the_same_bytes_each_time(tmp_path: Path, medpool: Any) -> None:
    """In another process too, and whatever the order of the counties in the file."""
    first = medpool(CLEARING, "--json")
    text = CLEARING.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    start = next(n for n, line in enumerate(lines) if line.startswith("counties:")) + 1
    end = next(n for n, line in enumerate(lines) if line.startswith("expected:"))
    turned = tmp_path / "turned.yaml"
    turned.write_text("".join([*lines[:start], *reversed(lines[start:end]), *lines[end:]]), encoding="utf-8")
    assert medpool(turned, "--json") == first
    program = [sys.executable, "-c", "from medpool_etl.cli import main; main()"]
    done = subprocess.run([*program, "what-if", str(CLEARING), "--json"], capture_output=True, check=False)
    assert done.stdout == first.out.encode() and done.stderr == b""


def test_side_by_side(medpool: Any) -> None:
    """A column for every answer, totals by party; a city that leaves it to later says so and holds nothing up."""
    options = ["--city", "zhoushan", "--city", "hangzhou", "--reading", "reserve_shortfall_base=matched"]
    done = medpool(CLEARING, *options)
    assert (done.code, done.err) == (0, "")
    for text in ("(1) 台州市", "(2) 台州市", "(3) 舟山市", "(4) 杭州市 hangzhou: 无结果 no answer", "H-2.5"):
        assert text in done.out
    for text in (
        "各方合计 Totals per party",
        "1,874,695.12",
        "3,932,926.83",
        "the county matches what the reserve pays",
    ):
        assert text in done.out
    found = json.loads(medpool(CLEARING, *options, "--json").out)
    assert list(found) == ["taizhou", "taizhou reserve_shortfall_base=matched", "zhoushan", "hangzhou"]
    assert found["taizhou"] == json.loads(medpool(CLEARING, "--json").out)
    assert "leaves how city and counties share a deficit" in found["hangzhou"]["error"]["what"]


def test_a_rule_that_moves_no_money_side_by_side(medpool: Any, tmp_path: Path) -> None:
    """Its figures stand in columns, and there are no totals."""
    path = tmp_path / "facts.yaml"
    path.write_text(medpool("--template", "T-IV.2", "--city", "taizhou").out, encoding="utf-8")
    done = medpool(path, "--city", "hangzhou")
    assert done.code == 0 and "项目" in done.out and "Totals" not in done.out
    assert "3,600.00" in done.out and "H-1.1.2" in done.out
    first = json.loads(medpool(path, "--json").out)[0]
    assert {"fund", "county", "step", "value", "unit", "rule", "clause", "zh", "en"} == set(first)


def test_list_template_and_schema(medpool: Any) -> None:
    """Every city's rules, and what their notices leave open; YAML and JSON that can be kept as files."""
    listed = medpool("--list")
    assert (listed.code, listed.err) == (0, "")
    for city in rulebooks():
        rulebook = load_rulebook(city)
        assert all(
            name in listed.out for name in (city, rulebook.notice.number, *rulebook.rules, *rulebook.unspecified)
        )
    assert "zhoushan" not in medpool("--list", "--city", "taizhou").out
    printed = medpool("--template", "T19", "--city", "taizhou", "--fund", "resident")
    assert (printed.code, printed.err) == (0, "") and "\nfund: resident" in printed.out
    schema = json.loads(medpool("--schema", "T19", "--city", "taizhou").out)
    assert schema["properties"]["counties"]["additionalProperties"]["required"] == ["result"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "expected: a facts file, --template RULE, --schema RULE or --list"),
        ((CLEARING, "--list"), "what-if takes one thing"),
        (("/no/such/file.yaml",), "/no/such/file.yaml: cannot be read"),
        ((ROOT,), "cannot be read: Is a directory"),
        (("--template", "T19"), "--template is of one city"),
        (("--schema", "T19", "--city", "taizhou", "--city", "nantong"), "--schema is of one city"),
        (("--template", "T99", "--city", "taizhou"), "taizhou has no rule 'T99'"),
        (("--template", "T15.1", "--city", "taizhou", "--fund", "resident"), "T15.1 is no rule of the resident fund"),
        (("--template", "clearing", "--city", "hangzhou"), "H-2.5"),
        ((CLEARING, "--city", "beijing"), "there is no rulebook for 'beijing'"),
        ((CLEARING, "--reading", "matched"), "--reading: 'matched' is no reading"),
        ((CLEARING, "--reading", "nonsense=x"), "--reading: taizhou has no reading nonsense"),
        ((CLEARING, "--reading", "reserve_shortfall_base=x"), "x is no reading of reserve_shortfall_base"),
    ],
)  # fmt: skip
def test_errors_go_to_standard_error_and_end_with_two(medpool: Any, arguments: tuple[object, ...], says: str) -> None:
    """Without a traceback, and with nothing on standard output, with --json or not."""
    for more in ((), ("--json",)):
        done = medpool(*arguments, *more)
        assert (done.code, done.out) == (2, "")
        assert says in done.err and "Traceback" not in done.err


def test_a_mistake_in_the_file_ends_with_two(medpool: Any, tmp_path: Path) -> None:
    """Key and line on standard error."""
    path = tmp_path / "facts.yaml"
    path.write_text(
        CLEARING.read_text(encoding="utf-8").replace("balance: 20_000_000", "balance: 1.005"), encoding="utf-8"
    )
    done = medpool(path, "--json")
    assert (done.code, done.out) == (2, "")
    line = next(n for n, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "1.005" in text)
    assert (
        f"facts.yaml, line {line}, key counties.B.balance: an amount is written in yuan, exact to the fen" in done.err
    )
