# Two commands on a fresh machine: `make run` and `make test`. They need python3 (3.11 or later), its venv, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test check lint types layers bench peers accuracy nightly clean help

help: ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(READY) ## start the embedded target, run the smoke suite, write and name the report
	$(BIN)/loadtests run smoke --embedded

test: $(READY) ## run all tests
	$(BIN)/pytest -n 3 --dist worksteal

check: $(READY) lint types layers test ## everything that must pass before a commit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

accuracy: $(READY) ## truth in, truth out: compare reported figures with a server of known behaviour
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.accuracy.websockets
	$(BIN)/python -m benchmarks.accuracy.database
	$(BIN)/python -m benchmarks.accuracy.agents
	$(BIN)/python -m benchmarks.statistics

bench: $(READY) ## what one record, one merge, one dispatch costs; every goal beside the peers in one table
	$(BIN)/pytest benchmarks/cost
	$(BIN)/python -m benchmarks

peers: $(READY) ## install the tools that ours is measured beside (as root)
	apt-get install -y -qq --no-install-recommends nginx-light wrk hey nghttp2-client apache2-utils
	npm install --global --silent autocannon

nightly: $(READY) ## the full-length suite against the embedded target
	$(BIN)/loadtests run nightly --embedded --strict

clean: ## remove what the other targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
