# Python 3.11 or 3.12 and make are all that must be there: everything else comes by pip and, at first use, from Maven.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
TESTS ?= tests
BENCHMARKS ?= sequence absence formats remote_write rollover memory startup

.PHONY: help venv test lint format unit integration exactness demo bench artifacts helm browser prometheus protocols chart e2e cluster-down clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(READY) ## install Weir and its tools into .venv (PYTHON=... names another Python)

$(READY): pyproject.toml .ci/find-python
	@python=$$(.ci/find-python $(PYTHON)) && { [ -x $(BIN)/python ] || "$$python" -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

test: lint helm browser prometheus ## everything CI runs: linters, types, layers, all tests
	$(BIN)/python -m pytest $(TESTS)

lint: $(READY) ## ruff, mypy and the layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY) ## put the code into its form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

unit: $(READY) helm ## the tests without Flink and Kafka
	$(BIN)/python -m pytest tests/unit

integration: $(READY) browser prometheus ## the tests on real Flink and Kafka
	$(BIN)/python -m pytest tests/integration tests/faults

exactness: $(READY) ## 20,000 events/s through five changes and two kills, every record audited; wants the machine to itself
	$(BIN)/python -m pytest -s -m exactness tests/faults

demo: $(READY) ## Kafka, the example Patterns, a spec change under load and an audit; ends by itself
	$(BIN)/weir demo

bench: $(READY) ## throughput, the rollover's gap and memory; minutes
	@for script in $(BENCHMARKS:%=benchmarks/%.py); do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

artifacts: $(READY) ## resolve the jars anew and pin them in artifacts.json
	$(BIN)/python -m weir_operator.fleet.pins

helm: ## helm for the chart's tests: built from its Go module and kept; without Go, the one on PATH
	@if command -v go >/dev/null; then tests/cluster/cluster helm; \
	else command -v helm || echo "neither Go nor helm is here: the chart's tests are passed over" >&2; fi

browser: ## Chromium for the pages' tests: the one on PATH, or Debian's where this is root
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	&& apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; } \
	|| echo "no Chromium is here: the pages' tests are passed over" >&2

prometheus: ## Prometheus for the tests of remote write: the one on PATH, or Debian's where this is root
	@command -v prometheus >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	&& apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends prometheus >/dev/null; } \
	|| echo "no Prometheus is here: the tests with one are passed over" >&2

protocols: ## the modules of remote write's messages anew, in an environment of their own
	python3 -m venv build/protoc && build/protoc/bin/pip install -q grpcio-tools==1.71.2 setuptools
	cd runtime && ../build/protoc/bin/python -m grpc_tools.protoc -I . --python_out=. --pyi_out=. \
	weir_runtime/services/remote_write/v1.proto weir_runtime/services/remote_write/v2.proto

chart: $(READY) helm ## bring crds/ into the chart, and write what its tests compare with anew
	rm -rf helm/weir/files/crds && mkdir helm/weir/files/crds && cp crds/*.yaml helm/weir/files/crds/
	cd tests && $(abspath $(BIN))/python -m unit.chart.rendering

e2e: $(READY) ## images and chart on a real Kubernetes: one built here as root, or the one KUBECONFIG names
	PYTHON=$(abspath $(BIN))/python tests/e2e/run

cluster-down: ## stop the test cluster and remove every trace of it but its cache
	tests/cluster/cluster down

clean: ## remove what was built and installed here; caches outside stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
