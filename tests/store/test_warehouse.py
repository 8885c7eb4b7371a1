"""What is new in the warehouse appears at once and whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medpool_etl.errors import ConfigurationError, StoreError
from medpool_etl.store import Settings, Warehouse
from medpool_etl.store.warehouse import read_json, whole, write_json

MARCH = ("taizhou", "2022-03")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """An empty warehouse."""
    return Warehouse(tmp_path / "warehouse")


def make(folder: Path, text: str = "x") -> Path:
    """Make a folder with one file in it."""
    folder.mkdir(parents=True)
    (folder / "file").write_text(text, encoding="utf-8")
    return folder


def test_whole_file(tmp_path: Path) -> None:
    """A file appears under its name only when it is finished, in a folder that is made."""
    target = tmp_path / "deep" / "file.txt"
    with whole(target) as temporary:
        temporary.write_text("new", encoding="utf-8")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "new"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failed_block_leaves_nothing(error: type[BaseException], tmp_path: Path) -> None:
    """When the block fails, what was there stays as it was and nothing else is left behind."""
    target = tmp_path / "file.txt"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(error), whole(target) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise error
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_block_that_writes_nothing(tmp_path: Path) -> None:
    """A block that writes nothing is an error, and makes no file."""
    with pytest.raises(OSError, match="No such file"), whole(tmp_path / "file.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_json(tmp_path: Path) -> None:
    """The same data gives the same bytes, and is read back; a missing or broken file is an error that says so."""
    write_json(tmp_path / "a.json", {"b": 1, "a": "台州"})
    write_json(tmp_path / "b.json", {"a": "台州", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_json(tmp_path / "a.json") == {"a": "台州", "b": 1}
    with pytest.raises(StoreError, match=r"none\.json"):
        read_json(tmp_path / "none.json")
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match=r"a\.json"):
        read_json(tmp_path / "a.json")


def test_complete(warehouse: Warehouse) -> None:
    """A run moves from work to runs with everything in it, and is found in either place."""
    work = make(warehouse.work(*MARCH, "r1"))
    assert warehouse.locate(*MARCH, "r1") == work
    done = warehouse.complete(*MARCH, "r1")
    assert done == warehouse.run(*MARCH, "r1") == warehouse.locate(*MARCH, "r1")
    assert (done / "file").read_text(encoding="utf-8") == "x"
    assert not work.exists()


def test_complete_twice(warehouse: Warehouse) -> None:
    """A run that is complete stays as it is; what was being made again is thrown away."""
    make(warehouse.work(*MARCH, "r1"), "first")
    warehouse.complete(*MARCH, "r1")
    work = make(warehouse.work(*MARCH, "r1"), "second")
    assert (warehouse.complete(*MARCH, "r1") / "file").read_text(encoding="utf-8") == "first"
    assert not work.exists()
    assert (warehouse.complete(*MARCH, "r1") / "file").read_text(encoding="utf-8") == "first"


def test_nothing_to_complete(warehouse: Warehouse) -> None:
    """Completing a run that was never made is an error."""
    with pytest.raises(OSError, match="No such file"):
        warehouse.complete(*MARCH, "r9")


def test_run_that_is_not_there(warehouse: Warehouse) -> None:
    """Looking for a run that is not in the warehouse names it and the warehouse."""
    with pytest.raises(StoreError, match=r"(?s)warehouse.*r9 of taizhou 2022-03"):
        warehouse.locate(*MARCH, "r9")


def test_switch(warehouse: Warehouse) -> None:
    """The mart's one name opens the generation it was switched to last."""
    assert warehouse.generation() is None
    for name in ("g1", "g2"):
        (make(warehouse.marts / name) / "medpool.duckdb").write_text(name, encoding="utf-8")
        warehouse.switch(name)
        assert warehouse.generation() == name
        assert warehouse.current_mart.read_text(encoding="utf-8") == name
    warehouse.switch("g1")
    assert warehouse.current_mart.read_text(encoding="utf-8") == "g1"
    assert {path.name for path in warehouse.marts.iterdir()} == {"current", "g1", "g2"}


def test_old_generations_are_dropped(warehouse: Warehouse) -> None:
    """Only the newest few generations stay beside the current one, which stays however old it is."""
    for number in range(6):
        os.utime(make(warehouse.marts / f"g{number}"), (number, number))
    make(warehouse.marts / ".being-made")
    warehouse.switch("g0", keep=2)
    assert {path.name for path in warehouse.marts.iterdir()} == {"current", ".being-made", "g0", "g4", "g5"}
    assert warehouse.generation() == "g0"


def test_open_generation_survives_a_switch(warehouse: Warehouse) -> None:
    """A reader that has the old generation open reads on after the switch."""
    for name in ("g1", "g2"):
        (make(warehouse.marts / name) / "medpool.duckdb").write_text(name, encoding="utf-8")
    warehouse.switch("g1")
    with warehouse.current_mart.open(encoding="utf-8") as reader:
        warehouse.switch("g2", keep=0)
        assert reader.read() == "g1"


def test_settings_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything lies under one folder, unless a setting says otherwise."""
    for name in ("INBOX", "WAREHOUSE", "CONTROL_URL", "ALERT_URLS", "ALERT_URLS_FILE"):
        monkeypatch.delenv(f"MEDPOOL_{name}", raising=False)
    monkeypatch.setenv("MEDPOOL_DATA", str(tmp_path))
    settings = Settings.load()
    assert settings.month_inbox(*MARCH) == tmp_path / "inbox" / "taizhou" / "2022-03"
    assert (settings.warehouse, settings.alert_urls) == (tmp_path / "warehouse", ())
    assert settings.control_url == f"sqlite:///{tmp_path / 'control.sqlite'}"
    monkeypatch.setenv("MEDPOOL_INBOX", str(tmp_path / "elsewhere"))
    assert Settings.load().inbox == tmp_path / "elsewhere"


def test_alert_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Destinations come from the setting and from the file it may name; a file that is not there is an error."""
    monkeypatch.setenv("MEDPOOL_DATA", str(tmp_path))
    monkeypatch.setenv("MEDPOOL_ALERT_URLS", "json://one")
    monkeypatch.setenv("MEDPOOL_ALERT_URLS_FILE", str(tmp_path / "urls"))
    with pytest.raises(ConfigurationError, match="MEDPOOL_ALERT_URLS_FILE"):
        Settings.load()
    (tmp_path / "urls").write_text("json://two\njson://three\n", encoding="utf-8")
    assert Settings.load().alert_urls == ("json://one", "json://two", "json://three")
