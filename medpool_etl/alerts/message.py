"""Write what concerns an owner as one message, in Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from medpool_etl.alerts.concerns import (
    WORST,
    BreakConcern,
    Concern,
    FileConcern,
    Gate,
    RiskConcern,
    RowsConcern,
    UnfundedConcern,
    read_concerns,
)
from medpool_etl.money import ZERO, grouped
from medpool_etl.periods import Month, Period
from medpool_etl.places import City
from medpool_etl.policy.model import OWNERS

REMIND_AFTER_DAYS = (31, 62, 93)
LONGEST_QUOTE = 60
# What people type may hold the id of a payer: with a day of birth in it, as no receipt number has it, or as the rehearsal
# invents them.
_PERSON = re.compile(r"X\d{16}|(?<!\d)\d{6}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)")
# What a library says of a value it could not read may quote a number of any kind; digests of runs and files are none, nor are names.
_LONG_WORD = re.compile(r"[0-9A-Za-z]{15,}")
_HARMLESS = re.compile(r"[A-Za-z]+|[0-9a-f]*[a-f][0-9a-f]*")
_HIDDEN = "（已隐去）"
_SHEET = "见工作簿“差异明细”"


@dataclass(frozen=True)
class Alert:
    """A message to one owner: ``title`` and ``body`` as people read them (Chinese). ``cut`` says where the rest stands when a service takes
    less (default: in the workbook)."""

    owner: str
    title: str
    body: str
    cut: str = ""


@dataclass(frozen=True)
class Recovery(Concern):
    """A break that ended: its ``name``, its amount in yuan, and ``how`` it ended."""

    name: str
    difference: Decimal
    how: str


def compose(
    folder: Path, city: City, month: Month | Period, remind_after_days: Iterable[int] = REMIND_AFTER_DAYS
) -> tuple[Alert, ...]:
    """Return the alerts of a run for somebody who was told nothing yet, by owner; raises StoreError when the run has no
    summary."""
    concerns = read_concerns(folder, remind_after_days, {})
    written = (write(owner, city, month, concerns.gate, concerns.all) for owner in OWNERS)
    return tuple(alert for alert in written if alert)


def write(owner: str, city: City, month: Month | Period, gate: Gate, concerns: Iterable[Concern]) -> Alert | None:
    """Return the message that tells an owner those of the concerns that are its own, or None where there are none."""
    mine = [concern for concern in concerns if concern.owner == owner]
    if not mine:
        return None
    breaks = [concern for concern in mine if isinstance(concern, BreakConcern)]
    recoveries = [concern for concern in mine if isinstance(concern, Recovery)]
    lines = [*_gate(gate), *_breaks(breaks)]
    lines += [f"■ 文件 {c.name or '（未到）'}：{c.problem}" for c in mine if isinstance(c, FileConcern)]
    for concern in mine:
        if isinstance(concern, RowsConcern):
            lines += _rows(concern)
        if isinstance(concern, UnfundedConcern):
            lines.append(f"■ {concern.whose}：{concern.what}，{grouped(concern.amount)} 元（{concern.clause}）")
    lines += _risks([concern for concern in mine if isinstance(concern, RiskConcern)])
    lines += _recoveries(recoveries)
    state = "已拦截，未发布" if gate.blocked else ""
    matter = "的差异已核清" if len(recoveries) == len(mine) else "有待处理事项"
    title = f"【medpool】{city.name.zh} {month.zh} 医保基金结算{state}：{OWNERS[owner].zh}{matter}"
    return Alert(owner, title, "\n".join(" ".join(line.splitlines()) for line in lines))


def item(key: str) -> str:
    """Return what an item's key stands for: a sum, a voucher without number, a bank's movement or a receipt."""
    if not key:
        return "合计"
    if key.startswith("#"):
        return key.removeprefix("#")
    account, *_, serial = (*key.split("/"), "") if "/" not in key else key.split("/")
    return f"账号 {account} 流水号 {serial}" if serial else f"票据号 {key}"


def without_persons(text: str) -> str:
    """Return a text with every id of a person in it hidden."""
    return _PERSON.sub(_HIDDEN, text)


def without_long_numbers(text: str) -> str:
    """Return a text with everything hidden that may be a person's or an employer's number: words of 15 or more letters and digits."""
    return _LONG_WORD.sub(lambda word: word[0] if _HARMLESS.fullmatch(word[0]) else _HIDDEN, text)


def quoted(text: str) -> str:
    """Return what somebody typed or a file holds: on one line, without ids of persons, at most 60 characters."""
    text = without_persons(" ".join(text.split()))
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def _gate(gate: Gate) -> list[str]:
    if gate.override:
        by, reason = gate.override
        return [f"放行：{quoted(by)}，{quoted(reason)}"]
    if gate.blocked:
        return ["本月结算未发布：标 ⛔ 的差异（含其他责任方的）核清之后，或经放行，才会发布。"]
    return []


def _breaks(breaks: Sequence[BreakConcern]) -> list[str]:
    def group_of(found: BreakConcern) -> tuple[bool, str, str]:
        return not found.blocks, found.pair, found.break_class

    lines = []
    for _, together in groupby(sorted(breaks, key=group_of), key=group_of):
        group = list(together)
        first, late = group[0], sum(found.overdue is not None for found in group)
        lines.append(
            f"{'⛔' if first.blocks else '■'} {first.pair_title}：{first.class_title} {len(group)} 笔"
            f"{f'（其中逾期 {late} 笔）' if late else ''}，差额合计 {grouped(sum((b.difference for b in group), ZERO))} 元"
        )
        # They come by size, and sorting them by group has kept that order.
        lines += [_break(found) for found in group[:WORST]]
        if len(group) > WORST:
            lines.append(f"  - ……另有 {len(group) - WORST} 笔，{_SHEET}")
        lines.append(f"  处理：{first.do}")
    return lines


def _break(found: BreakConcern) -> str:
    late = "" if found.overdue is None else f"【逾期】已挂账 {found.overdue} 天，"
    where = f"（{'；'.join(found.places)}）" if found.places else ""
    amounts = f"左方 {grouped(found.left)}，右方 {grouped(found.right)}"
    return f"  - {late}{found.county_name} {item(found.item_key)}：{amounts}{where}"


def _rows(concern: RowsConcern) -> list[str]:
    lines = [f"■ {concern.name}：{concern.count} 行被剔除，请更正后重新报送"]
    for row, column, found, expected in concern.worst:
        lines.append(f"  - 第{row}行 {column}：{quoted(found)}，应为：{expected}")
    return lines


def _risks(risks: Sequence[RiskConcern]) -> list[str]:
    if not risks:
        return []
    lines = [f"■ 基金运行风险预警 {len(risks)} 条（{risks[0].clause}）"]
    lines += [f"  - 【{found.title}】{found.problem}" for found in risks[:WORST]]
    if len(risks) > WORST:
        lines.append(f"  - ……另有 {len(risks) - WORST} 条，见工作簿“风险预警”")
    return lines


def _recoveries(recoveries: Sequence[Recovery]) -> list[str]:
    if not recoveries:
        return []
    lines = [f"■ 已核清 {len(recoveries)} 笔"]
    for found in sorted(recoveries, key=lambda found: (-abs(found.difference), found.subject))[:WORST]:
        lines.append(f"  - {found.name}，差额 {grouped(found.difference)} 元：{found.how}")
    if len(recoveries) > WORST:
        lines.append(f"  - ……另有 {len(recoveries) - WORST} 笔")
    return lines
