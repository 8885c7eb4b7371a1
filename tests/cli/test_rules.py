"""`medpool rules` and `medpool check` as an office meets them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medpool_etl import documents

MEDPOOL = [sys.executable, "-c", "from medpool_etl.cli import main; main()"]


def medpool(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MEDPOOL_")}
    return subprocess.run(
        [*MEDPOOL, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**clean, "COLUMNS": "200", **environment},
    )


def changed(folder: Path, name: str, old: str, new: str) -> None:
    """Put a changed copy of a shipped document where an operator puts his own."""
    text = (documents.PACKAGE / name).read_text(encoding="utf-8")
    assert old in text
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_city_from_rules_to_what_is_open() -> None:
    """Rules in the notice's order, values of the day, every alternative of a reading, what is open with its quotation."""
    done = medpool("rules", "zaozhuang", "--day", "2020-06-01")
    assert done.returncode == 0, done.stderr
    shown = done.stdout
    rules = [
        line.split()[0] for line in shown[: shown.index("2020-06-01 的数值")].splitlines() if line.startswith("Zz-")
    ]
    assert rules == ["Zz-2.1", "Zz-2.1.6", "Zz-2.2", "Zz-2.3", "Zz-4.2.0", "Zz-4.2.1", "Zz-4.2.3"]
    assert "枣医保发（2019）74号" in shown and "2020-01-01 起施行" in shown
    assert "rate_public_body" in shown and "7.3" in shown
    assert "● counts_as_paid" in shown and "○ counts_not_as_paid" in shown
    assert "未规定 Unspecified: clearing" in shown and "坚持市、区（市）责任共担" in shown
    assert "personal_account 个人账户基金 Personal accounts（不统筹 not pooled）" in shown
    assert "The rulebook is whole" in shown and "✗" not in shown


def test_a_supplement_laid_over_is_marked() -> None:
    """With a supplement its rules stand behind the notice's, named as invented, and what it supplies is open no more."""
    alone, under = medpool("rules", "hangzhou"), medpool("rules", "hangzhou", "--supplement", "hangzhou-example")
    assert "Unspecified: funding" in alone.stdout and "HX-2" not in alone.stdout
    assert "Unspecified: funding" not in under.stdout and "HX-2" in under.stdout
    assert "an invented example, no published rule" in under.stdout
    assert "Unspecified: subsidy_quarters" in under.stdout
    by_environment = medpool("rules", "hangzhou", MEDPOOL_SUPPLEMENTS="hangzhou-example")
    assert by_environment.stdout == under.stdout


def test_one_rule_with_its_facts() -> None:
    """One rule shows clause, quotation, the facts it takes with their units, and only its own values and readings."""
    done = medpool("rules", "hangzhou", "--rule", "HX-3", "--supplement", "hangzhou-example")
    assert done.returncode == 0, done.stderr
    for part in ("HX-3 年终清算（示例）", "under_collection", "必填 needed", "deficit_pool_share", "clearing"):
        assert part in done.stdout
    assert "dialysis_own_percent_worker" not in done.stdout and "waiting_counts" not in done.stdout


def test_values_of_another_day(tmp_path: Path) -> None:
    """--day shows what held on that day and until when; before a value's first day there is none."""
    name = "policy/rulebooks/hangzhou.yaml"
    old = '      - {from: 2022-01-01, value: "60", source: 杭政函〔2021〕77号 三（一）1（2）, last_checked_on: 2026-11-25}\n'
    changed(tmp_path, name, old, old + old.replace("2022-01-01", "2024-07-01").replace('"60"', '"55"'))

    def floor(day: str) -> list[str]:
        shown = medpool("rules", "hangzhou", "--rule", "H-1.1.2", "--day", day, MEDPOOL_CONFIG=str(tmp_path)).stdout
        return next(line.split() for line in shown.splitlines() if line.startswith("base_floor_percent"))

    assert floor("2024-06-30")[1:5] == ["60", "percent", "2022-01-01", "2024-06-30"]
    assert floor("2024-07-01")[1:4] == ["55", "percent", "2024-07-01"]
    assert floor("2021-12-31")[1:3] == ["尚无", "none"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("rules", "beijing"), "there is no rulebook for 'beijing'"),
        (("rules", "zaozhuang", "--rule", "Zz-9"), "has no rule 'Zz-9'"),
        (("rules", "zaozhuang", "--rule", "clearing"), "坚持市、区（市）责任共担"),
        (
            ("rules", "zaozhuang", "--supplement", "hangzhou-example"),
            "the supplement is for hangzhou, not for zaozhuang",
        ),
        (("rules", "zaozhuang", "--supplement", "none"), "there is no supplement 'none'"),
        (("rules", "zaozhuang", "--day", "2020-13-01"), "'2020-13-01' is not a day"),
    ],
)
def test_a_mistake_is_one_message(arguments: tuple[str, ...], says: str) -> None:
    """What the user can mend ends with 2 and says what is wrong, without a traceback."""
    done = medpool(*arguments)
    assert done.returncode == 2
    assert says in done.stderr and "Traceback" not in done.stdout + done.stderr


WRONG = {
    "rulebook": ("policy/rulebooks/zaozhuang.yaml", "  bought_time:", "  bought:", "policy/rulebooks/zaozhuang.yaml: rule Zz-2.3: no reading bought_time"),
    "supplement": ("policy/supplements/hangzhou-example.yaml", "  grade_points:", "  points:", "policy/supplements/hangzhou-example.yaml: clearing: no value grade_points"),
    "deadlines": ("policy/deadlines/zaozhuang.yaml", "  income_upload:", "  income:", "policy/rulebooks/zaozhuang.yaml: rule Zz-4.2.1: no deadline income_upload"),
    "clause": ("policy/deadlines/zaozhuang.yaml", "clause: Zz-4.1.3", "clause: Zz-9", "deadline final_accounts: there is no clause Zz-9"),
    "units": ("places/hangzhou.yaml", 'valid_to: 2020-12-31, successor: "330102"', 'valid_to: 2020-12-31', "places/hangzhou.yaml: unit 330104 ended on 2020-12-31 and has no successor"),
    "late value": ("policy/rulebooks/zaozhuang.yaml", "{from: 2020-01-01", "{from: 2020-02-01", "rate_employer: no value from 2020-01-01"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "says"), WRONG.values(), ids=WRONG)
def test_check_says_what_is_not_whole(name: str, old: str, new: str, says: str, tmp_path: Path) -> None:
    """`medpool check` ends with 2 and names the document and what it lacks."""
    changed(tmp_path, name, old, new)
    done = medpool("check", MEDPOOL_CONFIG=str(tmp_path))
    assert done.returncode == 2, done.stdout
    assert says in done.stderr and "Traceback" not in done.stderr
    shown = medpool("rules", "zaozhuang", MEDPOOL_CONFIG=str(tmp_path))
    if says.startswith("policy/rulebooks/zaozhuang.yaml: "):
        assert says.removeprefix("policy/rulebooks/zaozhuang.yaml: ") in shown.stdout
