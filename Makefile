# Everything runs in a virtual environment of this checkout, made on first use.

PYTHON ?= python3
# An exact version lets pip prefer a local CPU build (2.13.0+cpu) wherever one is configured; a
# range would take the newest torch of the registry, on Linux gigabytes of CUDA. Elsewhere the
# registry's own 2.13.0 comes. `make TORCH=torch` takes the registry's newest.
TORCH ?= torch==2.13.0

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := src tests benchmarks demo

.PHONY: demo test lint format fuzz clean

demo: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" demo/run.sh

test: lint
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# Damaged files of every kind are read for some minutes; failures are kept in runs/fuzz.
FUZZ_SECONDS ?= 300

fuzz: $(READY)
	$(BIN)/python tests/fuzz/driver.py --seconds $(FUZZ_SECONDS) --seed $(or $(SEED),0)

clean:
	rm -rf $(VENV) build dist demo/out .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "F2R needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$(TORCH)" || echo "$(TORCH) is not to be had here: taking any torch"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@
