# ESHI_DATA: a folder with lbpcascade_animeface.xml and face sets, for what measures on real pictures.
# Two commands do everything on a machine with python3 (3.11 or newer) and make:
#   make demo   paint, train and draw, in minutes, without data or network
#   make test   the fast tests
# make attack ATTACK=--short: two minutes of what make attack does in a quarter of an hour (docs/safety.md)
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test slow lint bench attack dist

demo: $(READY)
	$(BIN)/eshi demo

test: $(READY)
	$(BIN)/pytest -n auto --maxprocesses 4

slow: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	$(BIN)/pytest -m slow

lint: $(READY)
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

attack: $(READY)
	PYTHONPATH=tests $(BIN)/python -m attack $(ATTACK)

dist: $(READY)
	$(BIN)/python tools/dist.py

bench: $(READY)
	$(BIN)/python benchmarks/train_speed.py
	$(BIN)/python benchmarks/beside.py
	$(BIN)/python benchmarks/pairs.py
	$(BIN)/python benchmarks/draw_speed.py
	$(BIN)/python benchmarks/crop_clean.py $(if $(ESHI_DATA),--cascade $(ESHI_DATA)/lbpcascade_animeface.xml)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "eshi needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[collect,mp4,transfer,dev]'
	touch $@
