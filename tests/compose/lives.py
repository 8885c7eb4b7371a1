"""The checks of the rehearsal from the first run on: months, alerts, kills, backup and restore."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time

import checks
from stack import STANDING, Api, Engine, Stack, expect, run, say, until


def month(stack: Stack, api: Api, which: str) -> None:
    stack.medpool("simulate", checks.CITY, which)
    broken = api.call("GET", "/api/v2/importErrors")
    expect(broken[0] == 200 and broken[1]["total_entries"] == 0, broken)
    until(f"{checks.DAG} is there", 120, lambda: api.call("GET", f"/api/v2/dags/{checks.DAG}")[0] == 200)
    status, answer = api.call("PATCH", f"/api/v2/dags/{checks.DAG}", {"is_paused": False})
    expect(status == 200 and answer["is_paused"] is False, answer)
    api.trigger(checks.DAG, which, {"month": which})
    approve(stack, api, which)
    api.finished(checks.DAG, which, 400)


def approve(stack: Stack, api: Api, which: str, seconds: float = 400) -> None:
    """Give the word a run waits for, as another user than the one who triggered it; one who may only read is refused."""

    def waiting() -> list[str]:
        state = api.state(checks.DAG, which)
        expect(state in ("queued", "running", ""), f"{state} without having asked: {api.tasks(checks.DAG, which)}")
        return [task for task, state in api.tasks(checks.DAG, which).items() if state == "awaiting_input"]

    asking = until("the run asks for approval", seconds, waiting)
    # A person reads first. Airflow 3.3 loses an answer that comes before its scheduler has noted that the question was put.
    time.sleep(10)
    for task in asking:
        path = f"/api/v2/dags/{checks.DAG}/dagRuns/{which}/taskInstances/{task}/-1/hitlDetails"
        status, asked = api.call("GET", path)
        expect(status == 200 and which in asked["body"], asked)
        answer = {"chosen_options": [asked["options"][0]], "params_input": {}}
        checks.login(stack, api, "sun")
        expect(api.call("PATCH", path, answer)[0] == 403, "a viewer may approve")
        checks.login(stack, api, "zhao")
        status, said = api.call("PATCH", path, answer)
        expect(status == 200, f"{task}: {status} {said}")
        checks.login(stack, api)
        say(f"                 zhao approved {task}: {asked['subject']}")


def shown(stack: Stack, which: str) -> None:
    text = stack.medpool("show", checks.CITY, which)
    expect(which in text and "workbook" in text.lower(), text)
    expect(transfers(stack, which) > 0, "the mart has no transfer of the month")


def transfers(stack: Stack, which: str) -> int:
    """Return how many transfers of a month the mart holds."""
    query = (
        "import duckdb, sys; "
        "print(duckdb.connect('/srv/medpool/warehouse/marts/current/medpool.duckdb', read_only=True)"
        ".execute('SELECT count(*) FROM transfers WHERE month = ?', [sys.argv[1]]).fetchone()[0])"
    )
    done = stack.compose("run", "--rm", "-T", "--entrypoint", "python", "medpool", "-c", query, which)
    return int(done.stdout.split()[-1])


def alert(stack: Stack) -> None:
    done = stack.recipe("Alerts", strict=False)
    try:
        page = json.loads(done.stdout[done.stdout.index('{"total"') :])
    except ValueError:
        page = {"total": 0, "messages": []}
    expect(page["total"] >= 1, done.stdout + done.stderr)
    messages = [each for each in page["messages"] if "2022" in each["Subject"] + each["Snippet"]]
    expect(messages and "差异" in "".join(each["Subject"] + each["Snippet"] for each in messages), page)
    expect(all(each["To"][0]["Address"] == "fund-office@example.org" for each in messages), page)
    say(f"                 {len(messages)} messages, the newest: {messages[0]['Subject']}")
    stack.healthy(services=(*STANDING, "mail"))


def killed(stack: Stack, api: Api, which: str, names: tuple[str, ...], unattended: bool = False) -> None:
    stack.medpool("simulate", checks.CITY, which, "--scale", "20")
    api.trigger(checks.DAG, which, {"month": which})

    def running() -> str:
        return next(
            (
                task
                for task, state in api.tasks(checks.DAG, which).items()
                if state == "running" and task != "open_month"
            ),
            "",
        )

    task = until("a task runs", 180, running, pause=0.3)
    now = stack.containers()
    run("docker", "kill", *(now[name]["Id"] for name in names))
    time.sleep(15)
    stopped = [name for name in names if stack.containers()[name]["State"]["Running"]]
    expect(not stopped, f"still running: {stopped}")
    if unattended:
        with (stack.folder / ".env").open("a", encoding="utf-8") as env:
            env.write('MEDPOOL_UNATTENDED="make compose-test: a rehearsal on simulated files"\n')
    began = time.monotonic()
    stack.compose("up", "-d")
    stack.healthy()
    back = time.monotonic() - began
    checks.login(stack, api)
    if not unattended:
        approve(stack, api, which, 900)
    api.finished(checks.DAG, which, 900)
    expect(transfers(stack, which) > 0, "the mart has no transfer of the month")
    say(
        f"                 killed during {task}; healthy after {back:.0f} s, the run ended after {time.monotonic() - began:.0f} s"
    )


def power(stack: Stack, engine: Engine, api: Api) -> None:
    before = stack.medpool("show", checks.CITY, "2022-03")
    engine.kill()
    engine.start()
    stack.healthy(services=(*STANDING, "mail"))
    checks.login(stack, api)
    expect(api.state(checks.DAG, "2022-03") == "success", "Airflow lost its history")
    expect(stack.medpool("show", checks.CITY, "2022-03") == before, "what is shown changed")


def backup(stack: Stack) -> None:
    stack.recipe("Backup")
    for name in ("medpool.dump", "airflow.dump", "warehouse.tar"):
        path = stack.folder / name
        expect(path.stat().st_size > 10_000 and path.stat().st_mode & 0o077 == 0, f"{name}: {path.stat()}")


def restore(stack: Stack, api: Api) -> None:
    before = {which: stack.medpool("show", checks.CITY, which) for which in ("2022-03",)}
    inbox = stack.data / "inbox"
    down(stack)
    shutil.rmtree(stack.data / "warehouse")
    # "Another machine": volumes in place of host folders, so that both ways are tried.
    kept = stack.folder.parent / "inbox.kept"
    shutil.move(inbox, kept)
    lines = (stack.folder / ".env").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith(("MEDPOOL_INBOX_DIR", "MEDPOOL_WAREHOUSE_DIR")))
    (stack.folder / ".env").write_text(text + "\n", encoding="utf-8")
    tar = subprocess.Popen(["tar", "-C", str(kept), "-cf", "-", "."], stdout=subprocess.PIPE)
    into = [
        "docker",
        "compose",
        "run",
        "--rm",
        "--no-deps",
        "-T",
        "--entrypoint",
        "tar",
        "medpool",
        "-C",
        "/srv/medpool/inbox",
        "-xf",
        "-",
    ]
    subprocess.run(into, cwd=stack.folder, stdin=tar.stdout, check=True, capture_output=True)
    expect(tar.wait() == 0, "the inbox could not be read")
    stack.recipe("Restore")
    stack.healthy()
    checks.login(stack, api)
    expect(api.state(checks.DAG, "2022-03") == "success", "Airflow's history is not restored")
    for which, text in before.items():
        after = stack.medpool("show", checks.CITY, which)
        expect(after == text, f"{which} before:\n{text}\nafter:\n{after}")
        expect(transfers(stack, which) > 0, f"the mart has no {which}")


def changed_password(stack: Stack) -> None:
    path = stack.folder / "secrets/medpool_db_password"
    old = path.read_text(encoding="utf-8").strip()
    path.unlink()
    path.write_text(os.urandom(64).hex(), encoding="utf-8")
    path.chmod(0o444)
    stack.compose("up", "-d", "--force-recreate")
    stack.healthy()
    expect(not checks.database_opens(stack, "medpool", old), "the old password still works")
    stack.medpool("show", checks.CITY, "2022-03")


def down(stack: Stack) -> None:
    stack.compose("--profile", "tools", "--profile", "mail", "down", "--volumes", "--remove-orphans")
    expect(not stack.containers(), "containers are left")
    left = run("docker", "volume", "ls", "-q", "--filter", "label=com.docker.compose.project=medpool").stdout
    expect(not left, left)
