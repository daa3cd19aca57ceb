# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GENOME := config/demo/data/genome.fa

.PHONY: demo test test-whole test-zoo test-slurm test-browser test-docs real chaos pictures before docs bench giants zoo config lock check format clean

demo: $(VENV)/.installed $(GENOME)  ## Screen JASPAR with the demo model, and compare with what was planted.
	$(BIN)/marginalization run config/config.yaml
	$(BIN)/python config/demo/recovery.py results/demo

test: $(VENV)/.installed  ## Run the fast tests.
	$(BIN)/pytest -n 2 --dist loadfile

test-whole: $(VENV)/.installed  ## Run whole screens of further kinds.
	$(BIN)/pytest -n 2 --dist loadfile tests/whole

test-zoo: $(VENV)/.installed  ## Run small networks of many published architectures against full passes.
	$(BIN)/pytest tests/zoo

test-slurm: $(VENV)/.installed $(GENOME)  ## Run on a SLURM that the tests start; they skip where it is not installed.
	$(BIN)/pytest tests/slurm

test-browser: demo  ## Read the demo's report in Chromium; the tests skip where there is none.
	$(BIN)/pytest tests/browser

test-docs: demo  ## Type what the README says.
	$(BIN)/pytest tests/docs

chaos: $(VENV)/.installed  ## Damage and kill screens at random, 200 times, and run them again.
	CHAOS_ROUNDS=200 $(BIN)/pytest -s tests/chaos

real: $(VENV)/.installed  ## Screen published models; the tests skip where their files are absent.
	JASPAR_BACKGROUNDS=50 $(BIN)/pytest -s tests/real

docs: $(VENV)/docs/.installed  ## Build the docs site into site/; a warning is an error.
	NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --strict

pictures: test-browser real  ## Make the pictures of the docs again.
	cp results/browser/overview.png docs/report.png
	cp results/browser/table.png docs/report-table.png
	cp results/browser/element.png docs/element.png
	cp results/browser/phone.png docs/report-phone.png
	cp results/real/results/scan/figures/scan-*.png docs/scan.png
	cp results/real/results/spacing/figures/spacing-*.png docs/spacing.png
	$(BIN)/pytest tests/whole/test_tutorial.py --basetemp results/typed
	cp results/typed/test_each_block_in_order0/figure.png docs/tutorial.png

before: $(VENV)/.installed  ## Make the pictures of the report as it was before 0.7.0 again.
	git worktree add --force --detach results/before eba83eb
	ln -sfn $(CURDIR)/$(VENV) results/before/$(VENV)
	cd results/before && PYTHONPATH=$$PWD/workflow/scripts $(MAKE) -o $(VENV)/.installed demo
	cd results/before && PYTHONPATH=$$PWD/workflow/scripts $(BIN)/pytest tests/browser/test_page.py -k screenshots
	for part in overview table element phone; do cp results/before/results/browser/$$part.png docs/before-$$part.png; done
	git worktree remove --force results/before

bench: $(VENV)/.installed  ## Compare the speed with tangermeme's, time large plans, screens and merges, and try the null.
	$(BIN)/python tests/benchmark/marginals.py
	$(BIN)/python tests/benchmark/wide.py
	$(BIN)/python tests/benchmark/ablations.py
	$(BIN)/python tests/benchmark/pairs.py
	$(BIN)/python tests/benchmark/merge.py
	$(BIN)/python tests/benchmark/screen.py
	$(BIN)/python tests/benchmark/nulls.py

giants: $(VENV)/.installed  ## Measure Enformer and Borzoi in full size, which takes hours, and GiB of memory.
	$(BIN)/python tests/benchmark/giants.py

zoo: $(VENV)/.installed  ## Say of many published architectures what incremental inference saves, and where it ends.
	$(BIN)/python tests/zoo/table.py

config: $(VENV)/.installed  ## Write the config's schema, tables and comments from its sections.
	$(BIN)/python config/generate.py

lock: $(VENV)/.installed  ## Write the versions of the environment, in which the tests passed. CUDA's packages come with torch's.
	$(BIN)/pip freeze --exclude-editable | sed -E '/^(cuda|nvidia|triton)/d; s/\+.*//' > requirements.lock

check: $(VENV)/.installed $(GENOME)  ## Lint, and check the types.
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/snakemake --lint
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/snakefmt Snakefile workflow/Snakefile workflow/rules

clean:
	rm -rf results .snakemake

$(GENOME): config/demo/genome.py | $(VENV)/.installed
	$(BIN)/python config/demo/genome.py

$(VENV)/.installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[workflow,test]'
	touch $@

# An environment of its own, for the packages of the extra `docs` alone: the site is written from the sources as they lie.
$(VENV)/docs/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)/docs
	$(PYTHON) -c "import tomllib; \
	    print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['docs'], sep='\n')" \
	    | $(VENV)/docs/bin/pip install --quiet --requirement /dev/stdin
	touch $@
