#!/bin/sh
# Formats all C sources with clang-format 14 (other versions differ); --check only says what it would change.
set -eu
cd "$(dirname "$0")/.."
how=-i
[ "${1:-}" != --check ] || how="--dry-run -Werror"
find src tests bench -name '*.[ch]' -print0 | xargs -0 clang-format-14 $how
