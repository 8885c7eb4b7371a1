"""The data validation report: it stands alone, loses no file, check or row, and shows hostile text as text."""

import copy
import itertools
import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from medpool_etl import pipeline
from medpool_etl.contracts import load_all
from medpool_etl.errors import StoreError
from medpool_etl.places import load_city
from medpool_etl.reports.validation import SHOWN, write_validation
from medpool_etl.simulator import simulate
from tests.conftest import MONTH, Settled, at
from tests.support import read, write

HOSTILE = '"><img src=x onerror=alert(1)>&amp;.csv'
SCRIPT = "<script>alert('x')</script>"
VOID = {"meta", "br"}


class Page(HTMLParser):
    """A page as a reader has it: tags, attributes, and the text of the header, the overview and each file's section."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.folded: dict[str, bool] = {}
        self.place = "header"
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("section", "tbody") and "section" not in self.open[:-1]:
            self.place = values.get("id") or "overview"
        if tag == "details":
            self.folded[self.place] = "open" not in values

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts[self.place] = self.texts.get(self.place, "") + data

    def attribute(self, name: str) -> list[str]:
        return [value or "" for _, values in self.tags for key, value in values.items() if key == name]

    def section(self, *words: str) -> str:
        """Return the one file whose section says all of the words."""
        (found,) = [at for at in self.texts if at.startswith("file-") and all(w in self.texts[at] for w in words)]
        return found


class Run:
    """A copy of a settled month's folder and the page made from it."""

    def __init__(self, folder: Path, place: Path) -> None:
        shutil.copytree(folder, place, ignore=shutil.ignore_patterns("staged", "reports"))
        self.folder = place
        self.verdicts = json.loads((place / "quality" / "verdicts.json").read_text(encoding="utf-8"))
        query = duckdb.sql(f"SELECT * FROM '{place}/tables/files.parquet'")
        self.files = [dict(zip(query.columns, values, strict=True)) for values in query.fetchall()]
        self.path = write_validation(place, load_city("taizhou"), MONTH, load_all())
        self.page = Page(self.path)

    def text(self, file: dict[str, str]) -> str:
        """Return the text of a file's section."""
        words = [file["sha256"]] if file["sha256"] else [file["problem_zh"]]
        return self.page.texts[self.page.section(*words)]


def altered(run: Run, place: Path, verdicts: object, before: object = None) -> Run:
    """Return the run as if it had been judged so, after such months."""
    folder = place / "altered"
    shutil.copytree(run.folder, folder)
    (folder / "quality" / "verdicts.json").write_text(json.dumps(verdicts), encoding="utf-8")
    if before is not None:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        (folder / "manifest.json").write_text(json.dumps({**manifest, "before": before}), encoding="utf-8")
    return Run(folder, place / "run")


@pytest.fixture(scope="module")
def clean(sample: Settled, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The faultless sample month, whose months before are not known."""
    return Run(sample.folder, tmp_path_factory.mktemp("clean") / "run")


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A month with a hostile name and cell, 251 bad amounts, one report missing, one cut short, one file rejected."""
    settings = at(tmp_path_factory.mktemp("spoilt"))
    simulate("taizhou", MONTH, settings.inbox, seed=1, faults=())
    inbox = settings.month_inbox("taizhou", MONTH)
    tax = inbox / "台州市税务征收明细_202203.csv"
    rows = read(tax)
    header = next(number for number, row in enumerate(rows) if "实缴金额" in row)
    column = rows[header].index("实缴金额")
    for row in rows[header + 1 : header + 252]:
        row[column] = "若干"
    rows[header + 1][column] = SCRIPT
    write(tax.with_name(HOSTILE), rows)
    tax.unlink()
    (inbox / "基金支出核算报表_椒江区_202203.xlsx").unlink()
    report = inbox / "基金支出核算报表_黄岩区_202203.xlsx"
    report.write_bytes(report.read_bytes()[:3000])
    statement = inbox / "财政专户对账单_职工医保_202203.csv"
    lines = statement.read_bytes().splitlines(keepends=True)
    statement.write_bytes(b"".join(lines[:-2] + lines[-1:]))
    run = pipeline.run_month(settings, "taizhou", MONTH)
    return Run(run.folder(settings), tmp_path_factory.mktemp("spoilt_copy") / "run")


@pytest.fixture(params=["clean", "spoilt"])
def run(request: pytest.FixtureRequest) -> Run:
    """Both months in turn."""
    found: Run = request.getfixturevalue(request.param)
    return found


def test_it_has_the_name_a_clerk_looks_for(clean: Run) -> None:
    """The report lies beside the workbook, under the city's name and the month."""
    assert clean.path == clean.folder / "reports" / "台州市医保数据校验报告_202203.html"
    assert [path.name for path in clean.path.parent.iterdir()] == [clean.path.name]


def test_it_needs_nothing_else(run: Run) -> None:
    """The page names no address, loads nothing, and every link leads to a place in it."""
    assert not re.search(r"https?:|url\(|@import|javascript:", run.page.source)
    assert not {tag for tag, _ in run.page.tags} & {"link", "img", "iframe", "object", "embed", "form", "base"}
    assert not run.page.attribute("src")
    assert not [name for _, values in run.page.tags for name in values if name.startswith("on")]
    ids = run.page.attribute("id")
    assert max(Counter(ids).values()) == 1
    assert {link.removeprefix("#") for link in run.page.attribute("href")} <= set(ids)
    assert all(link.startswith("#") for link in run.page.attribute("href"))


def test_everybody_can_read_it(run: Run) -> None:
    """Tags are closed, languages named, headings in order, header cells scoped, and links skip to the content."""
    assert run.page.open == []
    assert dict(run.page.tags[0:1])["html"] == {"lang": "zh-CN"}
    assert set(run.page.attribute("lang")) == {"zh-CN", "en"}
    levels = [int(tag[1]) for tag, _ in run.page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(values.get("scope") for tag, values in run.page.tags if tag == "th")
    assert next(values for tag, values in run.page.tags if tag == "a")["href"] == "#main"


def test_the_same_run_gives_the_same_bytes(spoilt: Run, tmp_path: Path) -> None:
    """Written again, elsewhere, the report is the same."""
    assert Run(spoilt.folder, tmp_path / "run").path.read_bytes() == spoilt.path.read_bytes()


def test_every_file_and_every_check_is_there(run: Run) -> None:
    """Each file has one section that names it, its content and each of its checks; the overview names it too."""
    for file in run.files:
        text = run.text(file)
        assert file["file_name"] in text
        assert file["file_name"] in run.page.texts["overview"]
        if verdict := run.verdicts.get(file["file_id"]):
            section = run.page.section(file["sha256"])
            wanted = {f"{section}-{check['check']}" for check in verdict["checks"]}
            assert wanted == {name for name in run.page.attribute("id") if name.startswith(f"{section}-")} - {
                f"{section}-name"
            }
    assert len([name for name in run.page.texts if name.startswith("file-")]) == len(run.files)


def test_no_row_is_lost(run: Run) -> None:
    """Of every judged file the report shows that rows read = used + set aside + unused with the whole file."""
    for file in run.files:
        if file["file_id"] not in run.verdicts:
            continue
        shown = re.search(
            r"读入 read ([\d,]+) = 采用 used ([\d,]+) \+ 剔除 set aside ([\d,]+) \+ 随文件不用 unused with the file ([\d,]+)",
            run.text(file),
        )
        assert shown
        read_, used, aside, unused = (int(number.replace(",", "")) for number in shown.groups())
        assert (read_, used, aside) == (file["rows_read"], file["rows_accepted"], file["rows_set_aside"])
        assert read_ == used + aside + unused
        assert unused == 0 or file["outcome"] == "rejected"


def test_what_passes_is_closed_and_what_fails_is_open(run: Run) -> None:
    """Only files with a problem are unfolded when the page is opened."""
    for file in run.files:
        verdict = run.verdicts.get(file["file_id"], {"checks": []})
        fine = file["outcome"] == "accepted" and all(check["met"] is not False for check in verdict["checks"])
        words = file["sha256"] or file["problem_zh"]
        assert run.page.folded[run.page.section(words)] == fine
    assert {file["outcome"] for file in run.files} in (
        {"accepted"},
        {"accepted", "accepted_with_set_asides", "missing", "rejected", "unusable"},
    )


def test_a_check_that_was_not_made_says_so(clean: Run, tmp_path: Path) -> None:
    """What lacks the wages or the months before is neither passed nor failed, and says what it lacks."""
    file = next(file for file in clean.files if file["contract"] == "tax_collection_detail")
    verdicts = copy.deepcopy(clean.verdicts)
    checks = {check["check"]: check for check in verdicts[file["file_id"]]["checks"]}
    checks["base_within_clamp"] |= {"failing": None, "met": None}
    unmade = [check for check in checks.values() if check["met"] is None]
    assert {"base_within_clamp", "file__volume"} <= {check["check"] for check in unmade}
    run = altered(clean, tmp_path, verdicts)
    text = run.text(file)
    assert text.count("缺少所需资料") == len(unmade)
    assert "缺少所需资料：上年全省月平均工资" in text
    assert "缺少所需资料：可比的以前月份" in text
    assert f"未核 not made {len(unmade)}" in text


def test_files_that_are_not_there_or_unusable_are_named(spoilt: Run) -> None:
    """A missing, a damaged and a rejected file each have a section with the problem in both languages."""
    bad = {file["outcome"]: file for file in spoilt.files if file["problem_zh"]}
    assert set(bad) == {"missing", "unusable", "rejected"}
    for file in bad.values():
        text = spoilt.text(file)
        assert file["problem_zh"] in text
        assert file["problem_en"] in text
        assert file["problem_zh"] in spoilt.page.texts["overview"]
    assert "（2022-04-15）" in spoilt.text(bad["missing"])


def test_text_from_files_stays_text(spoilt: Run) -> None:
    """A hostile file name and cell are shown letter by letter, and nothing in them becomes a tag."""
    section = spoilt.page.texts[spoilt.page.section("税务征收明细", HOSTILE)]
    assert SCRIPT in section
    assert SCRIPT not in spoilt.page.source
    assert HOSTILE not in spoilt.page.source
    assert [tag for tag, _ in spoilt.page.tags].count("script") == 1


def test_many_failing_rows_are_cut_and_counted(spoilt: Run) -> None:
    """The first rows are listed, and the report says how many more there are and where."""
    section = spoilt.page.texts[spoilt.page.section("税务征收明细", HOSTILE)]
    assert "未通过的行：251 条" in section
    assert f"前 {SHOWN} 条；另有 51 条，全部在数据集市表 set_aside_rows 中" in section
    assert section.count("若干") + section.count(SCRIPT) == SHOWN
    assert "未通过 failed 251 行" in section


def test_the_months_before_are_compared(clean: Run, tmp_path: Path) -> None:
    """Where months before are known, their sizes stand beside the file's, in percent, and a failure says how far off."""
    verdicts = copy.deepcopy(clean.verdicts)
    verdict = next(verdict for verdict in verdicts.values() if verdict["of"] == "treasury_receipts/")
    for check in verdict["checks"]:
        if check["check"] in ("file__volume", "amount__sum"):
            check |= {"failing": 30, "met": check["check"] != "file__volume"}
    sizes = [
        {"rows": 12_345, "sums": {"amount": "1234567.80"}, "total": True},
        {"rows": 12_346, "sums": {}, "total": False},
    ]
    run = altered(clean, tmp_path, verdicts, {"treasury_receipts/": sizes})
    text = run.page.texts[run.page.section("国库入库清单3139_202203.csv")]
    assert "12,34512,346" in text
    assert "1,234,567.80" in text
    assert "✗ 未通过 failed 30%" in text
    assert "✓ 通过 met 30%" in text


def test_nothing_is_left_where_a_run_is_incomplete(clean: Run, tmp_path: Path) -> None:
    """Without its verdicts a run has no report, not half of one."""
    folder = tmp_path / "run"
    shutil.copytree(clean.folder, folder, ignore=shutil.ignore_patterns("quality", "reports"))
    with pytest.raises(StoreError, match="missing or unreadable"):
        write_validation(folder, load_city("taizhou"), MONTH, load_all())
    assert not (folder / "reports").exists()
