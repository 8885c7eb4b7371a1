"""The data validation report of a month: one page of HTML that needs nothing else, a section for every file."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from medpool_etl.contracts import Check, Contract, checks_of
from medpool_etl.contracts.checks import RESEND
from medpool_etl.documents import Text
from medpool_etl.marts import table_path
from medpool_etl.periods import Month
from medpool_etl.places import City, load_accounts
from medpool_etl.reports.tables import read_table
from medpool_etl.reports.workbook import FIGURES, OUTCOMES
from medpool_etl.store.session import connect
from medpool_etl.store.warehouse import read_json, whole

SHOWN = 200
# How an outcome and a severity look (mark, style) and read in English; their Chinese words are the workbook's.
_OUTCOMES = {
    "accepted": ("✓", "good", "used"),
    "accepted_with_set_asides": ("!", "warn", "used, with rows set aside"),
    "rejected": ("✗", "bad", "rejected"),
    "unusable": ("✗", "bad", "unusable"),
    "superseded": ("–", "idle", "superseded"),
    "missing": ("✗", "bad", "missing"),
}
_SEVERITIES = {
    "critical": ("bad", "rejects the file"),
    "warning": ("warn", "sets the row aside"),
    "info": ("warn", "warns"),
}
_LINES = {
    "data": ("数据", "data"),
    "total": ("合计", "total"),
    "subtotal": ("小计", "subtotal"),
    "header": ("重复的表头", "repeated header"),
    "note": ("备注", "note"),
    "blank": ("空行", "blank"),
}
_GROUPS = {
    "schema": ("结构与类型", "Schema and types"),
    "keys": ("主键", "Keys"),
    "sets": ("取值范围", "Sets of allowed values"),
    "rules": ("规则、区间与期间", "Rules, ranges and periods"),
    "totals": ("控制总数", "Control totals"),
    "across": ("跨文件与历史", "Across files and months"),
}
_GROUP_OF = {
    "duplicate": "keys",
    "unknown": "sets",
    "own": "rules",
    "total": "totals",
    "unverified": "totals",
    "unmatched": "across",
    "volume": "across",
    "stated": "across",
}
_ROWS = "rows_read"
_ROWS_READ = Text(zh="文件中至少有一行数据", en="at least one row of data")
# Why a check was not made.
_LACKS = {
    "own": ("没有上年全省月平均工资", "no provincial average wage of the year before"),
    "unmatched": ("本月没有可对照的文件", "no file of the month to compare with"),
    "volume": ("没有以前月份可比", "no months before to compare with"),
    "stated": ("没有以前月份可比", "no months before to compare with"),
}
# What a failure is where it is not a number of rows.
_FAILED = {
    "total": ("合计不符", "the total differs"),
    "unverified": ("合计未能核对", "the total could not be compared"),
    "stated": ("没有合计行", "no total line"),
}
_KINDS = {"text": ("文本", "text"), "fixed": ("定长文本", "text in fixed columns"), "xlsx": ("工作簿", "workbook")}
_DELIMITERS = {",": "逗号 ,", "\t": "制表符 tab", "|": "竖线 |", ";": "分号 ;"}
_UNITS = {1: "元", 1000: "千元", 10_000: "万元", 100_000_000: "亿元"}
_FINDINGS = f"""
SELECT file_id, sheet, row_no, check_id, severity, column_headers, found, expected_zh, expected_en, do_zh, do_en
FROM read_parquet(?) QUALIFY row_number() OVER (PARTITION BY file_id ORDER BY sheet, row_no, check_id) <= {SHOWN}
ORDER BY file_id, sheet, row_no, check_id
"""
# The page is whole without this: it only folds, and hides what has no problem. Old browsers must be able to read it.
_SCRIPT = """
(function () {
  function each(selector, act) { Array.prototype.forEach.call(document.querySelectorAll(selector), act); }
  function on(name, act) { document.getElementById(name).onclick = act; }
  function fold(open) { each('details', function (it) { it.open = open; }); }
  each('.controls', function (it) { it.hidden = false; });
  on('open-all', function () { fold(true); });
  on('close-all', function () { fold(false); });
  on('only-problems', function () {
    var only = this.getAttribute('aria-pressed') !== 'true';
    this.setAttribute('aria-pressed', String(only));
    each('[data-clean]', function (it) { it.hidden = only; });
  });
})();
"""


@dataclass(frozen=True)
class _Made:
    """A check of a file and what came of it; ``met`` is None where it was not made."""

    check: Check
    severity: str
    failing: int | None
    met: bool | None


@dataclass(frozen=True)
class _File:
    """All that is known of a file of the month, or of one that is missing."""

    anchor: str
    row: dict[str, Any]
    arrival: dict[str, Any]
    verdict: dict[str, Any]
    contract: Contract | None
    whose: tuple[str, str]
    before: list[dict[str, Any]]
    made: tuple[_Made, ...]
    findings: list[dict[str, Any]]
    found: int

    @property
    def failed(self) -> list[_Made]:
        """The checks it does not meet."""
        return [made for made in self.made if made.met is False]

    @property
    def style(self) -> str:
        """How bad it is: good, warn, bad, or idle for one that no longer counts."""
        style = _OUTCOMES[self.row["outcome"]][1]
        return "warn" if style == "good" and (self.failed or self.found) else style

    @property
    def label(self) -> str:
        """What it is called, as HTML."""
        if self.row["outcome"] != "missing":
            return f"<bdi>{escape(self.row['file_name'])}</bdi>"
        return f"（未到）{escape(self.row['contract_title'])} · {escape(self.whose[0])}"

    @property
    def rows(self) -> tuple[int, int, int, int]:
        """Rows read, used, set aside, and not used because the whole file is not."""
        read, used, aside = (self.row[f"rows_{name}"] or 0 for name in ("read", "accepted", "set_aside"))
        return read, used, aside, read - used - aside


def validation_path(folder: Path, city: City, month: Month) -> Path:
    """Return where a run keeps its validation report."""
    return folder / "reports" / f"{city.name.zh}医保数据校验报告_{month.compact}.html"


def write_validation(folder: Path, city: City, month: Month, contracts: dict[str, Contract]) -> Path:
    """Write the validation report of a run whose tables are there and return its path.

    The same run gives the same bytes. Raises StoreError when the run is not complete.
    """
    path = validation_path(folder, city, month)
    page = _page(path.stem, folder, city, month, _files(folder, city, contracts))
    with whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


def _files(folder: Path, city: City, contracts: dict[str, Contract]) -> list[_File]:
    """Read the run: its files by kind and whose they are, those nobody could recognise last."""
    manifest, verdicts = read_json(folder / "manifest.json"), read_json(folder / "quality" / "verdicts.json")
    arrivals = {f"{a['sha256'][:12]}{'-' + str(a['index']) if a['index'] else ''}": a for a in manifest["arrivals"]}
    names = {unit.code: (f"{unit.name.zh}（{unit.code}）", unit.name.en) for unit in city.units}
    for account in load_accounts(city.city).accounts:
        names[account.number] = (f"{account.name}（{account.number}）", f"account {account.number}")
    with connect() as connection:
        table = [str(table_path(folder, "set_aside_rows"))]
        found = dict(
            connection.execute("SELECT file_id, count(*) FROM read_parquet(?) GROUP BY file_id", table).fetchall()
        )
        query = connection.execute(_FINDINGS, table)
        titles = [column[0] for column in query.description or []]
        findings: dict[str, list[dict[str, Any]]] = {}
        for values in query.fetchall():
            findings.setdefault(values[0], []).append(dict(zip(titles, values, strict=True)))
    table = read_table(folder, "files")
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    rows.sort(key=lambda row: (not row["contract"], row["contract"], row["part"], row["file_name"], row["file_id"]))
    files = []
    for number, row in enumerate(rows, 1):
        contract, verdict = contracts.get(row["contract"]), verdicts.get(row["file_id"], {})
        whose = names.get(row["part"], (f"{row['part']}年", row["part"]))
        if not row["part"]:
            whose = ("全市", "the city") if contract else ("—", "")
        files.append(
            _File(
                anchor=f"file-{number}",
                row=row,
                arrival=arrivals.get(row["file_id"], {}),
                verdict=verdict,
                contract=contract,
                whose=whose,
                before=manifest["before"].get(verdict.get("of"), []),
                made=_made(contract, verdict) if contract else (),
                findings=findings.get(row["file_id"], []),
                found=found.get(row["file_id"], 0),
            )
        )
    return files


def _made(contract: Contract, verdict: dict[str, Any]) -> tuple[_Made, ...]:
    """Return the checks of a file in the order of its contract."""
    known = {c["check"]: c for c in verdict.get("checks", [])}
    rows_read = Check(_ROWS, "own", "reject", (), _ROWS_READ, RESEND)
    checks = [check for check in (rows_read, *checks_of(contract)) if check.id in known]
    return tuple(_Made(c, known[c.id]["severity"], known[c.id]["failing"], known[c.id]["met"]) for c in checks)


def _both(zh: str, en: str) -> str:
    return f'{escape(zh)} <span lang="en">{escape(en)}</span>' if en else escape(zh)


def _mark(style: str, sign: str, zh: str, en: str) -> str:
    return f'<span class="mark {style}">{sign} {_both(zh, en)}</span>'


def _outcome(file: _File) -> str:
    sign, style, en = _OUTCOMES[file.row["outcome"]]
    return _mark(style, sign, OUTCOMES[file.row["outcome"]], en)


def _table(caption: str, titles: Iterable[str], body: str, foot: str = "") -> str:
    """Return a table that scrolls in its own box; a title that begins with # stands over numbers."""
    head = "".join(
        f'<th scope="col"{" class=number" if title.startswith("#") else ""}>{title.lstrip("#")}</th>'
        for title in titles
    )
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="{escape(caption.split(" <")[0])}"><table>'
        f"<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n{foot}</table></div>\n"
    )


def _row(head: str, cells: Iterable[str], style: str = "") -> str:
    """Return a row under its heading; a cell that begins with # is a number."""
    found = "".join(
        f'<td class="number">{cell[1:]}</td>' if cell.startswith("#") else f"<td>{cell}</td>" for cell in cells
    )
    return f'<tr{style}><th scope="row">{head}</th>{found}</tr>\n'


def _counts(file: _File) -> tuple[int, int, int]:
    """Return how many checks are met, failed and not made."""
    found = Counter(made.met for made in file.made)
    return found[True], found[False], found[None]


def _page(title: str, folder: Path, city: City, month: Month, files: list[_File]) -> str:
    (run,) = read_table(folder, "runs").to_dict("records")
    style = Path(__file__).with_name("validation.css").read_text(encoding="utf-8")
    # Nothing else is loaded or run, whatever text a file brings along.
    allowed = f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(_SCRIPT)}'"
    final = run["figures"] == "final"
    reasons = "" if final else f"：{_both(run['reasons_zh'], run['reasons_en'])}"
    facts = [
        (_both("统筹区", "City"), _both(city.name.zh, city.name.en)),
        (_both("结算月", "Month"), _both(month.zh, str(month))),
        (_both("运行编号", "Run"), f"<code>{escape(run['run_id'])}</code>"),
        (_both("依据文件", "Notice"), escape(run["notice"])),
        (_both("程序版本", "Version"), f"medpool {escape(run['medpool_version'])}"),
    ]
    return f"""<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{allowed}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">{_both("跳到正文", "Skip to content")}</a>
<header>
<h1>{escape(city.name.zh)}医保数据校验报告</h1>
<p lang="en">Data validation report of the pooled medical insurance funds · {escape(city.name.en)} · {month}</p>
<dl class="facts">{"".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)}</dl>
<p class="standing {"good" if final else "warn"}">{_both("数据状态", "Figures")} <b>{_both(FIGURES[run["figures"]], run["figures"])}</b>{reasons}</p>
</header>
<main id="main">
{_overview(files)}{_todo(files)}<h2 id="files">{_both("逐个文件", "File by file")}</h2>
<p class="controls" hidden><button type="button" id="only-problems" aria-pressed="false">{_both("只看有问题的", "Only problems")}</button><button type="button" id="open-all">{_both("全部展开", "Open all")}</button><button type="button" id="close-all">{_both("全部收起", "Close all")}</button> <span class="note">{_both("打印时，收起的部分不打印。", "What is closed is not printed.")}</span></p>
{"".join(_section(file, month) for file in files)}</main>
<footer>{_both("个人信息不在本报告中显示。逐行明细见工作簿“剔除行与警告”及数据集市表 set_aside_rows。", "Nothing that identifies a person is shown. All rows are in the workbook and in the mart's table set_aside_rows.")}</footer>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _digest(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()
