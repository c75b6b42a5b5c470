# `make help` lists the targets. Everything runs in environments of the project's own, which the
# first target that needs them makes (up to 380 MB to download, once).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/sh

# What surrounds us must not change which Python, which packages or which node is run.
unexport VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV PYTHONHOME PYTHONPATH PYTHONSTARTUP
unexport PYTHONDONTWRITEBYTECODE PYTHONWARNINGS PYTHONOPTIMIZE PIP_USER PIP_TARGET PIP_PREFIX
unexport PIP_REQUIRE_VIRTUALENV

# `make setup PYTHON=python3.12` chooses the interpreter; an ambient PYTHON does not.
unexport PYTHON ROUTSTR_PYTHON
ifeq ($(origin PYTHON),command line)
chosen := ROUTSTR_PYTHON='$(PYTHON)'
endif

# $(environments) NAME ... makes them complete; `-- ARGUMENTS` are then run by .venv's Python.
# exec: a signal that reaches make only is passed on to what does the work.
environments := $(chosen) exec sh scripts/with-python.sh -m scripts.bootstrap
mints := mint-0.21 mint-0.19

.PHONY: help
help: ## this list
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "  make %-17s%s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: ## a paid chat completion with real parts on this machine; ONCE=1 ends it after one round
	@ONCE='$(ONCE)' $(environments) demo mint-0.21 -- -m demo

.PHONY: test
test: ## the checks, as in CI; ONLY="unit types" runs some of them
	@$(environments) dev $(mints) -- -m scripts.check $(ONLY)

.PHONY: coverage
coverage: ## which lines and branches the tests run: 90 % of all, 100 % of what handles money
	@$(environments) dev $(mints) -- -m scripts.check coverage

.PHONY: crash-matrix
crash-matrix: ## nodes killed at every commit and mint call, then the money counted; FAST=1, SEED=7, TAKE_OVER=1: no node comes back
	@$(environments) dev $(mints) -- -m tests.crash.matrix $(if $(FAST),--fast 280) $(if $(SEED),--seed $(SEED)) $(if $(TAKE_OVER),--take-over)

.PHONY: chaos
chaos: ## two nodes under load while parts are killed, paused, cut off; then every receipt counted; SEED=1 SECONDS=60
	@$(environments) dev mint-0.21 -- -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

.PHONY: endpoint-matrix
endpoint-matrix: ## every endpoint, payer and trouble: what is charged, to the msat; SEED=7, DB=postgres
	@$(environments) dev mint-0.21 -- -m tests.endpoints.matrix $(if $(SEED),--seed $(SEED)) $(if $(DB),--db $(DB)) $(if $(MATCH),--match '$(MATCH)')

.PHONY: money-fuzz
money-fuzz: ## money at random on two nodes, compared with a model; OPS=10000, SEED=7, DB=postgres
	@$(environments) dev -- -m tests.fuzz.money $(if $(OPS),--ops $(OPS)) $(if $(SEED),--seed $(SEED)) $(if $(DB),--db $(DB))

.PHONY: fuzz
fuzz: ## almost-right inputs for every parser of what outsiders write; MINUTES=30 for each, ONLY=token, SEED=7
	@$(environments) dev -- -m tests.security.fuzz $(if $(MINUTES),--minutes $(MINUTES)) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))

.PHONY: acceptance
acceptance: ## programs of others pay: a wallet, the clients of OpenAI and Anthropic, a real model; needs npm
	@$(environments) dev mint-0.21 -- -m pytest -q -rs tests/acceptance

.PHONY: mutants
mutants: ## small faults in the code that counts money; of each file's 90 % must be noticed
	@$(environments) dev -- -m scripts.mutation

.PHONY: planted
planted: ## five classic faults of a ledger, each at several places: all must be found; ONLY=counter
	@$(environments) dev -- -m scripts.planted $(ONLY)

.PHONY: bench-growth
bench-growth: ## what a request costs as keys, transfers, models, streams grow: docs/growth.md; SMALL=1
	@$(environments) dev -- -m bench.growth $(if $(SMALL),--small)

.PHONY: bench
bench: ## the node beside a bare relay and other gateways: docs/benchmarks.md; 20 minutes; ONLY=json TARGETS="relay node" ROUNDS=1 SECONDS=1
	@$(environments) dev mint-0.21 -- -m bench $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only $(ONLY)) $(if $(TARGETS),--targets $(TARGETS))

.PHONY: bench-instances
bench-instances: ## one instance and two behind nginx on PostgreSQL, and the database alone: docs/scaling.md; ROUNDS=5 SECONDS=4 SMALL=1
	@$(environments) dev mint-0.21 -- -m bench.instances $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SMALL),--small)

.PHONY: soak
soak: ## mixed load for MINUTES=30: memory must not grow, no hold stay open, the books balance: docs/soak.md
	@$(environments) dev mint-0.21 -- -m bench.soak --minutes $(or $(MINUTES),30)

.PHONY: lint
lint: ## the checks that run no test: format, style, types, layers
	@$(environments) dev -- -m scripts.check lint

.PHONY: fmt
fmt: ## put the code into form, and mend what can be mended safely
	@$(environments) dev
	@exec .venv/bin/ruff check --fix-only --quiet .
	@exec .venv/bin/ruff format .

.PHONY: docs
docs: ## the documents as a site, in site/; SERVE=1 shows it, and follows changes
	@$(environments) dev -- -m $(if $(SERVE),zensical serve,scripts.site)

.PHONY: setup
setup: ## the environments for all of the above; PYTHON=python3.12 chooses the interpreter
	@$(environments) dev $(mints)

.PHONY: dev
dev: ## the node with your .env, in the development profile; restarts when the code changes
	@$(environments) dev
	@ROUTSTR_ENV="$${ROUTSTR_ENV:-development}" exec .venv/bin/uvicorn routstr:fastapi_app --reload --reload-dir routstr

.PHONY: migrate
migrate: ## bring the database of your .env up to date
	@$(environments) dev
	@exec .venv/bin/routstr migrate

.PHONY: lock
lock: ## write requirements/*.txt anew; UPGRADE=1 takes newer versions
	@$(environments) dev -- -m scripts.lock $(if $(UPGRADE),--upgrade)

made := site .cache .venv .venv.aside-* .tools .tools.aside-* build dist htmlcov .coverage .coverage.* \
  .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache mutants

.PHONY: clean
clean: ## remove what these targets made; a node's database, keys and logs stay
	@rm -rf $(made) 2>/dev/null; find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@left=$$(ls -d $(made) 2>/dev/null); if [ -n "$$left" ]; then echo "Not yours to remove:" $$left; exit 1; fi
