# Everything a fresh machine needs but Python 3.11+ and a Rust toolchain is installed on the way.
#   make demo    set up, build, audit an embedded collection with known problems
#   make test    set up, build, run every test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Outside the tree, so that a fresh clone need not compile everything again.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pixsieve/target
# maturin is looked up on the path, and cargo finds this Python first.
export PATH := $(abspath $(BIN)):$(PATH)
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find rust -name '*.rs')

.PHONY: demo test test-rust test-python browser build format lint bench wheel system clean

demo: build
	$(BIN)/pixsieve demo

test: test-rust test-python

test-rust: system
	cargo test --release --quiet

test-python: build $(VENV)/.test browser
	$(BIN)/python -m pytest

build: $(VENV)/.build

# cmake and nasm compile libjpeg-turbo, cc compiles BLAKE3.
system:
	@missing=; for tool in cmake nasm cc; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	echo "installing:$$missing"; \
	if command -v apt-get >/dev/null; then \
		$(SUDO) apt-get update -qq && $(SUDO) apt-get install -qq -y --no-install-recommends cmake nasm build-essential; \
	elif command -v dnf >/dev/null; then $(SUDO) dnf install -y cmake nasm gcc gcc-c++ make; \
	elif command -v brew >/dev/null; then brew install cmake nasm; \
	else echo "please install:$$missing"; exit 1; fi

# Chromium, in which the pages are tested; where there is no apt-get, those tests say that they need it.
browser:
	@for name in "$${PIXSIEVE_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do \
		if [ -n "$$name" ] && command -v "$$name" >/dev/null; then exit 0; fi; done; \
	if command -v apt-get >/dev/null; then \
		$(SUDO) apt-get update -qq && $(SUDO) apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core; \
	else echo "no Chromium: the tests of pages will be skipped; install one, or set PIXSIEVE_CHROMIUM"; fi

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 demo"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1" "maturin>=1.10,<2"
	@touch $@

$(VENV)/.build: $(VENV)/.venv $(SOURCES) | system
	$(PIP) install --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.venv pyproject.toml
	$(PIP) install --group test
	@touch $@

$(VENV)/.lint: $(VENV)/.venv pyproject.toml
	$(PIP) install --group lint --group test
	@touch $@

format: $(VENV)/.lint
	cargo fmt
	$(BIN)/ruff check --fix --quiet python tests benches
	$(BIN)/ruff format --quiet python tests benches

lint: build $(VENV)/.lint
	cargo fmt --check
	cargo clippy --release --all-targets --quiet -- -D warnings
	$(BIN)/ruff check --quiet python tests benches
	$(BIN)/ruff format --check --quiet python tests benches
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest pixsieve._native --mypy-config-file pyproject.toml

$(VENV)/.bench: $(VENV)/.venv pyproject.toml
	$(PIP) install --group bench
	@touch $@

# fastdup wants older libraries and gets an environment of its own.
bench: build $(VENV)/.bench
	$(BIN)/python benches/folder.py
	$(BIN)/python benches/graph.py
	$(BIN)/python benches/views.py

wheel: $(VENV)/.venv | system
	rm -rf dist
	$(BIN)/maturin build --release --out dist

clean:
	rm -rf $(VENV) dist pixsieve-demo pixsieve-out
