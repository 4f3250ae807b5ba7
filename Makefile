# make demo   set up, make the demo pair, open the dashboard        make test    set up, run every test
# make serve  the dashboard alone      make check   lint, types, unit tests (fast)      make bench   the measurements

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# On Linux the registry's torch 2.13.0 brings several GB of CUDA packages. For a CPU build point pip at an index that
# holds one (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL) or name it: make demo TORCH_SPEC=./torch-2.13.0+cpu-....whl
TORCH_SPEC ?= torch==2.13.0

.PHONY: demo test check bench serve browser clean

demo: $(VENV)/.runs
	$(BIN)/palimpsest demo

serve: $(VENV)/.runs
	$(BIN)/palimpsest serve

check: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m "not slow and not browser"

test: check browser
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m "slow and not browser"
	$(BIN)/pytest -n 2 --dist loadfile -m browser

browser: $(VENV)/.tests
	$(BIN)/python tests/browser/find_browser.py --install

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Palimpsest needs Python 3.11 to 3.13; none was found. Install one, or: make PYTHON=/path/to/python"; exit 1; }
	@echo "==> A fresh environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "python -m venv failed; on Debian: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@touch $@

$(VENV)/.runs: $(VENV)/.python pyproject.toml
	@echo "==> Installing $(TORCH_SPEC) (a CPU build is about 200 MB; on Linux pip's own index gives a CUDA build of several GB: see TORCH_SPEC in the Makefile)"
	$(BIN)/python -m pip install --disable-pip-version-check "$(TORCH_SPEC)"
	@echo "==> Installing Palimpsest and the rest"
	$(BIN)/python -m pip install --disable-pip-version-check --editable ".[train]"
	@touch $@

$(VENV)/.tests: $(VENV)/.runs
	@echo "==> Installing what the tests need"
	$(BIN)/python -m pip install --disable-pip-version-check --editable ".[train,dev,cluster]"
	@touch $@

$(VENV)/.bench: $(VENV)/.tests
	@echo "==> Installing what the benchmarks compare with"
	$(BIN)/python -m pip install --disable-pip-version-check --editable ".[train,dev,cluster,bench]"
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
