"""What waits for somebody's word before it is published (审核、审批): the figures, who may give it, and what was decided."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl import alerts
from medpool_etl.errors import ApprovalNeededError, ConfigurationError, InputError, RefusedError, StoreError
from medpool_etl.marts import table_path
from medpool_etl.money import ZERO, grouped
from medpool_etl.periods import Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.basis import manifest_of
from medpool_etl.pipeline.opening import MonthRun
from medpool_etl.pipeline.plans import own_plans
from medpool_etl.places import FUNDS
from medpool_etl.policy import Review
from medpool_etl.policy.deadline import ACTORS
from medpool_etl.settlement import step_zh
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.approvals import (
    APPROVED,
    CARRIED,
    PERSON,
    POLICY,
    REJECTED,
    UNATTENDED,
    Approvals,
    Decision,
)
from medpool_etl.store.tables import Approval
from medpool_etl.store.transitions import person

# Whose alerts an actor of a review reads, where that is none of the owners of breaks.
_OWNER = {"city": "finance", "county_finance": "finance", "steering_group": "finance"}


@dataclass(frozen=True)
class Line:
    """A transfer under review: ``amount`` yuan by ``due``; ``what`` it is, as people read it (用款计划与拨付 拨付)."""

    transfer_id: str
    what: str
    rule_id: str
    step: str
    fund: str
    county: str
    county_name: str
    payer_name: str
    receiver_name: str
    payer_account: str
    receiver_account: str
    amount: Decimal
    due: dt.date | None


@dataclass(frozen=True)
class Reviewed:
    """A review of a run: its transfers, and where it stands.

    ``digest`` stands for the very figures: whatever changes one of them must be approved again, whatever leaves them as they were need
    not. ``makers`` are the people whose word is in the figures or who had them made: they may not approve them. ``decision`` is the
    newest one on these figures, None while there is none.
    """

    name: str
    review: Review
    lines: tuple[Line, ...]
    digest: str
    makers: tuple[str, ...]
    decision: Approval | None

    @property
    def state(self) -> str:
        """``open``, ``approved`` or ``rejected``. An approval by somebody whose word came into the figures since is none."""
        if self.decision is None or (self.decision.decision == APPROVED and _same(self.decision.by, self.makers)):
            return "open"
        return self.decision.decision

    @property
    def totals(self) -> dict[str, Decimal]:
        """The sum in yuan of each step and fund, by what people read: 职工医保 市级拨付."""
        sums: dict[str, Decimal] = {}
        for line in self.lines:
            key = f"{FUNDS[line.fund].zh} {line.what}"
            sums[key] = sums.get(key, ZERO) + line.amount
        return sums


def reviews(settings: Settings, run: MonthRun) -> tuple[Reviewed, ...]:
    """Return the reviews a settled run needs, in the rulebook's order: those whose rules ordered something. None of a closed period's run,
    and of one that is published already.

    Raises StoreError where the run is not settled yet.
    """
    control = Control(settings.control_url)
    try:
        return _reviews(settings, run, control)
    finally:
        control.close()


def _reviews(settings: Settings, run: MonthRun, control: Control) -> tuple[Reviewed, ...]:
    if control.published_run(run.city, run.month) == run.run_id:
        return ()
    folder = run.folder(settings)
    path = table_path(folder, "transfers")
    if not path.is_file():
        raise StoreError(f"{run.city} {run.month} is not settled yet", do=f"run `medpool run {run.city} {run.month}`")
    if unknown := sorted(set(settings.reviewers) - set(ACTORS)):
        raise ConfigurationError(
            f"nobody is called {', '.join(unknown)}", where="MEDPOOL_REVIEWERS", expected=f"some of {', '.join(ACTORS)}"
        )
    approvals = Approvals(control)
    decided = approvals.newest(run.city, run.month)
    makers = tuple(sorted({*approvals.makers(run.city, run.month), *_words_in(manifest_of(folder))}))
    before = control.published_run(run.city, run.month)
    earlier = (
        table_path(Warehouse(settings.warehouse).run(run.city, run.month, before), "transfers") if before else None
    )
    found = []
    rulebook = run.agreed().rulebook
    for name, review in rulebook.reviews.items():
        titles = {rule_id: rulebook.rules[rule_id].title.zh for rule_id in review.rules}
        lines = _lines(path, titles)
        # That nothing is ordered any more of what was published is a change like any other.
        if lines or (earlier and earlier.is_file() and _lines(earlier, titles)):
            digest = _digest(run, name, lines)
            found.append(Reviewed(name, review, lines, digest, makers, decided.get((name, digest))))
    return tuple(found)


def _words_in(manifest: dict[str, Any]) -> set[str]:
    """Return whose word is in the figures of a run: on plans, on breaks, and to let it pass although it was blocked. Who approved what
    stands of an earlier run made none of it."""
    said = [*own_plans(manifest.get("plans", [])), *manifest.get("decisions", [])]
    if manifest.get("override"):
        said.append(manifest["override"])
    return {item["by"] for item in said}


def _lines(path: Path, rules: dict[str, str]) -> tuple[Line, ...]:
    rows = duckdb.execute(
        "SELECT row_id, rule_id, step, fund, coalesce(county, ''), coalesce(county_name, ''), payer_name, receiver_name, "
        "coalesce(payer_account, ''), coalesce(receiver_account, ''), amount, due_date "
        "FROM read_parquet(?) WHERE rule_id IN (SELECT unnest(?)) ORDER BY row_id",
        [str(path), list(rules)],
    ).fetchall()
    return tuple(
        Line("/".join(row_id.split("/")[3:]), f"{rules[rule]} {step_zh(step or '')}".strip(), rule, step or "", *rest)
        for row_id, rule, step, *rest in rows
    )


def _digest(run: MonthRun, name: str, lines: Iterable[Line]) -> str:
    told = [
        [i.transfer_id, i.payer_account, i.payer_name, i.receiver_account, i.receiver_name, str(i.amount), str(i.due)]
        for i in lines
    ]
    return hashlib.sha256(json.dumps([run.city, run.month, name, told], ensure_ascii=False).encode()).hexdigest()


def decide(
    settings: Settings,
    city: str,
    period: Period,
    approved: bool,
    by: str,
    reason: str = "",
    review: str | None = None,
    run_id: str | None = None,
    digest: str | None = None,
) -> tuple[Reviewed, ...]:
    """Record a person's decision on a review of the period's newest run, on all that are open where none is named; return them as they
    stood before. ``run_id`` and ``digest`` say which run and figures the person was shown: others are not decided.

    Approved figures are published by the next run of the period; rejected ones are not, until they change or somebody approves them.
    Raises RefusedError where nobody is named, a rejection gives no reason, whoever approves had a hand in the figures (maker ≠ checker), or
    is none of those who may be asked (``settings.reviewers``); InputError where nothing waits, the review is not there, or the figures
    are no longer the newest.
    """
    reason = " ".join(reason.split())
    try:
        by = person(by)
    except InputError as error:
        raise RefusedError(error.what, do=error.do) from error
    if not approved and not reason:
        raise RefusedError(
            "why is it rejected?", expected="a reason", do="give one: it goes back to those who made the figures"
        )
    control = Control(settings.control_url)
    try:
        approvals = Approvals(control)
        newest = approvals.latest_run(city, str(period))
        if newest is None or (run_id or newest) != newest:
            raise InputError(
                f"the run {run_id} of {city} {period} is not the newest" if newest else f"{city} {period} has no run",
                do=f"run `medpool run {city} {period}` and look at `medpool reviews {city} {period}`",
            )
        run = MonthRun(city, str(period), newest)
        if not run.complete(settings):
            raise InputError(
                f"the newest run of {city} {period} is not ready to be approved",
                do=f"wait for it, or run `medpool run {city} {period}`; it says what stops it",
            )
        waiting = _wanted(_reviews(settings, run, control), review, f"{city} {period}")
        makers = waiting[0].makers
        if digest is not None and [item.digest for item in waiting] != [digest]:
            raise InputError(
                f"the figures of {review} are no longer those that were shown", do="look at them again: medpool reviews"
            )
        if approved and not reason and [item for item in waiting if item.state == REJECTED]:
            raise RefusedError(
                f"{review} was rejected: {waiting[0].decision.reason if waiting[0].decision else ''}",
                expected="a reason to approve it all the same",
                do="give the --reason, or have it corrected",
            )
        if stranger := [i for i in waiting if not _may(settings, i.review.by, by)]:
            raise RefusedError(
                f"{by} is not asked for {'、'.join(i.name for i in stranger)}",
                where=f"{city} {period}",
                expected=f"one of {'、'.join(sorted(n for i in stranger for n in settings.reviewers[i.review.by]))} (MEDPOOL_REVIEWERS)",
            )
        if approved and _same(by, makers):
            raise RefusedError(
                f"{by} had a hand in these figures and cannot approve them",
                where=f"{city} {period}",
                expected=f"somebody other than {'、'.join(sorted(set(makers)))} (maker ≠ checker)",
            )
        decision = APPROVED if approved else REJECTED
        approvals.decide(
            city,
            str(period),
            newest,
            [Decision(i.name, i.digest, decision, PERSON, by, reason, makers) for i in waiting],
        )
        if not approved:
            _send_back(settings, run)
        return waiting
    finally:
        control.close()


def _wanted(found: tuple[Reviewed, ...], review: str | None, called: str) -> tuple[Reviewed, ...]:
    """Return the review that is named, or all that nobody has decided: a decision is changed by name only."""
    if review is not None and found and review not in {item.name for item in found}:
        raise InputError(f"there is no review {review}", expected=f"one of {', '.join(i.name for i in found)}")
    waiting = tuple(item for item in found if item.name == review or (review is None and item.state == "open"))
    if not waiting:
        decided = [item.name for item in found if item.state == REJECTED]
        raise InputError(
            f"nothing of {called} waits for approval",
            expected=f"--review {decided[0]}, which was rejected" if decided else "",
        )
    return waiting


def stand_in(settings: Settings, run: MonthRun) -> None:
    """Record for a run what needs nobody's word any more: approvals of the very same figures in an earlier run of the period
    (``carried``), and those the policy ``settings.unattended`` stands for (``unattended``). What a person rejected stays rejected."""
    control = Control(settings.control_url)
    try:
        found = _reviews(settings, run, control)
        decisions = [
            Decision(
                i.name, i.digest, APPROVED, CARRIED, i.decision.by, f"同一数据，见运行 {i.decision.run_id}", i.makers
            )
            for i in found
            if i.state == APPROVED and i.decision and i.decision.run_id != run.run_id
        ]
        if settings.unattended:
            decisions += [
                Decision(i.name, i.digest, APPROVED, UNATTENDED, POLICY, settings.unattended, i.makers)
                for i in found
                if i.state == "open"
            ]
        if decisions:
            Approvals(control).decide(run.city, run.month, run.run_id, decisions)
    finally:
        control.close()


def needed(settings: Settings, run: MonthRun, agreed: Agreed) -> dict[str, str]:
    """Return what must be approved before the run is published, each review with the digest of its figures.

    Raises ApprovalNeededError, naming each with its sums and what to do, while one is open or rejected.
    """
    found = reviews(settings, run)
    if waiting := [item for item in found if item.state != APPROVED]:
        raise needs_approval(waiting, agreed, run)
    return {item.name: item.digest for item in found}


def needs_approval(waiting: Iterable[Reviewed], agreed: Agreed, run: MonthRun) -> ApprovalNeededError:
    """Return the error that says what waits for whom, its sums, why it was rejected where it was, and how it is approved."""
    called = f"{run.city} {run.month}"
    lines = []
    for item in waiting:
        sums = "，".join(f"{name} {grouped(total)} 元" for name, total in item.totals.items())
        lines.append(
            f"  ◇ {item.name} {item.review.title.zh}（{ACTORS[item.review.by].zh}，{agreed.rulebook.cite(item.review.clause)}）："
            f"{len(item.lines)} 笔，{sums or '不再划转 nothing any more'}"
        )
        if item.state == REJECTED and item.decision:
            lines.append(f"     已退回 rejected by {item.decision.by}: {item.decision.reason}")
    return ApprovalNeededError(
        "nothing new is published until this is approved\n" + "\n".join(lines),
        where=f"{agreed.city.name.zh} {run.period.zh} 待审批 awaiting approval",
        do=(
            f"look at it (`medpool reviews {called}`); approve it (`medpool approve {called} --run {run.run_id} --by NAME`, or the required "
            f"action in Airflow) and run `medpool run {called}` again; or reject it with a reason "
            f"(`medpool reject {called} --review NAME --by NAME --reason TEXT`)"
        ),
    )


def ask(settings: Settings, run: MonthRun) -> tuple[Reviewed, ...]:
    """Tell those who are asked for their word what waits for it, once for the same figures; return what waits.

    A destination that does not take it does not stop anything: the same is said in the log, and tried again by the next run.
    """
    waiting = tuple(item for item in reviews(settings, run) if item.state != APPROVED)
    _tell(settings, run, waiting, "待审批")
    return waiting


def _send_back(settings: Settings, run: MonthRun) -> None:
    rejected = tuple(item for item in reviews(settings, run) if item.state == REJECTED)
    _tell(settings, run, rejected, "已退回")


def _tell(settings: Settings, run: MonthRun, waiting: tuple[Reviewed, ...], how: str) -> None:
    if not waiting:
        return
    agreed = run.agreed()
    control = Control(settings.control_url)
    # Several reviews of a run ask at once: the second is to know whom the first has told.
    with Warehouse(settings.warehouse).exclusive(f"alerts-{run.city}"), closing(control):
        for item in waiting:
            lines = [f"■ {item.review.title.zh}（{agreed.rulebook.cite(item.review.clause)}）：{len(item.lines)} 笔"]
            lines += [f"  - {name} {grouped(total)} 元" for name, total in item.totals.items()]
            if item.decision and item.state == REJECTED:
                lines.append(f"  退回：{alerts.quoted(item.decision.by)}，{alerts.quoted(item.decision.reason)}")
            lines.append(
                "  处理：在 Airflow 的 Required Actions 中审批，或 medpool reviews / approve / reject；经办人不得审批自己经手的数据"
            )
            title = f"【medpool】{agreed.city.name.zh} {run.period.zh} {item.review.title.zh}{how}"
            owner = _OWNER.get(item.review.by, item.review.by)
            about = f"review/{run.city}/{run.month}/{item.name}/{item.digest}"
            what = how if item.state != REJECTED or item.decision is None else f"{how}/{item.decision.id}"
            alerts.tell_once(control, settings.alert_urls, alerts.Alert(owner, title, "\n".join(lines)), about, what)


def made_by(settings: Settings, run: MonthRun, name: str | None) -> None:
    """Record that a person had the run made, who then may not approve it. No name, no record."""
    if name and not run.unchanged:
        control = Control(settings.control_url)
        try:
            Approvals(control).made(run.run_id, name)
        finally:
            control.close()


def _may(settings: Settings, actor: str, name: str) -> bool:
    return actor not in settings.reviewers or _same(name, settings.reviewers[actor])


def _same(name: str, others: Iterable[str]) -> bool:
    return name.casefold() in {other.casefold() for other in others}
