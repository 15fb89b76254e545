# rungsim. `make` alone lists the targets. Everything is installed into .venv, nothing outside this folder.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
TEST_PROCESSES ?= 2
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
# The constraints come from the environment, not from -c, so that they hold for the build backend too (older and
# newer pips read them from different names). Byte-compiling what is never imported would take half of the
# install: the first import does it.
PIP_INSTALL := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
  $(BIN)/python -m pip -q --disable-pip-version-check --no-input install --no-compile

# Where bytecode must not be written, as in many containers, each command would compile NumPy, pandas and SciPy anew. All
# of it stays in this folder.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv dev browser demo study test lint format check-all peers bench constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## install, then compare six schedulers on a shipped table into out/demo/, with a report
	@$(BIN)/rungsim compare mlp:letter \
	  --schedulers random,successive-halving,hyperband,asha-stopping,asha-promotion,median-stopping \
	  --seeds 20 --workers 4 --budget 10x --out out/demo
	@$(BIN)/rungsim report out/demo

study: $(VENV)/.installed ## what ought to be better, is it? and on clusters as they are? tables and two of data/pictures
	@$(BIN)/python data/studies/sanity.py
	@$(BIN)/python data/studies/clusters.py

test: $(VENV)/.installed-dev ## install, then run the tests (the slow ones are in check-all)
	@$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --benchmark-disable

lint: $(VENV)/.installed-dev ## ruff, mypy and the one-way layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev ## let ruff fix and format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

check-all: $(VENV)/.installed-dev peers ## lint and every test, the slow ones, the wheel and the peers included
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --benchmark-disable -m ""

peers: $(foreach peer,syne-tune syne-tune-0.13 yahpo lcdb mfhpo adapters ask,$(PEERS)/$(peer)/.installed) ## install what slow tests compare with, each apart

bench: $(VENV)/.installed-dev $(foreach peer,syne-tune mfhpo adapters,$(PEERS)/$(peer)/.installed) ## speed, as ratios to a bare loop and to peers
	@$(BIN)/python tests/performance/bench.py

browser: $(VENV)/.installed-dev ## install what tests the report in a browser: Playwright, and Chromium where apt can
	@$(PIP_INSTALL) -e '.[browser]'
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || { \
	  command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && echo "installing Chromium (once, about a minute)" && \
	  apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends chromium >/dev/null; } || { \
	  echo "error: there is no Chromium on the PATH, and it could not be installed here" >&2; exit 1; }

venv: $(VENV)/.installed ## only install what is needed to run
dev: $(VENV)/.installed-dev ## only install what is needed to develop

constraints: ## compute constraints.txt anew from pyproject.toml (needs uv)
	@sed -n '/^#/p' constraints.txt > constraints.txt.tmp
	@uv pip compile --quiet --universal --python-version 3.10 --fork-strategy requires-python --all-extras \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml \
	  >> constraints.txt.tmp || { rm -f constraints.txt.tmp; exit 1; }
	@mv constraints.txt.tmp constraints.txt

clean: ## remove .venv, out/, caches and build artefacts
	@rm -rf $(VENV) $(PEERS) out build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache .benchmarks
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each depends on what decides its content, so a second `make demo` installs nothing.
# An environment that works is kept, whoever made it; half of one is made anew.
$(VENV)/.created:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "error: there is no '$(PYTHON)' on the PATH; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "error: $$("$(PYTHON)" --version 2>&1) is too old, 3.10 or newer is needed: make PYTHON=python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "error: '$(PYTHON)' cannot make virtual environments: its module venv or ensurepip is missing" >&2; \
	  echo "       (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV) || { \
	    rm -rf $(VENV); echo "error: '$(PYTHON) -m venv $(VENV)' failed, see above" >&2; exit 1; }; }
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml constraints.txt
	@echo "installing rungsim and what it needs into $(VENV) (once, about a minute)"
	@$(PIP_INSTALL) -e '.[report]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.created pyproject.toml constraints.txt
	@echo "installing rungsim, what it needs and its tests' tools into $(VENV) (once, about a minute)"
	@$(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.installed

# Peers ask for versions of their own, so each has its environment; they are run, never imported here.
$(PEERS)/yahpo/.installed: PEER := 'yahpo-gym==1.0.2'
$(PEERS)/lcdb/.installed: PEER := --no-deps 'lcdb==0.1.0'
$(PEERS)/mfhpo/.installed: PEER := 'mfhpo-simulator==1.4.6'
# These run rungsim's adapters, and their tests. NePS comes with PyTorch, several GB, and is made only when asked for:
# make .venv-peers/neps/.installed
$(PEERS)/syne-tune/.installed: PEER := -e . 'syne-tune[blackbox-repository,gpsearchers,kde]==0.14.2' hypothesis pytest pytest-xdist
$(PEERS)/syne-tune-0.13/.installed: PEER := -e . 'syne-tune==0.13.0' hypothesis pytest pytest-xdist
$(PEERS)/neps/.installed: PEER := -e . 'neural-pipeline-search==0.17.0' hypothesis pytest pytest-xdist
$(PEERS)/adapters/.installed: PEER := -c constraints.txt -e '.[optuna,ray,syne-tune]' hypothesis pytest pytest-xdist
$(PEERS)/ask/.installed: PEER := -e . 'dehb==0.1.2' 'smac==2.4.1' hypothesis pytest pytest-xdist
$(PEERS)/%/.installed: Makefile
	@echo "installing $(PEER) into $(@D) (once, some minutes)"
	@rm -rf $(@D) && "$(PYTHON)" -m venv $(@D)
	@$(@D)/bin/python -m pip -q --disable-pip-version-check --no-input install --no-compile $(PEER)
	@touch $@
