"""Contenders take turns in rounds. Each is a process of its own that prints its result as JSON; whoever gives a wrong result
is named and has no time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from report import Measured

HERE = Path(__file__).resolve().parent
# A contender's script, the interpreter it needs (None: there is none), and what else it is told.
Contender = tuple[str, str | None, dict[str, Any]]


@dataclass
class Contest:
    """Contenders by name, and what they gave by name and rows. ``own`` are medpool's: where one fails, there is no benchmark."""

    folder: Path
    contenders: dict[str, Contender]
    own: tuple[str, ...]
    done: dict[tuple[str, int], Measured] = field(default_factory=dict)

    def make(self, script: str, data: Path, rows: int, **more: Any) -> None:
        """Make data of so many rows, unless it is there."""
        shutil.rmtree(self.folder / "work", ignore_errors=True)
        try:
            result = _child(script, sys.executable, {"data": str(data), "rows": rows, **more})
        except ContenderFailed as error:
            raise SystemExit(f"{rows:,} rows: {error}") from error
        _say(f"{data.name}: " + (f"files made in {result['total']:.1f} s" if result["made"] else "files are there"))

    def compare(self, data: Path, rows: int, names: list[str], runs: int) -> None:
        """Measure contenders in rounds, so that whatever slows the machine slows all of them."""
        for number in range(1, runs + 1):
            for name in names:
                measured = self.done.setdefault((name, rows), Measured())
                if measured.wrong is None:
                    self._once(data, name, rows, f"round {number} of {runs}", measured)

    def _once(self, data: Path, name: str, rows: int, when: str, measured: Measured) -> None:
        script, python, more = self.contenders[name]
        if python is None:
            measured.wrong = "not installed"
            return
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        os.sync()
        try:
            result = _child(script, python, {"data": str(data), "work": str(work), **more})
        except ContenderFailed as error:
            if name in self.own:
                raise SystemExit(f"{name}, {data.name}: {error}") from error
            measured.wrong = "wrong result" if "wrong result" in str(error) else "failed"
            _say(f"{data.name}: {name} failed: {error}")
            return
        finally:
            shutil.rmtree(work, ignore_errors=True)
        measured.rounds.append(result)
        _say(f"{data.name}, {rows:,} rows, {when}: {name} {result['total']:.2f} s")


class ContenderFailed(Exception):
    """A measured process ended without a result."""


def _child(script: str, python: str, told: dict[str, Any]) -> dict[str, Any]:
    """Run a script in a process of its own, without anything of an office's configuration, and return its result."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDPOOL_")}
    environment |= {"PYTHONWARNINGS": "ignore", "GX_ANALYTICS_ENABLED": "false"}
    ended = subprocess.run(
        [python, str(HERE / script), json.dumps(told)],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"ended with {ended.returncode}"]
        raise ContenderFailed(lines[-1])
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
