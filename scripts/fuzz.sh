#!/bin/sh
# Runs every tests/fuzz/fuzz_*.c for FUZZ_SECONDS (60), as many at once as there are cores. `fuzz.sh build` only builds.
# A target starts from tests/fuzz/corpus/<name>; what it learns stays in build/fuzz-corpus, what it finds goes to
# build/fuzz-findings (see it again with build/fuzz/tests/fuzz_<name> FILE). FUZZ_SEED repeats a run; 0 is another each time.
set -eu
cd "$(dirname "$0")/.."
. scripts/steps.sh

run_target() {
    target=$1
    corpus=build/fuzz-corpus/${target#fuzz_}
    seeds=tests/fuzz/corpus/${target#fuzz_}
    dictionary=tests/fuzz/${target#fuzz_}.dict
    mkdir -p "$corpus"
    set -- "$corpus"
    [ ! -d "$seeds" ] || set -- "$@" "$seeds"
    [ ! -f "$dictionary" ] || set -- "$@" "-dict=$dictionary"
    "build/fuzz/tests/$target" "$@" -max_total_time="$FUZZ_SECONDS" -seed="${FUZZ_SEED:-0}" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="build/fuzz-findings/$target-" >"build/fuzz-logs/$target.log" 2>&1 &&
        status=0 || status=$?
    echo "$status" >"build/fuzz-logs/$target.status"
}

report_target() {
    target=$1
    status=$(cat "build/fuzz-logs/$target.status")
    python3 scripts/record.py "fuzz $target" "$FUZZ_SECONDS" "$status"
    if [ "$status" = 0 ]; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz-logs/$target.log")
        echo "$target: passed, $runs runs"
    else
        tail -n 60 "build/fuzz-logs/$target.log"
        echo "$target: FAILED; the input is in build/fuzz-findings, the log is build/fuzz-logs/$target.log"
        return 1
    fi
}

export FUZZ_SECONDS="${FUZZ_SECONDS:-60}"
# A refused allocation is one of the failures to be handled.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}allocator_may_return_null=1"
if [ "${1:-}" = one ]; then
    run_target "$2"
    exit 0
fi

targets=$(find tests/fuzz -name 'fuzz_*.c' -exec basename '{}' .c ';' 2>/dev/null | sort)
if [ -z "$targets" ]; then
    echo "fuzz: no targets in tests/fuzz" >&2
    exit 1
fi
step "build fuzz targets" scripts/build.sh fuzz $targets
[ "${1:-}" != build ] || exit 0
mkdir -p build/fuzz-findings build/fuzz-logs
echo "== fuzzing, $FUZZ_SECONDS s each:" $targets
rm -f build/fuzz-logs/*.status
echo "$targets" | xargs -P "$(nproc)" -n 1 scripts/fuzz.sh one
failed=0
for target in $targets; do
    report_target "$target" || failed=1
done
exit $failed
