# Referral Bus. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
FEDERATED ?= 0
PROFILE ?= $(if $(filter 1,$(FEDERATED)),federated,shared)
PARALLEL := -n auto --dist loadfile
COVERED := refbus.core refbus.crypto refbus.envelope refbus.tlog
COVERED_BY := tests/unit/core tests/unit/crypto tests/unit/envelope tests/unit/tlog tests/unit/verify tests/property tests/conformance
export PYTHONPATH := $(CURDIR)/infra:$(CURDIR)/infra/trials

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast coverage pythons check lint fmt up down bench peers chaos converge reference words lock audit-deps build installed clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements/dev.txt pyproject.toml
	@echo "setup: virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "setup: Python 3.11 or newer is needed; set PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)
	@echo "setup: packages, pinned by hash (one to two minutes on the first run)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## virtual environment, pinned packages, broker artifacts
	@$(BIN)/python -m kafka fetch

demo: setup ## the whole road with real processes; FEDERATED=1 for one cluster per country
	@$(BIN)/python -m demo --federated $(FEDERATED)

up: setup ## start everything and keep it running (var/run/state.json); PROFILE=ha: a cluster of three brokers in one country
	@$(BIN)/python -m demo.stack up --profile $(PROFILE)

down: ## stop what `make up` started
	@$(BIN)/python -m demo.stack down

test: setup ## every test, the broker's too; fails where no broker starts, skips pages where there is no Chromium
	@$(BIN)/python -m tools.suite

test-fast: $(STAMP) ## unit, property and conformance tests; no network
	@$(BIN)/python -m tools.offline $(BIN)/python -m pytest $(PARALLEL) tests/unit tests/property tests/conformance

coverage: $(STAMP) ## branches of core, crypto, envelope and tlog that a test tries; fails below the floor
	@$(BIN)/python -m pytest $(PARALLEL) -q $(COVERED_BY) $(COVERED:%=--cov=%) --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100

pythons: $(STAMP) ## the fast tests on each supported Python that this machine has
	@$(BIN)/python -m tools.pythons

lint: $(STAMP) ## ruff, mypy strict (the gateway also as on Windows), import contracts, docstrings
	@$(BIN)/ruff check services tests infra
	@$(BIN)/ruff format --check services tests infra
	@$(BIN)/mypy
	@$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/windows services/refbus_gateway
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/interrogate -q services infra

check: lint ## lint, generated files are current, nothing private in the tree
	@$(BIN)/python -m pytest $(PARALLEL) -q tests/repo

fmt: $(STAMP) ## format the code
	@$(BIN)/ruff format services tests infra
	@$(BIN)/ruff check --fix-only services tests infra

reference: $(STAMP) ## regenerate docs/reference and the alert rules
	@$(BIN)/python -m tools.reference

words: $(STAMP) ## collect messages, merge them into each language, compile; says what is missing
	@$(BIN)/python -m tools.words

bench: setup ## measure; var/bench/report.json
	@$(BIN)/python -m bench

peers: ## what others made, for the parts peers and envelopes of the bench: .venv/peers, pinned by hash
	@$(PYTHON) -m venv .venv/peers
	@sed -n '/^setuptools==/,/# via/p' requirements/peers.txt > .venv/peers/first.txt
	@.venv/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/peers/first.txt
	@.venv/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-build-isolation -r requirements/peers.txt

converge: $(STAMP) ## 10,000 random histories of each kind of course, and through both gates
	@HISTORIES=10000 $(BIN)/python -m pytest -q tests/property/test_course_state.py -k "two_sides or both_nodes"

chaos: setup ## faults and negative controls; var/chaos/report.json
	@$(BIN)/python -m chaos

lock: ## pin the dependencies again
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --extra broker --extra postgresql --extra dev --output-file requirements/dev.txt pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --output-file requirements/run.txt pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --extra postgresql --output-file requirements/postgresql.txt pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --output-file requirements/peers.txt infra/trials/bench/peers/requirements.in

audit-deps: setup ## known vulnerabilities of the pinned packages
	@$(BIN)/python -m tools.auditdeps

build: setup ## wheel in dist/
	@$(BIN)/python -m hatchling build -t wheel

installed: build ## the wheel in an empty environment (var/installed); its commands start
	@rm -rf var/installed && $(PYTHON) -m venv var/installed
	@var/installed/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/run.txt
	@var/installed/bin/python -m pip install --quiet --disable-pip-version-check --no-deps dist/refbus-*.whl
	@cd var/installed && bin/refbus --version && bin/refbus desk --help >/dev/null && bin/refbus-ops --help >/dev/null && bin/refbus --lang ru case new >/dev/null

clean: ## remove what was built and run; keeps the virtual environment
	@rm -rf var dist .hypothesis .mypy_cache .ruff_cache .pytest_cache
