#!/bin/sh
# medpool-secret NAME: print a secret without its line end. Airflow's settings ending in _CMD call it.
exec tr -d '\r\n' < "${MEDPOOL_SECRETS_DIR:-/run/secrets}/$1"
