"""Rehearse the deployment docs/deploy.md describes, from nothing to a restored backup. tests/compose/run.sh calls this.

A line a check; the first that does not hold ends the rehearsal with what was seen and the containers' last lines.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import checks
import lives
from stack import STANDING, Api, CheckFailed, Engine, Stack, say


def rehearse(stack: Stack, engine: Engine, api: Api) -> int:
    """Do every check in its order; returns how many held, raises CheckFailed at the first that does not."""
    began = time.monotonic()
    held = 0

    def check(title: str, act: Callable[[], object]) -> None:
        nonlocal held
        start = time.monotonic()
        try:
            act()
        except Exception:
            say(f"FAILED  {time.monotonic() - start:5.0f} s  {title}")
            raise
        held += 1
        say(f"ok      {time.monotonic() - start:5.0f} s  {title}")

    check("an engine of its own runs, without a network to the outside", engine.start)
    stack.lay()
    stack.outside()
    check("stand-ins carry the names of the pinned base images", stack.stand_ins)
    check(
        "the image is built, from a checkout closed to others and a package index of the office's own",
        lambda: checks.build(stack),
    )
    check("without MEDPOOL_USERS compose stops and says what to write", lambda: checks.no_users(stack))
    check("secrets are made as docs/deploy.md says", lambda: checks.secrets(stack))
    check(
        "a secret that is absent, empty, short, malformed or unreadable stops the start with a line that names it",
        lambda: checks.bad_secrets(stack),
    )
    check("from nothing: up, initialised, every health check passes", lambda: checks.up(stack))
    check(
        "every process is an ordinary user's, without capabilities, on a read-only file system",
        lambda: checks.hardened(stack),
    )
    check("no secret in an environment, a process list or a log", lambda: checks.secrets_kept(stack))
    check("the inner network has no way out, and the page is on 127.0.0.1 only", lambda: checks.networks(stack))
    check("no default password opens page or database; the ones made do", lambda: checks.passwords(stack, api))
    check(
        "a PostgreSQL password that is not the server's stops the start with a line that names it",
        lambda: checks.wrong_password(stack),
    )
    check(
        "a month runs through scheduler and LocalExecutor, started over the API",
        lambda: lives.month(stack, api, "2022-03"),
    )
    check("the command line shows the month, and the mart holds it", lambda: lives.shown(stack, "2022-03"))
    check("a month with a planted fault sends its alert to the mail catcher", lambda: lives.alert(stack))
    check(
        "PostgreSQL killed in the middle of a run: back, healthy, the run ends well",
        lambda: lives.killed(stack, api, "2022-05", ("postgres",)),
    )
    check(
        "every container killed in the middle of a run: back, healthy, the run ends well",
        lambda: lives.killed(stack, api, "2022-06", STANDING),
    )
    check(
        "the machine loses its power: all comes back by itself, with nothing lost",
        lambda: lives.power(stack, engine, api),
    )
    check("backup as docs/deploy.md says", lambda: lives.backup(stack))
    check(
        "everything lost, restored on empty volumes as docs/deploy.md says: the same figures",
        lambda: lives.restore(stack, api),
    )
    check("a replaced database password works, the old one does not", lambda: lives.changed_password(stack))
    check("down: no container and no volume is left", lambda: lives.down(stack))
    say(f"{held} passed, 0 failed in {(time.monotonic() - began) / 60:.0f} min")
    return held


def main() -> int:
    """Rehearse; returns 0, or 1 where a check does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("checkout", "cache", "folder"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    engine = Engine(given.folder, given.cache / "engine")
    work = given.folder / "medpool"
    work.mkdir(mode=0o700)
    stack = Stack(given.checkout, given.cache, work)
    checks.environment(given.folder)
    try:
        rehearse(stack, engine, Api())
    except CheckFailed as error:
        say(f"\n{error}\n")
        (given.cache / "failed.log").write_text(f"{error}\n\n{stack.logs()}", encoding="utf-8")
        (given.cache / "failed.json").write_text(json.dumps(stack.containers(), indent=1), encoding="utf-8")
        say(f"The containers' last lines are in {given.cache / 'failed.log'}\n1 failed")
        return 1
    finally:
        engine.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
