# Two commands on a fresh machine: `make demo` opens the page, `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MINUTES ?= 60
export GRADIO_ANALYTICS_ENABLED := False
export HF_HUB_OFFLINE := 1

.PHONY: demo test test-pages test-rest check train eval bench format browser

$(VENV)/run.stamp: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/dev.stamp: requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@ $(VENV)/run.stamp

demo: $(VENV)/run.stamp ## install, then open the page on the embedded model
	$(BIN)/python app.py

test: $(VENV)/dev.stamp browser ## install, then run every test
	$(BIN)/python -m pytest

check: $(VENV)/dev.stamp browser ## format, lint, types, tests: what CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	OMP_NUM_THREADS=1 $(MAKE) --no-print-directory --jobs 2 test-pages test-rest

test-pages: ## those that drive a browser, beside all others
	$(BIN)/python -m pytest tests/browser

test-rest:
	$(BIN)/python -m pytest --ignore tests/browser

browser: ## the tests drive a real Chromium: install Debian's where there is none
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium)

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

train: $(VENV)/run.stamp ## from nothing to a checkpoint without sound: MINUTES of wall time, a third for the tokenizer
	$(BIN)/python -m training vision --minutes $$(( $(MINUTES) / 3 ))
	$(BIN)/python -m training flow --without-audio --minutes $$(( $(MINUTES) * 2 / 3 ))
	$(BIN)/python -m training export --without-audio

eval: $(VENV)/run.stamp ## the numbers of the model card, on held-out cases; goes on where a checkpoint or a judge lacks what a suite needs
	$(BIN)/python -m evaluation scenes --num 240 --json docs/results/scenes.json
	$(BIN)/python -m evaluation captions --num 240 --json docs/results/captions.json
	$(BIN)/python -m evaluation tokenizer --num 240 --json docs/results/tokenizer.json
	$(BIN)/python -m evaluation chat --num 120 --json docs/results/chat.json
	$(BIN)/python -m evaluation editing --num 140 --json docs/results/editing.json
	-$(BIN)/python -m evaluation thinking --num 240 --json docs/results/thinking.json
	-$(BIN)/python -m evaluation video --num 120 --json docs/results/video.json
	-$(BIN)/python -m evaluation asr --json docs/results/asr.json
	-$(BIN)/python -m evaluation sounds --json docs/results/sounds.json
	-$(BIN)/python -m evaluation omni --json docs/results/omni.json
	-$(BIN)/python -m evaluation tts --json docs/results/tts.json
	-$(BIN)/python -m evaluation spoken_qa --json docs/results/spoken_qa.json
	$(BIN)/python -m evaluation matrix --json docs/results/matrix.json
	$(BIN)/python -m evaluation symmetric --json docs/results/symmetric.json
	-$(BIN)/python -m evaluation retrieval --json docs/results/retrieval.json

bench: $(VENV)/run.stamp ## speed on this machine
	$(BIN)/python -m benchmarks.streaming --json docs/results/streaming.json
	$(BIN)/python -m benchmarks.retrieval --json docs/results/retrieval-index.json
