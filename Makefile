# The words people type. Each sets up what it needs (Debian packages, only when missing) and hands over to scripts/.
# `make help` shows them; everything that is made lies in build/.

.DEFAULT_GOAL := build
.PHONY: build lambda demo test test-all coverage-table parquet-table bench bench-quick bench-data fuzz soak check-fresh format lint clean help

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

parquet-table: ## 4,000 Parquet files by four writers, and 1,440 of ours read by those four: equal value by value; the tables
	@scripts/setup.sh build test
	@scripts/build.sh debug parquet_dump parquet_copy
	@scripts/build.sh release dayfly
	@scripts/pytest.sh parquet-table tests/e2e/test_parquet_matrix.py tests/e2e/test_parquet_write.py -k thousands

bench: ## funnels beside DuckDB, chDB, Polars and the original: CPU per row, one thread; cold starts of Lambda workers
	@scripts/bench.sh all

bench-quick: ## the same of 10 million rows, in two minutes
	@scripts/bench.sh quick

bench-data: ## the files that the bench reads (8 GB in build/bench), once
	@scripts/bench.sh data

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
