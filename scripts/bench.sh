#!/bin/sh
# scripts/bench.sh data | quick | all: sets up what the bench needs, builds, makes the data that is missing, measures.
# ORIGINAL=FOLDER: a venv that has funnel-rocket, instead of build/bench-original.
set -eu
cd "$(dirname "$0")/.."
what=${1:-all}
case $what in
data | quick | all) ;;
*)
    echo "scripts/bench.sh: unknown: $what (known: data quick all)" >&2
    exit 2
    ;;
esac
scripts/setup.sh build bench
[ "$what" = data ] || [ -n "${ORIGINAL:-}" ] || scripts/setup.sh original
scripts/build.sh release dayfly bootstrap parquet_scan
python=build/bench-venv/bin/python
$python bench/data.py "$what"
[ "$what" != data ] || exit 0
echo
$python bench/bench.py "$what"
[ "$what" = quick ] || $python bench/lambda_bench.py
