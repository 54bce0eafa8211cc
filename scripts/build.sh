#!/bin/sh
# scripts/build.sh PRESET [TARGET…]: configures a preset of CMakePresets.json and builds it. Silent but for what matters.
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift
# Configuring anew costs a second; ninja does it itself when a CMake file or the set of sources has changed.
if [ ! -f "build/$preset/build.ninja" ]; then
    mkdir -p build
    cmake --preset "$preset" >"build/configure-$preset.log" 2>&1 || {
        cat "build/configure-$preset.log" >&2
        exit 1
    }
fi
if [ -t 1 ]; then
    exec ninja -C "build/$preset" "$@"
fi
output=$(ninja -C "build/$preset" --quiet "$@") && status=0 || status=$?
[ "$output" = "ninja: no work to do." ] || [ -z "$output" ] || printf '%s\n' "$output"
exit $status
