# Needs python3 >= 3.11 and make, nothing else. Everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CONSTRAINED := --constraint constraints.txt

# Without bytecode, each of the processes that tests and demo start would compile our source anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test quick soak foreign machine matrix world check bench decide figures mutants clean

help:
	@echo "make demo   see the whole life of a machine, in a simulated EC2"
	@echo "make test   run the tests"
	@echo "make quick  run those of them that take less than a minute in all"
	@echo "make soak   run the tests that take long"
	@echo "make foreign drive the AWS command line, Ansible, SkyPilot, Terraform, moto's tests"
	@echo "make machine boot Debian with the guard, and see when it powers off (needs root)"
	@echo "make matrix let every call of AWS go wrong in every way, and print what comes of it"
	@echo "make setup  install the tools for development"
	@echo "make world  ask everybody who is not us whether we are right, and count (SPOT_TEST_DATA)"
	@echo "make check  format, lint, types and import rules"
	@echo "make bench  compare speed with the AWS command line, boto3, polars, pandas, moto"
	@echo "make decide run the deadline policy on public cases, which SPOT_TEST_DATA names"
	@echo "make figures print the shape of the source, beside two libraries that read well"
	@echo "make mutants take one rule of the safety core out at a time, and see whether a test fails"
	@echo "make clean  remove everything that was built"

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "spotkeeper needs Python 3.11 or newer; try: make PYTHON=python3.12 demo"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install $(CONSTRAINED) --upgrade pip
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing spotkeeper and its sandbox into $(VENV) ..."
	$(PIP) install $(CONSTRAINED) --editable '.[sandbox]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo "Installing the development tools into $(VENV) ..."
	$(PIP) install $(CONSTRAINED) --group dev
	@touch $@

setup: $(VENV)/.dev

demo: $(VENV)/.demo
	@$(BIN)/spot tour

test: setup
	$(BIN)/python -m pytest -n 3 --dist worksteal

quick: setup
	$(BIN)/python -m pytest -n 3 --dist worksteal tests/unit tests/contract tests/sandbox/unit \
		--ignore-glob='*/test_crash_*' --ignore-glob='*/test_interleavings.py' \
		--ignore-glob='*/test_guard*.py'

soak: setup
	$(BIN)/python -m pytest -n 3 --dist worksteal -m soak

foreign: setup
	$(BIN)/python -m tests.foreign.run

machine: setup
	$(BIN)/python -m pytest -n 0 -m machine tests/machine

matrix: setup
	$(BIN)/python -m tests.story.fault_matrix

# Every test that is held to what AWS, its users or other programs say; the table at the end counts
# what each said. What needs recordings (SPOT_TEST_DATA) is skipped with a word without them.
world: setup
	$(BIN)/python -m pytest -n 3 --dist worksteal -m world

check: setup
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

decide: setup
	$(BIN)/python bench/decide.py

bench: setup decide
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/scan.py
	$(BIN)/python bench/ranking.py
	$(BIN)/python bench/price_files.py
	$(BIN)/python bench/down.py
	$(BIN)/python bench/agent.py
	$(BIN)/python bench/sandbox.py
	$(BIN)/python bench/guests.py
	$(BIN)/python bench/transfer.py
	$(BIN)/python bench/runs.py

# Their source is read, not run: they need neither what they depend on nor a place among the tools.
$(VENV)/libraries: $(VENV)/.dev
	$(PIP) install $(CONSTRAINED) --no-deps --upgrade --target $@ httpx import-linter
	@touch $@

figures: $(VENV)/libraries
	$(BIN)/python bench/figures.py $(VENV)/libraries

mutants: setup
	$(BIN)/python bench/mutants.py

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
