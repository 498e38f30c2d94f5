# 3T on one machine. `make` alone lists what there is to do.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test test-unit test-faults faults-page proof test-compose check fix deps lock bench clean venv
.PHONY: install restart logs status halt resume flatten migrate backup restore

# Dozens of processes start here, and each would compile all its code and rewrite all tests' assertions anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PYTEST := $(BIN)/pytest -q
# Two processes, a file never split between them: what a file starts (a MariaDB, a Redis), it starts once.
PARALLEL := -n 2 --dist loadfile

# Faults mostly wait: for time-outs, restarts, leases. In the order of collection, so that the soak begins first.
FAULTS := -n 3 --dist loadfile --no-loadscope-reorder

help: ## list the commands
	@echo "3T, the Tactical Trend Trader"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo DEMO_SECONDS=90                               stops by itself, with one line of JSON"
	@echo "  make demo CANDLES=folder DEMO_SPEED=60 DEMO_SECONDS=90  recorded prices, sixty times as fast"
	@echo "  make install SKIP=\"grafana tempo otel-collector\"       leaves services out"
	@echo "  PYTHON=/path/to/python3.12 make ...                     another interpreter (3.11, 3.12 or 3.13)"

demo: venv ## the whole platform against a simulated exchange, until Ctrl-C
	@$(BIN)/3t demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS)) $(if $(CANDLES),--candles "$(CANDLES)") $(if $(DEMO_SPEED),--speed $(DEMO_SPEED))

# make hands SKIP, REASON, FILE and COMPOSE of its command line to the scripts' environment by itself, with their blanks and quotes.
install: ## build and start the platform in containers, wait until all of it is well (SKIP="...")
	@scripts/stack/install.sh

restart: ## apply an edit of config.yml or secrets.yml; nothing is touched where it is refused
	@scripts/stack/restart.sh

status: ## what the platform in containers does and why (ARGS=--json)
	@scripts/stack/status.sh $(ARGS)

halt: ## from now on nothing is sent that could add risk (REASON="...")
	@scripts/stack/command.sh halt $(if $(REASON),-- "$$REASON")

flatten: ## close everything through the cycle and stay closed (REASON="..."); EMERGENCY=1: at once, by the key and the exchange alone
	@scripts/stack/$(if $(EMERGENCY),emergency.sh,command.sh flatten) $(if $(REASON),-- "$$REASON")

resume: ## trade again after a halt
	@scripts/stack/command.sh resume

logs: ## what the services say (SERVICE=name)
	@scripts/stack/logs.sh $(SERVICE)

migrate: ## apply the next change of the database's schema (FILE=migrations/NNNN_what.sql)
	@scripts/stack/migrate.sh $(if $(FILE),"$$FILE")

backup: ## database and saved runs, of one moment, into backups/
	@scripts/stack/backup.sh

restore: ## a backup into fresh volumes, proven equal (FILE=backups/3t-UTC.tar)
	@scripts/stack/restore.sh $(if $(FILE),"$$FILE")

test: venv ## check, and every test that needs no container and no fault loop
	@scripts/system_packages.sh --if-missing
	@$(MAKE) --no-print-directory check
	$(PYTEST) $(PARALLEL) -m "not faults and not compose and not alone"
	$(PYTEST) -m "not faults and not compose and alone"

test-unit: venv ## the unit tests alone, in seconds
	$(PYTEST) -n 2 tests/unit

test-faults: venv ## crash and fault loops, kills, a short soak; properties at length
	@scripts/system_packages.sh --if-missing
	$(PYTEST) -n 2 -m hypothesis --hypothesis-profile thorough
	$(PYTEST) $(FAULTS) -m "faults and not compose and not alone"
	$(PYTEST) -m "faults and not compose and alone"

test-compose: venv ## the platform in containers, of a project of its own: starts, kills, cuts off, restores
	@scripts/system_packages.sh --if-missing --containers
	$(PYTEST) -m compose tests/compose

proof: venv ## at length, by hand: kills, the state machine, the faults on MariaDB, every mutant of Unknown, a soak of half an hour; reports go to docs/proofs/
	THREET_KILLS=200 THREET_PROOF_REPORT=docs/proofs/kill-loop.md $(PYTEST) -s -m faults tests/integration/providence/test_kill_loop.py
	$(PYTEST) -n 2 -m hypothesis --hypothesis-profile proof tests/integration/machine
	THREET_WHOLE_MATRIX=1 $(PYTEST) -m faults tests/integration/cycle/test_fault_matrix.py -k mariadb
	$(BIN)/python -m tests.mutation --report docs/proofs/mutation.md
	THREET_SOAK_SECONDS=1800 THREET_PROOF_REPORT=docs/proofs/soak.md $(PYTEST) -s -m faults tests/soak/test_soak.py

faults-page: venv ## write docs/faults.md anew, by the fault matrix that checks it
	THREET_FAULTS_PAGE=1 $(PYTEST) -m faults tests/integration/cycle/test_fault_matrix.py -k "page"

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

clean: ## remove this project's containers, the demo's state, the caches; never a volume, saved runs, secrets.yml or the .venv
	@scripts/clean.sh
	@scripts/stack/down.sh

venv:
	@scripts/setup_venv.sh
