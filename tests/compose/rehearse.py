"""Rehearse the deployment docs/deploy.md describes, from nothing to a restored backup. tests/compose/run.sh calls this.

A line a check, and what was seen where one does not hold.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import checks
import lives
from stack import STANDING, Api, CheckFailed, Engine, Stack, say


def rehearse(stack: Stack, engine: Engine, api: Api) -> int:
    """Do every check in its order; returns how many failed; raises where the rest makes no sense without one that did."""
    began = time.monotonic()
    held = failed = 0

    def check(title: str, act: Callable[[], object], vital: bool = False) -> None:
        nonlocal held, failed
        start = time.monotonic()
        try:
            act()
        except (CheckFailed, OSError, subprocess.SubprocessError, ValueError, LookupError) as error:
            failed += 1
            say(f"FAILED  {time.monotonic() - start:5.0f} s  {title}\n{type(error).__name__}: {error}\n")
            with (stack.cache / "failed.log").open("a", encoding="utf-8") as log:
                log.write(f"{title}\n{error}\n\n{stack.logs()}\n\n")
            if vital:
                raise CheckFailed(title) from error
        else:
            held += 1
            say(f"ok      {time.monotonic() - start:5.0f} s  {title}")

    check("an engine of its own runs, without a network to the outside", engine.start, vital=True)
    stack.lay()
    stack.outside()
    check("stand-ins carry the names of the pinned base images", stack.stand_ins, vital=True)
    check(
        "the image is built, from a checkout closed to others and a package index of the office's own",
        lambda: checks.build(stack),
        vital=True,
    )
    check("without MEDPOOL_USERS compose stops and says what to write", lambda: checks.no_users(stack))
    check("secrets are made as docs/deploy.md says", lambda: checks.secrets(stack), vital=True)
    check(
        "a secret that is absent, empty, short, malformed or unreadable stops the start with a line that names it",
        lambda: checks.bad_secrets(stack),
    )
    check("from nothing: up, initialised, every health check passes", lambda: checks.up(stack), vital=True)
    check(
        "every process is an ordinary user's, without capabilities, on a read-only file system",
        lambda: checks.hardened(stack),
    )
    check("no secret in an environment, a process list or a log", lambda: checks.secrets_kept(stack))
    check("the inner network has no way out, and the page is on 127.0.0.1 only", lambda: checks.networks(stack))
    check(
        "no default password opens page or database; the ones made do", lambda: checks.passwords(stack, api), vital=True
    )
    check(
        "a PostgreSQL password that is not the server's stops the start with a line that names it",
        lambda: checks.wrong_password(stack),
    )
    check(
        "a month runs through scheduler and LocalExecutor, triggered over the API, approved by somebody else",
        lambda: lives.month(stack, api, "2022-03"),
    )
    check("the command line shows the month, and the mart holds it", lambda: lives.shown(stack, "2022-03"))
    check("a month with a planted fault sends its alert to the mail catcher", lambda: lives.alert(stack))
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
    check(
        "PostgreSQL killed in the middle of a run: back, healthy, the run ends well",
        lambda: lives.killed(stack, api, "2022-04", ("postgres",)),
    )
    check(
        "every container killed in the middle of a run: back, healthy, the run ends well",
        lambda: lives.killed(stack, api, "2022-05", STANDING, unattended=True),
    )
    check("down: no container and no volume is left", lambda: lives.down(stack))
    say(f"after {(time.monotonic() - began) / 60:.0f} minutes:\n{held} passed, {failed} failed")
    return failed


def main() -> int:
    """Rehearse; returns 0, or 1 where a check does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("checkout", "cache", "folder"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    # The first process of a namespace does not end at a SIGTERM by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    engine = Engine(given.folder, given.cache / "engine")
    work = given.folder / "medpool"
    work.mkdir(mode=0o700)
    stack = Stack(given.checkout, given.cache, work)
    checks.environment(given.folder)
    (given.cache / "failed.log").unlink(missing_ok=True)
    try:
        failed = rehearse(stack, engine, Api())
    except CheckFailed:
        failed = 1
    finally:
        engine.stop()
    if failed:
        say(f"The containers' last lines at each failure are in {given.cache / 'failed.log'}")
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
