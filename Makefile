# 3T on one machine. `make` alone lists what there is to do.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test test-faults check fix deps lock bench clean venv

BIN := .venv/bin
PYTEST := $(BIN)/pytest -q
# Two processes, a file never split between them: what a file starts (a MariaDB, a Redis), it starts once.
PARALLEL := -n 2 --dist loadfile

help: ## list the commands
	@echo "3T, the Tactical Trend Trader"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo DEMO_SECONDS=90                               stops by itself, with one line of JSON"
	@echo "  make demo CANDLES=folder DEMO_SPEED=60 DEMO_SECONDS=90  recorded prices, sixty times as fast"
	@echo "  PYTHON=/path/to/python3.12 make ...                     another interpreter (3.11, 3.12 or 3.13)"

demo: venv ## the whole platform against a simulated exchange, until Ctrl-C
	@$(BIN)/3t demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS)) $(if $(CANDLES),--candles "$(CANDLES)") $(if $(DEMO_SPEED),--speed $(DEMO_SPEED))

test: venv ## check, and every test that needs no container and no fault loop
	@scripts/system_packages.sh --if-missing
	@$(MAKE) --no-print-directory check
	$(PYTEST) $(PARALLEL) -m "not faults and not alone"
	$(PYTEST) -m "not faults and alone"

test-faults: venv ## crash and fault loops, kills, a short soak
	@scripts/system_packages.sh --if-missing
	$(PYTEST) -m faults

check: venv ## lint, format, types and import rules; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

fix: venv ## mend what the linter can mend, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

deps: ## install the system packages that the tests need (Debian, Ubuntu; as root)
	@scripts/system_packages.sh

lock: venv ## resolve requirements.lock and the workers' part of it (UPGRADE=1: newest versions)
	@scripts/lock.sh $(if $(UPGRADE),--upgrade)

bench: venv ## measure; one JSON object per line
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the demo's state and the caches; never saved runs, secrets.yml or the .venv
	@scripts/clean.sh

venv:
	@scripts/setup_venv.sh
