# Two commands: `make demo` and `make test`. Both make .venv and install what they need.
SHELL := /bin/sh
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: help demo test lint dist clean install install-test

help:
	@echo "make demo   install, build a sample volume, run the pipeline on it, print the numbers and the report's path"
	@echo "make test   install with the test extras and run the whole test suite (napari under Xvfb)"
	@echo "make lint   style, types, layers, docstrings"
	@echo "make dist   build the wheel and look inside it"
	@echo "make clean  remove what these commands made"

$(BIN)/python:
	@sh .ci/make-venv "$(PYTHON)" $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed
install-test: $(VENV)/.installed-dev

demo: install
	@$(BIN)/ssbtomo demo -o demo_results

test: install-test
	@sh .ci/system-packages
	@sh .ci/test $(BIN)/python $(JOBS) $(PYTEST_ARGS)

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/docstrings.py

dist: install-test
	rm -rf dist
	$(BIN)/python -m build -q --wheel --outdir dist
	$(BIN)/python .ci/look_into_wheel.py dist

clean:
	rm -rf $(VENV) dist build demo_results .pytest_cache .mypy_cache .ruff_cache .hypothesis
