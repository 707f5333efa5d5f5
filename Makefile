# `make help` lists what there is. A fresh machine needs Python 3.11 or newer, and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin

.DEFAULT_GOAL := help

.PHONY: help
help: ## Lists the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: run
run: .venv/run ## Starts the service on SQLite with a demo workspace.
	@$(BIN)/gateway demo

.PHONY: install
install: .venv/dev ## Installs everything for development into .venv.

.PHONY: generators
generators: tests/codegen/.venv/installed ## Installs the code generators that tests run; needs Node.
	npm ci --silent --prefix tests/codegen
	npm ci --silent --prefix tests/codegen/apollo-ios

.PHONY: test
test: .venv/dev ## Runs all tests; those that need a program that is not installed are skipped, but fail in CI.
	$(BIN)/pytest -n auto --dist loadfile

.PHONY: bombs
bombs: .venv/dev ## Prints what hostile documents cost, compared with an ordinary one.
	$(BIN)/python -m benchmarks.bombs

FUZZ_REQUESTS ?= 1000000
FUZZ_SEED ?= 1
.PHONY: fuzz
fuzz: .venv/dev ## Sends FUZZ_REQUESTS generated requests; stops at the first wrong answer.
	$(BIN)/python -m benchmarks.fuzz --requests $(FUZZ_REQUESTS) --seed $(FUZZ_SEED)

.PHONY: plan-proof
plan-proof: .venv/dev ## Runs 100,000 random operations from plans and with graphql-core, and compares the answers.
	$(BIN)/python -m benchmarks.plan_proof

.PHONY: slow-clients
slow-clients: .venv/dev ## Prints how 1,000 slow clients change the latency of another one.
	$(BIN)/python -m benchmarks.slow_clients

BENCH_OPTIONS ?=
# Runs the service and its peers. pyenv builds interpreters without optimizations, unless told: they take a sixth longer
# than those of Debian or of the image.
BENCH_PYTHON ?= $(PYTHON)
benchmarks/.venv/run benchmarks/peers/.ready: PYTHON := $(BENCH_PYTHON)
.PHONY: bench
bench: .venv/dev benchmarks/.venv/run benchmarks/peers/.ready ## Measures the service and other servers, and writes benchmarks/RESULTS.md; takes 17 minutes, needs Node and wrk.
	$(BIN)/python -m benchmarks.bench $(BENCH_OPTIONS)

.PHONY: bench-quick
bench-quick: .venv/dev benchmarks/.venv/run benchmarks/peers/.ready ## Measures two operations and two other servers in 3 minutes; only prints.
	$(BIN)/python -m benchmarks.bench --quick

.PHONY: instructions
instructions: .venv/dev ## Counts the CPU instructions of a request; fails if they are a tenth above the recorded number. RECORD=1 records.
	$(BIN)/python -m benchmarks.instructions $(if $(RECORD),--record)

.PHONY: conformance
conformance: .venv/dev ## Checks the service against its specifications, and writes docs/conformance.md; needs Node.
	npm ci --silent --prefix tests/node
	npm ci --silent --prefix tests/clients
	$(BIN)/python -m benchmarks.conformance

.PHONY: lint
lint: .venv/dev ## Checks style, types and imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: format
format: .venv/dev ## Formats the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: check
check: lint test fresh schema-changes ## Lints and tests; fails if a generated file is out of date, or a breaking change is not announced.

.PHONY: generate
generate: .venv/dev ## Writes the generated files again: schema.graphql and the table of settings.
	$(BIN)/gateway schema > schema.graphql
	$(BIN)/python -m tests.settings_table

.PHONY: fresh
fresh: generate ## Fails if a generated file differs from what `make generate` writes.
	git diff --exit-code -- schema.graphql docs/operators/settings.md

.PHONY: schema-changes
schema-changes: .venv/dev ## Prints dangerous and breaking schema changes since the last release; fails if CHANGELOG.md does not announce a breaking one.
	$(BIN)/python -m tests.schema_changes check

.PHONY: release-schema
release-schema: .venv/dev ## Copies schema.graphql as the schema of the release, for schema-changes.
	$(BIN)/python -m tests.schema_changes release

.PHONY: example
example: .venv/run examples/web/node_modules/.package-lock.json ## Starts the demo service with the example front end; needs Node.
	@npm run --silent --prefix examples/web build
	@node examples/web/serve.mjs $(BIN)/gateway demo

# Needs Node. What it writes is committed: docs/decisions/0013.
.PHONY: graphiql
graphiql: ## Builds the GraphiQL page into the package; needs Node.
	npm ci --silent --prefix graphiql
	npm run --silent --prefix graphiql build

.PHONY: migration
migration: .venv/dev ## Drafts a migration from the tables as they are: make migration NAME='Add a colour'.
	@test -n "$(NAME)" || { echo "Say what it does: make migration NAME='Add a colour'" >&2; exit 2; }
	$(BIN)/python -m tests.new_migration "$(NAME)"

LOCK := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q --upgrade
.PHONY: lock
lock: ## Resolves the dependencies again; needs uv.
	uv pip compile $(LOCK) --group build -o requirements-build.txt
	uv pip compile $(LOCK) pyproject.toml -o requirements.txt
	uv pip compile $(LOCK) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	uv pip compile $(LOCK) --group generators -o tests/codegen/requirements.txt

PEERS := benchmarks/peers
.PHONY: lock-peers
lock-peers: ## Resolves the dependencies of the servers in the benchmarks again; needs uv and npm.
	uv pip compile $(LOCK) $(PEERS)/requirements.in -o $(PEERS)/requirements.txt
	npm update --silent --package-lock-only --prefix $(PEERS)

.PHONY: clean
clean: ## Removes the virtual environment and all caches.
	rm -rf .venv tests/codegen/.venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info benchmarks/.venv benchmarks/peers/.venv benchmarks/peers/node_modules benchmarks/peers/.ready

# npm leaves a lock file of its own with what it installed.
examples/web/node_modules/.package-lock.json: examples/web/package-lock.json
	@npm ci --silent --prefix examples/web
	@touch $@

# The stamps say for which lock file the environment was made. The service is measured as it is deployed, with nothing
# that only its development needs: libraries look at what else is installed, and some load it.
.venv/run benchmarks/.venv/run: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; PYTHON=/path/to/it says where it is." >&2; exit 1; }
	@echo "Installing into $(@D); this takes a minute, and only the first time." >&2
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-build.txt
	@$(@D)/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements-dev.txt .venv/run
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# Clients have an environment of their own, and what generates them wants an older graphql-core than the service.
tests/codegen/.venv/installed: tests/codegen/requirements.txt
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

# better-sqlite3 is compiled where no ready binary can be had: a minute, and only the first time.
benchmarks/peers/.ready: benchmarks/peers/requirements.txt benchmarks/peers/package-lock.json
	@command -v npm > /dev/null || { echo "npm is not installed; Debian's package is npm." >&2; exit 1; }
	@test -x $(PEERS)/.venv/bin/python || $(PYTHON) -m venv $(PEERS)/.venv
	$(PEERS)/.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r $(PEERS)/requirements.txt
	npm ci --silent --prefix $(PEERS)
	@touch $@
