#!/bin/sh
# What the official image's documentation promises of its entrypoint, as far as docker-compose.yml uses it: a cluster made
# by initdb with POSTGRES_INITDB_ARGS and a superuser with the password in POSTGRES_PASSWORD_FILE, once, and then served.
set -eu
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    [ -s "${POSTGRES_PASSWORD_FILE:-}" ] || { echo "no superuser password: POSTGRES_PASSWORD_FILE is empty" >&2; exit 1; }
    # shellcheck disable=SC2086 - several options in one variable
    initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" --pgdata="$PGDATA" ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
fi
exec "$@"
