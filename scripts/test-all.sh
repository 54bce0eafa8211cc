#!/bin/sh
# The rest of `make test-all`, after `make test`.
set -eu
cd "$(dirname "$0")/.."
. scripts/steps.sh

scripts/lint.sh

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
step_counted "200 queries under random faults" \
    env DAYFLY_FAULT_QUERIES=200 scripts/pytest.sh faults tests/e2e/test_lambda_faults.py -k random_faults -s
step_counted "20,000 questions against every chain tried" \
    env DAYFLY_LANGUAGE_CASES=20000 scripts/pytest.sh language tests/e2e/test_language_property.py -s
step_counted "Parquet that others write and read" scripts/pytest.sh parquet tests/e2e/test_parquet_matrix.py \
    tests/e2e/test_parquet_write.py tests/e2e/test_parquet_foreign.py
step_counted "pictures in Chromium" scripts/pytest.sh browser tests/browser
step "build asan" scripts/build.sh asan all bootstrap
step_counted "unit and contract tests, ASan+UBSan" ctest_of asan
# Those that run tools, not the program, would only repeat themselves here; what is hostile runs (mutation).
without_program="--ignore=tests/e2e/test_parquet_matrix.py --ignore=tests/e2e/test_parquet_write.py
    --ignore=tests/e2e/test_parquet_foreign.py --ignore=tests/e2e/test_parquet.py --ignore=tests/e2e/test_parquet_sample.py
    --ignore=tests/e2e/test_parquet_write_sample.py --ignore=tests/e2e/test_import_dialects.py"
# shellcheck disable=SC2086
step_counted "end-to-end tests, ASan+UBSan" env DAYFLY=build/asan/dayfly DAYFLY_FUNNEL_BATCH=build/asan/tests/funnel_batch \
    DAYFLY_LANGUAGE_CASES=2000 scripts/pytest.sh e2e-asan tests/e2e $without_program

step "build tsan" scripts/build.sh tsan all bootstrap
# Where the kernel randomises 32 bits of mappings, TSan cannot place its shadow; without randomisation it can.
without_aslr=
if build/tsan/dayfly version 2>&1 | grep -q 'unexpected memory mapping'; then
    without_aslr="setarch $(uname -m) -R"
fi
# Formats and records know no threads, and take minutes there.
export CTEST_EXCLUDE='test_parquet_|test_text_|test_funnel_(record|scatter|portions|filter|result|tables)'
step_counted "unit and contract tests, TSan" ctest_of tsan $without_aslr
unset CTEST_EXCLUDE

# The same inputs each time: what lands must not depend on luck. `make fuzz` and `make soak` look for new ones.
FUZZ_SEED=${FUZZ_SEED:-1} FUZZ_SECONDS=${FUZZ_SECONDS:-10} scripts/fuzz.sh
