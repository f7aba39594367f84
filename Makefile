# Every target does its own set-up; it needs make and Python 3.11, 3.12 or 3.13.
# `make` with no target shows what there is.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements/lock.txt
CODE := src tests examples benchmarks

.PHONY: help setup demo check test docs-check bench nightly lock clean

help:
	@echo "setup       make $(VENV) with everything pinned"
	@echo "demo        the whole loop on real data, in under three minutes"
	@echo "check       format, lint, layers, types, unit tests: under a minute"
	@echo "test        every test but the long searches"
	@echo "docs-check  the docs say what the program does, and their examples run"
	@echo "bench       one JSON line a work and engine (WORK=bars_python for one work)"
	@echo "nightly     the long searches"
	@echo "lock        pin the dependencies anew"
	@echo "clean       remove everything that was made"

setup: $(STAMP)

# Done again when a pin or a setting changed.
$(STAMP): $(LOCK) pyproject.toml requirements/install.sh
	@sh requirements/install.sh $(VENV) $(LOCK)
	@touch $@

demo: $(STAMP)
	@$(BIN)/tieout demo

check: $(STAMP)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow and not nightly" \
		tests/unit tests/naive tests/architecture

# The compiled core first as plain Python, so that the last line tells of the whole.
test: $(STAMP)
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not nightly" \
		tests/naive tests/unit/market
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not nightly"

docs-check: $(STAMP)
	$(BIN)/python -m pytest tests/architecture/test_docs.py tests/architecture/test_examples.py

bench: $(STAMP)
	@$(BIN)/python -m benchmarks.run $(WORK)

nightly: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m nightly

lock: $(STAMP)
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --extra live --extra scale --group dev \
		pyproject.toml -o $(LOCK)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
