# `make up` builds, verifies and explains a cluster on this host; `make down` removes it.
.PHONY: help setup setup-dev up down check lint unit test bench bench-ssh versions arm64 vm vm-hosts
.PHONY: test thorough clusters conformance faults mutants nightly clean
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
# Python keeps what it compiles, also where a container image's environment says that it must not:
# to compile hardway takes 0.3 s, at each start of each process.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 14

setup: ## install what hardway needs (apt packages, .venv)
	@scripts/setup

setup-dev:
	@scripts/setup dev

up: setup ## a verified cluster of three control planes and three workers on this host
	@./hardway up

down: ## remove it; proves that nothing is left
	@./hardway down --yes

check: setup-dev ## lint, types and unit tests at the same time, no root: a minute or two
	@$(MAKE) --no-print-directory --jobs=2 lint unit

lint: setup-dev
	@$(PYTHON) -m ruff check --quiet .
	@$(PYTHON) -m ruff format --check --quiet .
	@$(PYTHON) -m mypy
	@PYTHONPATH=src .venv/bin/lint-imports --no-cache

unit: setup-dev
	@$(PYTHON) -m pytest -q -n 3 --dist worksteal -m "not (thorough or nightly)" tests/unit

test: lint ## everything, with real clusters of its own: what CI runs; three quarters of an hour
	@$(MAKE) --no-print-directory --jobs=2 thorough clusters; status=$$?; \
		cat dist/thorough.log; exit $$status

# At the idle class, since clusters leave a third of the processors' time.
thorough: setup-dev
	@mkdir -p dist
	@chrt --idle 0 $(PYTHON) -m pytest -q -n 2 --dist worksteal \
		-m "not (cluster or lab or nightly)" --hypothesis-profile thorough >dist/thorough.log 2>&1

clusters: setup-dev
	@$(PYTHON) -m pytest -v -m "(cluster or lab) and not nightly" --durations=25

nightly: setup-dev ## what takes longer than `make test` should, with a report (docs/tests.md); hours
	@scripts/nightly

faults: setup-dev ## the tests that interrupt each single operation
	@$(PYTHON) -m pytest -v -m "faults or nightly"

bench: setup-dev ## measure, beside a bare shell script and kubeadm (docs/performance.md)
	@PYTHONPATH=src:. $(PYTHON) -m bench $(N)

mutants: setup-dev ## single conditions flipped: which does no unit test notice? (docs/tests.md)
	@PYTHONPATH=src:. $(PYTHON) -m tests.mutants $(if $(N),-n $(N)) $(if $(SEED),--seed $(SEED)) $(PLACES)

bench-ssh: ## measure beside Ansible and pyinfra, 10 to 100 hosts (docs/performance-ssh.md); an hour
	@scripts/setup bench
	@PYTHONPATH=src:. $(PYTHON) -m bench.ssh $(SIZES)

versions: setup-dev ## a small cluster of each Kubernetes version there is, up, verified and down
	@PYTHONPATH=src:. $(PYTHON) -m tests.versions

arm64: setup-dev ## all components for arm64, each run by qemu-user-static; builds take 13 minutes
	@PYTHONPATH=src:. $(PYTHON) -m tests.arm64

vm: setup-dev ## on an emulated host with systemd, cgroup v2 and Docker; needs qemu-system-x86
	@PYTHONPATH=src:. $(PYTHON) -m tests.vm $(if $(SUITE),--suite $(SUITE)) $(SIZE)

vm-hosts: setup-dev ## provider ssh on two hosts with kernels of their own, Debian 13 (docs/ssh.md)
	@PYTHONPATH=src:. $(PYTHON) -m tests.vm.hosts $(ARCHITECTURES)

conformance: setup-dev ## the upstream conformance suite on a cluster of its own (docs/conformance.md)
	@PYTHONPATH=src:. $(PYTHON) -m tests.conformance

clean: ## remove the environment and caches of this checkout; `make down` first
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
