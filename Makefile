# `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lock docs screens baseline bench plots big kills stampede effective outage reload stall memory clean distclean

VENV := .venv/bin
# Test workers; each starts daemons of its own.
WORKERS ?= 2
# How much `make big` moves.
MIB ?= 10240
# How often `make kills` kills, for each database.
TIMES ?= 500
# A form of `make bench` that measures nothing and shows that everything can be measured.
SHORT_BENCH := --rounds 1 --seconds 1 --mib 4 --repositories 12 --clients 40 --loads 25 75 --tags 10 1000
# The tests of the core, which have to take every branch of it alone: measuring any others would only slow them down.
CORE_TESTS := tests/unit/tuf tests/unit/policy $(wildcard tests/unit/test_*.py)
# All tests, the long ones first: what is short fills the end.
ALL_TESTS := tests/stack/ $(filter-out tests/stack/,$(wildcard tests/*/))

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing: Debian packages and .venv (YES=1: ask nothing)
	@deploy/setup/setup.sh

demo: setup ## the whole stack on this machine, and what the proxy does (ONCE=1: end by itself)
	@exec $(VENV)/python -m deploy.demo

test: lint ## lint, all tests, and every branch of the core
	$(VENV)/pytest -n $(WORKERS) --dist loadfile $(CORE_TESTS) --cov --cov-report=
	$(VENV)/coverage report --show-missing --skip-covered --fail-under=100
	$(VENV)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ALL_TESTS) $(addprefix --ignore=,$(CORE_TESTS))

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
	$(COMPILE) --extra postgresql --constraint requirements-dev.lock --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra postgresql --extra otel --constraint requirements-dev.lock --output-file requirements-otel.lock pyproject.toml

docs: setup ## write the pages that are made from code
	$(VENV)/python -m docs.generate

screens: setup ## capture anew what clients print when they are refused, and write the page
	$(VENV)/python -m tests.stack.screens.capture
	$(VENV)/python -m docs.generate

baseline: setup ## a warm pull through the proxy beside the registry's own
	$(VENV)/python -m loadtest.baseline

bench: setup ## every scenario beside nginx and the registry, as ratios and plots in DIRECTORY (SHORT=1: a minute)
	$(VENV)/python -m loadtest.bench --directory $(or $(DIRECTORY),.state/bench) $(if $(SHORT),$(SHORT_BENCH))

plots: setup ## draw the plots of docs/performance.md again, from the figures beside them
	$(VENV)/python -m loadtest.bench.plots docs/performance/bench.json docs/performance

big: setup ## ten gigabytes up and down through the proxy, in a memory that does not grow (MIB=10240)
	$(VENV)/python -m loadtest.big --mib $(MIB)

kills: setup ## kill writers and servers amid commits to the trust store, and look what is left (TIMES=500)
	@$(VENV)/python -m loadtest.kills --times $(TIMES)

stampede: setup ## a thousand clients on one cold tag, beside a lone one
	$(VENV)/python -m loadtest.stampede

effective: setup ## how soon signing and revoking count, for one repository and for a thousand
	$(VENV)/python -m loadtest.effective

outage: setup ## Notary, then the trust store, away for a minute under load
	SECONDS=60 $(VENV)/pytest --log-cli-level=INFO tests/stack/lasting/test_outage.py tests/stack/lasting/test_store_away.py

reload: setup ## mixed traffic while rules and certificates change every second; what many changes leave behind (SECONDS=120)
	$(VENV)/python -m loadtest.reload --seconds $(or $(SECONDS),120)
	TIMES=50 $(VENV)/pytest tests/stack/reloading/test_endurance.py

stall: setup ## how long the loop stands still while 50,000 tags are verified
	$(VENV)/python -m loadtest.stall

memory: setup ## what a hundred thousand collections take
	$(VENV)/python -m loadtest.memory

clean: ## remove what runs left behind
	rm -rf .state .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist

distclean: clean ## remove .venv too
	rm -rf .venv
