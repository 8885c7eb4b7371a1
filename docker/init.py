#!/opt/venv/bin/python
"""Make or bring up to date both databases and their two roles; run it as often as you like."""

import os
import subprocess
import sys

import psycopg2
from psycopg2 import sql

from medpool_etl.errors import MedpoolError
from medpool_etl.store import Control, Settings


def secret(name: str) -> str:
    """Return a secret without its line end."""
    return subprocess.run(["medpool-secret", name], check=True, capture_output=True, text=True).stdout  # noqa: S603, S607


def roles_and_databases() -> None:
    """Make what is missing and set the two passwords; exits with a line that names what the server refuses."""
    host = os.environ.get("MEDPOOL_PG_HOST", "postgres")
    try:
        server = psycopg2.connect(
            host=host, user="postgres", dbname="postgres", password=secret("postgres_password"), connect_timeout=30
        )
    except psycopg2.OperationalError as error:
        sys.exit(
            f"medpool: the server {host} does not let the role postgres in with the secret postgres_password: "
            f'{error}  do: see "Secrets" in docs/deploy.md, then start again'
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
                cursor.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(role, role)
                )
            cursor.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(role))
    server.close()


def main() -> None:
    """Bring the server, Airflow's database and the control database up to date, in this order."""
    roles_and_databases()
    print("medpool: roles and databases are there", flush=True)  # noqa: T201
    if code := subprocess.run(["airflow", "db", "migrate"]).returncode:  # noqa: S607
        sys.exit(code)
    try:
        Control(Settings.load().control_url).close()
    except MedpoolError as error:
        sys.exit(f"medpool: {error}")
    print("medpool: the control database is up to date", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
