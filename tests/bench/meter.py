"""What every measured process shares: its task, its clock, its peak memory, and how it reports them. Standard library only."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def peak_mb() -> float:
    """Return the most memory this process has had resident so far, in MB.

    Linux hands ``ru_maxrss`` of a parent on to the program it starts; ``VmHWM`` is the program's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


class Meter:
    """Seconds and processor seconds of all threads by phase, and the peak of memory at the end of each.

    It is made after the imports, which are not counted.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}
        self.peaks = {"start": peak_mb()}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens in the block to a phase."""
        begun, worked = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun
        self.processor[name] = self.processor.get(name, 0.0) + time.process_time() - worked
        self.peaks[name] = peak_mb()

    def report(self, total: list[str], **facts: Any) -> None:
        """Print the result as one line of JSON: ``total`` names the phases that count."""
        result = {
            "total": sum(self.seconds[name] for name in total),
            "processor": sum(self.processor[name] for name in total),
            "seconds": self.seconds,
            "peaks": self.peaks,
            **facts,
        }
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")


def task() -> dict[str, Any]:
    """Return what this process was told to do: its first argument, as JSON. Paths come as text."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    return told


def must_be(what: str, found: object, wanted: object) -> None:
    """End the process when a result is not what was planted: a wrong result cannot be fast."""
    if found != wanted:
        raise SystemExit(f"wrong result: {what} is {found}, not {wanted}")
