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
    sources | xargs -P "$(nproc)" -n 1 clang-tidy-14 --quiet -p build/clang \
        >build/clang-tidy.log 2>build/clang-tidy.err || {
        cat build/clang-tidy.log
        grep -v 'warnings generated' build/clang-tidy.err || true
        return 1
    }
}

step_counted "layers" pytest_of layers tests/layers.py
step "clang-format" scripts/format.sh --check
step "gcc, warnings are errors" scripts/build.sh debug
step "clang, warnings are errors" scripts/build.sh clang
step "clang-tidy" tidy
