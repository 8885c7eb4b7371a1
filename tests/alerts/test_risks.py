"""Warnings of risk are told to their owner: once a year at each level, and no more of them than can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medpool_etl.alerts import Alert, tell
from medpool_etl.marts import table_path
from medpool_etl.periods import Month
from medpool_etl.policy.risk import LEVELS
from tests.alerts.runs import REMIND, TAIZHOU, Office, write_run


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office that was told nothing yet."""
    found = Office(tmp_path)
    yield found
    found.close()


def warning(level: str, county: str = "331002", **values: Any) -> dict[str, Any]:
    return {
        "city": "taizhou",
        "month": "2022-03",
        "level": level,
        "level_title": LEVELS[level].zh,
        "indicator": "county_capability",
        "fund": "worker",
        "county": county,
        "unit": "months",
        "problem_zh": f"{county}职工医保累计结余可支付1.69个月，低于2个月",
        "owner": "agency",
        "clause": "台政办发〔2021〕48号 四、主要任务（二）8",
    } | values


def told(office: Office, month: str, *warnings: dict[str, Any]) -> tuple[Alert, ...]:
    office.runs += 1
    folder = write_run(office.folder / f"run{office.runs}")
    rows = [{**row, "month": month} for row in warnings]
    pq.write_table(pa.Table.from_pylist(rows), table_path(folder, "risk_warnings"))
    return tell(folder, TAIZHOU, Month.parse(month), (), office.control, REMIND).messages


def test_a_warning_is_told_once_and_again_when_it_gets_worse(office: Office) -> None:
    """Silent when the month is run again and in later months of the year at the same level; told at a worse one and in another year."""
    (alert,) = told(office, "2022-03", warning("orange"))
    assert alert.owner == "agency"
    assert "■ 基金运行风险预警 1 条（台政办发〔2021〕48号 四、主要任务（二）8）" in alert.body
    assert "  - 【橙色】331002职工医保累计结余可支付1.69个月，低于2个月" in alert.body.replace("\n -", "\n  -")
    assert told(office, "2022-03", warning("orange")) == ()
    assert told(office, "2022-04", warning("orange", problem_zh="又一个月")) == ()
    (worse,) = told(office, "2022-05", warning("red"))
    assert "【红色】" in worse.body
    assert len(told(office, "2023-01", warning("orange"))) == 1


def test_each_owner_is_told_its_own_the_most_serious_first(office: Office) -> None:
    """Of many only the worst are listed, and how many more there are."""
    many = [warning("yellow", f"33100{n}") for n in range(5)] + [warning("red", "331081"), warning("orange", "331082")]
    agency, county = sorted(told(office, "2022-03", *many, warning("red", owner="county")), key=lambda a: a.owner)
    assert (agency.owner, county.owner) == ("agency", "county")
    lines = [line for line in agency.body.splitlines() if "【" in line]
    assert [line.split("】")[0].split("【")[1] for line in lines] == ["红色", "橙色", "黄色", "黄色", "黄色"]
    assert "另有 2 条，见工作簿“风险预警”" in agency.body
