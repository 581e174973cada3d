# make lab     JupyterLab on a copy of the notebooks, in ./lab (to work on the notebooks themselves:
#              .venv/bin/jupyter lab notebooks)
# make test    linters, every notebook, every test
# make bench   every benchmark, against its bar     (make bench NAMES="live")
# make lint    ruff and pyright
# make clean   removes the environment and the caches, never ./lab
#
# PYTHON=python3.13   the interpreter the environment is made with (3.11 or newer)
# LAB_FLAGS="..."     passed on to cortex-lab:  make lab LAB_FLAGS="--no-browser --port=8890"
# JOBS=2              in how many processes tests run that can share a machine
# TEST_FLAGS="..."    passed on to pytest:      make test TEST_FLAGS="-m 'not browser'"

PYTHON ?= python3
VENV ?= .venv
FOLDER ?= lab
LAB_FLAGS ?=
TEST_FLAGS ?=
JOBS ?= 2
ALONE := tests/browser tests/faults tests/widgets tests/data/test_serving.py tests/scale
NAMES ?=
RESULTS ?= .bench

BIN := $(VENV)/bin
NOTEBOOKS := $(wildcard notebooks)
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=120

.DELETE_ON_ERROR:
.PHONY: lab test bench lint clean environment

lab: $(VENV)/.lab
	$(BIN)/cortex-lab $(FOLDER) $(LAB_FLAGS)

# What drives a browser, kills, forks, interrupts or counts threads has the process to itself. Notebooks come
# first: each is one long file, and stands in nobody's way.
test: lint
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(NBVAL) $(TEST_FLAGS) $(NOTEBOOKS) tests $(ALONE:%=--ignore=%)
	$(BIN)/python -m pytest $(TEST_FLAGS) $(ALONE)

environment: $(VENV)/.test

lint: $(VENV)/.test
	$(BIN)/ruff check --output-format concise .
	$(BIN)/pyright --level error

bench: $(VENV)/.bench
	@mkdir -p $(RESULTS)
	@for name in $(or $(NAMES),$$($(BIN)/python -m benchmarks list --names)); do \
	    $(BIN)/python -m benchmarks $$name --json $(RESULTS)/$$name.json || exit 1; \
	done
	$(BIN)/python -m benchmarks check $(if $(NAMES),$(NAMES:%=$(RESULTS)/%.json),$(RESULTS)/*.json)

clean:
	rm -rf $(VENV) $(RESULTS) build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp says that what it stands for was installed from the pyproject.toml of now.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "cortex_lab needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." >&2; \
	    echo "Name another one:  make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	    echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu:  apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.lab: $(VENV)/.made pyproject.toml
	@echo 'Installing into $(VENV): a few minutes, the first time.'
	$(BIN)/python -m pip install --quiet --editable '.[lab,embed]'
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml
	@echo 'Installing into $(VENV): a few minutes, the first time.'
	$(BIN)/python -m pip install --quiet --editable '.[lab,embed,test]'
	@touch $@ $(VENV)/.lab

$(VENV)/.bench: $(VENV)/.made pyproject.toml
	@echo 'Installing into $(VENV): a few minutes, the first time.'
	$(BIN)/python -m pip install --quiet --editable '.[lab,embed,test,bench]'
	@touch $@ $(VENV)/.lab $(VENV)/.test
