#!/bin/sh
# `make soak`: rounds of contract tests and random data from new seeds, interrupted and killed runs, and fuzzing, for
# SOAK_MINUTES (30). Stops at the first failure and says how to repeat it.
set -eu
cd "$(dirname "$0")/.."
. scripts/steps.sh

end=$(($(date +%s) + ${SOAK_MINUTES:-30} * 60))
scripts/build.sh debug
scripts/build.sh release dayfly bootstrap
scripts/build.sh asan parquet_dump
scripts/fuzz.sh build
contract=$(find tests/contract -name 'test_*.c' -exec basename '{}' .c ';' | sort)

round_of() {
    for test in $contract; do
        DAYFLY_TEST_SEED=$1 "build/debug/tests/$test" >build/soak.log 2>&1 || {
            tail -n 40 build/soak.log
            return 1
        }
    done
    DAYFLY_TEST_SEED=$1 pytest_of soak tests/e2e/test_golden.py -k random >build/soak.log 2>&1 || {
        tail -n 60 build/soak.log
        return 1
    }
    DAYFLY_TEST_SEED=$1 DAYFLY_FAULT_QUERIES=200 pytest_of soak-faults tests/e2e/test_lambda_faults.py -k random_faults >build/soak.log 2>&1 || {
        tail -n 60 build/soak.log
        return 1
    }
    # 104,000 broken Parquet files under ASan and UBSan: 3 minutes of CPU.
    DAYFLY_TEST_SEED=$1 DAYFLY_TEST_TOOLS=build/asan/tests DAYFLY_MUTATED_FILES=50 DAYFLY_MUTATIONS=2000 \
        pytest_of soak-mutations tests/e2e/test_parquet_mutation.py -s >build/soak.log 2>&1 || {
        tail -n 60 build/soak.log
        return 1
    }
    tail -n 1 build/soak.log
    build/venv/bin/python scripts/soak_killed.py --seed "$1" --seconds 30
    FUZZ_SECONDS=30 scripts/fuzz.sh
}

# 5 GB of CSV with 64 MB of memory, compared with DuckDB: once, since it takes minutes. It wants some 15 GB of TMPDIR.
DAYFLY_IMPORT_MB=5000 pytest_of soak-import tests/e2e/test_import.py -k within_64_mb -s >build/soak.log 2>&1 || {
    tail -n 60 build/soak.log
    exit 1
}
grep 'MB: ' build/soak.log

round=0
while [ "$(date +%s)" -lt $end ]; do
    round=$((round + 1))
    seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    echo "== round $round, DAYFLY_TEST_SEED=$seed"
    round_of "$seed" || {
        echo "soak: failed in round $round with DAYFLY_TEST_SEED=$seed"
        exit 1
    }
done
echo "soak: $round rounds passed"
