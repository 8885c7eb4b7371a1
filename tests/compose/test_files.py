"""What can be said of the deployment without an engine: docker-compose.yml and the scripts in the image."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
STANDING = sorted(name for name, service in SERVICES.items() if service["restart"] != "no")
GOOD = {
    "postgres_password": "a" * 64,
    "airflow_db_password": "b:\\" * 20,
    "medpool_db_password": "c" * 64,
    "fernet_key": "d" * 43 + "=",
    "jwt_secret": "e" * 64,
    "api_secret_key": "f" * 64,
    "alert_urls": "",
    "ui_passwords.json": '{"li": "123456789012", "zhao": "123456789012"}',
}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] not in ("root", "0", "0:0")
    assert "privileged" not in service and "cap_add" not in service


def test_what_stands_restarts_and_has_a_health_check() -> None:
    assert {"postgres", "api-server", "scheduler", "dag-processor", "triggerer", "mail"} == set(STANDING)
    for name in STANDING:
        assert SERVICES[name]["restart"] == "unless-stopped"
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_images_are_pinned() -> None:
    images = {service["image"] for service in SERVICES.values()}
    base = re.search(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.M)
    assert base is not None
    assert SERVICES["airflow-init"]["build"]["args"]["BASE"] == f"${{MEDPOOL_BASE_IMAGE:-{base[1]}}}"
    for image in {*images, base[1]} - {"medpool:${MEDPOOL_VERSION:-local}"}:
        assert re.search(r":v?\d+\.\d+", image), image


def test_no_password_has_a_default() -> None:
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|TOKEN", key):
                assert key.endswith(("_FILE", "_CMD")), f"{name} {key}"
            assert not re.search(r"://[^/@:]+:[^/@]+@", str(value)), f"{name} {key}"
    assert "MEDPOOL_USERS:?" in SERVICES["api-server"]["environment"]["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]


def test_only_the_page_is_published_and_on_this_machine_only() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api-server"]
    assert SERVICES["api-server"]["ports"] == ["${MEDPOOL_BIND:-127.0.0.1}:${MEDPOOL_PORT:-8080}:8080"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["inside"]


def test_who_tells_may_tell_and_who_watches_sees_the_inbox() -> None:
    for name in ("scheduler", "dag-processor"):
        assert "alert_urls" in SERVICES[name]["secrets"] and "outside" in SERVICES[name]["networks"]
        assert SERVICES[name]["environment"]["MEDPOOL_ALERT_URLS_FILE"] == "/run/secrets/alert_urls"
    for name in ("scheduler", "triggerer"):
        assert "${MEDPOOL_INBOX_DIR:-inbox}:/srv/medpool/inbox:ro" in SERVICES[name]["volumes"]
    # An unset variable must mean that people approve, in every part that could ask.
    assert all(
        service["environment"]["MEDPOOL_UNATTENDED"] == "${MEDPOOL_UNATTENDED:-}"
        for name, service in SERVICES.items()
        if name not in ("postgres", "mail")
    )


def enter(
    tmp_path: Path, users: str = "li:admin,zhao:viewer", **changed: str | None
) -> subprocess.CompletedProcess[str]:
    """Run the image's entrypoint on a folder of secrets, with the scripts under their names in the image."""
    secrets, commands = tmp_path / "secrets", tmp_path / "bin"
    secrets.mkdir()
    commands.mkdir()
    for name, value in {**GOOD, **changed}.items():
        if value is not None:
            (secrets / name).write_text(f"{value}\n", encoding="utf-8")
    for name, script in (("secret", "secret.sh"), ("entrypoint", "entrypoint.sh")):
        (commands / f"medpool-{name}").symlink_to(ROOT / "docker" / script)
    (commands / "medpool-users").write_text(f'#!/bin/sh\nexec python3 {ROOT}/docker/users.py "$@"\n', encoding="utf-8")
    (commands / "medpool-users").chmod(0o755)
    environment = {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "MEDPOOL_SECRETS_DIR": str(secrets),
        "PGPASSFILE": str(tmp_path / "pgpass"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(tmp_path / "passwords.json"),
    }
    command = [str(commands / "medpool-entrypoint"), "sh", "-c", "echo started; umask"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_good_secrets_are_handed_on(tmp_path: Path) -> None:
    done = enter(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "started\n0027\n", "")
    escaped = GOOD["airflow_db_password"].replace("\\", "\\\\").replace(":", "\\:")
    assert (tmp_path / "pgpass").read_text(encoding="utf-8").splitlines() == [
        f"*:*:*:airflow:{escaped}",
        f"*:*:*:medpool:{GOOD['medpool_db_password']}",
    ]
    written = tmp_path / "passwords.json"
    assert json.loads(written.read_text(encoding="utf-8")) == json.loads(GOOD["ui_passwords.json"])
    assert written.stat().st_mode & 0o077 == 0 and (tmp_path / "pgpass").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("postgres_password", "", "the secret postgres_password has 0 characters; expected at least 32"),
        ("medpool_db_password", "medpool", "the secret medpool_db_password has 7 characters"),
        ("jwt_secret", "changeme", "the secret jwt_secret has 8 characters"),
        ("fernet_key", "short", "the secret fernet_key has 5 characters; expected at least 44"),
        ("fernet_key", "+" * 44, "the secret fernet_key is not 32 bytes in URL-safe base64"),
        ("ui_passwords.json", '{"li": "123456789012"}', "ui_passwords.json has no password of 12 characters or more for 'zhao'"),
        ("ui_passwords.json", '{"li": "123456789012", "zhao": "zhao"}', "no password of 12 characters or more for 'zhao'"),
        ("ui_passwords.json", "[]", "ui_passwords.json is not a JSON object"),
        ("ui_passwords.json", "li", "ui_passwords.json is not a JSON object"),
    ],
)  # fmt: skip
def test_a_bad_secret_stops_the_start_by_its_name(tmp_path: Path, name: str, value: str, said: str) -> None:
    done = enter(tmp_path, **{name: value})
    assert done.returncode == 78
    assert done.stdout == ""
    assert done.stderr.startswith("medpool: ") and said in done.stderr
    assert "docs/deploy.md" in done.stderr
    assert not value or len(value) < 9 or value not in done.stderr


@pytest.mark.parametrize("users", ["", "li", "li:king", ":admin", "li:admin,"])
def test_a_user_without_name_or_role_stops_the_start(tmp_path: Path, users: str) -> None:
    done = enter(tmp_path, users=users)
    assert done.returncode == 78 and "MEDPOOL_USERS has" in done.stderr


def test_the_page_on_deployment_has_what_the_rehearsal_runs() -> None:
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    for heading in ("First start", "Secrets", "Alerts", "Backup", "Restore"):
        section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.S | re.M)
        assert section and "```sh\n" in section[1], heading
    for name in COMPOSE["secrets"]:
        assert f"`{name}`" in page, f"docs/deploy.md does not say what {name} is for"
    variables = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    assert not {name for name in variables if f"`{name}`" not in page}, "variables docs/deploy.md does not explain"
