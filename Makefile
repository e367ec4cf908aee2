# The targets people and CI use. Everything lives in $(VENV); nothing needs root, but the browser for the tests does.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TOOLS ?= .tools
PORT ?= 8000
PROMETHEUS_PORT ?= 9090
HOST ?= 127.0.0.1
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 1800
# Real mail for `make model` and the tests marked `corpus`; see README.
FYKE_DATA ?= ../shared/data
export FYKE_DATA

.PHONY: serve test check format bench faults soak replicas observe screenshots costs mail fuzz quality sizing model lock contract \
	overload audit sbom clean help

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

serve: $(BIN)/.runtime ## Set up and start the service at http://localhost:8000
	$(BIN)/fyke serve --host $(HOST) --port $(PORT)

test: $(BIN)/.dev ## Set up and run the tests
	@$(BROWSER)
	$(BIN)/python -m pytest

check: $(BIN)/.dev ## Lint, format check, strict types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(BIN)/.dev ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(BIN)/.dev ## Everything side by side; writes docs/benchmarks.md (redis-server, wrk; 15 minutes)
	$(BIN)/python -m bench.serving --data $(FYKE_DATA)

faults: $(BIN)/.dev ## Put Redis out of order in fifteen ways; writes docs/faults.md (redis-server, 10 minutes)
	$(BIN)/python -m bench.faults

soak: $(BIN)/.dev ## Mixed load for SOAK_SECONDS (1800), a fault every two minutes; writes docs/operations.md (redis-server)
	$(BIN)/python -m bench.soak --seconds $(SOAK_SECONDS)

replicas: $(BIN)/.dev ## Four services over a Redis Cluster that loses a primary; writes docs/operations.md (redis-server, 6 minutes)
	$(BIN)/python -m bench.replicas

observe: $(BIN)/.runtime ## Start the service and a Prometheus that scrapes it, at http://localhost:9090 (prometheus)
	@$(BIN)/python -m bench.observe --port $(PORT) --prometheus-port $(PROMETHEUS_PORT)

screenshots: $(BIN)/.dev ## Take the pictures in docs/screenshots and measure the page (chromium, fonts-inter)
	$(BIN)/python -m bench.screenshots

costs: $(BIN)/.dev ## Lookups for each request, memory over a million keys; writes docs/costs.md (redis-server)
	$(BIN)/python -m bench.costs

mail: $(BIN)/.dev ## Compare the text of 200 real messages with a text browser's, and time messages (w3m)
	$(BIN)/python -m bench.text_quality --data $(FYKE_DATA)
	$(BIN)/python -m bench.reading --data $(FYKE_DATA)

fuzz: $(BIN)/.dev ## Fuzz the reader of messages for FUZZ_SECONDS (60) with atheris, which is installed first
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(PIP) 'atheris>=3'
	@mkdir -p .fuzz
	$(BIN)/python -m tests.fuzz.message .fuzz tests/fuzz/seeds -max_total_time=$(FUZZ_SECONDS) \
		-dict=tests/fuzz/words.dict -artifact_prefix=.fuzz/finding- -max_len=16384 -len_control=20

quality: $(BIN)/.dev ## Measure baseline and default by the quality protocol on FYKE_DATA; writes docs/quality.md (25 minutes)
	$(BIN)/python -m bench.quality --data $(FYKE_DATA) --recipe baseline --train kaggle
	$(BIN)/python -m bench.quality --data $(FYKE_DATA) --recipe baseline
	$(BIN)/python -m bench.quality --data $(FYKE_DATA) --recipe default

sizing: $(BIN)/.dev ## Bytes that Redis takes for each entry (redis-server)
	$(BIN)/python -m bench.sizing

model: $(BIN)/.dev ## Retrain the shipped model on all mail of FYKE_DATA that may train, then refresh what the README shows
	$(BIN)/python -m bench.quality.candidate --data $(FYKE_DATA) --output src/fyke/model/shipped
	$(BIN)/python -m tests.readme

lock: $(BIN)/.dev ## Resolve the lock files anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra build --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --quiet -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra build --extra dev -c requirements.lock --universal \
		--python-version 3.11 --generate-hashes --no-header --no-annotate --quiet -o requirements-dev.lock

contract: $(BIN)/.dev ## Ask every route 20,000 times what the OpenAPI document allows and forbids (Schemathesis)
	$(BIN)/python -m tests.contract 20000

overload: $(BIN)/.dev ## Four times the load that the service can bear, with shedding and without
	$(BIN)/python -m bench.overload

audit: $(TOOLS)/.ready ## Look for known flaws in the locked dependencies (asks OSV) and for unsafe code
	$(TOOLS)/bin/bandit -q -c pyproject.toml -r src
	$(TOOLS)/bin/pip-audit --require-hashes --disable-pip -s osv -r requirements.lock

sbom: $(TOOLS)/.ready ## Write sbom.json, what the locked runtime is made of (CycloneDX)
	$(TOOLS)/bin/cyclonedx-py requirements requirements.lock --output-reproducible -o sbom.json

clean: ## Remove the environment and caches
	rm -rf $(VENV) $(TOOLS) sbom.json .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .fuzz

# The tests of the page want Debian's browser: it is installed where that may be done unasked, else they are skipped.
# NO_BROWSER=1 leaves it out.
define BROWSER
command -v chromium >/dev/null || [ -n "$(NO_BROWSER)" ] || ! command -v apt-get >/dev/null || { \
	sudo=$$([ "$$(id -u)" = 0 ] || echo sudo -n); $$sudo true 2>/dev/null || exit 0; \
	echo "Installing Debian's chromium for the tests of the page (once; NO_BROWSER=1 leaves it out)..."; \
	{ $$sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -q --no-install-recommends \
		chromium; } >/dev/null 2>&1 || echo "It could not be installed; these tests are skipped."; }
endef

# A lock file installs only what its hashes name; fyke itself goes in last, editable, without any look-up.
# Where Python came without ensurepip, the environment has no pip of its own, and the one outside fills it.
PIP = $(shell $(BIN)/python -c 'import pip' 2>/dev/null && echo $(BIN)/python -m pip || \
	echo $(PYTHON) -m pip --python $(BIN)/python) install --quiet --disable-pip-version-check
define install
	$(PIP) --require-hashes -r $(1)
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@
endef

$(BIN)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked dependencies into $(VENV) (once)..."
	$(call install,requirements.lock)

$(BIN)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked development dependencies into $(VENV) (once)..."
	$(call install,requirements-dev.lock)
	@touch $(BIN)/.runtime

# Tools that nothing is built or tested with have an environment of their own.
$(TOOLS)/.ready: | $(BIN)/.dev
	@$(BIN)/uv venv --quiet $(TOOLS)
	$(BIN)/uv pip install --quiet --python $(TOOLS)/bin/python \
		bandit==1.9.4 pip-audit==2.10.1 cyclonedx-bom==7.5.0
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Fyke needs Python 3.11 or newer as '$(PYTHON)'; name another with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); \
		$(PYTHON) -m pip --version >/dev/null 2>&1 && $(PYTHON) -m venv --without-pip $(VENV); } || { rm -rf $(VENV); \
		echo "Python cannot make a virtual environment here. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
