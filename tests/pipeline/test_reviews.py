"""What is reviewed is published only once somebody else has approved the very figures, and every decision is kept."""

from __future__ import annotations

import dataclasses
import logging
import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from medpool_etl import pipeline
from medpool_etl.errors import ApprovalNeededError, BlockedError, ConfigurationError, InputError, RefusedError
from medpool_etl.marts import table_path
from medpool_etl.periods import Period
from medpool_etl.pipeline import MonthRun
from medpool_etl.simulator import simulate
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.approvals import Approvals
from tests.conftest import MONTH, at
from tests.support import Webhook

PERIOD = Period.of(MONTH)


def attended(folder: Path) -> Settings:
    """Settings under which people approve."""
    return dataclasses.replace(at(folder), unattended="")


def run(settings: Settings, by: str | None = None) -> MonthRun:
    return pipeline.run_month(settings, "taizhou", MONTH, by=by)


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month with funding plans, settled by 张三, that waits for its approvals; tests copy it."""
    folder = tmp_path_factory.mktemp("waiting")
    settings = attended(folder)
    simulate("taizhou", MONTH, settings.inbox, year=True)
    with pytest.raises(ApprovalNeededError):
        run(settings, by="张三")
    return folder


@pytest.fixture
def there(waiting: Path, tmp_path: Path) -> Settings:
    """A copy of the month that waits."""
    shutil.copytree(waiting, tmp_path / "data", symlinks=True)
    return attended(tmp_path / "data")


def newest(settings: Settings) -> MonthRun:
    control = Control(settings.control_url)
    try:
        runs = Warehouse(settings.warehouse).root / "runs" / "taizhou" / str(MONTH)
        assert control.published_run("taizhou", str(MONTH)) is None
        return MonthRun("taizhou", str(MONTH), next(runs.iterdir()).name)
    finally:
        control.close()


def decided(settings: Settings) -> list[tuple[object, ...]]:
    """The decisions as the mart has them."""
    with duckdb.connect(str(Warehouse(settings.warehouse).current_mart), read_only=True) as mart:
        return mart.execute(
            "SELECT review, decision, decided_how, decided_by, decision_note, makers, of_published_run FROM approvals"
        ).fetchall()


def test_nothing_is_published_until_it_is_approved(there: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """The error names each review with its clause, its sums and what to do; who is asked is told once."""
    caplog.set_level(logging.WARNING)
    with pytest.raises(ApprovalNeededError) as error:
        run(there)
    said = str(error.value)
    assert "funding_plan 用款计划审核（市医保经办，台政办发〔2021〕48号 附件第十条）" in said
    assert "职工医保 保险费按月划款 划转 1,008,314,223.70 元" in said and "medpool approve taizhou 2022-03" in said
    assert Warehouse(there.warehouse).generation() is None
    # It was told when it first waited.
    assert "待审批" not in caplog.text


def test_somebody_else_approves_and_the_next_run_publishes(there: Settings) -> None:
    """The decisions stand in the mart with the result, and running again changes nothing."""
    stood = pipeline.decide(there, "taizhou", PERIOD, True, "李四", "同意")
    assert [item.name for item in stood] == ["funding_plan", "vouchers"]
    run(there)
    assert decided(there) == [
        ("funding_plan", "approved", "person", "李四", "同意", "张三", True),
        ("vouchers", "approved", "person", "李四", "同意", "张三", True),
    ]
    generation = Warehouse(there.warehouse).generation()
    assert run(there).unchanged
    assert Warehouse(there.warehouse).generation() == generation


def test_the_run_that_was_looked_at_is_the_run_that_is_published(there: Settings) -> None:
    """It is complete before it is approved, and not made again after."""
    looked_at = newest(there)
    before = {path: path.stat().st_mtime_ns for path in looked_at.folder(there).rglob("*") if path.is_file()}
    pipeline.decide(there, "taizhou", PERIOD, True, "李四")
    published = run(there)
    assert published.run_id == looked_at.run_id
    assert {path: path.stat().st_mtime_ns for path in published.folder(there).rglob("*") if path.is_file()} == before


def test_whoever_had_it_made_cannot_approve_it(there: Settings) -> None:
    """Maker ≠ checker, however the name is written; rejecting one's own figures is everybody's right."""
    for name in ("张三", " 张三 "):
        with pytest.raises(RefusedError, match="had a hand"):
            pipeline.decide(there, "taizhou", PERIOD, True, name)
    pipeline.decide(there, "taizhou", PERIOD, False, "张三", "本人发现有误", review="vouchers")
    with pytest.raises(ApprovalNeededError, match="本人发现有误"):
        run(there)


def test_whose_word_is_in_the_figures_cannot_approve_them(there: Settings) -> None:
    """Who decided a plan made its figures; they are new figures, and the vouchers' approval still holds for the same vouchers."""
    pipeline.decide(there, "taizhou", PERIOD, True, "李四")
    pipeline.decide_plan(there, "taizhou", MONTH, "worker", "331002", Decimal("1000000.00"), "王五", "压减")
    with pytest.raises(ApprovalNeededError) as error:
        run(there)
    assert "funding_plan" in str(error.value) and "vouchers" not in str(error.value)
    with pytest.raises(RefusedError, match="王五 had a hand"):
        pipeline.decide(there, "taizhou", PERIOD, True, "王五")
    pipeline.decide(there, "taizhou", PERIOD, True, "赵六")
    run(there)
    rows = {row[:4] for row in decided(there) if row[-1]}
    assert rows == {("funding_plan", "approved", "person", "赵六"), ("vouchers", "approved", "carried", "李四")}


def test_the_same_figures_are_not_asked_for_twice(there: Settings) -> None:
    """A file that changes the run but no figure under review leaves the approvals standing, and says where they come from."""
    first = newest(there)
    pipeline.decide(there, "taizhou", PERIOD, True, "李四")
    (there.inbox / "taizhou" / str(MONTH) / "备忘.txt").write_text("与结算无关", encoding="utf-8")
    again = run(there)
    assert again.run_id != first.run_id
    carried = [row for row in decided(there) if row[2] == "carried"]
    assert [row[0] for row in carried] == ["funding_plan", "vouchers"]
    assert all(first.run_id in str(row[4]) and row[6] is True for row in carried)


def test_a_rejection_needs_a_reason_and_goes_back_with_it(there: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """It is told, it holds against the policy for unattended runs, and a person can take it back by approving."""
    caplog.set_level(logging.WARNING)
    with pytest.raises(RefusedError, match="why is it rejected"):
        pipeline.decide(there, "taizhou", PERIOD, False, "李四", "  ")
    pipeline.decide(there, "taizhou", PERIOD, False, "李四", "天台县金额有误", review="vouchers")
    assert "划款凭证签发已退回" in caplog.text and "天台县金额有误" in caplog.text
    with pytest.raises(ApprovalNeededError, match="rejected by 李四: 天台县金额有误"):
        run(dataclasses.replace(there, unattended="夜间批处理"))
    # All that wait does not mean what was rejected.
    with pytest.raises(InputError, match="nothing of taizhou 2022-03 waits") as error:
        pipeline.decide(there, "taizhou", PERIOD, True, "李四", "已核对")
    assert error.value.expected == "--review vouchers, which was rejected"
    with pytest.raises(RefusedError, match="was rejected: 天台县金额有误"):
        pipeline.decide(there, "taizhou", PERIOD, True, "李四", review="vouchers")
    pipeline.decide(there, "taizhou", PERIOD, True, "李四", "已核对", review="vouchers")
    run(there)
    assert [row[1] for row in decided(there) if row[0] == "vouchers"] == ["rejected", "approved"]
    assert {row[:3] for row in decided(there) if row[0] == "funding_plan"} == {
        ("funding_plan", "approved", "unattended")
    }


def test_what_has_gone_out_is_not_taken_back(there: Settings) -> None:
    """A rejection after publishing is refused: the correction is a new run."""
    pipeline.decide(there, "taizhou", PERIOD, True, "李四")
    run(there)
    with pytest.raises(InputError, match="nothing of taizhou 2022-03 waits"):
        pipeline.decide(there, "taizhou", PERIOD, False, "王五", "太晚")


def test_a_rejection_before_publishing_counts(there: Settings) -> None:
    """Approved, then rejected: the newest word counts, also against a process that asked before it was spoken."""
    pipeline.decide(there, "taizhou", PERIOD, True, "李四")
    asked = {item.name: item.digest for item in pipeline.reviews(there, newest(there))}
    for name in asked:
        pipeline.decide(there, "taizhou", PERIOD, False, "王五", "余额不足", review=name)
    control = Control(there.control_url)
    try:
        with pytest.raises(ApprovalNeededError, match="funding_plan, vouchers"):
            control.publish(newest(there).run_id, "taizhou", str(MONTH), "final", asked)
        assert control.published() == ()
    finally:
        control.close()


def test_unattended_is_recorded_as_such(there: Settings) -> None:
    """The policy stands with each approval it was taken for."""
    run(dataclasses.replace(there, unattended="回填2022年，经财务处同意"))
    assert {row[:5] for row in decided(there)} == {
        (name, "approved", "unattended", "medpool", "回填2022年，经财务处同意") for name in ("funding_plan", "vouchers")
    }


def test_only_those_who_are_asked_may_answer(there: Settings) -> None:
    """MEDPOOL_REVIEWERS names who speaks for an actor; others are refused, with the names of those who may."""
    named = dataclasses.replace(there, reviewers={"finance": ("钱七",)})
    with pytest.raises(RefusedError, match="李四 is not asked for vouchers") as error:
        pipeline.decide(named, "taizhou", PERIOD, True, "李四", review="vouchers")
    assert "钱七" in error.value.expected
    pipeline.decide(named, "taizhou", PERIOD, True, "钱七", review="vouchers")
    pipeline.decide(named, "taizhou", PERIOD, True, "李四", review="funding_plan")
    run(named)


def test_another_run_of_the_same_figures_has_the_same_makers(there: Settings) -> None:
    """Who had one run made does not approve the next one of the period, and the same name is the same person however it is typed."""
    (there.inbox / "taizhou" / str(MONTH) / "备忘.txt").write_text("与结算无关", encoding="utf-8")
    with pytest.raises(ApprovalNeededError):
        run(there, by="Ｌｉ  Wei")
    for name in ("张三", "li wei", "LI WEI", "Li\u200b Wei"):
        with pytest.raises(RefusedError, match="had a hand"):
            pipeline.decide(there, "taizhou", PERIOD, True, name)
    with pytest.raises(RefusedError, match="is the program"):
        pipeline.decide(there, "taizhou", PERIOD, True, "Medpool")


def test_inputs_that_come_back_have_their_makers_still(tmp_path: Path) -> None:
    """Who had a run made, which another was published over, is its maker still when the same inputs make the same run again."""
    control = Control(at(tmp_path).control_url)
    approvals, month = Approvals(control), str(MONTH)
    control.start_run("x", "taizhou", month, "1")
    approvals.made("x", "张三")
    control.start_run("y", "taizhou", month, "1")
    approvals.made("y", "王五")
    assert approvals.makers("taizhou", month) == {"张三", "王五"}
    control.publish("y", "taizhou", month, "final")
    assert approvals.makers("taizhou", month) == {"王五"}
    control.start_run("x", "taizhou", month, "1")
    approvals.made("x", "张三")
    assert approvals.makers("taizhou", month) == {"张三"}
    control.close()


def tell(settings: Settings, waiting: MonthRun) -> None:
    """Ask, as a task does."""
    pipeline.ask(settings, waiting)


def test_reviews_that_ask_at_once_tell_once(there: Settings, webhook: Webhook) -> None:
    """Each review of a run asks for all that wait; nobody is told twice."""
    settings, waiting = dataclasses.replace(there, alert_urls=(webhook.url,)), newest(there)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for told in [pool.submit(tell, settings, waiting) for _ in range(2)]:
            told.result()
    titles = [message["title"] for message in webhook.messages]
    assert len(titles) == len(set(titles)) == 2, titles


def test_what_is_withdrawn_is_reviewed_too(there: Settings) -> None:
    """What was ordered by a file that is gone stands; where a person takes it back and nothing is left, somebody has to say that it is so."""
    pipeline.decide(there, "taizhou", PERIOD, True, "李四")
    run(there)
    for path in (there.inbox / "taizhou" / str(MONTH)).glob("*用款计划*"):
        path.unlink()
    run(there)
    transfers = table_path(pipeline.published_folder(there, "taizhou", PERIOD), "transfers")
    ordered = duckdb.execute(
        f"SELECT fund, county FROM read_parquet('{transfers}') WHERE step = 'allocation' ORDER BY ALL"
    ).fetchall()
    assert ordered
    for fund, county in ordered:
        pipeline.decide_plan(there, "taizhou", MONTH, fund, county, Decimal(0), "孙八", "撤回")
    with pytest.raises(ApprovalNeededError, match=r"funding_plan .*0 笔，不再划转"):
        run(there)
    pipeline.decide(there, "taizhou", PERIOD, True, "李四", review="funding_plan")
    run(there)


def test_no_approval_lets_a_blocked_month_pass(tmp_path: Path) -> None:
    """What the gate stopped is neither approved nor published, whoever calls the step."""
    settings = attended(tmp_path)
    simulate("taizhou", MONTH, settings.inbox, faults=["over_transferred"])
    with pytest.raises(BlockedError) as stopped:
        run(settings)
    assert not isinstance(stopped.value, ApprovalNeededError)
    with pytest.raises(InputError, match="not ready to be approved"):
        pipeline.decide(settings, "taizhou", PERIOD, True, "李四")
    work = next((Warehouse(settings.warehouse).root / "work" / "taizhou" / str(MONTH)).iterdir())
    with pytest.raises(BlockedError, match="because of"):
        pipeline.publish(settings, MonthRun("taizhou", str(MONTH), work.name))
    assert Warehouse(settings.warehouse).generation() is None


def test_an_actor_nobody_knows_opens_no_door(there: Settings) -> None:
    """A misspelt actor in MEDPOOL_REVIEWERS is a mistake, not leave for everybody."""
    with pytest.raises(ConfigurationError, match="finanace"):
        pipeline.decide(dataclasses.replace(there, reviewers={"finanace": ("钱七",)}), "taizhou", PERIOD, True, "李四")


def test_only_the_figures_that_were_shown(there: Settings) -> None:
    """An answer to other figures than those that are there now decides nothing."""
    with pytest.raises(InputError, match="no longer those that were shown"):
        pipeline.decide(there, "taizhou", PERIOD, True, "李四", review="vouchers", digest="0" * 64)


def test_the_newest_run_is_the_one_that_is_decided(there: Settings) -> None:
    """An answer to a run that is no longer the newest is refused, and one of no period at all."""
    with pytest.raises(InputError, match="is not the newest"):
        pipeline.decide(there, "taizhou", PERIOD, True, "李四", run_id="0" * 16)
    with pytest.raises(InputError, match="has no run"):
        pipeline.decide(there, "taizhou", Period.parse("2022-04"), True, "李四")
    with pytest.raises(InputError, match="there is no review reserve"):
        pipeline.decide(there, "taizhou", PERIOD, True, "李四", review="reserve")


def test_what_is_shown_is_what_is_asked(there: Settings) -> None:
    """The text of the approval has the clause, the state of the figures, the makers, the sums and the transfers."""
    looked_at = newest(there)
    item = next(item for item in pipeline.reviews(there, looked_at) if item.name == "vouchers")
    text = pipeline.review_body(there, looked_at, item)
    assert pipeline.review_subject(looked_at, item) == "台州市 2022年3月 划款凭证签发 Transfer vouchers"
    assert "| 职工医保 保险费按月划款 划转 | 9 | 1,008,314,223.70 |" in text
    assert "市级财政部门负责按月开具划款凭证" in text and "正式 final" in text and str(looked_at.folder(there)) in text
    assert sum(line.amount for line in item.lines) == Decimal("1037711983.70")
