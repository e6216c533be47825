# Every target sets up .venv by itself. PYTHON= names the interpreter for it, ARGS= goes to the command,
# CMD= is the command of lab-run. make's own exit code is 2 whenever a command's is not 0.
PYTHON ?=
ARGS ?=
CMD ?=

.DEFAULT_GOAL := help
.PHONY: help demo run test lint types check screenshots bench lab lab-shell lab-run lab-test lab-missing lock clean venv-run venv-dev venv-libvirt

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

demo: venv-run ## run iovtop on a simulated host (ARGS="--theme ..." passes options)
	@.venv/bin/iovtop --sim lab $(ARGS)

run: venv-run ## run iovtop on this host (ARGS="snapshot --json" runs a command)
	@.venv/bin/iovtop $(ARGS)

test: venv-dev ## run the tests (ARGS="-k tree -x" passes options to pytest)
	@.venv/bin/python -m pytest -n auto --maxprocesses 8 --dist worksteal $(ARGS)

lint: venv-dev ## check style, formatting and the direction of imports
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports --no-logo

types: venv-dev ## check types with mypy
	@.venv/bin/mypy

check: lint types test ## lint, types and test

screenshots: venv-dev ## make the pictures in screenshots/ again
	@.venv/bin/python -m tests.tools.screenshots $(ARGS)

bench: venv-dev ## measure speed and memory
	@.venv/bin/python -m tests.bench $(ARGS)

lab: venv-dev ## prepare the lab, once: QEMU, a real kernel, mdev drivers (ARGS=--build-kernel: with iommufd)
	@.venv/bin/python -m tests.lab prepare $(ARGS)

lab-shell: venv-dev ## boot a real kernel with SR-IOV devices and give a shell in it
	@.venv/bin/python -m tests.lab shell $(ARGS)

lab-run: venv-dev ## run one command there (CMD="iovtop snapshot")
	@.venv/bin/python -m tests.lab run $(ARGS) -- '$(subst ','\'',$(value CMD))'

lab-test: venv-dev ## run the tests that need a real kernel (ARGS="--boot stock")
	@.venv/bin/python -m tests.lab test $(ARGS)

lab-missing: venv-dev
	@.venv/bin/python -m tests.lab missing

venv-libvirt: venv-dev ## add libvirt-python to .venv (built: needs libvirt-dev, gcc, pkg-config, Python's headers)
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
		-r requirements/libvirt.txt

lock: ## pin dependencies again (ARGS=--upgrade takes newer versions)
	@PYTHON='$(PYTHON)' scripts/lock $(ARGS)

clean: ## remove .venv and everything else that was made here
	@rm -rf .venv .venv.lock build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find backend tui themes tests -name __pycache__ -type d -prune -exec rm -rf {} +

# setup-venv prints on stdout why it failed, and nothing else. $(error) shows that as one line and exits
# with 2; a failing recipe would add a line of make's own.
setup_venv = $(call stop_if,$(shell PYTHON='$(PYTHON)' scripts/setup-venv $(1)))
stop_if = $(if $(1),$(error $(1)))$(if $(filter-out 0,$(.SHELLSTATUS)),$(error scripts/setup-venv was interrupted))

venv-run:
	$(call setup_venv,run)

venv-dev:
	$(call setup_venv,dev)
