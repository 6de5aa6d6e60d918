# Everything on a fresh machine: `make demo` and `make test`. Each target makes .venv and installs what it needs.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
SAMPLES := demo/samples
BUILD := demo/build

.PHONY: setup demo test lint docs bench bench-check clean

INSTALL = test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

# The stamps are newer than what they depend on: nothing is installed twice.
$(VENV)/installed-demo: pyproject.toml constraints.txt
	$(INSTALL) '.[samples]'
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt
	$(INSTALL) '.[dev]'
	$(BIN)/python -m pip check
	touch $@

setup: $(VENV)/installed-dev

demo: $(VENV)/installed-demo
	$(BIN)/emodal sample-films $(SAMPLES) --films 6 --clips-per-film 12
	$(BIN)/emodal build --films $(SAMPLES)/films --annotations $(SAMPLES)/annotations.csv --out $(BUILD) --set model.members=1

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup
	$(BIN)/python scripts/reference.py
	$(BIN)/zensical build --strict

bench: setup
	$(BIN)/python benchmarks/audio_features.py
	$(BIN)/python benchmarks/face.py
	$(BIN)/python benchmarks/media.py --out demo/benchmarks
	$(BIN)/python benchmarks/sample_films.py
	$(BIN)/python benchmarks/publish.py
	$(BIN)/python benchmarks/orchestration.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/model.py speed
	$(BIN)/python benchmarks/predict.py
	$(BIN)/python benchmarks/growth.py --rows 1000 10000 100000
	$(BIN)/python benchmarks/whole_road.py

bench-check: setup
	$(BIN)/python benchmarks/check.py

clean:
	rm -rf $(VENV) demo site docs/reference .pytest_cache .mypy_cache .ruff_cache
