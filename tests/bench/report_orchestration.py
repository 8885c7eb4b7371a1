"""The benchmark's part on orchestration as Markdown: what Airflow adds to a month, as ratios and seconds a task."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from report import Measured, machine, table, versions

HEADING = "## Orchestration"
TITLES = {
    "warm": "`pipeline.run_month` in a process that has settled one before",
    "command": "`medpool run`, a process of its own: start, imports, month",
    "test": "`dag.test()` of `medpool_month_taizhou` in such a warm process",
    "scheduler": "scheduler, LocalExecutor, from the trigger to success",
}


@dataclass(frozen=True)
class Orchestrated:
    """What each way of settling the month gave, by name, in so many rounds."""

    measured: dict[str, Measured]
    rounds: int

    def total(self, name: str) -> float:
        """Return the seconds of the best round."""
        return float(self.measured[name].best["total"])

    def ratios(self, name: str) -> list[float]:
        """Return how many times the warm process's time one took, round by round, from least to most."""
        pairs = zip(self.measured[name].rounds, self.measured["warm"].rounds, strict=True)
        return sorted(one["total"] / warm["total"] for one, warm in pairs)


def write(found: Orchestrated) -> str:
    """Return the report."""
    known = {name: version for name, version in versions({}).items() if name in ("Python", "medpool-etl", "duckdb")}
    known["apache-airflow"] = importlib.metadata.version("apache-airflow")
    known["database"] = str(found.measured["scheduler"].best["database"])
    return "\n\n".join([HEADING, _what(found), machine(known), _ways(found), _where(found), _reading(found)]) + "\n"


def _what(found: Orchestrated) -> str:
    tasks = found.measured["scheduler"].best["tasks"]
    return f"""The rehearsed Taizhou month 2022-03 of the demo (about 2,400 receipts in 30 files), from the inbox to the published mart, each time into an empty warehouse with
an empty control database on SQLite; reviews are approved by MEDPOOL_UNATTENDED. Airflow's DAG has {tasks} tasks, most of them one behind the other. Its services are started,
and the DAG is read, before the clock starts; the scheduler's time is Airflow's own, from the row of the run to its end. Every way must
publish the very same run. Rounds in turns: {found.rounds}."""


def _ways(found: Orchestrated) -> str:
    rows = []
    for name, title in TITLES.items():
        spread = found.ratios(name)
        by_round = f"{spread[0]:.2f}–{spread[-1]:.2f}" if len(spread) > 1 else "one round"
        rows.append([title, f"{found.total(name) / found.total('warm'):.2f}", by_round])
    return table(["", "times the warm process", "by round"], rows)


def _where(found: Orchestrated) -> str:
    rows = []
    for name in ("test", "scheduler"):
        best = found.measured[name].best
        steps, inside, total, tasks = (float(best[key]) for key in ("steps", "in_tasks", "total", "tasks"))
        added = total - found.total("warm")
        # Tasks of reviews stand beside each other, so that there may be less between tasks than nothing.
        rows.append(
            [
                TITLES[name].split(",")[0].split(" of ")[0],
                f"{steps / total:.0%}",
                f"{(inside - steps) / total:.0%}",
                f"{max(total - inside, 0) / total:.0%}",
                f"{(inside - steps) / tasks:.1f}",
                f"{max(total - inside, 0) / tasks:.1f}",
                f"{added / tasks:.1f}",
            ]
        )
    heads = ["", "medpool's steps", "rest of tasks", "between tasks"]
    heads += ["rest, seconds a task", "between, seconds a task", "added to the warm process, seconds a task"]
    return (
        "Where the time of the best round goes, by medpool's measurement of its steps and Airflow's of its tasks:\n\n"
        + table(heads, rows)
    )


def _reading(found: Orchestrated) -> str:
    best = found.measured["scheduler"].best
    added = found.total("scheduler") - found.total("warm")
    own = found.total("command") - found.total("warm")
    return f"""- *What it costs.* A real scheduler adds {added / found.total("warm"):.1f} times the month itself, {added / best["tasks"]:.1f} seconds a task; a process of its own, as `medpool run` is, adds {own / found.total("warm"):.1f} times. The
  cost is one of tasks, not of rows: a month of millions of receipts has as many, which is why they are few and fat.
- *Rest of tasks.* Each task is a process: it starts, imports, reads its DAG file and speaks to the API server; `judge` imports Great Expectations anew.
- *Between tasks.* The scheduler looks, queues, and the executor takes the task up.
- *`dag.test()`* runs the tasks one behind the other in the process that asks for it, with a supervisor's help: what tests and `make demo` use.
- *Rounds.* On {_cores()} the services of Airflow share the cores with the tasks. Read the ratios; seconds only say of what order the cost of a task is."""


def _cores() -> str:
    return machine({}).removeprefix("Machine: ").split(",")[0]
