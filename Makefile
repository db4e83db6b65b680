PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick lint format bench torch fuzz wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/installed: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "mstage needs Python 3.11 or newer; name it with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "mstage needs Python 3.11 or newer; name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[parquet,tensorboard]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

demo: $(VENV)/installed ## Train a sweep on cub1d, find its stages, report them
	$(BIN)/mstage train --problem cub1d --alpha 0.75,1,1.5 --width 400,1600 --seeds 3 \
		--learning-rate 0.1 --until 800 --overwrite --output runs/demo
	$(BIN)/mstage detect-stages runs/demo
	$(BIN)/mstage report runs/demo
	@echo "The sweep lies in runs/demo. Open it with xarray.open_datatree('runs/demo', engine='zarr')."

test: $(VENV)/installed-dev ## Run every test
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

test-quick: $(VENV)/installed-dev ## Run tests of everything that together take less than a minute
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m 'not slow'

lint: $(VENV)/installed-dev ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev ## Put the code into the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed-dev ## Measure speed and accuracy
	$(BIN)/python -m tests.bench

torch: $(VENV)/installed-dev ## Install PyTorch (large), which `make bench` then measures too
	$(BIN)/python -m pip install --quiet --group torch

fuzz: $(VENV)/installed-dev ## Break or make up 10,000 inputs: each ends in a result or in one clear line
	$(BIN)/python -m tests.fuzz --mutations 10000

wheel: $(VENV)/installed-dev ## Build the wheel into dist/
	$(BIN)/python -m build --wheel

clean: ## Remove what was built (sweeps in runs/ stay)
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache
