# Two commands set everything up on a fresh machine: `make run` and `make test`.

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
SECONDS ?= 60
MINUTES ?= 10
# What tests run and pip cannot bring: PROGRAM=PACKAGE of Debian.
NEEDS := promtool=prometheus tmux=tmux chromium=chromium
ROUTED := -s addon/router.py --mode reverse:https://unrouted.invalid --listen-host 127.0.0.1 \
	--listen-port $(PORT) --set hublet_demo=true --set store_streamed_bodies=true -s tests/traffic.py
# Newest first, with the whole URL: the console's list has no column for a comment.
CONSOLE := --set console_flowlist_layout=list --set view_order_reversed=true \
	--set console_focus_follow=true
WEB := $(foreach column,comment status method path,--set web_columns=$(column))

.PHONY: help install run console web demo test readme coverage fuzz soak bench check format

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

install: $(VENV)/installed  ## set up .venv with the project, editable, and what its tests need

# The first interpreter that is new enough; PYTHON=... overrides.
$(VENV)/installed: pyproject.toml
	@for python in $(PYTHON) python3.13 python3.12 python3 python; do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && break; \
		python=; \
	done; \
	test -n "$$python" || { \
		echo "hublet-router needs Python 3.12 or newer: install it, or name it with PYTHON=/path/to/python3.13" >&2; \
		exit 1; \
	}; \
	$$python -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: install  ## route on 127.0.0.1:8080 with hublets.yaml, and serve its demo Hublets
	$(BIN)/hublet-router run --listen-port $(PORT) --set hublet_demo=true $(ARGS)

console: install  ## the same proxy in mitmproxy's console, with a request of every kind
	$(BIN)/mitmproxy $(ROUTED) $(CONSOLE) $(ARGS)

web: install  ## the same in mitmweb
	$(BIN)/mitmweb $(ROUTED) $(WEB) $(ARGS)

demo: install  ## send a signed request of every kind, and show where each went
	@$(BIN)/python tests/proof.py

test: install  ## the whole suite
	@tests/needs $(NEEDS)
	$(BIN)/python -m pytest $(ARGS)

readme: install  ## write into README and manual what is generated, and take the picture of mitmweb
	$(BIN)/python tests/metric_list.py
	$(BIN)/python tests/refresh_docs.py
	PICTURE=1 $(BIN)/python -m pytest -q tests/test_web.py

coverage: install  ## each module, covered to the last branch by its own test file
	$(BIN)/python tests/own_coverage.py

fuzz: install  ## let atheris look for input that breaks a law, for SECONDS in all
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]' || { \
		echo "make fuzz needs atheris, which has no wheel for this Python and machine: use CPython 3.12 or 3.13 on x86-64 Linux" >&2; \
		exit 1; \
	}
	$(BIN)/python tests/fuzz.py $(SECONDS)

soak: install  ## mixed traffic for MINUTES, while tables and upstreams come and go
	$(BIN)/python tests/soak.py $(MINUTES)

bench: install  ## measure it beside bare mitmdump, and HAProxy and nginx where there are any
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

check: install  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: install  ## mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
