# Everything a person needs: `make demo`, `make test`, `make check`. Each sets up what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test faults fuzz check format bench bench-full clean

demo: $(VENV)/.runtime
	$(BIN)/penfeld demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto tests/unit
	$(BIN)/python -m pytest -n auto --dist loadfile tests/integration tests/acceptance

# Every route asked all sorts of things, often and to the edges of each parameter: half an hour. `make test` asks a few times.
fuzz: $(VENV)/.dev
	FUZZ=full $(BIN)/python -m pytest tests/integration/test_openapi_fuzz.py tests/acceptance/test_openapi.py

# Everything that can fail, long and often: about an hour. `make test` has the short form of each.
faults: $(VENV)/.dev
	FAULTS=full $(BIN)/python -m pytest tests/acceptance/faults

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench

bench-full: $(VENV)/.dev
	@$(BIN)/python -m tests.bench --full

clean:
	rm -rf $(VENV)

define old
import sys; sys.exit("Penfeld needs Python 3.11 or later, this is %d.%d. Try: make PYTHON=python3.12 demo" \
% sys.version_info[:2] if sys.version_info < (3, 11) else 0)
endef

# uv does in seconds what takes pip a minute; where it cannot work, pip does.
$(VENV)/.tools:
	@$(PYTHON) -c '$(old)'
	@echo "Setting up $(VENV) (once, some 20 seconds and 600 MB) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/pip install --quiet --disable-pip-version-check uv || echo "uv is not to be had; pip takes longer"
	@touch $@

define install
	@UV_SYSTEM_CERTS=1 $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(1) \
	|| $(BIN)/pip install --quiet --disable-pip-version-check $(1)
	@touch $@
endef

$(VENV)/.runtime: pyproject.toml $(VENV)/.tools
	$(call install,--editable .)

$(VENV)/.dev: $(VENV)/.runtime
	$(call install,--group dev)
