#!/bin/sh
# scripts/pytest.sh NAME FILE…: pytest with its results in build/results/NAME.xml.
set -eu
cd "$(dirname "$0")/.."
. scripts/steps.sh
pytest_of "$@"
