# Sourced by the scripts that check something: step "name" command… prints, times, runs, and records the outcome as
# JUnit in build/results; the first step that fails ends the script.
# step_counted is for commands that write their own JUnit file: only its failure is printed, and it is not counted twice.

mkdir -p build/results

step() {
    step_name=$1
    shift
    step_run "$@" && step_status=0 || step_status=$?
    python3 scripts/record.py "$step_name" "$step_seconds" "$step_status"
    [ "$step_status" = 0 ] || exit 1
}

step_counted() {
    step_name=$1
    shift
    step_run "$@" || exit 1
}

step_run() {
    step_started=$(date +%s)
    echo "== $step_name"
    "$@" && step_run_status=0 || step_run_status=$?
    step_seconds=$(($(date +%s) - step_started))
    if [ "$step_run_status" = 0 ]; then
        echo "== $step_name: passed in $step_seconds s"
    else
        echo "== $step_name: FAILED (status $step_run_status) after $step_seconds s"
    fi
    return "$step_run_status"
}

# C tests of a preset. The sizes keep whole logs: scripts/count_results.py reads the single cases out of them.
ctest_of() {
    preset=$1
    shift
    # CTEST_EXCLUDE: a regular expression of tests that would only repeat themselves there.
    "$@" ctest --test-dir "build/$preset" ${CTEST_EXCLUDE:+-E "$CTEST_EXCLUDE"} --parallel "$(nproc)" --output-on-failure \
        --output-junit "$PWD/build/results/ctest-$preset.xml" \
        --test-output-size-passed 10000000 --test-output-size-failed 10000000
}

pytest_of() {
    name=$1
    shift
    build/venv/bin/python -m pytest -q -p no:cacheprovider --junitxml "build/results/$name.xml" -o junit_suite_name="$name" "$@"
}
