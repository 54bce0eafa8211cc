# The words people type. Each sets up what it needs (Debian packages, only when missing) and hands over to scripts/.
# `make help` shows them; everything that is made lies in build/.

.DEFAULT_GOAL := build
.PHONY: build lambda demo test test-all coverage-table bench fuzz soak check-fresh format lint clean help

build: ## the program: build/release/dayfly, static; the same as `make` alone
	@scripts/setup.sh build
	@scripts/build.sh release dayfly

lambda: ## the worker for AWS Lambda: build/release/bootstrap, static
	@scripts/setup.sh build
	@scripts/build.sh release bootstrap

demo: build ## 1,000,000 made-up shoppers, and how many of them view, fill a cart, buy (the second time takes seconds)
	@scripts/demo.sh

test: ## unit, contract and end-to-end tests
	@scripts/setup.sh build test
	@scripts/test.sh

test-all: test ## test, lint, pictures in Chromium, the tests under the sanitizers, 10 s of every fuzz target
	@scripts/setup.sh build test lint browser
	@scripts/test-all.sh

coverage-table: ## every item of the query language with its test and the result; keeps docs/coverage.md
	@scripts/setup.sh build test
	@scripts/build.sh debug
	@scripts/build.sh release dayfly bootstrap
	@build/venv/bin/python scripts/coverage_table.py

bench: ## this funnel beside DuckDB's: CPU per row, one thread; cold starts and queries of Lambda workers
	@scripts/setup.sh build test
	@scripts/build.sh release dayfly bootstrap
	@build/venv/bin/python bench/bench.py
	@build/venv/bin/python bench/lambda_bench.py

fuzz: ## every fuzz target for FUZZ_SECONDS (60); findings in build/fuzz-findings
	@scripts/setup.sh build lint
	@scripts/fuzz.sh

soak: ## SOAK_MINUTES (30) of random seeds, fuzzing, interrupted and killed runs
	@scripts/setup.sh build test lint
	@scripts/soak.sh

check-fresh: ## README's first steps on an empty Debian 12 (a chroot; needs root, checks the last commit)
	@scripts/check-fresh.sh

format: ## clang-format over all C sources
	@scripts/setup.sh lint
	@scripts/format.sh

lint: ## layers, format, warnings of gcc and clang, clang-tidy
	@scripts/setup.sh build test lint
	@scripts/lint.sh

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
