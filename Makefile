# The one place that knows how this project is tested, checked, generated and measured.
# `make` alone lists the targets. Each target prints the commands that it runs, and stops at the
# first that fails. PYTHON is the interpreter of the environment of CONTRIBUTING.md.

PYTHON ?= .venv/bin/python
RUFF ?= $(dir $(PYTHON))ruff
WORKERS ?= 2
# The tests that `make branches` measures: those of smtp/ and ledger/, of forgetting and of workers.
MEASURED = tests/smtp tests/session tests/ledger tests/cli/test_forget.py tests/cli/test_database.py \
  tests/certainty/test_database.py tests/certainty/test_workers.py

.PHONY: list test long seeded lint fix docs site pictures bench branches measured changes changelog

list:  ## List the targets.
	@sed -n 's/^\([a-z]*\):.*##/make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

test:  ## Run the test suite; TESTS="tests/smtp tests/job" runs a part.
	$(PYTHON) -m pytest -q -n $(WORKERS) $(TESTS)

long:  ## Run the long forms of the tests: kills, power losses, generated messages.
	$(PYTHON) -m pytest -q -n $(WORKERS) -m long $(TESTS)

seeded:  ## Put known bugs into copies of the code: each must make the suite fail.
	$(PYTHON) -m pytest -q -n $(WORKERS) -m seeded $(TESTS)

lint:  ## Check rules, format and types, and that every generated file is up to date.
	$(RUFF) check .
	$(RUFF) format --check .
	$(PYTHON) -m mypy
	$(PYTHON) docs/generate.py --check

fix:  ## Mend what the linters can mend, format, and write every generated file.
	$(RUFF) check --fix .
	$(RUFF) format .
	$(PYTHON) docs/generate.py

docs:  ## Write every generated file: parts of pages, pages, schemas, figures.
	$(PYTHON) docs/generate.py

site:  ## Build the documentation as a site into site/, strictly.
	$(PYTHON) -m mkdocs build --strict

pictures:  ## Take the pictures of the gallery for the pages and the README, in Chromium.
	$(PYTHON) docs/pictures.py

bench:  ## Measure mailbatch beside its peers; ARGS="--workload newsletter" measures a part.
	$(PYTHON) -m benchmarks.run $(ARGS)

branches:  ## Run the tests of smtp/ and ledger/ with coverage; 95 % of the branches must be met.
	rm -f .coverage .coverage.*
	$(PYTHON) -m coverage run -m pytest -q -n $(WORKERS) $(MEASURED)
	$(PYTHON) -m coverage combine -q
	$(PYTHON) -m coverage report -m --skip-covered
	$(PYTHON) -m coverage json -q -o - | $(PYTHON) .ci/branches.py 95

measured:  ## Print the tests that `make branches` runs, for whoever leaves them out elsewhere.
	@echo $(MEASURED)

changes:  ## Show the section of the changelog that a release would get now.
	$(PYTHON) -m towncrier build --draft --version next

changelog:  ## Put the files of changes/ into CHANGELOG.md, for the version of mailbatch/__init__.py.
	$(PYTHON) -m towncrier build --yes
