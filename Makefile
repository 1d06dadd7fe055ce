# One vocabulary for people and for continuous integration. `make help` lists every target.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
DAY ?= 2013-10-01
STACK := $(BIN)/python -m infra.stack
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help install nightly backfill up down night repro test chaos check format lock clean

help: ## list every target
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

nightly: $(VENV)/.installed ## one whole night through Airflow   [DAY=2013-10-01]
	@$(STACK) nightly --day '$(DAY)'

backfill: $(VENV)/.installed ## score a range of days through Airflow   FROM=2013-10-03 TO=2013-10-07 [STAGES=…] [MODEL=…]
	@$(STACK) backfill --from '$(FROM)' --to '$(TO)' $(if $(STAGES),--stages '$(STAGES)') $(if $(MODEL),--model '$(MODEL)')

up: $(VENV)/.installed ## serve Airflow and the MLflow UI on this machine, with the nightly schedule on
	@$(STACK) up

down: $(VENV)/.installed ## stop what `make up` left running
	@$(STACK) down

night: $(VENV)/.installed ## one whole night without Airflow   [DAY=2013-10-01]
	@redeye night --day '$(DAY)'

repro: $(VENV)/.installed ## the same chain through DVC, for the day in params.yaml
	@dvc repro

test: $(VENV)/.spark ## every test, whole nights through real services included
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 \
	  --dist loadfile --no-loadscope-reorder

chaos: $(VENV)/.installed ## kill and fail nights on your own settings, in a scratch copy   [DAY=…] [FAULTS=10] [SEED=7]
	@$(BIN)/python -m infra.chaos --day '$(DAY)' --faults '$(or $(FAULTS),10)' --seed '$(or $(SEED),7)'

check: $(VENV)/.installed ## lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy pipelines infra dags
	$(BIN)/lint-imports

format: $(VENV)/.installed ## lay out the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .

lock: $(VENV)/.installed ## resolve the two locks anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group dev --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --upgrade --quiet -o requirements.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["spark"], sep="\n")' \
	  | $(BIN)/uv pip compile - --constraint requirements.lock --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --upgrade --quiet -o requirements-spark.lock

clean: ## remove all state: data, runs, var (versions on the branch `data` and the environment stay)
	rm -rf data runs var dvc.lock .dvc/cache .dvc/tmp

install: $(VENV)/.installed ## make the environment, from the lock

# uv takes seconds where pip takes minutes; where uv cannot reach the registry that pip is set up for, pip does it.
$(VENV)/.installed: requirements.lock pyproject.toml
	@echo "making the environment in $(VENV) (a minute or two the first time)" >&2
	@$(PYTHON) -m venv $(VENV) || { echo 'Python 3.11 with its venv module is needed: apt-get install python3 python3-venv' >&2; exit 78; }
	@grep -A200 '^uv==' requirements.lock | awk 'NR>1 && /^[a-z]/ {exit} {print}' > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline --editable .
	@touch $@

# Spark is half a gigabyte, and no night of the reference problem needs it: only the tests do.
$(VENV)/.spark: $(VENV)/.installed requirements-spark.lock
	@echo "adding Spark to $(VENV) for the tests (a minute the first time)" >&2
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-build-isolation --require-hashes -r requirements-spark.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --require-hashes -r requirements-spark.lock
	@touch $@
