# Targets for a fresh machine, such as `make demo` and `make test`. Each one makes .venv and installs what it needs.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
SAMPLES := demo/samples
BUILD := demo/build
BENCH_OUT := docs/benchmarks

# The tests of docs/security.md.
ADVERSARY := $(addprefix tests/,service/test_other_origin.py service/test_compose.py flows/test_deploy.py \
	flows/test_allowed_roots.py flows/test_reports_server.py flows/test_machine.py media/test_hostile.py \
	flows/test_hostile_build.py flows/test_kills.py flows/test_forget.py dataset/test_kept_split.py storage/test_locks.py \
	storage/test_urls.py dataset/test_hostile_manifest.py core/test_text.py clips/test_mp4_exports.py flows/test_config.py \
	model/test_compare.py)

.PHONY: setup browser demo test test-media test-adversary lint licences sbom docs bench bench-check clean

INSTALL = test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable

# The marker files are newer than their dependencies, so nothing is installed twice.
$(VENV)/installed-demo: pyproject.toml constraints.txt
	$(INSTALL) '.[samples]'
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt
	$(INSTALL) '.[dev]'
	$(BIN)/python -m pip check
	touch $@

setup: $(VENV)/installed-dev

# The page tests need a browser. Without one, and without the right to install it, they are skipped and say so.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
		echo "no Chromium: the page tests are skipped (Debian: apt-get install chromium)"

demo: $(VENV)/installed-demo
	$(BIN)/emodal sample-films $(SAMPLES) --films 6 --clips-per-film 24
	$(BIN)/emodal build --films $(SAMPLES)/films --annotations $(SAMPLES)/annotations.csv --out $(BUILD) --no-train \
		--set split.folds=3 --set augment.per_clip=0
	$(BIN)/emodal train $(BUILD)/dataset --out $(BUILD)/model --folds --set members=1

# Two processes more than there are cores, because tests wait for programs and servers. Each takes a whole file at a time,
# because the tests of a file share fixtures.
test: setup browser
	$(BIN)/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 2)) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Every codec in every container: about two minutes of CPU.
test-media: setup
	EMODAL_MATRIX=all $(BIN)/python -m pytest -n logical --maxprocesses 4 tests/media

# What docs/security.md promises: pages of other origins, crafted tables and films, damage, kills.
test-adversary: setup browser
	$(BIN)/python -m pytest $(ADVERSARY)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The licences of what a default installation brings; NOTICE has what is inside of the packages.
licences: setup
	@$(BIN)/python scripts/licences.py

# Tools of a release, in an environment of their own.
$(VENV)-release/bin/uv:
	$(PYTHON) -m venv $(VENV)-release
	$(VENV)-release/bin/python -m pip install --quiet --disable-pip-version-check uv cyclonedx-bom

# The packages of the image with their hashes, at the versions of constraints.txt.
requirements-image.txt: pyproject.toml constraints.txt | $(VENV)-release/bin/uv
	$(VENV)-release/bin/uv pip compile pyproject.toml --extra dask --constraint constraints.txt --generate-hashes \
		--no-annotate --no-header --python-version 3.11 --python-platform x86_64-manylinux_2_28 --quiet --output-file $@
	printf '%s\n' "# Made by make $@." | cat - $@ > $@.tmp && mv $@.tmp $@

# The bill of materials of the image, as CycloneDX: a file of a release.
sbom: requirements-image.txt | $(VENV)-release/bin/uv
	mkdir -p dist
	$(VENV)-release/bin/cyclonedx-py requirements requirements-image.txt --pyproject pyproject.toml \
		--output-reproducible --of JSON --output-file dist/emodal.cdx.json

docs: setup
	$(BIN)/python scripts/reference.py
	$(BIN)/zensical build --strict

# About twenty minutes on two idle cores; the help of each part names larger sizes.
bench: setup
	mkdir -p $(BENCH_OUT)
	$(BIN)/python benchmarks/audio_features.py --out $(BENCH_OUT)
	$(BIN)/python benchmarks/face.py --out $(BENCH_OUT)
	$(BIN)/python benchmarks/media.py --seconds 60 --out $(BENCH_OUT)
	$(BIN)/python benchmarks/media_matrix.py --out $(BENCH_OUT)
	$(BIN)/python benchmarks/sample_films.py --out $(BENCH_OUT)
	$(BIN)/python benchmarks/stages.py --out $(BENCH_OUT)
	$(BIN)/python benchmarks/publish.py --sizes 768 --out $(BENCH_OUT)
	$(BIN)/python benchmarks/orchestration.py --clips 1000 --films 10 --out $(BENCH_OUT)
	$(BIN)/python benchmarks/report.py --clips 2000 --out $(BENCH_OUT)
	$(BIN)/python benchmarks/model.py speed > $(BENCH_OUT)/$$(date +%F)-model-speed.md
	$(BIN)/python benchmarks/predict.py --out $(BENCH_OUT)
	$(BIN)/python benchmarks/growth.py --rows 1000 10000 100000 --out $(BENCH_OUT)
	$(BIN)/python benchmarks/nights.py --films 4 --turns 3 --out $(BENCH_OUT)
	$(BIN)/python benchmarks/whole_road.py --out $(BENCH_OUT)

bench-check: setup
	$(BIN)/python benchmarks/check.py

clean:
	rm -rf $(VENV) $(VENV)-release dist demo site docs/reference .pytest_cache .mypy_cache .ruff_cache
