"""`medpool met` as its users meet it: a word is recorded, listed, and refused where it makes no sense."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_cli import medpool


def test_a_word_is_recorded_and_listed(tmp_path: Path) -> None:
    """It is printed with the deadline's title and stands in the list; a second one is refused with the first."""
    assert "没有 None" in medpool(tmp_path, "met", "taizhou").stdout
    done = medpool(tmp_path, "met", "taizhou", "plan_review", "2022-03", "--by", "张三", "--note", "3月30日已报市财政")
    assert done.returncode == 0, done.stderr
    assert "审核用款计划并向市财政申请" in done.stdout and "张三: 3月30日已报市财政" in done.stdout
    again = medpool(tmp_path, "met", "taizhou", "plan_review", "2022-03", "--by", "李四", "--note", "已报")
    assert again.returncode == 2 and "张三 has said so already" in again.stderr and "Traceback" not in again.stderr
    listed = medpool(tmp_path, "met", "taizhou", COLUMNS="160").stdout
    assert "plan_review" in listed and "2022-03" in listed and "张三" in listed


def test_refused(tmp_path: Path) -> None:
    """Without a period, a name, a note or a deadline there is nothing to record."""
    for arguments, says in (
        (("plan_review",), "of which period?"),
        (("plan_review", "2022-03", "--note", "x"), "who says so?"),
        (("plan_review", "2022-03", "--by", "张三"), "how is it known"),
        (("nothing", "2022-03", "--by", "张三", "--note", "x"), "has no deadline 'nothing'"),
    ):
        done = medpool(tmp_path, "met", "taizhou", *arguments)
        assert done.returncode == 2 and says in done.stderr, arguments
