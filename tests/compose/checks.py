"""The checks of the rehearsal up to the first run: the start, its refusals, and what the containers may do."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from stack import INDEX_PORT, OUTSIDE, STANDING, Api, Stack, expect, run

CITY = "taizhou"
DAG = f"medpool_month_{CITY}"


def environment(folder: Path) -> None:
    """Let every command of the rehearsal find this engine, and the recipes find `sudo` where the machine has none."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "sudo").write_text('#!/bin/sh\nexec "$@"\n', encoding="utf-8")
    (bin_folder / "sudo").chmod(0o755)
    os.environ["PATH"] = f"{bin_folder}:/usr/sbin:/usr/bin:/sbin:/bin"
    os.environ["DOCKER_HOST"] = f"unix://{folder / 'docker.sock'}"
    for name in list(os.environ):
        if name.startswith(("MEDPOOL_", "COMPOSE_", "AIRFLOW_")):
            del os.environ[name]


def write_env(stack: Stack, **more: str) -> None:
    """Write `.env` as docs/deploy.md has it, with the package index of the rehearsal and what else is given."""
    lines = stack.block("First start", "ini")
    added = {
        "PIP_INDEX_URL": f"http://{OUTSIDE}:{INDEX_PORT}/simple/",
        "PIP_TRUSTED_HOST": OUTSIDE,
        **more,
    }
    text = lines + "".join(f'{name}="{value}"\n' for name, value in added.items())
    (stack.folder / ".env").write_text(text, encoding="utf-8")


def build(stack: Stack) -> None:
    write_env(stack)
    stack.recipe("First start", 0)


def no_users(stack: Stack) -> None:
    (stack.folder / ".env").unlink()
    done = stack.compose("up", "-d", check=False)
    expect(done.returncode and "write MEDPOOL_USERS=name:role" in done.stderr, done.stdout + done.stderr)
    write_env(stack)
    expect(not stack.containers(), "containers were made")


def secrets(stack: Stack) -> None:
    stack.recipe("Secrets")
    made = {path.name: path.read_text(encoding="utf-8").strip() for path in (stack.folder / "secrets").iterdir()}
    expect((stack.folder / "secrets").stat().st_mode & 0o777 == 0o700, "secrets/ is open to others")
    expect(set(json.loads(made["ui_passwords.json"])) == {"li", "zhao", "sun"}, made.keys())
    values = [value for name, value in made.items() if name not in ("alert_urls", "ui_passwords.json")]
    expect(len(set(values)) == 6 and all(len(value) >= 44 for value in values), made.keys())


def bad_secrets(stack: Stack) -> None:
    folder = stack.folder / "secrets"
    keep = stack.folder.parent / "secrets.kept"
    shutil.copytree(folder, keep)

    def refused(name: str, text: str | None, *words: str, mode: int = 0o444) -> None:
        path = folder / name
        path.unlink()
        if text is not None:
            path.write_text(text, encoding="utf-8")
            path.chmod(mode)
        done = stack.compose("run", "--rm", "--no-deps", "-T", "airflow-init", check=False)
        seen = done.stdout + done.stderr
        expect(done.returncode, f"started with a bad {name}")
        expect(any(all(word in line for word in words) for line in seen.splitlines()), f"{name}: {seen}")
        path.unlink(missing_ok=True)
        shutil.copy2(keep / name, path)

    refused("jwt_secret", None, "jwt_secret", "does not exist")
    refused("postgres_password", "", "medpool: the secret postgres_password has 0 characters")
    refused("medpool_db_password", "medpool\n", "medpool: the secret medpool_db_password has 7 characters")
    refused("api_secret_key", "x" * 64, "medpool: the secret api_secret_key cannot be read", mode=0o400)
    refused("fernet_key", "!" * 44, "medpool: the secret fernet_key is not 32 bytes")
    refused(
        "ui_passwords.json",
        '{"li": "admin", "zhao": "admin", "sun": "admin"}',
        "medpool: ui_passwords.json has no password of 12",
        "li",
    )
    refused("ui_passwords.json", "admin", "medpool: ui_passwords.json is not a JSON object")
    done = stack.compose(
        "run",
        "--rm",
        "--no-deps",
        "-T",
        "-e",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=li:king",
        "airflow-init",
        check=False,
    )
    expect(done.returncode and "MEDPOOL_USERS has 'li:king'" in done.stderr + done.stdout, done.stdout + done.stderr)

    # The whole start, with one of them: nothing of Airflow runs.
    (folder / "airflow_db_password").unlink()
    (folder / "airflow_db_password").write_text("airflow", encoding="utf-8")
    done = stack.compose("up", "-d", check=False)
    expect(done.returncode, "up with a default database password")
    log = stack.compose("logs", "airflow-init").stdout
    expect("medpool: the secret airflow_db_password has 7 characters" in log, log)
    running = [name for name, each in stack.containers().items() if each["State"]["Running"]]
    expect(running == ["postgres"], running)
    stack.compose("down", "--volumes")
    shutil.rmtree(folder)
    shutil.move(keep, folder)


def up(stack: Stack) -> None:
    done = stack.recipe("First start", 1)
    stack.healthy()
    init = stack.containers()["airflow-init"]["State"]
    expect(init["Status"] == "exited" and init["ExitCode"] == 0, init)
    log = stack.compose("logs", "airflow-init").stdout
    expect("roles and databases are there" in log and "the control database is up to date" in log, log + done.stdout)


def hardened(stack: Stack) -> None:
    for name, each in stack.containers().items():
        if name not in STANDING:
            continue
        host = each["HostConfig"]
        expect(host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"], f"{name}: {host}")
        expect(host["RestartPolicy"]["Name"] == "unless-stopped", host["RestartPolicy"])
        pids = run("docker", "top", each["Id"], "-eo", "pid").stdout.split()[1:]
        expect(pids, f"{name} has no process")
        for pid in pids:
            status = dict(
                line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
            )
            uids = set(status["Uid"].split())
            if name == "postgres":
                expect("0" not in uids, f"{name} {pid}: {uids}")
            else:
                expect(uids == {"50000"} and set(status["Gid"].split()) == {"50000"}, f"{name} {pid}: {uids}")
            expect(
                int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0, f"{name} {pid}: {status['CapEff']}"
            )
            expect(status["NoNewPrivs"].strip() == "1", f"{name} {pid} may gain privileges")
        for path in ("/", "/opt/medpool/dags/", "/usr/local/bin/") if name != "postgres" else ("/", "/usr/local/bin/"):
            done = stack.compose("exec", "-T", name, "touch", f"{path}x", check=False)
            expect(
                done.returncode and "Read-only file system" in done.stderr, f"{name} could write {path}: {done.stderr}"
            )
    listed = stack.compose(
        "exec",
        "-T",
        "scheduler",
        "find",
        "/opt/medpool",
        "-not",
        "-user",
        "root",
        "-o",
        "-perm",
        "/022",
        "-o",
        "-not",
        "-readable",
    )
    expect(not listed.stdout, f"may be changed by others, or not read: {listed.stdout}")
    done = stack.compose("exec", "-T", "scheduler", "touch", "/srv/medpool/inbox/x", check=False)
    expect(done.returncode, "the scheduler may write the inbox")


def secrets_kept(stack: Stack) -> None:
    values = {path.name: path.read_text(encoding="utf-8").strip() for path in (stack.folder / "secrets").iterdir()}
    values.update(json.loads(values.pop("ui_passwords.json")))
    log = stack.compose("logs", "--no-color").stdout
    for name, each in stack.containers().items():
        seen = json.dumps(each) + (
            run("docker", "top", each["Id"], "-eo", "pid,args").stdout if each["State"]["Running"] else ""
        )
        for secret, value in values.items():
            expect(not value or value not in seen, f"{secret} is in what docker shows of {name}")
            expect(not value or value not in log, f"{secret} is in the log")


def networks(stack: Stack) -> None:
    reach = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"
    # What the inner network cannot reach, the outer one can: the package index of the rehearsal.
    inner = [
        "docker",
        "run",
        "--rm",
        "--entrypoint",
        "python",
        "--network",
        "medpool_inside",
        "medpool:local",
        "-c",
        reach,
    ]
    outer = ["medpool_outside" if word == "medpool_inside" else word for word in inner]
    expect(run(*outer, OUTSIDE, str(INDEX_PORT), check=False).returncode == 0, "the outer network is shut")
    expect(run(*inner, OUTSIDE, str(INDEX_PORT), check=False).returncode, "the inner network has a way out")
    expect(
        run(*inner, "postgres", "5432", check=False).returncode == 0, "the inner network does not reach the database"
    )
    expect(run(*outer, "postgres", "5432", check=False).returncode, "the outer network reaches the database")
    bound = {
        name: each["HostConfig"]["PortBindings"]
        for name, each in stack.containers().items()
        if each["HostConfig"]["PortBindings"]
    }
    expect(bound == {"api-server": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}}, bound)


def passwords(stack: Stack, api: Api) -> None:
    for name in ("admin", "airflow", "li", "zhao", "sun", "medpool", "postgres"):
        for password in ("", "admin", "airflow", "password", "changeme", "medpool", name):
            status = api.login(name, password)
            expect(status in (400, 401, 422), f"{name} with {password!r} is answered {status}")
    expect(api.call("GET", "/api/v2/dags")[0] == 401, "the API answers without a login")
    for role in ("postgres", "airflow", "medpool"):
        for password in ("", "postgres", "airflow", "medpool", "password"):
            expect(not database_opens(stack, role, password), f"PostgreSQL lets {role} in with {password!r}")
        expect(
            database_opens(stack, role, secret(stack, role if role == "postgres" else f"{role}_db")),
            f"{role} is kept out",
        )
    expect(
        not database_opens(stack, "airflow", secret(stack, "airflow_db"), "medpool"),
        "airflow may read medpool's database",
    )
    login(stack, api, "sun")
    expect(api.call("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False})[0] == 403, "a viewer may switch DAGs")
    login(stack, api)


def login(stack: Stack, api: Api, name: str = "li") -> None:
    """Log in as one of the users of the rehearsal: li the administrator, zhao who may approve, sun who only reads."""
    users = json.loads((stack.folder / "secrets/ui_passwords.json").read_text(encoding="utf-8"))
    status = api.login(name, users[name])
    expect(status == 201, f"{name} cannot log in: {status}")


def secret(stack: Stack, name: str) -> str:
    """Return a database password."""
    return (stack.folder / f"secrets/{name}_password").read_text(encoding="utf-8").strip()


def database_opens(stack: Stack, role: str, password: str, database: str = "") -> bool:
    """Whether PostgreSQL lets a role in over the network with a password."""
    database = database or role
    done = stack.compose(
        "exec", "-T", "-e", f"PGPASSWORD={password}", "postgres",
        "psql", "--no-password", "-h", "postgres", "-U", role, "-d", database, "-Atc", "SELECT 1", check=False,
    )  # fmt: skip
    return done.returncode == 0


def wrong_password(stack: Stack) -> None:
    path = stack.folder / "secrets/postgres_password"
    kept = path.read_text(encoding="utf-8")
    path.chmod(0o644)
    path.write_text("0" * 64, encoding="utf-8")
    done = stack.compose("run", "--rm", "-T", "airflow-init", check=False)
    path.write_text(kept, encoding="utf-8")
    path.chmod(0o444)
    seen = done.stdout + done.stderr
    expect(done.returncode and "with the secret postgres_password" in seen and "Traceback" not in seen, seen)
