"""What the rehearsal works with: an engine of its own, compose, the recipes of docs/deploy.md, and Airflow's API."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BRIDGE = "172.17.0.1"
# A host beyond this machine, in a namespace of its own: it has the package index, and nothing else is reachable.
OUTSIDE, INDEX_PORT = "10.99.0.2", 8181
STANDING = ("postgres", "api-server", "scheduler", "dag-processor", "triggerer")
Result = subprocess.CompletedProcess[str]


class CheckFailed(Exception):
    """A check that did not hold; its text says what was seen."""


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def expect(holds: object, seen: object = "") -> None:
    """Raise CheckFailed with what was seen unless the condition holds."""
    if not holds:
        raise CheckFailed(str(seen)[-4000:])


def until(what: str, seconds: float, look: Callable[[], Any], pause: float = 3) -> Any:
    """Return the first true answer of `look`; raises CheckFailed after so many seconds, with the last answer."""
    end = time.monotonic() + seconds
    while not (answer := look()):
        if time.monotonic() > end:
            raise CheckFailed(f"not within {seconds:.0f} s: {what}")
        time.sleep(pause)
    return answer


@dataclass
class Engine:
    """Debian's dockerd on a folder of its own, inside the namespaces run.sh made."""

    folder: Path
    data: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for leftover in ("docker.pid", "exec/containerd/containerd.pid"):
            (self.folder / leftover).unlink(missing_ok=True)
        log = (self.folder / "dockerd.log").open("ab")
        self.process = subprocess.Popen(
            [
                "dockerd",
                f"--data-root={self.data}",
                f"--exec-root={self.folder / 'exec'}",
                f"--pidfile={self.folder / 'docker.pid'}",
                f"--host=unix://{self.folder / 'docker.sock'}",
                f"--bip={BRIDGE}/16",
                "--exec-opt=native.cgroupdriver=cgroupfs",
            ],
            stdout=log,
            stderr=log,
        )
        until("dockerd answers", 60, lambda: self._alive() and run("docker", "info", check=False).returncode == 0, 0.5)

    def _alive(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            log = (self.folder / "dockerd.log").read_text(errors="replace")
            raise CheckFailed(f"dockerd ended\n{log[-3000:]}")
        return True

    def kill(self) -> None:
        """End everything as a power failure does: the engine, containerd and every container, at once."""
        for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
            # One that ends with another that was killed is gone by then.
            if pid not in (1, os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        # As the first process of its namespace this one buries the others.
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, 0):
                pass
        self.process = None
        # What a power failure empties and a kill does not: mounts and sockets of containers.
        subprocess.run(
            f"awk '$2 ~ \"^({self.data}|{self.folder / 'exec'})/\" {{print $2}}' /proc/mounts | sort -r | xargs -r umount -l",
            shell=True,
            check=True,
        )
        shutil.rmtree(self.folder / "exec", ignore_errors=True)

    def stop(self) -> None:
        """Stop it in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)


def run(
    *command: str, check: bool = True, cwd: Path | None = None, stdin: str | None = None, seconds: int = 900
) -> Result:
    """Run a command and return it with its output; raises CheckFailed with both where it fails and must not."""
    done = subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
    )
    if check and done.returncode:
        raise CheckFailed(
            f"{' '.join(command)[:300]} ended with {done.returncode}\n{(done.stdout + done.stderr)[-3500:]}"
        )
    return done


@dataclass
class Stack:
    """The deployment in a folder: a copy of the checkout, its secrets and its `.env`."""

    checkout: Path
    cache: Path
    folder: Path

    @property
    def data(self) -> Path:
        """The folder that stands for /data/medpool of docs/deploy.md."""
        return self.folder.parent / "data"

    def lay(self) -> None:
        """Copy what the deployment is made of, closed to everyone else as a careful umask leaves it."""
        listed = run("git", "-C", str(self.checkout), "ls-files", "-co", "--exclude-standard").stdout.splitlines()
        for name in listed:
            source = self.checkout / name
            if source.is_file() and not name.startswith(("tests/", ".ci/")):
                target = self.folder / name
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(source, target)
                target.chmod(0o600)

    def stand_ins(self) -> None:
        """Make images under the very names docker-compose.yml and Dockerfile use."""
        compose = (self.folder / "docker-compose.yml").read_text(encoding="utf-8")
        python = re.search(r"MEDPOOL_BASE_IMAGE:-([^}]+)}", compose)
        names = {repository: image for image, repository in re.findall(r"image: (([\w/]+):\S+)\n", compose)}
        expect(python, "no MEDPOOL_BASE_IMAGE in docker-compose.yml")
        assert python is not None
        run("docker", "import", str(self.cache / "python.tar"), python[1])
        run("docker", "import", str(self.cache / "services.tar"), "medpool-test/services")
        here = Path(__file__).parent / "stand_ins"
        for kind, repository in (("postgres", "postgres"), ("mail", "axllent/mailpit")):
            run("docker", "build", "--quiet", "--tag", names[repository], str(here / kind))

    def outside(self) -> None:
        """Put the office's package index on a host beyond this machine, one hop away."""
        index = [str(Path(__file__).parent / "package_index.py"), str(self.cache / "wheels"), OUTSIDE, str(INDEX_PORT)]
        world = subprocess.Popen(["unshare", "--net", sys.executable, *index]).pid
        own = Path("/proc/self/ns/net").readlink()
        until("the host outside has its namespace", 10, lambda: Path(f"/proc/{world}/ns/net").readlink() != own, 0.1)
        there = ["nsenter", f"--net=/proc/{world}/ns/net", "ip"]
        run("ip", "link", "add", "outside", "type", "veth", "peer", "name", "world", "netns", str(world))
        run("ip", "address", "add", "10.99.0.1/30", "dev", "outside")
        run("ip", "link", "set", "outside", "up")
        run(*there, "address", "add", f"{OUTSIDE}/30", "dev", "world")
        run(*there, "link", "set", "world", "up")

    def compose(self, *arguments: str, check: bool = True, stdin: str | None = None) -> Result:
        """Run `docker compose …` in the folder."""
        return run("docker", "compose", *arguments, check=check, cwd=self.folder, stdin=stdin)

    def recipe(self, heading: str, number: int = 0, strict: bool = True) -> Result:
        """Run the shell lines below a heading of docs/deploy.md as they stand there."""
        text = self.block(heading, "sh", number)
        options = "-eu" if strict else "-u"
        return run("bash", options, "-o", "pipefail", "-c", text, cwd=self.folder, check=strict)

    def block(self, heading: str, kind: str, number: int = 0) -> str:
        """Return a block of docs/deploy.md, with the rehearsal's folder for /data/medpool."""
        page = (self.folder / "docs/deploy.md").read_text(encoding="utf-8")
        section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.S | re.M)
        blocks = re.findall(rf"^```{kind}\n(.*?)^```", section[1] if section else "", re.S | re.M)
        expect(len(blocks) > number, f"docs/deploy.md has no block {number} of {kind} below {heading!r}")
        return str(blocks[number]).replace("/data/medpool", str(self.data))

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return what `docker inspect` says of each service's container, by service."""
        found = run("docker", "ps", "-aq", "--filter", "label=com.docker.compose.project=medpool").stdout.split()
        inspected = json.loads(run("docker", "inspect", *found).stdout) if found else []
        return {
            str(each["Config"]["Labels"]["com.docker.compose.service"]): each
            for each in inspected
            if each["Config"]["Labels"].get("com.docker.compose.oneoff") != "True"
        }

    def unhealthy(self, services: tuple[str, ...] = STANDING) -> list[str]:
        """Return which of these services are not healthy now, with their state."""
        now = self.containers()
        states = {
            name: now[name]["State"].get("Health", {}).get("Status", now[name]["State"]["Status"])
            if name in now
            else "gone"
            for name in services
        }
        return [f"{name} {state}" for name, state in states.items() if state != "healthy"]

    def healthy(self, seconds: float = 300, services: tuple[str, ...] = STANDING) -> None:
        """Wait until every service passes its health check; raises CheckFailed naming those that do not."""
        try:
            until("all healthy", seconds, lambda: not self.unhealthy(services))
        except CheckFailed as error:
            raise CheckFailed(f"{error}: {', '.join(self.unhealthy(services))}") from error

    def medpool(self, *arguments: str, may: tuple[int, ...] = (0, 1)) -> str:
        """Run the command-line service; returns what it printed; raises CheckFailed for another exit code."""
        done = self.compose("run", "--rm", "-T", "medpool", *arguments, check=False)
        expect(
            done.returncode in may,
            f"medpool {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}",
        )
        return done.stdout

    def logs(self) -> str:
        """Return the last lines of every container."""
        return self.compose("logs", "--no-color", "--tail=40", check=False).stdout


@dataclass
class Api:
    """Airflow's REST API on the published port."""

    base: str = "http://127.0.0.1:8080"
    token: str = ""

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and parsed answer; (0, text) where nothing answers."""
        request = urllib.request.Request(f"{self.base}{path}", method=method)
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(
                request, None if body is None else json.dumps(body).encode(), timeout=30
            ) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace")
        except OSError as error:
            return 0, str(error)

    def login(self, name: str, password: str) -> int:
        """Log in and keep the token; returns the status."""
        self.token = ""
        status, answer = self.call("POST", "/auth/token", {"username": name, "password": password})
        if status == 201:
            self.token = answer["access_token"]
        return status

    def trigger(self, dag: str, run_id: str, conf: dict[str, str]) -> None:
        """Start a run of a DAG."""
        now = dt.datetime.now(dt.UTC).isoformat()
        body = {"dag_run_id": run_id, "logical_date": now, "conf": conf}
        status, answer = self.call("POST", f"/api/v2/dags/{dag}/dagRuns", body)
        expect(status == 200, f"trigger {dag}: {status} {answer}")

    def state(self, dag: str, run_id: str) -> str:
        """Return a run's state, or '' while nothing answers."""
        status, answer = self.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run_id}")
        return str(answer["state"]) if status == 200 else ""

    def tasks(self, dag: str, run_id: str) -> dict[str, str]:
        """Return the state of each task of a run, empty while nothing answers."""
        status, answer = self.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances")
        return {each["task_id"]: str(each["state"]) for each in answer["task_instances"]} if status == 200 else {}

    def finished(self, dag: str, run_id: str, seconds: float) -> None:
        """Wait for a run to succeed; raises CheckFailed with its tasks where it fails or takes longer."""
        try:
            until(f"{dag} {run_id} ends", seconds, lambda: self.state(dag, run_id) in ("success", "failed"))
        except CheckFailed as error:
            raise CheckFailed(f"{error}: {self.tasks(dag, run_id)}") from error
        expect(self.state(dag, run_id) == "success", f"{run_id}: {self.tasks(dag, run_id)}")
