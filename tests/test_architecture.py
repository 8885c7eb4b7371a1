"""The house keeps its floor plan: imports point down, the core knows no Airflow, files stay short."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "medpool_etl"
FLOORS = {
    **dict.fromkeys(["money", "calendar", "places", "periods", "documents", "errors"], 1),
    **dict.fromkeys(["contracts", "policy", "store"], 2),
    **dict.fromkeys(["intake", "staging", "quality", "reconciliation", "settlement", "ledger"], 3),
    **dict.fromkeys(["marts", "reports", "alerts"], 4),
    "pipeline": 5,
    "cli": 6,
}
# What a room may take from its own floor.
NEIGHBOURS = {
    ("staging", "intake"),
    ("reports", "marts"),
    ("alerts", "marts"),
    ("calendar", "documents"),
    ("calendar", "errors"),
    ("calendar", "periods"),
    ("places", "documents"),
    ("places", "errors"),
    ("periods", "errors"),
    ("money", "errors"),
    ("documents", "errors"),
    ("store", "contracts"),
}
SIMULATOR = {"errors", "documents", "periods", "places", "calendar", "contracts", "store"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def rooms_imported(path: Path) -> set[str]:
    parts = [name.split(".") for name in imported(path) if name.startswith("medpool_etl.")]
    return {part[1] for part in parts if part[1] in FLOORS or part[1] == "simulator"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    """A room imports from lower floors, from itself, and from the neighbours the plan names."""
    room = room_of(path)
    taken = rooms_imported(path) - {room}
    if room == "simulator":
        assert taken <= SIMULATOR
    elif room in FLOORS:
        allowed = {other for other, floor in FLOORS.items() if floor < FLOORS[room]}
        allowed |= {other for here, other in NEIGHBOURS if here == room}
        allowed |= {"simulator"} if room == "cli" else set()
        assert taken <= allowed


def test_every_room_is_in_the_plan() -> None:
    """A new room gets a floor before it gets code, and says in its docstring what it is for."""
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert rooms <= set(FLOORS) | {"simulator"}
    for room in rooms:
        assert ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8")))


def test_the_core_knows_no_airflow() -> None:
    """medpool_etl runs without Airflow."""
    assert [path for path in FILES if any(name.split(".")[0] == "airflow" for name in imported(path))] == []


def test_files_can_be_read_in_one_sitting() -> None:
    """No Python file is longer than 400 lines."""
    files = [*FILES, *(ROOT / "dags").glob("*.py"), *(ROOT / "plugins").glob("*.py")]
    assert {path.name: n for path in files if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400} == {}


def test_every_model_says_why_and_only_selects() -> None:
    """Each SQL model begins with a comment and is one SELECT."""
    models = sorted((ROOT / "sql").glob("*/*.sql"))
    assert len(models) > 20
    for path in models:
        text = path.read_text(encoding="utf-8")
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()
        assert text.startswith("-- "), path.name
        assert code.upper().startswith(("SELECT", "WITH")), path.name
        assert ";" not in code, path.name
