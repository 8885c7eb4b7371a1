#!/usr/bin/env bash
# Runs a command with TEST_POSTGRES_URL naming a throw-away PostgreSQL cluster, which is gone when the command ends.
set -euo pipefail

find_binaries() {
    { command -v pg_ctl || ls -d /usr/lib/postgresql/*/bin/pg_ctl; } 2>/dev/null | sort -V | tail -1 | xargs -r dirname
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

binaries=$(find_binaries || true)
if [ -z "$binaries" ] || [ ! -x "$binaries/initdb" ]; then
    echo "Installing Debian's postgresql …"
    as_root apt-get update -qq
    # Only the programs are wanted, not a cluster that starts with the machine.
    no_cluster=/etc/postgresql-common/createcluster.d/medpool.conf
    as_root mkdir -p "$(dirname $no_cluster)"
    echo "create_main_cluster = false" | as_root tee $no_cluster > /dev/null
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql > /dev/null
    as_root rm $no_cluster
    binaries=$(find_binaries)
fi

# PostgreSQL refuses to be run by root.
as_user() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

folder=$(mktemp -d "${TMPDIR:-/tmp}/medpool-postgres-XXXXXX")
stop() {
    status=$?
    trap - EXIT INT TERM
    if [ -f "$folder/data/postmaster.pid" ]; then
        (cd "$folder" && as_user "$binaries/pg_ctl" -D "$folder/data" -m immediate -w stop > /dev/null) || true
    fi
    rm -rf "$folder"
    exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# The folder this was called from may be closed to the user postgres.
(
    cd "$folder"
    as_user "$binaries/initdb" -D "$folder/data" -U medpool --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync > initdb.log 2>&1 \
        || { cat initdb.log; exit 1; }
    # Airflow's own database, for the tests that run DAGs; the client programs may not be there.
    echo "CREATE DATABASE airflow" | as_user "$binaries/postgres" --single -D "$folder/data" postgres > single.log 2>&1 \
        || { cat single.log; exit 1; }
    as_user "$binaries/pg_ctl" -D "$folder/data" -w -l "$folder/data/server.log" -o \
        "-p $port -k $folder -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60 -c timezone=Asia/Shanghai" start > start.log \
        || { cat start.log "$folder/data/server.log"; exit 1; }
)
export TEST_POSTGRES_URL="postgresql+psycopg2://medpool@127.0.0.1:$port/postgres"
# How a test takes the server away, and brings it back as it was started above.
server="cd $folder && $([ "$(id -u)" = 0 ] && echo runuser -u postgres --) $binaries/pg_ctl -D $folder/data -w"
export TEST_POSTGRES_STOP="$server -m immediate stop" TEST_POSTGRES_START="$server -l $folder/data/server.log restart"
export TEST_AIRFLOW_URL="postgresql+psycopg2://medpool@127.0.0.1:$port/airflow"
"$@"
