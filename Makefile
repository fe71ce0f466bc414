# demo and test do everything on a fresh machine with Python 3.11 to 3.13; a second call installs nothing.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# One thread a process: trials run side by side, and more threads would only fight.
export OMP_NUM_THREADS := 1
# Each process would compile all modules again where the shell has them kept from the disk.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-fast test-trackers lint docs accessibility bench bench-search bench-families chaos clean

demo: .venv/run.stamp
	@echo "Demo: 12 trials of a 50,000-parameter transformer on 20 years of S&P 500 bars."
	@echo "It takes one to two minutes, downloads nothing more, writes to outputs/ and ends with a report."
	$(BIN)/phase6c tune --budget tiny --trials 12 --epochs 9 --name demo --overwrite
	$(BIN)/phase6c report outputs/phase6c_a100/demo

# A file stays on one worker, for its fixtures' sake; tests/conftest.py puts the long ones first.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: .venv/dev.stamp
	$(PYTEST)

# What finds most faults, in a few minutes: no Ray, nothing that takes long, no checks of shapes
# at every call, a quarter of the examples that Hypothesis makes up.
test-fast: export PHASE6C_FAST_TESTS := 1
test-fast: .venv/dev.stamp
	$(PYTEST) -m "not slow and not ray and not chaos"

# Against a real server of MLflow's and a W&B that is offline; it installs 190 MB more, without
# which `make test` skips these tests and says so.
test-trackers: .venv/trackers.stamp
	$(BIN)/python -m pytest tests/study/views/trackers tests/commands/test_track.py

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site that mkdocs.yml describes; it loads nothing from other hosts.
docs: export NO_MKDOCS_2_WARNING := 1
docs: .venv/docs.stamp
	$(BIN)/mkdocs build --strict --quiet
	@echo "The pages are in build/docs; to search them too:"
	@echo "$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/docs"

# What axe-core finds in the pages of small real searches, in Chromium, which must be there, as must
# npm; some minutes.
AXE := build/axe/package/axe.min.js
accessibility: .venv/run.stamp $(AXE)
	$(BIN)/python benchmarks/page_accessibility.py $(AXE)

$(AXE):
	@command -v npm > /dev/null || { echo "axe-core comes with npm: install npm, or put axe.min.js at $@"; exit 2; }
	mkdir -p build/axe
	cd build/axe && npm pack --silent axe-core@4 && tar -xzf axe-core-4*.tgz
	@touch $@

bench: .venv/dev.stamp
	$(BIN)/python benchmarks/reading_time.py
	$(BIN)/python benchmarks/feature_panel.py
	$(BIN)/python benchmarks/lane_cost.py
	$(BIN)/python benchmarks/search_overhead.py
	$(BIN)/python benchmarks/proposal_time.py
	$(BIN)/python benchmarks/driver_at_scale.py
	$(BIN)/python benchmarks/health_causes.py
	$(BIN)/python benchmarks/report_statistics.py
	$(BIN)/python benchmarks/report_time.py
	$(BIN)/python benchmarks/evaluation_truths.py
	$(BIN)/python benchmarks/added_value.py

# Replays thousands of searches: about an hour of one core.
bench-search: .venv/dev.stamp
	$(BIN)/python benchmarks/replay/compare.py 120 2
	$(BIN)/python benchmarks/warm_start.py

# Replays searches on curves of others (PHASE6C_FIELD_DATA or ../shared/data); some hours of a core,
# kept in parts: a second call goes on.
bench-families: .venv/dev.stamp
	$(BIN)/python benchmarks/replay/families.py 1 3

# Kills, fills and tears down searches for about half an hour; it prints the seed of each round.
chaos: .venv/dev.stamp
	$(BIN)/python -m pytest -m chaos -s

clean:
	rm -rf .venv build dist *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "phase6c needs Python 3.11 to 3.13; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv

.venv/run.stamp: setup.cfg constraints.txt | .venv/bin/python
	@echo "Installing into .venv: two to four minutes, some 500 MB of packages;"
	@echo "several GB on Linux where PyTorch comes with CUDA."
	$(BIN)/python -m pip install -qq --constraint constraints.txt --editable .
	@touch $@

.venv/dev.stamp: .venv/run.stamp
	$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[dev]'
	@touch $@

.venv/trackers.stamp: .venv/dev.stamp
	$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[mlflow,wandb,trackers_tests]'
	@touch $@

.venv/docs.stamp: .venv/run.stamp
	$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[docs]'
	@touch $@
