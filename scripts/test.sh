#!/bin/sh
# `make test`: what is quick to fail comes first.
set -eu
cd "$(dirname "$0")/.."
. scripts/steps.sh

step_counted "layers, docs" pytest_of house tests/layers.py tests/test_docs.py tests/test_scripts.py tests/test_bench.py
step "build debug" scripts/build.sh debug
step_counted "unit and contract tests" ctest_of debug
step "build release" scripts/build.sh release dayfly bootstrap
# The long tables of Parquet files that others write and read are part of `make test-all`.
step_counted "end-to-end tests" pytest_of e2e tests/e2e --ignore=tests/e2e/test_parquet_matrix.py \
    --ignore=tests/e2e/test_parquet_write.py --ignore=tests/e2e/test_parquet_foreign.py
