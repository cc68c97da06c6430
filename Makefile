# `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lock docs screens baseline big clean distclean

VENV := .venv/bin
# Test workers; each starts daemons of its own.
WORKERS ?= 2
# How much `make big` moves.
MIB ?= 10240
# Where every branch must be tested, by the unit tests alone: measuring the others would only slow them down.
CORE := proxy/tuf/*,proxy/policy/*,proxy/names.py,proxy/refusals.py,proxy/manifests.py

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing: Debian packages and .venv (YES=1: ask nothing)
	@deploy/setup/setup.sh

demo: setup ## the whole stack on this machine, and what the proxy does (ONCE=1: end by itself)
	@exec $(VENV)/python -m deploy.demo

test: lint ## lint, all tests, and full coverage of the core
	$(VENV)/pytest -n $(WORKERS) --dist loadfile tests/unit --cov --cov-report=
	$(VENV)/coverage report --skip-covered
	$(VENV)/coverage report --include='$(CORE)' --show-missing --fail-under=100
	$(VENV)/pytest -n $(WORKERS) --dist loadfile --ignore=tests/unit

lint: setup ## style, types, layers
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/python -m docs.generate --check

COMPILE = PIP_FIND_LINKS= CUSTOM_COMPILE_COMMAND='make lock' $(VENV)/pip-compile --quiet --build-deps-for editable \
	--generate-hashes --strip-extras --allow-unsafe --no-emit-options --no-emit-index-url --no-emit-find-links

lock: ## renew the locks after a change of dependencies in pyproject.toml
	$(COMPILE) --extra dev --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) --constraint requirements-dev.lock --output-file requirements.lock pyproject.toml

docs: setup ## write the pages that are made from code
	$(VENV)/python -m docs.generate

screens: setup ## capture anew what clients print when they are refused, and write the page
	$(VENV)/python -m tests.stack.screens.capture
	$(VENV)/python -m docs.generate

baseline: setup ## a warm pull through the proxy beside the registry's own
	$(VENV)/python -m loadtest.baseline

big: setup ## ten gigabytes up and down through the proxy, in a memory that does not grow (MIB=10240)
	$(VENV)/python -m loadtest.big --mib $(MIB)

clean: ## remove what runs left behind
	rm -rf .state .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist

distclean: clean ## remove .venv too
	rm -rf .venv
