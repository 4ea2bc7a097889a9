# From a fresh clone, with Python >= 3.11 (with its venv), make and git: `make demo` and `make test`, each by itself.
#
# Three lists of pinned packages with their hashes, for every platform, written by `make lock` from pyproject.toml:
#   requirements.txt          evalharness with all extras, and the build backend that installs it; all that `make demo` fetches
#   requirements-dev.txt      tests and linters beside it: half as much again, which the demo does without
#   requirements-litellm.txt  LiteLLM, whose pins collide with ours, in a venv of its own: the tests load our router config with it

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
LITELLM := .venv-litellm
ARGS :=
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11

# Wheels only: the source of a package would be built with build tools that nobody pinned.
PIP_INSTALL := -m pip --quiet --disable-pip-version-check --no-input install
HASHED := --require-hashes --only-binary :all: --requirement

##@ Use
.PHONY: help demo review
help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile
	@printf '\n  PYTHON=/path/to/python3 names the interpreter; ARGS="..." goes to the command that is run.\n\n'

demo: $(VENV)/.package ## the whole loop on simulated traffic: no key, no network
	$(BIN)/evalharness demo $(ARGS)

review: $(VENV)/.package ## open the review app, on the demo's pairs unless there is an evalharness.toml
	$(BIN)/evalharness $(if $(wildcard evalharness.toml),,-c evalharness-demo/evalharness.toml) review $(ARGS)

##@ Develop
.PHONY: test lint lock litellm wheel clean
test: $(VENV)/.dev $(VENV)/.package ## run every test; ARGS="tests/decide -k interval" runs some
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev $(VENV)/.package ## ruff, mypy and the import linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

litellm: $(LITELLM)/.ready ## a venv with LiteLLM, for the tests that need the real one

wheel: $(VENV)/.package ## build the wheel into dist/
	$(BIN)/python -m hatchling build --target wheel --clean

UV_COMPILE = $(BIN)/uv --system-certs pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(ARGS)
lock: $(VENV)/.dev ## pin what pyproject.toml asks for; ARGS=--upgrade takes newer releases
	$(UV_COMPILE) pyproject.toml --all-extras --group build --output-file requirements.txt
	$(UV_COMPILE) --group dev --constraint requirements.txt --output-file requirements-dev.txt
	$(UV_COMPILE) --group litellm --output-file requirements-litellm.txt

clean: ## remove everything that make and the tools made
	rm -rf $(VENV) $(LITELLM) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A venv is made anew from nothing whenever its list changes or its last install was cut off (its stamp is then missing):
# no half-written package is trusted, no dropped one lingers.
define new_venv
	@tried=; for python in $(PYTHON); do \
	  found=$$("$$python" -c "$$PROBE" 2>/dev/null || echo 'does not run'); \
	  if [ "$$found" = fits ]; then exec "$$python" -m venv --clear $(1); fi; \
	  tried="$$tried, $$python $$found"; \
	done; \
	echo "evalharness needs Python 3.11 or newer with venv (Debian: python3-venv); tried$${tried#,}. Name one: make PYTHON=/path/to/python3" >&2; \
	exit 1
endef

define PROBE
import importlib.util, sys
if sys.version_info < (3, 11):
    print("is " + ".".join(map(str, sys.version_info[:3])))
elif not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
    print("has no venv")
else:
    print("fits")
endef
export PROBE

# Adds to a venv. Its stamp is out of the way meanwhile, with its time kept, so that a cut-off install is noticed.
define add
	@mv $(VENV)/.run $(VENV)/.run.kept
	@$(BIN)/python $(PIP_INSTALL) $(1)
	@mv $(VENV)/.run.kept $(VENV)/.run
	@touch $@
endef

$(VENV)/.run: requirements.txt
	$(call new_venv,$(VENV))
	@echo "Installing pinned packages into $(VENV), once; about a minute ..."
	@$(BIN)/python $(PIP_INSTALL) $(HASHED) $<
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "Installing the tools for tests and linters into $(VENV), once ..."
	$(call add,$(HASHED) $<)

$(VENV)/.package: pyproject.toml $(VENV)/.run
	$(call add,--no-deps --no-build-isolation --editable .)

$(LITELLM)/.ready: requirements-litellm.txt
	$(call new_venv,$(LITELLM))
	@echo "Installing LiteLLM into $(LITELLM), once ..."
	@$(LITELLM)/bin/python $(PIP_INSTALL) $(HASHED) $<
	@touch $@
