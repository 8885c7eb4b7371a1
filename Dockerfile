# medpool with Airflow, for docker-compose.yml. BuildKit is needed (Docker 23 or newer has it on).
# BASE may be any Debian-like image with Python 3.11 as `python`; pin it by digest where an office requires that.
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS build
# An office with its own package index passes it: --build-arg PIP_INDEX_URL=…
ARG PIP_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements requirements
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.txt
# setuptools builds the package here and does not go into the image; its pin and hashes are those of dev.txt.
RUN sed -n '/^setuptools==/,/# via/p' requirements/dev.txt > build.txt \
 && python -m pip install --require-hashes --only-binary :all: -r build.txt
COPY pyproject.toml README.md LICENSE ./
COPY medpool_etl medpool_etl
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/venv/bin/pip install --no-deps --no-index dist/*.whl
COPY dags /opt/medpool/dags
COPY plugins /opt/medpool/plugins
COPY sql /opt/medpool/sql
COPY expectations /opt/medpool/expectations
COPY pyproject.toml LICENSE /opt/medpool/
# Bytecode in the image makes every Airflow command about four times faster; the file system is read-only later.
RUN /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib /opt/medpool/dags /opt/medpool/plugins

FROM ${BASE}
RUN groupadd --gid 50000 medpool \
 && useradd --uid 50000 --gid 50000 --home-dir /srv/medpool/scratch --no-create-home --shell /usr/sbin/nologin medpool \
 && install -d -o root -g root /opt/airflow \
 && install -d -o medpool -g medpool -m 0750 /opt/airflow/logs \
 && install -d -o medpool -g medpool -m 0755 /srv/medpool /srv/medpool/config /srv/medpool/inbox /srv/medpool/warehouse \
 && install -d -o medpool -g medpool -m 0700 /srv/medpool/scratch /run/medpool
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/medpool /opt/medpool
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LANG=C.UTF-8 \
    HOME=/srv/medpool/scratch \
    TMPDIR=/srv/medpool/scratch \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/medpool/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/medpool/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    MEDPOOL_HOME=/opt/medpool \
    MEDPOOL_CONFIG=/srv/medpool/config \
    MEDPOOL_DATA=/srv/medpool/scratch \
    MEDPOOL_INBOX=/srv/medpool/inbox \
    MEDPOOL_WAREHOUSE=/srv/medpool/warehouse \
    PGPASSFILE=/run/medpool/pgpass

# Airflow writes a configuration of its own, with a key in it, where it finds none.
COPY --chmod=0444 <<'EOF' /opt/airflow/airflow.cfg
# Every setting comes from the environment: see docker-compose.yml.
EOF

COPY --chmod=0755 <<'EOF' /usr/local/bin/medpool-secret
#!/bin/sh
# medpool-secret NAME: print a secret without its line end. Airflow's settings ending in _CMD call it.
exec tr -d '\r\n' < "${MEDPOOL_SECRETS_DIR:-/run/secrets}/$1"
EOF

COPY --chmod=0755 <<'EOF' /usr/local/bin/medpool-entrypoint
#!/bin/sh
# Check the secrets this container was given, hand them to libpq and to Airflow's login, then become the command.
set -eu
umask 0077
secrets=${MEDPOOL_SECRETS_DIR:-/run/secrets}

fail() {
    printf 'medpool: %s\n  do: see "Secrets" in docs/deploy.md, then start again\n' "$1" >&2
    exit 78
}

for path in "$secrets"/*; do
    name=${path##*/}
    [ -f "$path" ] || fail "the secret $name is not a file"
    [ -r "$path" ] || fail "the secret $name cannot be read by uid $(id -u)"
    case $name in
        alert_urls | ui_passwords.json) continue ;;
        fernet_key) least=44 ;;
        *) least=32 ;;
    esac
    value=$(medpool-secret "$name")
    [ "${#value}" -ge "$least" ] || fail "the secret $name has ${#value} characters; expected at least $least"
done

# libpq and asyncpg look passwords up here, so that no address, environment or process list holds one.
: > "$PGPASSFILE"
for role in airflow medpool; do
    if [ -f "$secrets/${role}_db_password" ]; then
        printf '*:*:*:%s:%s\n' "$role" "$(medpool-secret "${role}_db_password" | sed 's/[\\:]/\\&/g')" >> "$PGPASSFILE"
    fi
done

# The login reads and locks its file for writing and invents a password, which it logs, for a user that has none.
if [ -f "$secrets/ui_passwords.json" ]; then
    python - "$secrets/ui_passwords.json" <<'PY' || exit 78
import json
import os
import pathlib
import sys

do = '  do: see "Users" in docs/deploy.md, then start again'
try:
    passwords = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    assert isinstance(passwords, dict)
except (OSError, ValueError, AssertionError):
    sys.exit(f'medpool: ui_passwords.json is not a JSON object of the form {{"name": "password"}}\n{do}')
users = [user.split(":") for user in os.environ.get("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "").split(",")]
for user in users:
    if len(user) != 2 or not user[0].strip() or user[1].strip().upper() not in ("VIEWER", "USER", "OP", "ADMIN"):
        sys.exit(f"medpool: MEDPOOL_USERS has {':'.join(user)!r}; expected name:role, role viewer, user, op or admin\n{do}")
    password = passwords.get(user[0].strip())
    if not isinstance(password, str) or len(password) < 12:
        sys.exit(f"medpool: ui_passwords.json has no password of 12 characters or more for {user[0]!r}\n{do}")
names = {user[0].strip() for user in users}
target = pathlib.Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
target.write_text(json.dumps({name: passwords[name] for name in sorted(names)}) + "\n", encoding="utf-8")
PY
fi

# What medpool writes is for its own group to read.
umask 0027
exec "$@"
EOF

COPY --chmod=0755 <<'EOF' /usr/local/bin/medpool-init
#!/opt/venv/bin/python
"""Make or bring up to date both databases and their two roles; run it as often as you like."""

import os
import subprocess
import sys

import psycopg2
from psycopg2 import sql


def secret(name: str) -> str:
    return subprocess.run(["medpool-secret", name], check=True, capture_output=True, text=True).stdout


server = psycopg2.connect(
    host=os.environ.get("MEDPOOL_PG_HOST", "postgres"), user="postgres", dbname="postgres",
    password=secret("postgres_password"), connect_timeout=30,
)
server.autocommit = True
with server.cursor() as cursor:
    for name in ("airflow", "medpool"):
        role = sql.Identifier(name)
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE").format(role))
        # Set every time, so that a replaced secret file is all it takes to change a password.
        cursor.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD %s").format(role), (secret(f"{name}_db_password"),))
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(role, role))
        cursor.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(role))
server.close()
print("medpool: roles and databases are there", flush=True)

if code := subprocess.run(["airflow", "db", "migrate"]).returncode:
    sys.exit(code)

from medpool_etl.store import Control, Settings  # noqa: E402 - its driver and schema come last

Control(Settings.load().control_url).close()
print("medpool: the control database is up to date", flush=True)
EOF

USER 50000:50000
# DuckDB spills below the working folder, Python below TMPDIR: a disk, not memory.
WORKDIR /srv/medpool/scratch
ENTRYPOINT ["medpool-entrypoint"]
CMD ["medpool", "--help"]
