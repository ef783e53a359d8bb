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

.PHONY: together help setup lint workflows test test-all demo report orchestrate docs bench soak simulate constraints dist sbom notes audit clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

# Environments are filled side by side, and beside the checks that need one of them only.
side_by_side = @$(MAKE) --no-print-directory --jobs 4 together WHAT='$(1)'
together: $(WHAT)
	@:

setup: .venv/.ready ## Make .venv with the tap and every check, at the pinned versions

versions := 3.11 3.12 3.13

.venv/.ready $(versions:%=.venv-%/.ready): %/.ready: pyproject.toml constraints/dev.txt
	$(call environment,$*)
	$*/$(install) constraints/dev.txt --upgrade pip
	$*/$(install) constraints/dev.txt --build-constraint constraints/dev.txt --editable . --group dev
	@touch $@

.venv-meltano/.ready: constraints/meltano.txt
	$(call environment,.venv-meltano)
	.venv-meltano/$(install) constraints/meltano.txt --upgrade pip
	.venv-meltano/$(install) constraints/meltano.txt 'meltano[psycopg2]'
	@touch $@

lint: .venv/.ready workflows ## Check style, spelling, types, import directions, SQL and workflows
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/typos
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/sqlfluff lint transform/models transform/tests

schema := .venv/bin/check-jsonschema --quiet --builtin-schema

workflows: .venv/.ready
	.venv/bin/zizmor --offline --persona pedantic --quiet .github
	$(schema) vendor.github-workflows .github/workflows/*.yml
	$(schema) custom.github-workflows-require-timeout .github/workflows/*.yml
	$(schema) vendor.dependabot .github/dependabot.yml
	$(schema) vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(schema) vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(schema) vendor.meltano meltano.yml

warehouses := target-jsonl target-duckdb target-postgres postgres dbt-duckdb dbt-postgres
engines := airflow dagster

$(patsubst %,.venv-%/.ready,$(warehouses) $(engines) supply): .venv-%/.ready: constraints/%.txt
	$(call environment,.venv-$*)
	.venv-$*/$(install) $< --requirement $<
	@touch $@

pytest := pytest --numprocesses auto
tested := .venv-meltano/.ready $(warehouses:%=.venv-%/.ready)

test: ## Check everything, packages and databases included
	$(call side_by_side,lint $(tested))
	.venv/bin/$(pytest)

# Those that pyenv keeps are found too, whichever of them is switched on.
test-all: ## Run the tests on each supported Python that is here, and say which is not
	$(call side_by_side,lint $(tested))
	@for version in $(versions); do \
		python=$$(for each in python$$version $(HOME)/.pyenv/versions/$$version.*/bin/python; do \
			$$each -c '' 2>/dev/null && echo $$each && break; done); \
		if [ -z "$$python" ]; then told="$$told\nPython $$version: not here, not tested"; continue; fi; \
		$(MAKE) --no-print-directory PYTHON=$$python .venv-$$version/.ready && .venv-$$version/bin/$(pytest); code=$$?; \
		told="$$told\nPython $$version: exit code $$code"; [ $$code = 0 ] || failed=1; \
	done; printf "%b\n" "$$told"; exit $${failed:-0}

TARGET ?= duckdb

demo: ## Run Meltano twice against the simulated vendors and show what arrived (TARGET=postgres)
	$(call side_by_side,.venv/.ready .venv-meltano/.ready $(if $(filter postgres,$(TARGET)),.venv-postgres/.ready))
	.venv/bin/python -m demo.run $(TARGET)

docs: .venv/.ready ## Make what docs/ tells of settings, streams and tables
	.venv/bin/python -m docs.generate

report: ## Run Meltano and dbt against the simulated vendors and write the report of what arrived
	$(call side_by_side,.venv/.ready .venv-meltano/.ready)
	.venv/bin/python -m demo.report

orchestrated := $(patsubst %,.venv-%/.ready,$(engines) meltano target-jsonl target-postgres postgres)

orchestrate: ## Extract many tenants with Airflow (two workers) and Dagster, one of them killed
	$(call side_by_side,.venv/.ready $(orchestrated))
	.venv/bin/pytest --quiet tests/orchestrate/test_engines.py
	.venv/bin/python -m tests.orchestrate

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

dist: .venv/.ready ## Build wheel and source distribution
	rm -rf dist
	.venv/bin/python -m build --no-isolation

sbom: dist .venv-supply/.ready ## List what a user of the wheel runs, at the pinned versions, as CycloneDX
	$(PYTHON) -m venv --clear --without-pip .venv-wheel
	.venv/bin/python -m pip --python .venv-wheel install --quiet --constraint constraints/dev.txt dist/*.whl
	@mkdir -p build/papers
	.venv-supply/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file build/papers/sbom.cdx.json .venv-wheel

version := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

notes: ## Take what CHANGELOG.md says of this version
	@mkdir -p build/papers
	sed '1,/^## \[$(version)\]/d; /^## \[/,$$d' CHANGELOG.md > build/papers/notes.md
	@grep -q '^- ' build/papers/notes.md || { echo "CHANGELOG.md says nothing of $(version)"; exit 1; }

audit: .venv-supply/.ready ## Ask PyPI for known vulnerabilities of the pinned versions
	@for file in constraints/*.txt; do echo "$$file"; \
		.venv-supply/bin/pip-audit --strict --no-deps --disable-pip --requirement $$file || failed=1; \
	done; exit $${failed:-0}

clean: ## Remove environments, caches and builds; Meltano's state and output stay
	rm -rf .venv .venv-meltano .venv-bench-* $(patsubst %,.venv-%,$(versions) $(warehouses) $(engines) supply wheel) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
