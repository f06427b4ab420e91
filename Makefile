# Everything a person or the CI does with this project. `make` alone lists the targets.
#
# Targets that need system packages install them with apt (root) and say so; Python packages go into .venv,
# at the versions and hashes of requirements.lock.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
export PYTHONDONTWRITEBYTECODE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "$(PYTHON) is too old: Python 3.11 or newer is needed"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	    || { echo "Python packages: python3-venv is missing, installing it with apt"; \
	         apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null; }
	@$(PYTHON) -m venv $(VENV)

$(INSTALLED): requirements.lock | $(BIN)/pip
	@echo "Python packages: installing into $(VENV) (about a minute)"
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	@touch $@

.PHONY: install
install: $(INSTALLED)  ## Install the Python packages into .venv

.PHONY: serve
serve: $(INSTALLED)  ## Run the application with the stand-in OX server on this machine (SERVE_ARGS="--users 20")
	@exec $(BIN)/python -m lab serve $(SERVE_ARGS)

# Tests of hosts mostly wait, so there are more processes than cores. One file is the business of one process, long ones
# first (tests/conftest.py); all must put the members of sets in one order, or they would not list the same tests.
TEST_WORKERS ?= 3

.PHONY: prepare
prepare: $(INSTALLED)  ## Get what the tests need: system packages, the files of the lab's hosts, mail archives (as root)
	@$(BIN)/python -m lab prepare
	@$(BIN)/python -m tests.corpus.archives

# pytest compiles each file of tests with words of its own. What one process has compiled, the others only read.
.PHONY: compile-tests
compile-tests: $(INSTALLED)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --collect-only -qq >/dev/null

.PHONY: test
test: prepare  ## Run all tests (as root: with the lab hosts)
	@PYTHONHASHSEED=$$RANDOM $(BIN)/pytest --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder \
	    $(TEST_ARGS)

# The packages whose every branch has a test, as tests/measuring.py names them. With TEST_ARGS="tests/wbxml tests/usm
# tests/eas tests/ox" it takes some minutes and needs no root.
# All of it is meant. A branch that only some random examples reach is listed, and fails nobody until a test for it is there.
.PHONY: coverage
coverage: $(INSTALLED)  ## Run the tests; what of wbxml, usm, eas and ox/mapping they leave out, branches too
	@rm -f .coverage .coverage.*
	@USM_COVERAGE=1 $(MAKE) --no-print-directory test
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --show-missing --skip-covered --precision=1 --fail-under=99.9

.PHONY: test-faults
test-faults: $(INSTALLED)  ## Strike each step of install and upgrade in each way (hours; as root)
	@$(BIN)/python -m lab prepare
	@USM_TEST_ALL_FAULTS=1 $(BIN)/pytest tests/faults $(TEST_ARGS)

.PHONY: test-robustness
test-robustness: $(INSTALLED)  ## Send 100,000 requests made wrong by rule (some minutes)
	@USM_REQUESTS=100000 $(BIN)/pytest tests/robustness $(TEST_ARGS)

.PHONY: bench
bench: $(INSTALLED)  ## Measure; a table with targets, and JSON in bench/results (as root; more than an hour, BENCH_ARGS names a part)
	@$(BIN)/python -m lab prepare
	@$(BIN)/python -m bench $(BENCH_ARGS)

.PHONY: coverage-doc
coverage-doc: $(INSTALLED)  ## Write docs/coverage.md anew: fields, commands, how much of the protocol is tested
	@$(BIN)/python -m tests.house.coverage_document

.PHONY: screenshots
screenshots: $(INSTALLED)  ## Take the pictures of docs/pages.md anew, with Debian's Chromium
	@$(BIN)/python -m tests.pages.screenshots
	@$(BIN)/python -m tests.pages.screenshots_admin

.PHONY: exchanges
exchanges: $(INSTALLED)  ## Record anew what tests/fixtures/exchanges holds: requests and their answers
	@$(BIN)/python -m tests.eas.recording

.PHONY: lint
lint: $(INSTALLED)  ## Style, types, import contracts, and what is known to be dangerous
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml app tasks packaging deploy.py config.py \
	    2>&1 | { grep -v 'nosec encountered' || true; }

.PHONY: audit
audit: $(INSTALLED)  ## Compare the locked packages with the advisories in packaging/advisories.json
	@$(BIN)/python packaging/audit.py

.PHONY: audit-online
audit-online: $(INSTALLED)  ## The same with pip-audit, which asks the package index
	@$(BIN)/pip-audit --requirement requirements.lock --require-hashes --disable-pip --progress-spinner off

ADVISORIES ?= build/advisory-database
.PHONY: advisories
advisories: $(INSTALLED)  ## Write packaging/advisories.json anew (ADVISORIES=a clone of pypa/advisory-database)
	@[ -d $(ADVISORIES) ] \
	    || git clone --quiet --depth 1 https://github.com/pypa/advisory-database build/advisory-database
	@$(BIN)/python packaging/audit.py --update $(ADVISORIES)

# The packages of the system and the layers of the hosts come while Python's packages are installed.
.PHONY: prepare-system
prepare-system: | $(BIN)/pip
	@$(BIN)/python -m lab prepare --system

.PHONY: check
check: | $(BIN)/pip  ## What the CI runs: lint, advisories, all tests
	@$(MAKE) --no-print-directory --jobs=2 prepare-system $(INSTALLED)
	@$(MAKE) --no-print-directory --jobs=2 prepare lint audit compile-tests
	@$(MAKE) --no-print-directory test

.PHONY: lock
lock: $(INSTALLED)  ## Write requirements.lock anew from pyproject.toml
	@$(BIN)/pip-compile --quiet --all-extras --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url \
	    --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml

.PHONY: clean
clean:  ## Remove what can be made again (.venv and .lab stay)
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis htmlcov .coverage .coverage.*

include $(wildcard lab.mk package.mk)
