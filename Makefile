# medpool: `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CITY ?= taizhou
MONTH ?= 2022-03
# Faults the demo plants, so that there is something to see; `make demo FAULTS=` shows a month without any.
FAULTS ?= in_transit one_fen_agency bad_amount not_transferred
DEMO := $(CURDIR)/var/demo

# Airflow on one machine: SQLite, a few processes, no examples, nothing that calls home.
define AIRFLOW_ENV
export PATH="$(BIN):$$PATH" MEDPOOL_DATA="$(DEMO)" AIRFLOW_HOME="$(DEMO)/airflow" \
  AIRFLOW__CORE__DAGS_FOLDER="$(CURDIR)/dags" AIRFLOW__CORE__PLUGINS_FOLDER="$(CURDIR)/plugins" \
  AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__PARALLELISM=4 AIRFLOW__CORE__DEFAULT_TIMEZONE=Asia/Shanghai \
  AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False MEDPOOL_UNATTENDED="make demo: rehearsal files, nobody is asked"
endef

.PHONY: help demo year test test-postgres compose-test check format airflow install requirements dictionary bench bench-orchestration soak soak-backfill soak-failures clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml
	@echo "Installing medpool and what it needs (a few minutes the first time) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "medpool needs Python 3.11: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q medpool_etl dags plugins
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

install: $(VENV)/.runtime ## build the environment from the hash-pinned requirements

demo: $(VENV)/.runtime ## settle Taizhou 2022-03 from rehearsal files through the Airflow DAG and show the result
	@$(AIRFLOW_ENV) && set -e && mkdir -p "$(DEMO)/logs" && \
	export MEDPOOL_DEADLINE_ALERTS=off && before=$$(readlink "$(DEMO)/warehouse/marts/current" || echo none) && \
	medpool simulate $(CITY) $(MONTH) $(addprefix --fault ,$(FAULTS)) && \
	echo "Airflow: preparing its SQLite database …" && \
	{ airflow db migrate > "$(DEMO)/logs/airflow-db.log" 2>&1 || { tail -20 "$(DEMO)/logs/airflow-db.log"; exit 1; }; } && \
	echo "Airflow: running the DAG medpool_month_$(CITY) for $(MONTH) …" && \
	{ airflow dags test medpool_month_$(CITY) --conf '{"month": "$(MONTH)"}' > "$(DEMO)/logs/airflow-run.log" 2>&1 \
	  && grep -q 'state=success' "$(DEMO)/logs/airflow-run.log" \
	  || { tail -40 "$(DEMO)/logs/airflow-run.log"; echo "The DAG failed; the whole log: $(DEMO)/logs/airflow-run.log"; exit 1; }; } && \
	{ medpool show $(CITY) $(MONTH) --before "$$before" || test $$? = 1; } && \
	echo "  Airflow 日志 Log     $(DEMO)/logs/airflow-run.log"

YEAR ?= 2022
YEARS := $(CURDIR)/var/years
year: $(VENV)/.runtime ## settle a whole rehearsed year, one command a step: CITY=taizhou YEAR=2022 (zhoushan 2021, nantong and zaozhuang 2020, hangzhou 2022)
	@export PATH="$(BIN):$$PATH" MEDPOOL_DATA="$(YEARS)" MEDPOOL_UNATTENDED="make year: rehearsal files, nobody is asked" MEDPOOL_SUPPLEMENTS="$(if $(filter hangzhou,$(CITY)),hangzhou-example)" && set -e && \
	step() { echo "$$ medpool $$*"; medpool "$$@" > "$(YEARS)/last.log" 2>&1 || test $$? = 1 || { cat "$(YEARS)/last.log"; exit 1; }; } && \
	mkdir -p "$(YEARS)" && for period in $$(medpool agenda $(CITY) $(YEAR) --names); do \
	  case $$period in *-Q*) ;; *) step simulate $(CITY) $$period --year;; esac; step run $(CITY) $$period; \
	done && medpool agenda $(CITY) $(YEAR) && \
	{ medpool show $(CITY) $(YEAR)-clearing || test $$? = 1 || medpool run $(CITY) $(YEAR)-clearing || test $$? = 2; }

airflow: $(VENV)/.runtime ## open Airflow itself on http://localhost:8080 over the demo's data (it prints the password)
	@$(AIRFLOW_ENV) && exec airflow standalone

ROWS ?= 10000000
bench: $(VENV)/.dev ## measure staging and reconciliation against DuckDB, Polars, Great Expectations, SQL and pandas, and what Airflow adds (an hour; 15 GB of disk); writes docs/benchmarks.md
	@tests/postgres.sh $(BIN)/python tests/bench/bench.py --rows $(ROWS) --output docs/benchmarks.md

bench-orchestration: $(VENV)/.dev ## measure only what Airflow adds to a month (ten minutes; its scheduler on a throw-away PostgreSQL); writes docs/benchmarks.md
	@tests/postgres.sh $(BIN)/python tests/bench/bench.py --only orchestration --output docs/benchmarks.md

FILES ?= 10000
EXAMPLES ?= 300
soak: $(VENV)/.dev ## read ten thousand mutated files and reconcile hundreds of drawn months: never a traceback, a wrong number or a lost row
	@$(BIN)/python tests/shapes/fuzz.py --files $(FILES)
	@EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n 2 tests/reconciliation/test_properties.py

soak-backfill: $(VENV)/.dev ## settle two rehearsed years of five cities in time, backfill them from nothing, kill that three times, compare (an hour and a half; 1 GB)
	@$(BIN)/python -m tests.soak.backfill

test: $(VENV)/.dev ## run the tests
	@$(BIN)/python -m pytest -n 2 --dist worksteal

test-postgres: $(VENV)/.dev ## run the control database's tests and a year through the DAGs on PostgreSQL, in a throw-away cluster (installs Debian's if there is none)
	@tests/postgres.sh $(BIN)/python -m pytest tests/store tests/dags/test_year.py tests/dags/test_reviews.py \
	  "tests/failures/test_failures.py::test_the_control_database_away[postgresql]"

soak-failures: $(VENV)/.dev ## kill every task at every durable write, two runs at once five times, kill a real scheduler's processes (an hour)
	@PYTHONPATH="$(CURDIR)" $(BIN)/python tests/failures/scheduler.py
	@TIMES=5 $(BIN)/python -m pytest tests/failures
	@PYTHONPATH="$(CURDIR)" $(BIN)/python tests/failures/kills.py --every

compose-test: $(VENV)/.runtime ## start the deployment for real on Debian's docker engine, from nothing to a restored backup (25 minutes, as root)
	@tests/compose/run.sh $(BIN)/python

check: $(VENV)/.dev ## lint, format, types, and every document against its schema
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/medpool check

format: $(VENV)/.dev ## format the code and mend what the linter can
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

dictionary: $(VENV)/.runtime ## write docs/dictionary.md anew from contracts and registry
	@$(BIN)/medpool dictionary --output docs/dictionary.md

requirements: $(VENV)/.dev ## compile the hash-pinned requirements from pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --extra build --output-file requirements/runtime.txt pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --extra build --extra dev --constraint requirements/runtime.txt --output-file requirements/dev.txt pyproject.toml

clean: ## remove the demo's data, the environment and caches
	@rm -rf $(VENV) $(DEMO) .mypy_cache .ruff_cache .pytest_cache .hypothesis
