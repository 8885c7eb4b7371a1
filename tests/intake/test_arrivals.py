"""Which files of an inbox count: kept by content, the newest of each kind, and none by guessing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from medpool_etl.contracts import load_all
from medpool_etl.errors import InputError
from medpool_etl.intake import Arrival, missing_files, receive
from medpool_etl.periods import Month
from medpool_etl.places import load_accounts, load_city
from medpool_etl.simulator import simulate
from medpool_etl.store import Control, Warehouse

MARCH = Month(2022, 3)
HEADER = "国库,入库日期,包号,凭证号,凭证类型,级次,科目,金额,征收机关\n"
ROW = "1110000000,2022-03-14,1,333102220300000017,电子税票,3,1020301,{},13310020000\n"
STATEMENT = "账号：{}\n期初余额：1,期末余额：1\n交易日期,流水号,借方,贷方,余额,对方户名,对方账号,摘要\n"


@dataclass
class Inbox:
    """A month's folder and a way to look into it."""

    folder: Path
    look: Callable[[], tuple[Arrival, ...]]
    warehouse: Warehouse

    def put(self, name: str, text: str | bytes) -> None:
        """Put a file into the folder."""
        (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def states(self) -> dict[str, str]:
        """Look into the folder and return the state of each file by name."""
        return {arrival.name: arrival.state for arrival in self.look()}


@pytest.fixture
def inbox(tmp_path: Path):
    """An empty inbox of Taizhou's March 2022."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    control, warehouse = Control(f"sqlite:///{tmp_path / 'control.sqlite'}"), Warehouse(tmp_path / "warehouse")
    city, accounts, contracts = load_city("taizhou"), load_accounts("taizhou"), load_all()
    yield Inbox(folder, lambda: receive(folder, city, MARCH, accounts, contracts, control, warehouse), warehouse)
    control.close()


def test_no_folder(inbox: Inbox) -> None:
    """A month without an inbox folder is an error that says where to make it."""
    inbox.folder.rmdir()
    with pytest.raises(InputError, match="simulate taizhou 2022-03"):
        inbox.look()


def test_bytes_are_kept(inbox: Inbox) -> None:
    """The bytes of a file are kept under their digest, and stay when the sender takes the file away."""
    inbox.put("a.csv", HEADER + ROW.format(1))
    (arrival,) = inbox.look()
    (inbox.folder / "a.csv").unlink()
    assert inbox.warehouse.received(arrival.sha256).read_text(encoding="utf-8") == HEADER + ROW.format(1)
    assert arrival.sha256.startswith(arrival.file_id)
    assert (arrival.contract, arrival.part, arrival.state) == ("treasury_receipts", "", "active")
    assert inbox.look() == ()


def test_same_bytes_twice(inbox: Inbox) -> None:
    """The same content under two names is one file; sent again later under another name, it is as new as that."""
    inbox.put("a.csv", HEADER + ROW.format(1))
    inbox.put("b.csv", HEADER + ROW.format(1))
    assert inbox.states() == {"a.csv": "active"}
    inbox.put("c.csv", HEADER + ROW.format(1))
    assert inbox.states() == {"c.csv": "active"}


def test_newer_file_is_a_newer_version(inbox: Inbox) -> None:
    """A corrected file that comes later is the second version, however often one looks, and the first is kept."""
    inbox.put("z_first.csv", HEADER + ROW.format(1))
    inbox.look()
    inbox.put("a_corrected.csv", HEADER + ROW.format(2))
    for _ in range(2):
        assert {a.name: (a.state, a.version) for a in inbox.look()} == {
            "a_corrected.csv": ("active", 2),
            "z_first.csv": ("active", 1),
        }


def test_first_version_sent_again(inbox: Inbox) -> None:
    """Who sends the first version again, under another name, takes the correction back."""
    for name, number in (("v1.csv", 1), ("v2.csv", 2), ("v3.csv", 1)):
        inbox.put(name, HEADER + ROW.format(number))
        arrivals = inbox.look()
    assert {a.name: a.version for a in arrivals} == {"v2.csv": 1, "v3.csv": 2}


def test_two_versions_at_once(inbox: Inbox) -> None:
    """Two versions that came together are both unusable, and each names the other, until one is taken away."""
    inbox.put("a.csv", HEADER + ROW.format(1))
    inbox.put("b.csv", HEADER + ROW.format(2))
    assert inbox.states() == {"a.csv": "unusable", "b.csv": "unusable"}
    problems = {arrival.name: arrival.problem.zh for arrival in inbox.look() if arrival.problem}
    assert "b.csv" in problems["a.csv"] and "a.csv" in problems["b.csv"]
    (inbox.folder / "a.csv").unlink()
    assert inbox.states() == {"b.csv": "active"}


def test_two_corrections_at_once(inbox: Inbox) -> None:
    """Two corrections that came together are both unusable, and the first version still stands until one is chosen."""
    inbox.put("a.csv", HEADER + ROW.format(1))
    inbox.look()
    inbox.put("b.csv", HEADER + ROW.format(2))
    inbox.put("c.csv", HEADER + ROW.format(3))
    assert inbox.states() == {"a.csv": "active", "b.csv": "unusable", "c.csv": "unusable"}


def test_files_for_different_accounts(inbox: Inbox) -> None:
    """Two statements of different accounts do not replace one another."""
    for number in ("331000100300001", "331000100300002"):
        inbox.put(f"{number}.csv", STATEMENT.format(number))
    assert set(inbox.states().values()) == {"active"}


def test_temporary_files(inbox: Inbox) -> None:
    """What editors, downloads and systems leave behind is not a file of the month, nor is a folder."""
    for name in ("~$a.xlsx", ".DS_Store", "a.csv.part", "a.tmp", "a.crdownload"):
        inbox.put(name, HEADER)
    (inbox.folder / "folder").mkdir()
    assert inbox.look() == ()


@pytest.mark.parametrize("number", ["331000100999999", "331000100500001"])
def test_account_the_month_does_not_expect(number: str, inbox: Inbox) -> None:
    """A statement of an unknown account or the treasury's is unusable, with its number in the reason."""
    inbox.put("a.csv", STATEMENT.format(number))
    (arrival,) = inbox.look()
    assert arrival.state == "unusable"
    assert arrival.problem is not None
    assert number in arrival.problem.zh


def test_account_of_a_county(inbox: Inbox) -> None:
    """A county's statement need not come, but is taken when it does."""
    inbox.put("a.csv", STATEMENT.format("331002100400001"))
    (arrival,) = inbox.look()
    assert (arrival.state, arrival.part) == ("active", "331002100400001")


def test_county_the_city_does_not_have(inbox: Inbox, tmp_path: Path) -> None:
    """A report of another city's county is unusable."""
    simulation = simulate("taizhou", MARCH, tmp_path / "simulated")
    name = simulation.names["county_expenditure_report/331002"]
    inbox.put(name, (simulation.folder / name).read_bytes())
    assert inbox.states() == {name: "active"}
    city = load_city("taizhou")
    elsewhere = city.model_copy(update={"units": tuple(unit for unit in city.units if unit.code != "331002")})
    control = Control(f"sqlite:///{tmp_path / 'other.sqlite'}")
    (arrival,) = receive(inbox.folder, elsewhere, MARCH, load_accounts("taizhou"), load_all(), control, inbox.warehouse)
    control.close()
    assert arrival.state == "unusable"
    assert arrival.problem is not None
    assert "331002" in arrival.problem.zh


@pytest.mark.parametrize("data", [b"", b"\0\1\2", b"PK\x03\x04 no archive", "你好".encode()])
def test_unusable_file_does_not_hinder(data: bytes, inbox: Inbox) -> None:
    """A file nobody can read is unusable with a reason in Chinese, and the others count all the same."""
    inbox.put("a.csv", HEADER + ROW.format(1))
    inbox.put("bad.bin", data)
    arrivals = {arrival.name: arrival for arrival in inbox.look()}
    assert arrivals["a.csv"].state == "active"
    assert arrivals["bad.bin"].state == "unusable"
    assert arrivals["bad.bin"].problem is not None
    assert arrivals["bad.bin"].problem.zh


def test_arrival_as_data(inbox: Inbox) -> None:
    """An arrival written as data is read back the same, but for the look that found it."""
    inbox.put("a.csv", HEADER + ROW.format(1))
    inbox.put("b.csv", HEADER + ROW.format(2))
    inbox.put("c.csv", STATEMENT.format("331000100300001"))
    for arrival in inbox.look():
        again = Arrival.from_dict(arrival.as_dict())
        assert again.as_dict() == arrival.as_dict()
        assert (again.contract, again.part, again.file_id) == (arrival.contract, arrival.part, arrival.file_id)


def test_simulated_month_is_complete(inbox: Inbox, tmp_path: Path) -> None:
    """A simulated month has every file it needs; without one it says whose is missing."""
    simulation = simulate("taizhou", MARCH, tmp_path / "simulated")
    for path in simulation.folder.iterdir():
        inbox.put(path.name, path.read_bytes())
    arrivals = inbox.look()
    assert {arrival.state for arrival in arrivals} == {"active"}
    usable = {(arrival.contract, arrival.part) for arrival in arrivals}
    documents = load_city("taizhou"), MARCH, load_accounts("taizhou"), load_all()
    assert missing_files(usable, *documents) == []
    for key in (
        ("county_expenditure_report", "331004"),
        ("account_statement", "331000100300002"),
        ("agency_bookings", ""),
    ):
        (row,) = missing_files(usable - {key}, *documents)
        assert (row["contract"], row["part"]) == key
    assert row["fund"] is None and row["county"] is None
