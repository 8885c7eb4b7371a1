"""The command line as its users meet it: a process, its output and its exit code."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from medpool_etl.cli.dictionary import dictionary_text
from medpool_etl.contracts import load_all
from medpool_etl.documents import PACKAGE
from medpool_etl.marts import load_registry
from medpool_etl.policy import load_break_classes
from tests.conftest import ROOT, Settled

MEDPOOL = [sys.executable, "-c", "from medpool_etl.cli import main; main()"]


def medpool(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MEDPOOL, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MEDPOOL_DATA": str(data), "COLUMNS": "140", **environment},
    )


def test_help_teaches(tmp_path: Path) -> None:
    """`medpool --help` shows a first month from files to explanation."""
    done = medpool(tmp_path, "--help")
    assert done.returncode == 0
    for step in ("medpool simulate taizhou 2022-03", "medpool run taizhou 2022-03", "medpool explain"):
        assert step in done.stdout


def test_a_month_from_the_command_line(tmp_path: Path) -> None:
    """Simulate, run, show, explain; a month without faults ends with 0 and its figures are final."""
    assert medpool(tmp_path, "simulate", "taizhou", "2022-03").returncode == 0
    first = medpool(tmp_path, "run", "taizhou", "2022-03")
    assert first.returncode == 0, first.stderr
    assert "正式 final" in first.stdout and "Nothing changed" not in first.stdout
    assert "427,185,102.62" in first.stdout
    second = medpool(tmp_path, "run", "taizhou", "2022-03")
    assert second.returncode == 0 and "Nothing changed" in second.stdout
    explained = medpool(tmp_path, "explain", "remittances/taizhou/2022-03/worker/331002", "--limit", "0")
    assert explained.returncode == 0, explained.stderr
    assert "49,912,382.46" in explained.stdout
    assert "按月开具划款凭证" in explained.stdout
    assert explained.stdout.count("国库入库清单3139_202203.csv") > 100


def test_a_provisional_month_ends_with_one(tmp_path: Path) -> None:
    """A month with a break is published as provisional, named so, and the exit code is 1."""
    medpool(tmp_path, "simulate", "taizhou", "2022-03", "--fault", "one_fen_treasury")
    done = medpool(tmp_path, "run", "taizhou", "2022-03")
    assert done.returncode == 1
    assert "暂定 provisional" in done.stdout and "金额不符" in done.stdout and "0.01" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "taizhou", "2022-3"), "'2022-3' is not a period"),
        (("run", "taizhou", "2022-13"), "is not a period"),
        (("run", "beijing", "2022-03"), "there is no rulebook for 'beijing'"),
        (("run", "hangzhou", "2022-03"), "leaves how premiums are remitted to a later rule"),
        (("run", "taizhou", "2021-12"), "not in force"),
        (("run", "taizhou", "2022-03"), "no inbox folder"),
        (("show", "taizhou", "2022-03"), "nothing of taizhou 2022-03 is published"),
        (("explain", "nonsense"), "is not a row"),
        (("explain", "files/taizhou/2022-03/x"), "not a table with amounts"),
        (("explain", "remittances/taizhou/2022-03/worker/331002"), "nothing of taizhou 2022-03 is published"),
        (("simulate", "taizhou", "2022-03", "--fault", "nonsense"), "there is no fault 'nonsense'"),
        (("simulate", "taizhou", "2022-03", "--scale", "0"), "the scale is 0"),
        (
            ("simulate", "taizhou", "2022-03", "--fault", "wrong_total", "--fault", "bad_date"),
            "plant wrong_total alone",
        ),
        (("simulate", "taizhou", "2031-03"), "notice of 2031"),
    ],
)
def test_a_mistake_is_one_message_without_traceback(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    """What the user can mend ends with 2 and a message that says what, where and what to do."""
    done = medpool(tmp_path, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_simulator_does_not_overwrite_real_files(tmp_path: Path) -> None:
    """An inbox folder that medpool did not simulate is left alone."""
    folder = tmp_path / "inbox" / "taizhou" / "2022-03"
    folder.mkdir(parents=True)
    (folder / "真实文件.csv").write_text("x")
    done = medpool(tmp_path, "simulate", "taizhou", "2022-03")
    assert done.returncode == 2 and "did not simulate" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["真实文件.csv"]
    (folder / "真实文件.csv").unlink()
    # A rehearsal is replaced by the next, whole; what was put beside it since is not.
    for arguments in ((), ("--year",), ("--fault", "in_transit")):
        assert medpool(tmp_path, "simulate", "taizhou", "2022-03", *arguments).returncode == 0
    (folder / "真实文件.csv").write_text("x")
    done = medpool(tmp_path, "simulate", "taizhou", "2022-03")
    assert done.returncode == 2 and "did not simulate: 真实文件.csv" in done.stderr
    assert (folder / "真实文件.csv").read_text() == "x"


def test_check_names_documents_of_ones_own(tmp_path: Path) -> None:
    """Those that are read are listed; one under a name nothing reads is a mistake, and so is a folder that is not there."""
    own = tmp_path / "config" / "places"
    own.mkdir(parents=True)
    shutil.copy(PACKAGE / "places" / "taizhou.accounts.yaml", own)
    done = medpool(tmp_path, "check", MEDPOOL_CONFIG=str(own.parent))
    assert done.returncode == 0 and "Your own: places/taizhou.accounts.yaml" in done.stdout, done.stderr
    (own / "taizhou.accounts.yaml").rename(own / "taizhou.account.yaml")
    done = medpool(tmp_path, "check", MEDPOOL_CONFIG=str(own.parent))
    assert done.returncode == 2 and "nothing reads places/taizhou.account.yaml" in done.stderr
    shutil.rmtree(own)
    shipped = [str(path.relative_to(PACKAGE)) for path in sorted(PACKAGE.rglob("*.yaml"))]
    for name in shipped:
        (own.parent / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / name, own.parent / name)
    done = medpool(tmp_path, "check", MEDPOOL_CONFIG=str(own.parent), COLUMNS="4000")
    assert done.returncode == 0 and f"Your own: {', '.join(shipped)}" in done.stdout, done.stderr
    done = medpool(tmp_path, "check", MEDPOOL_CONFIG=str(tmp_path / "nowhere"))
    assert done.returncode == 2 and "there is no such folder" in done.stderr


def test_a_mistake_in_a_rulebook_is_named_by_file_key_and_line(tmp_path: Path) -> None:
    """`medpool check` over an operator's own rulebook names file, line and key."""
    text = (ROOT / "medpool_etl/policy/rulebooks/taizhou.yaml").read_text(encoding="utf-8")
    wrong = text.replace("    value: month_end\n", "    value: whenever\n")
    assert wrong != text
    own = tmp_path / "config" / "policy" / "rulebooks" / "taizhou.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(wrong, encoding="utf-8")
    line = next(i for i, row in enumerate(wrong.splitlines(), 1) if row.startswith("  remittance_due:"))
    done = medpool(tmp_path, "check", MEDPOOL_CONFIG=str(tmp_path / "config"))
    assert done.returncode == 2
    assert f"taizhou.yaml, line {line}, key readings.remittance_due: whenever is not among" in done.stderr


def test_every_shipped_document_is_in_order(tmp_path: Path) -> None:
    """`medpool check` passes on what medpool ships, and the suites need no change."""
    done = medpool(tmp_path, "check")
    assert done.returncode == 0, done.stderr
    assert "in line with the contracts" in medpool(tmp_path, "suites").stdout


def test_the_dictionary_in_docs_is_current() -> None:
    """docs/dictionary.md is what `medpool dictionary` writes; `make dictionary` writes it anew."""
    written = (ROOT / "docs" / "dictionary.md").read_text(encoding="utf-8")
    assert written == dictionary_text(load_all(), load_registry(), load_break_classes())


def test_explain_refuses_an_amount_the_table_does_not_have(sample: Settled) -> None:
    """A wrong column names the right ones; an unknown row says where to take one from."""
    data = sample.settings.data
    row = "remittances/taizhou/2022-03/worker/331002"
    done = medpool(data, "explain", row, "county")
    assert done.returncode == 2 and "expected: one of amount" in done.stderr
    done = medpool(data, "explain", row.replace("331002", "339999"))
    assert done.returncode == 2 and "no published row" in done.stderr
