"""Damage real files at random and see that none is read wrong: ``python tests/shapes/fuzz.py --files 10000 --seed 1``.

Every file has a number; ``--only`` takes one again, ``--keep`` writes the damaged files that fail into a folder.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from medpool_etl.contracts import load_all
from medpool_etl.intake import ODD, recognise
from medpool_etl.intake.keep import keep_all
from medpool_etl.intake.peek import NotReadable
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import staging_session
from medpool_etl.staging import stage_file
from medpool_etl.store import Warehouse
from tests.shapes import mutations
from tests.shapes.invariants import faults, read_staged
from tests.shapes.sources import MARCH, sources

SECONDS = 15
MEGABYTES = 1_500


class TooLong(BaseException):
    """A file took longer than any may; no handler of mere exceptions takes it for one of its own."""


@dataclass
class Result:
    """What became of one damaged file: how often it was staged, refused, and what was wrong about that."""

    name: str
    data: bytes
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Fuzzer:
    """Files to damage, and a session in which they are staged."""

    def __init__(
        self, folder: Path, connection: duckdb.DuckDBPyConnection, seed: int, without: tuple[str, ...] = ()
    ) -> None:
        """``folder`` is for everything that is written; mutations ``without`` leave a file as it is."""
        self.folder, self.connection, self.seed = folder, connection, seed
        self.without = without
        self.contracts = load_all()
        self.sources = sources(folder / "simulated")

    def damaged(self, number: int) -> tuple[str, bytes]:
        """Return the damaged file of a number, and what was done to it."""
        rng = Random(f"{self.seed}/{number}")
        name = rng.choice(sorted(self.sources))
        while " whole" in name and rng.random() < 0.9:
            name = rng.choice(sorted(self.sources))
        data, done = self.sources[name], [name]
        kinds = {"csv": mutations.TEXT, "xlsx": mutations.WORKBOOK, "zip": mutations.ZIP}[name.rsplit(".", 1)[-1]]
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            mutation = rng.choice(sorted(kinds))
            if mutation not in self.without:
                data = kinds[mutation](rng, data)
            done.append(mutation)
        return " > ".join(done), data

    def run(self, number: int) -> Result:
        """Damage a file, have it received and staged as a month would, and return what became of it."""
        name, data = self.damaged(number)
        return self.settle(name, data)

    def settle(self, name: str, data: bytes) -> Result:
        """Have a file received and staged as a month would, and return what became of it."""
        result = Result(name, data)
        inbox, warehouse = self.folder / "inbox", Warehouse(self.folder / "warehouse")
        for folder in (inbox, warehouse.root):
            shutil.rmtree(folder, ignore_errors=True)
        inbox.mkdir()
        (inbox / "file").write_bytes(data)
        started, before = time.monotonic(), _megabytes()
        try:
            with _limited():
                for kept in keep_all(inbox, warehouse):
                    if kept.problem:
                        result.outcomes["refused: archive"] += 1
                    else:
                        self._receive(warehouse.received(kept.sha256), result)
        except TooLong:
            result.failures.append(f"it took more than {SECONDS} seconds")
        except Exception as error:
            # DuckDB, told to stop, says so in an exception of its own.
            late = time.monotonic() - started >= SECONDS
            said = (
                f"it took more than {SECONDS} seconds"
                if late
                else f"{type(error).__name__} at {_where(error)}: {str(error)[:300]}"
            )
            result.failures.append(said)
        result.seconds = time.monotonic() - started
        if (grown := _megabytes() - before) > MEGABYTES:
            result.failures.append(f"it took {grown} MB of memory")
        return result

    def _receive(self, path: Path, result: Result) -> None:
        try:
            shapes = recognise(path, self.contracts).shapes
        except (NotReadable, *ODD) as error:
            result.outcomes[f"refused: {type(error).__name__}"] += 1
            return
        for shape in shapes:
            contract, target = self.contracts[shape.contract], self.folder / "staged"
            try:
                summary = stage_file(self.connection, path, "file", shape, contract, target)
            except (NotReadable, *ODD) as error:
                result.outcomes[f"refused while staged: {type(error).__name__}"] += 1
                continue
            result.outcomes[f"staged {shape.kind}"] += 1
            staged = read_staged(self.connection, target, "file", shape, contract, summary)
            result.outcomes["rows"] += len(staged.rows)
            result.failures += faults(path.read_bytes(), staged)


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _where(error: Exception) -> str:
    trace, place = error.__traceback__, ""
    while trace:
        code = trace.tb_frame.f_code
        if "medpool_etl" in code.co_filename:
            place = f"{Path(code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


@contextmanager
def _limited() -> Iterator[None]:
    """Stop what runs longer than a file may, where this thread can be told to."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    """Run as many files as wanted; return 1 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="the number of the first file")
    parser.add_argument("--only", type=int, help="the number of the only file")
    parser.add_argument("--keep", type=Path, help="a folder for the files that fail")
    parser.add_argument("--without", nargs="*", default=[], help="mutations to leave out, while their faults are known")
    wanted = parser.parse_args()
    numbers = [wanted.only] if wanted.only is not None else range(wanted.start, wanted.start + wanted.files)
    outcomes: Counter[str] = Counter()
    failing, slowest, started = 0, (0.0, -1, ""), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        staging_session(Agreed.load("taizhou"), MARCH) as session,
    ):
        fuzzer = Fuzzer(Path(folder), session, wanted.seed, tuple(wanted.without))
        for number in numbers:
            result = fuzzer.run(number)
            outcomes += result.outcomes
            slowest = max(slowest, (result.seconds, number, result.name))
            if result.failures:
                failing += 1
                print(f"--seed {wanted.seed} --only {number}: {result.name}", flush=True)  # noqa: T201
                for failure in result.failures[:3]:
                    print(f"    {failure}", flush=True)  # noqa: T201
                if wanted.keep:
                    wanted.keep.mkdir(parents=True, exist_ok=True)
                    (wanted.keep / f"{wanted.seed}-{number}").write_bytes(result.data)
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:9,} {outcome}")  # noqa: T201
    print(f"{len(numbers):,} files in {time.monotonic() - started:.0f} s; the slowest: {slowest}; {failing} fail")  # noqa: T201
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
