"""What alerts say, and how they are shortened."""

from pathlib import Path

import pytest

from medpool_etl.alerts import Alert, compose
from medpool_etl.alerts.delivery import CUT, shorten
from medpool_etl.errors import StoreError
from tests.alerts.runs import MONTH, TAIZHOU, faulty, found, set_aside, write_run

BLOCKED = {"blocked": True, "override": None}
TAX_FILE = faulty(
    "accepted_with_set_asides",
    file_id="f1",
    file_name="税务征收明细_202203.csv",
    contract="tax_collection_detail",
    owner="tax",
    sha256="0" * 64,
)


def messages(folder: Path, gate: object = None, **tables: list[dict[str, object]]) -> dict[str, Alert]:
    """Return by owner what a run says to somebody who was told nothing."""
    run = write_run(folder, gate, **tables)  # type: ignore[arg-type]
    return {alert.owner: alert for alert in compose(run, TAIZHOU, MONTH)}


def test_a_message_has_counts_amounts_the_worst_rows_and_what_to_do(tmp_path: Path) -> None:
    """Of seven breaks five are named, the largest first; all are counted and summed up."""
    breaks = [found(number, f"{number}.05") for number in range(1, 8)]
    alert = messages(tmp_path, breaks=breaks)["treasury"]
    assert alert.title == "【medpool】台州市 2022年3月 医保基金结算：国库有待处理事项"
    lines = alert.body.split("\n")
    assert lines[0] == "■ 税务征收 ↔ 国库入库：在途 7 笔，差额合计 28.35 元"
    assert lines[1] == "  - 椒江区 票据号 000000000000000007：左方 7.05，右方 0.00（税务征收明细_202203.csv 第8行）"
    assert [line.split("：")[1].split("，")[0] for line in lines[1:6]] == [f"左方 {n}.05" for n in (7, 6, 5, 4, 3)]
    assert lines[6:] == ["  - ……另有 2 笔，见工作簿“差异明细”", "  处理：核对下月是否入库，逾期请向国库查询"]


def test_nothing_to_say_is_no_message(tmp_path: Path) -> None:
    """What was to be expected, was explained or has ended concerns nobody."""
    breaks = [found(1, gate="expected"), *(found(2, state=state) for state in ("explained", "corrected", "cleared"))]
    assert messages(tmp_path, breaks=breaks, files=[TAX_FILE]) == {}


def test_a_blocked_month_says_so_and_names_first_what_blocks(tmp_path: Path) -> None:
    """Head and first line say that nothing is published; what blocks is marked and comes first, however small."""
    breaks = [
        found(1, "900000.00"),
        found(2, "0.01", gate="block", pair="treasury_fiscal", **{"class": "not_transferred", "class_title": "未划"}),
    ]
    alert = messages(tmp_path, BLOCKED, breaks=breaks)["treasury"]
    assert alert.title == "【medpool】台州市 2022年3月 医保基金结算已拦截，未发布：国库有待处理事项"
    lines = alert.body.split("\n")
    assert "未发布" in lines[0] and "⛔" in lines[0] and "放行" in lines[0]
    assert lines[1].startswith("⛔ ") and "未划 1 笔，差额合计 0.01 元" in lines[1]
    assert sum(line.startswith("⛔") for line in lines) == 1 and lines[4].startswith("■ ")


def test_an_override_is_named_with_who_and_why(tmp_path: Path) -> None:
    """A month somebody let through is published: the message says who and why, and still marks what would block."""
    gate = {"blocked": True, "override": {"by": "张科长", "reason": "财政\n已确认，X0000000000000001 下月补划"}}
    alert = messages(tmp_path, gate, breaks=[found(gate="block")])["treasury"]
    assert "拦截" not in alert.title
    lines = alert.body.split("\n")
    assert lines[0] == "放行：张科长，财政 已确认，（已隐去） 下月补划"
    assert lines[1].startswith("⛔ ")


def test_each_owner_is_told_its_own(tmp_path: Path) -> None:
    """Breaks, missing files and rows set aside go to their owners; a file nobody recognised to the city's agency."""
    files = [TAX_FILE, faulty(), faulty("unusable", file_name="说明.txt", contract="", owner="", problem_zh="无法识别")]
    rows = [set_aside(row) for row in (9, 3, 3, 7, 5, 4, 8)] + [set_aside(1, severity="info")]
    told = messages(tmp_path, breaks=[found(), found(2, owner="finance")], files=files, set_aside_rows=rows)
    assert list(told) == ["tax", "treasury", "finance", "agency", "county"]
    assert told["county"].body == "■ 文件 （未到）：缺少椒江区的县级支出月报，应于次月15日前报送"
    assert told["agency"].body == "■ 文件 说明.txt：无法识别"
    lines = told["tax"].body.split("\n")
    assert lines[0] == "■ 税务征收明细_202203.csv：6 行被剔除，请更正后重新报送"
    assert lines[1] == "  - 第3行 实缴金额：12O3.5O，应为：金额，最多两位小数" and len(lines) == 6


def test_no_payer_is_named(tmp_path: Path) -> None:
    """A payer's id that found its way into another column, or into what a person wrote, is not told."""
    rows = [set_aside(5, "X0000000000000001"), set_aside(6, "张三 33100219700101123X 缴费")]
    rows.append(set_aside(7, "333102220300000017"))
    told = messages(tmp_path, breaks=[found()], files=[TAX_FILE], set_aside_rows=rows)
    text = "".join(alert.title + alert.body for alert in told.values())
    assert "X0000000000000001" not in text and "33100219700101123X" not in text and "张三 （已隐去） 缴费" in text
    assert "000000000000000001" in text and "333102220300000017" in text  # numbers of receipts


def test_text_from_files_stays_on_its_line(tmp_path: Path) -> None:
    """A cell with line breaks, or an endless one, does not break the message."""
    told = messages(tmp_path, files=[TAX_FILE], set_aside_rows=[set_aside(5, "一\n二\r\n三" + "长" * 900)])
    (_head, line) = told["tax"].body.split("\n")
    assert line.startswith("  - 第5行 实缴金额：一 二 三长") and len(line) < 120


def test_a_run_without_summary_is_an_error(tmp_path: Path) -> None:
    """A run's folder that lost its summary is named, with what to do."""
    write_run(tmp_path)
    (tmp_path / "summary.json").unlink()
    with pytest.raises(StoreError, match="run the month again"):
        compose(tmp_path, TAIZHOU, MONTH)


@pytest.mark.parametrize("limit", [0, 20, 30, 31, 60, 1000])
def test_shortening_drops_whole_lines_from_the_end(limit: int) -> None:
    """What does not fit goes by whole lines; the last line says that there is more. Nothing shorter than that is said."""
    body = "\n".join(f"第{number}行" for number in range(10))
    short = shorten(body, lambda text: len(text) <= limit)
    if limit >= len(body):
        assert short == body
    else:
        assert short.endswith(CUT) and body.startswith(short.removesuffix(CUT)) and len(short) <= max(limit, len(CUT))
