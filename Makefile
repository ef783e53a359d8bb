# Needs git, make, Python 3.11 or later and pip. Everything stays in this folder: .venv, .venv-meltano, .meltano, output.

PYTHON ?= $(shell for python in python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# Debian ships Python without ensurepip, then pip fills an environment that was made without it.
define environment
	$(if $(PYTHON),,$(error No Python 3.11 or later found, name one with PYTHON=...))
	@$(1)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(1) || { \
		$(PYTHON) -m venv --without-pip $(1) && $(PYTHON) -m pip --python $(1) install --quiet pip; }
endef
install := bin/python -m pip install --quiet --disable-pip-version-check --constraint

# The simulated vendors are on this machine, whatever proxy is set.
export no_proxy := 127.0.0.1,$(or $(no_proxy),$(NO_PROXY))

.PHONY: help setup lint test demo loaders docs bench soak simulate constraints clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: .venv/.ready ## Make .venv with the tap and every check, at the pinned versions

.venv/.ready: pyproject.toml constraints/dev.txt
	$(call environment,.venv)
	.venv/$(install) constraints/dev.txt --upgrade pip
	.venv/$(install) constraints/dev.txt --build-constraint constraints/dev.txt --editable . --group dev
	@touch $@

.venv-meltano/.ready: constraints/meltano.txt
	$(call environment,.venv-meltano)
	.venv-meltano/$(install) constraints/meltano.txt --upgrade pip
	.venv-meltano/$(install) constraints/meltano.txt meltano
	@touch $@

lint: .venv/.ready ## Check style, spelling, types and import directions
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/typos
	.venv/bin/mypy
	.venv/bin/lint-imports

test: lint .venv-meltano/.ready ## Check everything, packages included
	.venv/bin/pytest

demo: .venv/.ready .venv-meltano/.ready ## Run Meltano twice against the simulated vendors and show what arrived
	.venv/bin/python demo/run.py

loaders := target-jsonl target-duckdb target-postgres postgres

$(loaders:%=.venv-%/.ready): .venv-%/.ready: constraints/%.txt
	$(call environment,.venv-$*)
	.venv-$*/$(install) $< --requirement $<
	@touch $@

loaders: .venv/.ready $(loaders:%=.venv-%/.ready) ## Load streams side by side and one after the other, and over what 0.1.0 loaded
	.venv/bin/python -m tests.loaders
	.venv/bin/python -m tests.loaders.upgrade

docs: .venv/.ready ## Make the tables of docs/settings.md and docs/streams.md
	.venv/bin/python docs/generate.py

bench: .venv/.ready ## Measure the tap, other tools beside it
	.venv/bin/python -m benchmarks

MINUTES ?= 5
SEED := $(or $(SEED),$(shell date +%s))
soaks := tests/resilience/soak.py tests/rest/fuzz_http.py tests/rest/offsets_model.py tests/state_model.py

soak: .venv/.ready ## Disturb the tap at random, in every way for five minutes (MINUTES=5 SEED=...)
	@failed=0; for module in $(subst /,.,$(basename $(wildcard $(soaks)))); do \
		echo "$$module --minutes $(MINUTES) --seed $(SEED)"; \
		.venv/bin/python -m $$module --minutes $(MINUTES) --seed $(SEED) || failed=1; \
	done; exit $$failed

simulate: .venv/.ready ## Live whole lives of the tap on simulated time for ten minutes (SEED=...)
	.venv/bin/python -m tests.simulation --minutes 10 --first $(SEED)

constraints: .venv/.ready ## Resolve all pinned versions afresh
	.venv/bin/python constraints/renew.py

clean: ## Remove environments, caches and builds; Meltano's state and output stay
	rm -rf .venv .venv-meltano .venv-bench-* $(loaders:%=.venv-%) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
