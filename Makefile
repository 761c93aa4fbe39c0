# Two commands set everything up on a fresh machine: `make run` and `make test`.

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
GIVEN_PORT = $(if $(filter file,$(origin PORT)),,--port $(PORT))
SECONDS ?= 60
MINUTES ?= 10
# Programs that tests run and that pip cannot install: PROGRAM=PACKAGE of Debian.
NEEDS := promtool=prometheus tmux=tmux chromium=chromium fish=fish haproxy=haproxy wrk=wrk node=nodejs npm=npm
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help install run console web demo test readme differential coverage fuzz laws parity conformance soak bench check format

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

# What running needs. The first interpreter that is new enough; PYTHON=... names another one.
$(VENV)/runs: pyproject.toml
	@for python in $(or $(PYTHON),python3.13 python3.12 python3 python); do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && break; \
		python=; \
	done; \
	test -n "$$python" || { \
		echo "hublet-router needs Python 3.12 or newer, and $(or $(PYTHON),this machine) has none:" \
			"install one, or name it with PYTHON=/path/to/python3.13" >&2; \
		exit 1; \
	}; \
	echo "setting up $(VENV): this takes some seconds"; \
	$$python -m venv $(VENV)
	@$(PIP) --editable .
	@echo "done: the command is $(BIN)/hublet-router"
	@touch $@

# What tests, checks and measurements need as well.
$(VENV)/tests: $(VENV)/runs
	@echo "adding to $(VENV) what the tests need: this takes a minute"
	@$(PIP) --editable '.[dev]'
	@touch $@

install: $(VENV)/runs  ## set up .venv with what running needs

run: $(VENV)/runs  ## route on 127.0.0.1:8080 (PORT=) with hublets.yaml, and serve its demo Hublets
	$(BIN)/hublet-router run --listen-port $(PORT) --set hublet_demo=true $(ARGS)

console: $(VENV)/runs  ## the same proxy in mitmproxy's console, with a request of every kind
	$(BIN)/hublet-router demo --console $(GIVEN_PORT) -- $(ARGS)

web: $(VENV)/runs  ## the same in mitmweb
	$(BIN)/hublet-router demo --web $(GIVEN_PORT) -- $(ARGS)

demo: $(VENV)/runs  ## send a signed request of every kind, and print where each went
	@$(BIN)/hublet-router demo

test: export PYTHONDONTWRITEBYTECODE =  # else each process that a test starts compiles all anew
test: $(VENV)/tests  ## the whole suite, on every core
	@tests/needs $(NEEDS)
	@tests/workerd $(VENV)
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal $(ARGS)

readme: $(VENV)/tests  ## write what is generated in the docs, and take the picture of mitmweb
	$(BIN)/python tests/metric_list.py
	$(BIN)/python tests/edge_features.py
	$(BIN)/python tests/refresh_docs.py
	PICTURE=1 $(BIN)/python -m pytest -q tests/test_web.py

# Stock servers that `make differential` asks, as PROGRAM=PACKAGES of Debian.
SERVERS := go=golang-go php=php-cli "puma=puma ruby-actionpack" \
	"javac=default-jdk-headless libtomcat10-java libtomcat10-embed-java libjackson2-databind-java"

differential: $(VENV)/tests  ## what stock servers read in 20,000 requests, and where those go
	@tests/needs $(NEEDS) $(SERVERS)
	@npm install --silent --no-fund --prefix $(VENV)/node express@5 cookie-parser@1
	NODE_PATH=$(VENV)/node/node_modules PYTHONPATH=tests $(BIN)/python -m differential

coverage: $(VENV)/tests  ## the suite, and each line and branch that no test reaches
	@tests/needs $(NEEDS)
	@tests/workerd $(VENV)
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal -p no:hublet_router.testing.plugin \
		--cov=hublet_router --cov-report=term --cov-fail-under=99 $(ARGS)

fuzz: $(VENV)/tests  ## let atheris look for input that breaks a law, for SECONDS in all
	@$(PIP) --editable '.[fuzz]' || { \
		echo "make fuzz needs atheris, which has no wheel for this Python and machine: use CPython 3.12 or 3.13 on x86-64 Linux" >&2; \
		exit 1; \
	}
	$(BIN)/python tests/fuzz.py $(SECONDS)

laws: $(VENV)/tests  ## what `make test` samples, whole: random requests, mutants of the JavaScript
	$(BIN)/python -m pytest --numprocesses=auto --hypothesis-profile=long \
		tests/test_laws.py tests/test_stray_laws.py tests/test_parity.py

parity: $(VENV)/tests  ## a million decisions by the core and by the exported JavaScript
	@tests/needs node=nodejs
	@PYTHONPATH=tests $(BIN)/python -m parity $(ARGS)

conformance: $(VENV)/tests  ## h2spec and WebSocket cases, beside bare mitmdump; H2SPEC= names h2spec
	@PYTHONPATH=tests $(BIN)/python -m conformance $(H2SPEC)

soak: $(VENV)/tests  ## mixed traffic for MINUTES, while tables and upstreams come and go
	$(BIN)/python tests/soak.py $(MINUTES)

bench: $(VENV)/tests  ## measure it beside bare mitmdump, and HAProxy and nginx if installed
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

check: $(VENV)/tests  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/tests  ## fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
