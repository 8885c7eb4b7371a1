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
    case $name:$value in
        fernet_key:*[!A-Za-z0-9_=-]*) fail "the secret $name is not 32 bytes in URL-safe base64" ;;
    esac
done

# libpq and asyncpg look passwords up here, so that no address, environment or process list holds one.
: > "$PGPASSFILE"
for role in airflow medpool; do
    if [ -f "$secrets/${role}_db_password" ]; then
        printf '*:*:*:%s:%s\n' "$role" "$(medpool-secret "${role}_db_password" | sed 's/[\\:]/\\&/g')" >> "$PGPASSFILE"
    fi
done

if [ -f "$secrets/ui_passwords.json" ]; then
    medpool-users "$secrets/ui_passwords.json" || exit 78
fi

# What medpool writes is for its own group to read.
umask 0027
exec "$@"
