# Everything is set up in .venv, which every target makes if it is not there.  PYTHON is any CPython from 3.11 on.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# a worker takes a file at a time, in the order of tests/conftest.py: what a file's tests share is made once
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-all unit lint fmt docs dist bench bench-compare clean

.venv/installed: pyproject.toml hatch_build.py $(wildcard wenv/launcher/native/*.[ch])
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/developing: .venv/installed
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

demo: .venv/installed  ## environments from the package index, and programs that run in them
	$(BIN)/python examples/demo.py

lint: .venv/developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --exclude '^wenv/guest/' cache resolver wenv tests benchmarks
	$(BIN)/mypy --explicit-package-bases --ignore-missing-imports --allow-untyped-decorators --no-warn-return-any examples
	$(BIN)/mypy --python-version 3.14 --platform linux wenv/guest
	$(BIN)/lint-imports

fmt: .venv/developing
	$(BIN)/python -m tests.launcher.agreed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: .venv/developing  ## what CI runs: about 20 minutes on 2 cores
	$(BIN)/python -m pytest $(PARALLEL) -m "not long"

test-all: test  ## and then the long runs: upstream suites, a hundred kills, many packages; two hours more
	$(BIN)/python -m pytest -n auto --maxschedchunk 1 -m long

unit: .venv/developing  ## what needs no network and no WebAssembly: under a minute
	$(BIN)/python -m pytest -n auto -q -m unit

docs: .venv/developing  ## the site of documents, in site/
	$(BIN)/python -m tests.docs.commands
	$(PYTHON) -m venv .venv/docs
	$(subst .venv,.venv/docs,$(BIN))/python -m pip install --quiet --upgrade pip
	$(subst .venv,.venv/docs,$(BIN))/python -m pip install --quiet --group docs
	$(subst .venv,.venv/docs,$(BIN))/zensical build --strict --clean

dist: .venv/developing  ## the source archive and the wheels for each platform, in dist/
	$(BIN)/python -m pip install --quiet --group dist
	$(BIN)/python -m tests.dist.build

bench: .venv/installed
	$(BIN)/python benchmarks/run.py

bench-compare: .venv/installed  ## the working tree against a commit: make bench-compare BASE=COMMIT [OPTIONS="--runs 40"]
	$(BIN)/python benchmarks/compare.py $(or $(BASE),$(error BASE=COMMIT is missing)) $(OPTIONS)

clean:
	rm -rf .venv dist site .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
