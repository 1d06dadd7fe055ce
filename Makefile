# One vocabulary for people and for continuous integration. `make help` lists every target.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# The environment's own Python if it is made already, or else the first that has the venv module. A name
# alone is not enough: pyenv has one for every version that was ever installed.
PYTHON ?= $(shell for name in $(BIN)/python python3.11 python3.12 python3.13 python3.14 python3; do \
  $$name -c 'import ensurepip' 2>/dev/null && echo $$name && break; done || echo python3)
SUPPORTED := (3, 11) <= sys.version_info[:2] <= (3, 14)
DAY ?= 2013-10-01
STACK := $(BIN)/python -m infra.stack
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help install nightly backfill up down night repro test chaos check format lock clean always

help: ## list every target
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

nightly: $(VENV)/.installed ## one whole night through Airflow   [DAY=2013-10-01]
	@$(STACK) nightly --day '$(DAY)' $(if $(FORCE),--force)

backfill: $(VENV)/.installed ## score a range of days through Airflow   FROM=2013-10-03 TO=2013-10-07 [STAGES=…] [MODEL=as-of] [REPUBLISH=1]
	@$(STACK) backfill --from '$(FROM)' --to '$(TO)' $(if $(STAGES),--stages '$(STAGES)') $(if $(MODEL),--model '$(MODEL)') $(if $(REPUBLISH),--republish) $(if $(FORCE),--force)

up: $(VENV)/.installed ## serve Airflow and the MLflow UI on this machine, with the nightly schedule on
	@$(STACK) up

down: $(VENV)/.installed ## stop what `make up` left running
	@$(STACK) down

night: $(VENV)/.installed ## one whole night without Airflow   [DAY=2013-10-01]
	@redeye night --day '$(DAY)' $(if $(FORCE),--force)

repro: $(VENV)/.installed ## the same chain through DVC, as an experiment, for the day in params.yaml
	@dvc repro

# One process more than there are cores: some tests wait for Airflow.
test: $(VENV)/.spark ## every test, whole nights through real services included
	@$(BIN)/python -m pytest --numprocesses $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) --maxprocesses 4 \
	  --dist loadfile --no-loadscope-reorder

chaos: $(VENV)/.installed ## kill stages on your own settings, in scratch copies on SQLite and PostgreSQL   [KILLS=20] [DAY=…] [SEED=7]
	@$(BIN)/python -m infra.chaos --day '$(DAY)' --kills '$(or $(KILLS),20)' --seed '$(or $(SEED),7)' $(if $(FAULTS),--faults '$(FAULTS)')

check: $(VENV)/.installed ## lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy pipelines infra dags plugins
	$(BIN)/lint-imports

format: $(VENV)/.installed ## lay out the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .

# One version of every package for all Pythons, so that a night is computed alike on each of them.
RESOLVE := $(BIN)/uv pip compile --universal --python-version 3.11 --fork-strategy fewest \
  --generate-hashes --no-emit-index-url --no-header --upgrade --quiet

lock: $(VENV)/.installed ## resolve the two locks anew from pyproject.toml
	$(RESOLVE) pyproject.toml --group dev -o requirements.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["spark"], sep="\n")' \
	  | $(RESOLVE) - --constraint requirements.lock --no-annotate -o requirements-spark.lock

clean: ## remove all state: data, runs, var (versions on the branch `data` and the environment stay)
	rm -rf data runs var experiments dvc.lock .dvc/cache .dvc/tmp

install: $(VENV)/.installed ## make the environment, from the lock   [PYTHON=python3.12]

# uv takes seconds where pip takes minutes; where uv cannot reach the registry that pip is set up for, pip does it.
$(VENV)/.installed: requirements.lock pyproject.toml $(VENV)/uv.lock
	@echo "installing uv" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@echo "installing what requirements.lock names (a minute or two the first time)" >&2
	@$(BIN)/uv pip sync --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock \
	  || $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline --editable .
	@touch $@

# Another Python than the one it was made with: the environment is made anew.
$(VENV)/uv.lock: requirements.lock $(if $(filter command,$(origin PYTHON)),always)
	@$(PYTHON) -c 'import sys; $(SUPPORTED) or sys.exit("Python 3.11, 3.12, 3.13 or 3.14 is needed, and $(PYTHON) is %d.%d; name another: make install PYTHON=python3.12" % sys.version_info[:2])' \
	  || { echo '$(PYTHON) cannot be used. On Debian: apt-get install python3 python3-venv' >&2; exit 78; }
	@[ "$$($(BIN)/python -V 2>/dev/null)" = "$$($(PYTHON) -V)" ] || { \
	  echo "making the environment in $(VENV) with $$($(PYTHON) -V)" >&2; $(PYTHON) -m venv --clear $(VENV); } \
	  || { echo '$(PYTHON) has no venv module. On Debian: apt-get install python3-venv' >&2; exit 78; }
	@awk '/^[a-z]/ {wanted = /^uv==/} wanted' requirements.lock > $@

# Spark is half a gigabyte, and no night of the reference problem needs it: only the tests do.
$(VENV)/.spark: $(VENV)/.installed requirements-spark.lock
	@echo "adding Spark to $(VENV) for the tests (a minute the first time)" >&2
	@$(BIN)/uv pip install --compile-bytecode --python $(BIN)/python --no-build-isolation --require-hashes -r requirements-spark.lock \
	  || $(BIN)/python -m pip install --disable-pip-version-check --no-build-isolation --require-hashes -r requirements-spark.lock
	@touch $@
