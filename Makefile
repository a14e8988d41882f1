# The two commands of a newcomer are `make demo` and `make test`. Everything is installed into .venv, with the versions of
# constraints.txt; uv is fetched into .cache when the machine has none.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= >=3.11,<3.14
AIRFLOW := 3.3.2
VENV := .venv
BIN := $(VENV)/bin
TESTS := not fault
UV := $(shell command -v uv 2>/dev/null || echo .cache/uv/bin/uv)
READY := $(VENV)/.installed

export UV_LINK_MODE ?= copy
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help demo test faults test-fast lint format bench bench-pods docs cluster-up cluster-down constraints clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## a card-payments project, retrained three times in a real Airflow
	@$(BIN)/mlkit demo

test: export PATH := $(abspath $(dir $(UV))):$(PATH)
test: $(READY) ## all tests but the long ones of faults; those that lack a tool say what to install
	$(BIN)/python -m pytest tests/unit tests/integration -m '$(TESTS)' -n 2 --dist loadfile -q
	$(BIN)/python -m pytest tests/system -m '$(TESTS)' -q

faults: export PATH := $(abspath $(dir $(UV))):$(PATH)
faults: $(READY) ## all that goes wrong on a cluster, in some hours; writes docs/reference/faults.md
	$(BIN)/python -m pytest $(addprefix tests/system/,test_pods.py test_sweeper.py test_faults.py) -q --junitxml=.cache/faults.xml || told=$$?; \
	$(BIN)/python -m tests.faults_table .cache/faults.xml; exit $${told:-0}

test-fast: $(READY) ## the unit tests
	$(BIN)/python -m pytest tests/unit -q

lint: $(READY) ## ruff, mypy strict, the layers, shellcheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run tests/cluster/*.sh; \
	else echo 'shellcheck is not installed: the shell scripts were not looked at; apt-get install shellcheck'; fi

format: $(READY) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## what a retrain and a verdict cost beside the same work by hand, and what verdicts are worth
	$(BIN)/python benchmarks/retrain.py
	$(BIN)/python benchmarks/steps.py
	$(BIN)/python benchmarks/comparison.py
	$(BIN)/python -m benchmarks.parsing --projects 1000
	$(BIN)/python -m benchmarks.meeting --promotions 20 --logs local --databases sqlite
	$(BIN)/python benchmarks/promotion.py --retrains 200 --sequences 5 --sizes 1000 8000
	$(BIN)/python benchmarks/promotion_over_time.py --retrains 200 --lines 5

bench-pods: export PATH := $(abspath $(dir $(UV))):$(PATH)
bench-pods: $(READY) ## what retrains on a cluster cost, and many of them at once, in an hour: DATA=churn.csv LABEL=Churn
	$(BIN)/python -m benchmarks.on_pods $(DATA) $(LABEL)
	$(BIN)/python -m benchmarks.queued_on_pods --retrains 200

docs: $(READY) ## check that the pages' commands and links hold
	$(BIN)/python -m pytest tests/unit/docs tests/integration/docs -q

cluster-up: ## a Kubernetes to test on: the one of KUBECONFIG, else kind, else built and started here (tests/cluster)
	@tests/cluster/up.sh

cluster-down: ## take the cluster down that cluster-up started
	@tests/cluster/down.sh

constraints: $(UV) ## renew constraints.txt (see CONTRIBUTING.md)
	$(UV) pip compile pyproject.toml --all-extras --group dev --python-version 3.11 \
		--constraint <(echo 'apache-airflow~=$(AIRFLOW)') --no-annotate --no-header --upgrade --no-emit-package airflow-mlkit --output-file constraints.txt
	cp constraints.txt 'templates/golden-path/{{cookiecutter.name}}/constraints.txt'

clean: ## remove what make made
	rm -rf $(VENV) .cache .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache dist

$(UV):
	python3 -m venv .cache/uv
	.cache/uv/bin/pip install --quiet --disable-pip-version-check uv

$(READY): pyproject.toml constraints.txt | $(UV)
	@echo "Installing into $(VENV) with the versions of constraints.txt"
	@[ -x $(BIN)/python ] || $(UV) venv --quiet --python '$(PYTHON)' $(VENV)
	@$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[all]' --group dev
	@touch $@
