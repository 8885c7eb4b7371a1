"""What the tests of alerts stand on: runs written as their published tables alone, and an office that remembers."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medpool_etl.alerts import Outcome, tell
from medpool_etl.marts import table_path
from medpool_etl.periods import Month
from medpool_etl.places import City, load_city
from medpool_etl.store import Control
from medpool_etl.store.tables import Break
from medpool_etl.store.warehouse import write_json

MONTH = Month.parse("2022-03")
REMIND = (31, 62, 93)
TAIZHOU: City = load_city("taizhou")
_TEXT, _COUNT, _MONEY = pa.string(), pa.int64(), pa.decimal128(18, 2)
SCHEMAS = {
    "breaks": {
        **dict.fromkeys(["row_id", "break_id", "city", "month", "origin_month"], _TEXT),
        "since": pa.date32(),
        "age_days": _COUNT,
        **dict.fromkeys(["pair", "pair_title", "class", "class_title", "owner", "owner_title"], _TEXT),
        **dict.fromkeys(["gate", "state", "decided_by", "decision_note", "fund", "county", "county_name"], _TEXT),
        "item_key": _TEXT,
        **dict.fromkeys(["left_amount", "right_amount", "difference"], _MONEY),
        **{"left_file": _TEXT, "left_row": _COUNT, "right_file": _TEXT, "right_row": _COUNT},
        **dict.fromkeys(["do_zh", "do_en"], _TEXT),
    },
    "files": {
        **dict.fromkeys(["city", "month", "file_id", "file_name", "contract", "contract_title", "owner"], _TEXT),
        **dict.fromkeys(["part", "outcome", "problem_zh", "problem_en"], _TEXT),
        **dict.fromkeys(["rows_read", "rows_accepted", "rows_set_aside"], _COUNT),
        "sha256": _TEXT,
    },
    "set_aside_rows": {
        **dict.fromkeys(["city", "month", "file_id", "file_name", "sheet"], _TEXT),
        "row_no": _COUNT,
        **dict.fromkeys(["check_id", "severity", "column_headers", "found"], _TEXT),
        **dict.fromkeys(["expected_zh", "expected_en", "do_zh", "do_en"], _TEXT),
    },
}


def found(number: int = 1, amount: str = "60.00", **values: Any) -> dict[str, Any]:
    """Return a row of breaks: a receipt the treasury has not booked, on 31 March, other than ``values`` say."""
    paid = Decimal(amount)
    return {
        "row_id": f"breaks/taizhou/2022-03/tax_treasury/worker/331002/{number:018d}",
        "break_id": f"{number:016x}",
        "city": "taizhou",
        "month": "2022-03",
        "origin_month": "2022-03",
        "since": dt.date(2022, 3, 31),
        "age_days": 0,
        "pair": "tax_treasury",
        "pair_title": "税务征收 ↔ 国库入库",
        "class": "in_transit",
        "class_title": "在途",
        "owner": "treasury",
        "owner_title": "国库",
        "gate": "warn",
        "state": "open",
        "fund": "worker",
        "county": "331002",
        "county_name": "椒江区",
        "item_key": f"{number:018d}",
        "left_amount": paid,
        "right_amount": None,
        "difference": paid,
        "left_file": "税务征收明细_202203.csv",
        "left_row": number + 1,
        "do_zh": "核对下月是否入库，逾期请向国库查询",
        "do_en": "see that the treasury books it",
    } | values


def faulty(outcome: str = "missing", **values: Any) -> dict[str, Any]:
    """Return a row of files: a county report that did not come, other than ``values`` say."""
    return {
        "city": "taizhou",
        "month": "2022-03",
        "file_id": "",
        "file_name": "",
        "contract": "county_expenditure_report",
        "contract_title": "县级支出月报",
        "owner": "county",
        "part": "331002",
        "outcome": outcome,
        "problem_zh": "缺少椒江区的县级支出月报，应于次月15日前报送",
        "problem_en": "missing",
        "sha256": "",
    } | values


def set_aside(row: int, content: str = "12O3.5O", **values: Any) -> dict[str, Any]:
    """Return a row of set_aside_rows, of the file ``f1``."""
    return {
        "city": "taizhou",
        "month": "2022-03",
        "file_id": "f1",
        "file_name": "税务征收明细_202203.csv",
        "row_no": row,
        "check_id": "paid_amount_written",
        "severity": "warning",
        "column_headers": "实缴金额",
        "found": content,
        "expected_zh": "金额，最多两位小数",
    } | values


def write_run(folder: Path, gate: dict[str, Any] | None = None, **tables: list[dict[str, Any]]) -> Path:
    """Write the tables of a run that alerts read, and its summary; return its folder."""
    for name, fields in SCHEMAS.items():
        path = table_path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(tables.get(name, []), schema=pa.schema(list(fields.items()))), path)
    write_json(folder / "summary.json", {"figures": "provisional", "reasons_zh": []} | ({"gate": gate} if gate else {}))
    return folder


class Office:
    """An office with a control database, which tells of one run after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, 0
        self.control = Control(f"sqlite:///{folder / 'control.sqlite'}")
        self.control.start_run("a" * 16, "taizhou", "2022-03", "test")

    def tell(
        self,
        *breaks: dict[str, Any],
        urls: tuple[str, ...] = (),
        month: Month = MONTH,
        gate: dict[str, Any] | None = None,
        **tables: list[dict[str, Any]],
    ) -> Outcome:
        """Tell of a new run with these breaks."""
        self.runs += 1
        folder = write_run(self.folder / f"run{self.runs}", gate, breaks=list(breaks), **tables)
        return tell(folder, TAIZHOU, month, urls, self.control, REMIND)

    def life(self, number: int = 1, **values: Any) -> None:
        """Record the life of a break as the settlement does, or change what is recorded."""
        now = dt.datetime.now(dt.UTC)
        with self.control.session() as session:
            row = session.get(Break, f"{number:016x}") or Break(
                break_id=f"{number:016x}",
                city="taizhou",
                month="2022-03",
                pair="tax_treasury",
                fund="worker",
                county="331002",
                item_key=f"{number:018d}",
                break_class="in_transit",
                owner="treasury",
                gate="warn",
                amount_fen=6000,
                since=dt.date(2022, 3, 31),
                state="open",
                seen_in="2022-03",
                seen_run="a" * 16,
                note="",
                lives=1,
                opened_at=now,
                changed_at=now,
            )
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    def close(self) -> None:
        """Let go of the control database."""
        self.control.close()
