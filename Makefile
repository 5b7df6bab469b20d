# Everything a person runs here. `make` alone shows the list.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PROGRAM ?= teomewhy
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Install everything from the hashed lock into .venv

$(VENV)/.installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 (Debian: python3 python3-venv), or name yours: make PYTHON=... "; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null; then \
	  echo "installing with uv ..." && \
	  VIRTUAL_ENV=$(VENV) uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock && \
	  VIRTUAL_ENV=$(VENV) uv pip install --quiet --no-build-isolation --no-deps -e . ; \
	else \
	  echo "installing with pip (one to three minutes) ..." && \
	  PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e . ; \
	fi
	@touch $@

demo: install ## Simulate a community and run the whole loyalty flow on it (PROGRAM=teomewhy)
	@$(BIN)/fiel demo --program $(PROGRAM)

test: install ## Install and run every check and test
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@echo "flow tests run beside the others; their output follows" ; \
	$(BIN)/python -m pytest -q tests/flows tests/deployments >flow-tests.log 2>&1 & flows=$$! ; \
	trap 'kill $$flows 2>/dev/null' INT TERM ; \
	$(BIN)/python -m pytest -q --ignore tests/flows --ignore tests/deployments ; others=$$? ; \
	wait $$flows ; status=$$? ; cat flow-tests.log ; exit $$((others | status))

check-fast: install ## Lint, types and floors only
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: install ## Run every benchmark and print its ratios (about an hour)
	$(BIN)/python -m benchmarks

docs: install ## Generate the data dictionary
	$(BIN)/python -m fiel.reports.dictionary

serve: install ## Open the pages and the API over the demo's results, or FIEL_LAKE's, on port 8000 (stop with Ctrl-C)
	@$(BIN)/python -m deployments.serve_app

serve-prefect: install ## Start Prefect's server and a worker and deploy prefect.yaml (stop with Ctrl-C)
	@$(BIN)/python -m deployments.serve

serve-mlflow: install ## Open the models of the demo, or of FIEL_LAKE, in the MLflow UI on port 5000 (stop with Ctrl-C)
	@$(BIN)/python -m deployments.mlflow_ui

lock: ## Resolve the dependencies anew into requirements.lock (needs uv)
	uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-annotate --no-header -o requirements.lock

clean: ## Remove what the demo made (lake, store, models, exports), nothing else
	rm -rf demo

.PHONY: help install demo test check-fast bench docs serve serve-prefect serve-mlflow lock clean
