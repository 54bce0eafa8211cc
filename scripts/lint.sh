#!/bin/sh
# `make lint`: layers, format, the warnings of both compilers as errors, clang-tidy.
set -eu
cd "$(dirname "$0")/.."
. scripts/steps.sh

# The largest files first, so that no core waits for a late long one.
sources() {
    sed -n "s|^ *\"file\": \"$PWD/\(src/.*\)\",*$|\1|p" build/clang/compile_commands.json | xargs ls -S
}

tidy() {
    # A third of the analyzer's usual paths per function: what it finds beyond takes four times as long.
    sources | xargs -P "$(nproc)" -n 1 clang-tidy-14 --quiet -p build/clang --extra-arg=-Xclang \
        --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=75000 \
        >build/clang-tidy.log 2>build/clang-tidy.err || {
        cat build/clang-tidy.log
        grep -v 'warnings generated' build/clang-tidy.err || true
        return 1
    }
}

step_counted "layers" pytest_of layers tests/layers.py
step "clang-format" scripts/format.sh --check
step "gcc, warnings are errors" scripts/build.sh debug all bootstrap
step "clang, warnings are errors" scripts/build.sh clang all bootstrap
step "clang-tidy" tidy
