"""The data validation report of a month: one page of HTML that needs nothing else, a section for every file."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any

from medpool_etl.contracts import Check, Contract, checks_of
from medpool_etl.contracts.checks import RESEND
from medpool_etl.documents import Text
from medpool_etl.marts import table_path
from medpool_etl.money import grouped
from medpool_etl.periods import Month, Period
from medpool_etl.places import City, load_accounts
from medpool_etl.reports.sheets import FIGURES, OUTCOMES, SEVERITIES
from medpool_etl.reports.tables import read_table
from medpool_etl.store.session import connect
from medpool_etl.store.warehouse import read_json, whole

SHOWN = 200
# Words are written 中文|English. An outcome has a style and a sign too; its Chinese word is the workbook's.
_OUTCOMES = {
    "accepted": ("good", "✓", "used"), "accepted_with_set_asides": ("warn", "!", "used in part"),
    "rejected": ("bad", "✗", "rejected"), "unusable": ("bad", "✗", "unusable"),
    "superseded": ("idle", "–", "superseded"), "missing": ("bad", "✗", "missing"),
}  # fmt: skip
_SEVERITIES = {"critical": "file rejected", "warning": "row set aside", "info": "warning only"}
_RESULTS = {True: ("good", "✓", "通过|met"), False: ("bad", "✗", "未通过|failed"), None: ("idle", "–", "未核|not made")}
_LINES = {
    "data": "数据|data", "total": "合计|total", "subtotal": "小计|subtotal", "header": "重复表头|repeated header",
    "note": "备注|note", "blank": "空行|blank",
}  # fmt: skip
_RULES = "规则、区间与期间|Rules, ranges and periods"
_GROUPS = {
    "结构与类型|Schema and types": ("missing", "form", "pattern", "fields", "unreadable"),
    "主键|Keys": ("duplicate",),
    "取值范围|Sets of allowed values": ("unknown",),
    _RULES: ("own",),
    "控制总数|Control totals": ("total", "unverified"),
    "跨文件与历史|Across files and months": ("unmatched", "volume", "stated"),
}
_GROUP_OF = {kind: words for words, kinds in _GROUPS.items() for kind in kinds}
# What a failure is where it is no number of rows, and what a check that was not made lacked.
_FAILURES = {"total": "合计不符|it differs", "unverified": "未能核对|not compared", "stated": "无合计行|no total line"}
_LACKS = {
    "average_wage": "缺少所需资料：上年全省月平均工资|lacks the provincial average wage of the year before",
    "unmatched": "缺少所需资料：本月可对照的文件|lacks a file of the month to compare with",
    "volume": "缺少所需资料：可比的以前月份|lacks months before to compare with",
    "stated": "缺少所需资料：可比的以前月份|lacks months before to compare with",
}
_KINDS = {"text": "文本|text", "fixed": "定长文本|text in fixed columns", "xlsx": "工作簿|workbook"}
_DELIMITERS = {",": "逗号|comma", "\t": "制表符|tab", "|": "竖线|vertical bar", ";": "分号|semicolon"}
_UNITS = {1: "元|yuan", 10_000: "万元|10,000 yuan"}
# A check, what came of it, and the columns it looks at.
_Made = tuple[Check, dict[str, Any], str]
_FINDINGS = f"""
SELECT file_id, row_no, sheet, column_headers, found, expected_zh, expected_en, do_zh, do_en
FROM read_parquet(?) QUALIFY row_number() OVER (PARTITION BY file_id ORDER BY sheet, row_no, check_id) <= {SHOWN}
ORDER BY file_id, sheet, row_no, check_id
"""
# The page is whole without this: it only folds sections and hides what has no problem. Old browsers can read it.
_SCRIPT = "\n" + Path(__file__).with_name("validation.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class _File:
    """What is known of a file of the month, or of one that is missing; the first texts are HTML.

    ``style`` says how bad it is: good, warn, bad, or idle for one that no longer counts. ``rows`` are those read, used, set
    aside, and unused because the whole file is. ``made`` has each check and what came of it: met None, it was not made;
    ``counts`` says how many are. ``found`` counts the failing rows, of which ``findings`` are the first.
    """

    anchor: str
    label: str
    kind: str
    whose: str
    outcome: str
    problem: str
    style: str
    rows: tuple[int, int, int, int]
    contract: Contract | None
    arrival: dict[str, Any]
    verdict: dict[str, Any]
    made: tuple[_Made, ...]
    counts: Counter[bool | None]
    before: list[dict[str, Any]]
    found: int
    findings: list[tuple[Any, ...]]


def validation_path(folder: Path, city: City, month: Month | Period) -> Path:
    """Return where a run keeps its validation report."""
    return folder / "reports" / f"{city.name.zh}医保数据校验报告_{month.compact}.html"


def write_validation(folder: Path, city: City, month: Month | Period, contracts: dict[str, Contract]) -> Path:
    """Write the validation report of a run whose tables are there and return its path; raises StoreError without them."""
    path = validation_path(folder, city, month)
    page = _page(path.stem, folder, city, month, _files(folder, city, contracts))
    with whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


def _files(folder: Path, city: City, contracts: dict[str, Contract]) -> list[_File]:
    """Read the files of a run, by kind and whose they are; those nobody could recognise stand last."""
    manifest, verdicts = read_json(folder / "manifest.json"), read_json(folder / "quality" / "verdicts.json")
    arrivals = {a["sha256"][:12] + (f"-{a['index']}" if a["index"] else ""): a for a in manifest["arrivals"]}
    whose = {unit.code: _both(f"{unit.name.zh}（{unit.code}）", unit.name.en) for unit in city.units}
    for account in load_accounts(city.city).accounts:
        whose[account.number] = escape(f"{account.name}（{account.number}）")
    with connect() as connection:
        path = [str(table_path(folder, "set_aside_rows"))]
        counted = connection.execute("SELECT file_id, count(*) FROM read_parquet(?) GROUP BY file_id", path).fetchall()
        found, findings = dict(counted), connection.execute(_FINDINGS, path).fetchall()
    table = read_table(folder, "files")
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    rows.sort(key=lambda row: (not row["contract"], row["contract"], row["part"], row["file_name"], row["file_id"]))
    files = []
    for number, row in enumerate(rows, 1):
        file_id, part, contract = row["file_id"], row["part"], contracts.get(row["contract"])
        verdict = verdicts.get(file_id, {})
        made = _made(contract, {check["check"]: check for check in verdict.get("checks", [])})
        kind = _text(contract.title) if contract else _say("未能识别|not recognised")
        style, sign, outcome = _OUTCOMES[row["outcome"]]
        read, used, aside = (row[name] or 0 for name in ("rows_read", "rows_accepted", "rows_set_aside"))
        fault = found.get(file_id) or any(said["met"] is False for _, said, _ in made)
        files.append(
            _File(
                anchor=f"file-{number}",
                label=f"<bdi>{escape(row['file_name'])}</bdi>" if row["file_name"] else f"（未到）{kind}",
                kind=kind,
                whose=whose.get(part, escape(part)) if part else _say("全市|the city") if contract else "—",
                outcome=_mark(style, sign, _both(OUTCOMES[row["outcome"]], outcome)),
                problem=_both(row["problem_zh"], row["problem_en"]) if row["problem_zh"] else "",
                style="warn" if style == "good" and fault else style,
                rows=(read, used, aside, read - used - aside),
                contract=contract,
                arrival=arrivals.get(file_id, {}),
                verdict=verdict,
                made=made,
                counts=Counter(said["met"] for _, said, _ in made),
                before=manifest["before"].get(verdict.get("of"), []),
                found=found.get(file_id, 0),
                findings=[finding[1:] for finding in findings if finding[0] == file_id],
            )
        )
    return files


def _made(contract: Contract | None, judged: dict[str, dict[str, Any]]) -> tuple[_Made, ...]:
    """Return the checks of a file that was judged, with its columns as the file names them, as HTML."""
    if not contract or not judged:
        return ()
    titles = {item.name: item.description.zh for item in contract.metadata}
    titles |= {column.name: column.header for column in contract.columns}
    some = Check("rows_read", "fields", "reject", (), Text(zh="至少有一行数据", en="at least one row of data"), RESEND)
    made = []
    for check in (some, *checks_of(contract)):
        whole = "整行|whole row" if check.id.startswith("row__") else "整个文件|whole file"
        columns = escape("、".join(titles[name] for name in check.columns))
        made.append((check, judged[check.id], columns or _say(whole)))
    return tuple(made)


def _both(zh: str, en: str) -> str:
    return f'{escape(zh)} <span lang="en">{escape(en)}</span>'


def _say(words: str) -> str:
    """Return words of our own, written 中文|English, as HTML."""
    return _both(*words.split("|"))


def _text(text: Text) -> str:
    return _both(text.zh, text.en)


def _mark(style: str, sign: str, words: str) -> str:
    return f'<span class="mark {style}">{sign} {words}</span>'


def _row(head: str, cells: list[Any], style: str = "") -> str:
    """Return a row of a table under its heading; a cell is HTML, or a whole number, which stands to the right."""
    tds = (f'<td class="number">{cell:,}</td>' if isinstance(cell, int) else f"<td>{cell}</td>" for cell in cells)
    return f'<tr class="{style}"><th scope="row">{head}</th>{"".join(tds)}</tr>\n'


def _table(caption: str, titles: str, body: str, foot: str = "") -> str:
    """Return a table that scrolls in its own box. ``titles`` are words with / between them, # before one over numbers."""
    head = "".join(
        f'<th scope="col"{" class=number" if words[0] == "#" else ""}>{_say(words.strip("#"))}</th>'
        for words in titles.split(" / ")
    )
    return f"""<div class="box" tabindex="0"><table><caption>{caption}</caption>
<thead><tr>{head}</tr></thead>
<tbody>
{body}</tbody>{foot}</table></div>
"""


def _page(title: str, folder: Path, city: City, month: Month | Period, files: list[_File]) -> str:
    (run,) = read_table(folder, "runs").to_dict("records")
    final, style = run["figures"] == "final", Path(__file__).with_name("validation.css").read_text(encoding="utf-8")
    figures = _mark("good" if final else "warn", "✓" if final else "!", _both(FIGURES[run["figures"]], run["figures"]))
    facts = {
        "统筹区|City": _text(city.name),
        "结算月|Month": _both(month.zh, str(month)),
        "运行编号|Run": f"<code>{escape(run['run_id'])}</code>",
        "依据文件|Notice": escape(run["notice"]),
        "程序版本|Version": escape(run["medpool_version"]),
        "数据状态|Figures": figures + ("" if final else f" {_both(run['reasons_zh'], run['reasons_en'])}"),
    }
    if run["gate_state"] != "open":
        said = f"：{run['override_by']}，{run['override_reason']}" if run["override_by"] else ""
        words = "已拦截，人工放行|blocked, and overridden" if said else "已拦截，未发布|blocked, not published"
        facts["放行|Gate"] = _mark("warn" if said else "bad", "!", _say(words) + escape(said))
    # Nothing else is loaded or run, whatever text a file brings along.
    digests = [b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, _SCRIPT)]
    allowed = "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'".format(*digests)
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
<a class="skip" href="#main">{_say("跳到正文|Skip to content")}</a>
<header>
<h1>{escape(city.name.zh)}医保数据校验报告</h1>
<p lang="en">Data validation report of the pooled medical insurance funds · {escape(city.name.en)} · {month}</p>
<dl class="facts">{"".join(f"<div><dt>{_say(name)}</dt><dd>{value}</dd></div>" for name, value in facts.items())}</dl>
</header>
<main id="main">
<h2 id="overview">{_say("总览|Overview")}</h2>
<p class="controls" hidden><button type="button" id="only-problems" aria-pressed="false">{_say("只看有问题的文件|Only files with problems")}</button><button type="button" id="open-all">{_say("全部展开|Open all")}</button></p>
{_overview(files)}<h2 id="files">{_say("逐个文件|File by file")}</h2>
<p class="note">{_say("全部通过的文件收起；收起的部分不打印。个人信息不在本报告中显示。|Files that pass everything are closed, and what is closed is not printed. Nothing that identifies a person is shown.")}</p>
{"".join(_section(file, month) for file in files)}</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _overview(files: list[_File]) -> str:
    body, sums = "", [0] * 8
    for file in files:
        lines = file.verdict.get("lines", {})
        numbers = [sum(lines.values()), *file.rows, *(file.counts[met] for met in (True, False, None))]
        sums = [one + other for one, other in zip(sums, numbers, strict=True)]
        outcome = f"{file.outcome}<br>{file.problem}"
        kinds = "<br>".join(f"{_say(words)} {lines[kind]:,}" for kind, words in _LINES.items() if kind in lines)
        link = f'<a href="#{file.anchor}">{file.label}</a>'
        cells = [file.kind, file.whose, outcome, f'<span class="flow lines">{kinds}</span>', *numbers]
        body += _row(link, cells, file.style)
    zh = f"本月 {len(files)} 个文件。读入的每一行，必为采用、剔除、随整个文件不用三者之一。表格式报表按险种展开后计行。"
    en = "Every row read is used, set aside, or unused with its whole file. Forms are counted with rows for each fund."
    return _table(
        _both(zh, f"{len(files)} files of the month. {en}"),
        "文件|File / 类型|Kind / 所属|Whose / 处理结果|Outcome / 表头以下的行|Lines below the header / #共|All / #其中读入|Rows read"
        " / #=采用|= used / #+剔除|+ set aside / #+随文件不用|+ unused with file / #检查通过|Checks met / #未通过|Failed / #未核|Not made",
        body,
        f"<tfoot>{_row(_say('合计|Total'), ['', '', '', '', *sums])}</tfoot>",
    )


def _section(file: _File, month: Month | Period) -> str:
    read, used, aside, unused = (f"<b>{number:,}</b>" for number in file.rows)
    met, failed, unmade = (f"<b>{file.counts[made]}</b>" for made in (True, False, None))
    sums = f"""<p class="sum">{_say("读入|read")} {read} = {_say("采用|used")} {used} + {_say("剔除|set aside")} {aside} + {_say("随文件不用|unused with the file")} {unused}</p>
<p class="sum">{_say("检查：通过|checks met")} {met}，{_say("未通过|failed")} {failed}，{_say("未核|not made")} {unmade}</p>"""
    faults = "".join(
        f'<li><a href="#{file.anchor}-{check.id}">{columns}</a>：{_text(check.expected)} {_result(check, said, file)}</li>'
        for check, said, columns in file.made
        if said["met"] is False
    )
    return f"""<section class="file {file.style}" id="{file.anchor}" aria-labelledby="{file.anchor}-name">
<h3 id="{file.anchor}-name">{file.label} {file.outcome}</h3>
<p>{file.kind} · {file.whose}</p>
{f'<p class="problem">{file.problem}</p>' if file.problem else ""}{sums if file.made else ""}{f"<ul>{faults}</ul>" if faults else ""}
<details{" open" if file.style in ("bad", "warn") else ""}><summary>{_say("文件信息、合计与检查|Facts, sums and checks")}</summary>
{_facts(file, month)}{_sizes(file)}{_checks(file)}{_failing(file)}</details>
<p class="back"><a href="#overview">{_say("回到总览|Back to the overview")}</a></p>
</section>
"""


def _facts(file: _File, month: Month | Period) -> str:
    facts: dict[str, str] = {}
    contract, shape = file.contract, file.arrival.get("shape")
    if file.arrival:
        facts["指纹|SHA-256"] = f"<code>{escape(file.arrival['sha256'])}</code>"
    if shape:
        delimiter = _DELIMITERS.get(shape["delimiter"])
        form = [_say(_KINDS[shape["kind"]]), escape(shape["encoding"]), _say(delimiter) if delimiter else ""]
        facts["格式、编码、分隔符|Form, encoding, delimiter"] = " · ".join(text for text in form if text)
        facts["工作表、表头行、金额单位|Sheet, header row, unit"] = "<br>".join(
            f"{escape(sheet or '—')} · {_say(f'第 {row} 行|row {row}')} · {_say(_UNITS[unit])}"
            for sheet, row, unit in ((b["sheet"], b["header_row"], b["unit"]) for b in shape["blocks"])
        )
    if shape and contract and contract.metadata:
        values = [(_text(item.description), shape["metadata"].get(item.name)) for item in contract.metadata]
        facts["标题内容|Title values"] = "<br>".join(f"{name}：{escape(text or '—')}" for name, text in values)
    if contract:
        expected = contract.expected
        last = month if isinstance(month, Month) else month.last_month
        start = last if expected.every == "month" else Month(int(expected.year_of(last)), 1)
        day = "" if expected.every == "once" else f"（{expected.deadline.on(start)}）"
        facts["合同及版本|Contract and version"] = f"<code>{contract.contract}</code> {contract.version}"
        facts["报送单位|Sender"] = _text(contract.sender)
        facts["应报日期|Due"] = _both(contract.due.zh + day, contract.due.en)
    body = "".join(_row(_say(name), [f'<span class="flow">{value}</span>']) for name, value in facts.items())
    return _table(f"<h4>{_say('文件信息|Facts')}</h4>", "项目|Item / 内容|Value", body) if facts else ""


def _sizes(file: _File) -> str:
    """Return the rows and sums of a file beside those of the months before and the file's own total."""
    size, said = file.verdict.get("size"), {check.id: result for check, result, _ in file.made}
    if not size or not file.contract:
        return ""
    found = {check.columns: result["failing"] for check, result, _ in file.made if check.kind == "volume"}
    percent = {columns: f"{number}%" for columns, number in found.items() if number is not None}
    before = "<br>".join(f"{item['rows']:,}" for item in file.before)
    body = _row(_say("行数|Rows"), [f"{size['rows']:,}", "—", before or "—", percent.get((), "—")])
    for name, amount in size["sums"].items():
        stated = "有合计行，无不符|there, nothing differs" if size["total"] else "没有合计行|not there"
        if said[f"{name}__total"]["met"] is False:
            stated = "有合计行，不符|there, differs"
        elif said[f"{name}__total_unverified"]["met"] is False:
            stated = "有合计行，未能核对|there, not compared"
        before = "<br>".join(grouped(Decimal(item["sums"][name])) for item in file.before if name in item["sums"])
        cells = [grouped(Decimal(amount)), _say(stated), before or "—", percent.get((name,), "—")]
        body += _row(escape(file.contract.by_name[name].header) + "（元）", cells)
    titles = "项目|Item / 本月|This month / 文件自带的合计|The file's own total / 前三个月，由近到远|Three months before, newest first / 为其平均的百分比|Percent of their average"
    return _table(f"<h4>{_say('规模与合计|Size and sums')}</h4>", titles, body)


def _checks(file: _File) -> str:
    body = ""
    for words in _GROUPS:
        rows = [made for made in file.made if _GROUP_OF.get(made[0].kind, _RULES) == words]
        if rows:
            body += f'<tr class="group"><th scope="rowgroup" colspan="6">{_say(words)}</th></tr>\n'
        for check, said, columns in rows:
            name = f'<code id="{file.anchor}-{check.id}">{check.id}</code>'
            severity = _both(SEVERITIES[said["severity"]], _SEVERITIES[said["severity"]])
            severity = f'<span class="lines">{severity}</span>'
            cells = [columns, _text(check.expected), severity, _result(check, said, file), _text(check.do)]
            body += _row(name, cells, "bad" if said["met"] is False else "")
    heads = "检查|Check / 栏目|Column / 应为|Expected / 不满足时|If not / 结果|Result / 处理办法|What to do"
    return _table(f"<h4>{_say('检查|Checks')}</h4>", heads, body) if body else ""


def _result(check: Check, said: dict[str, Any], file: _File) -> str:
    """Return what came of a check, in words."""
    style, sign, words = _RESULTS[said["met"]]
    failing, more = said["failing"], ""
    if said["met"] is None:
        needs = {own.id: own.needs for own in file.contract.checks} if file.contract else {}
        more = _say(_LACKS.get(needs.get(check.id) or check.kind, "缺少所需资料|lacks what it needs"))
    elif check.kind == "volume":
        more = f"{failing}%"
    elif failing:
        more = _say(_FAILURES.get(check.kind, f"{failing:,} 行|{failing:,} rows"))
    elif check.kind == "total":
        failed = {(other.kind, other.columns) for other, result, _ in file.made if result["met"] is False}
        more = _say(_FAILURES["unverified"]) if ("unverified", check.columns) in failed else ""
        more = more if file.verdict["size"]["total"] else _say(_FAILURES["stated"])
    return f"{_mark(style, sign, _say(words))} {more}"


def _failing(file: _File) -> str:
    if not file.findings:
        return ""
    body, rest = "", file.found - len(file.findings)
    caption = f"<h4>{_say(f'未通过的行：{file.found:,} 条|Failing rows: {file.found:,}')}</h4>"
    if rest:
        more = f"前 {SHOWN} 条；另有 {rest:,} 条，全部在数据集市表 set_aside_rows 中"
        caption += _say(f"{more}|the first {SHOWN}; {rest:,} more, all in the mart's table set_aside_rows")
    for row, sheet, columns, text, zh, en, do_zh, do_en in file.findings:
        cells = [f"<bdi>{escape(found or '—')}</bdi>" for found in (sheet, columns, text)]
        body += _row(str(row), [*cells, _both(zh, en), _both(do_zh, do_en)])
    titles = "行号|Row / 工作表|Sheet / 栏目|Column / 实际内容|Found / 应为|Expected / 处理办法|What to do"
    return _table(caption, titles, body)
