#!/bin/sh
# On a machine with a GPU, in under nine minutes: the tests of training, the speed of eshi's step beside the plain loop's
# at 64 and 128 px, a short run's quality. Writes gpu.json and gpu.md into the folder given, or here.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
OUT=${1:-.}
tests=passed
timeout 240 "$PYTHON" -m pytest -q -p no:xdist tests/test_shards.py tests/test_losses.py tests/test_models.py || tests=failed
exec timeout 290 "$PYTHON" benchmarks/gpu.py --out "$OUT" --tests "$tests"
