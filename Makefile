# What one does with rtedit's source. `make` alone lists it.

SHELL := bash
PREFIX ?= /usr/local
model_folder := .rtedit-demo
packages := libopenblas-dev libzstd-dev pkg-config
root := $(shell [[ $$(id -u) == 0 ]] || echo sudo)
install_packages := $(root) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q $(packages) </dev/null

.DEFAULT_GOAL := help
.PHONY: help setup packages build demo test families verification sanitize bench experiment check-deep lint install clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the system packages that are missing (Debian and Ubuntu).
	@command -v swift >/dev/null || { \
	    echo "make: swift is missing: install Swift 6.2 or newer from https://swift.org/install" >&2; exit 1; }
	@pkg-config --exists openblas libzstd 2>/dev/null || $(MAKE) --no-print-directory packages

packages:
	@command -v apt-get >/dev/null || { \
	    echo "make: OpenBLAS and zstd with their headers, and pkg-config, are missing: install them" >&2; exit 1; }
	$(install_packages) || { $(root) apt-get update -q && $(install_packages); }

build: setup ## Build the program: .build/release/rtedit.
	swift build -c release --product rtedit

demo: build ## Extract, steer, bake and verify on a real model.
	samples/demo.sh

test: setup lint ## Lint, build and run all tests, those on the real model if it can be had.
	swift build --build-tests
	@samples/kernels.sh
	@if model=$$(samples/fetch-model.sh $(model_folder)); then \
	    export RTEDIT_MODEL="$$model"; \
	else \
	    echo "make: the tests on the real model are left out"; \
	fi; \
	set -x; swift test --skip-build --disable-xctest

families: setup ## Measure every model family against the references, as a table.
	swift build --build-tests >&2
	@samples/families.sh

verification: setup ## Show what `verify` tells from what, as a table.
	swift build --build-tests >&2
	@samples/verification.sh

sanitize: setup ## Run the tests of the file formats under the address sanitizer.
	swift test --sanitize=address --scratch-path .build-asan --disable-xctest --filter FormatsTests

check-deep: build ## Stop, fail and double runs that write several files (needs strace), and change every kind of input.
	RTEDIT=.build/release/rtedit Tests/deep/files.sh
	swift build --build-tests
	RTEDIT_MUTATIONS=$${RTEDIT_MUTATIONS:-10000} swift test --skip-build --disable-xctest --filter MutationTests

bench: build ## Measure the speed on the real model.
	samples/bench.sh

experiment: build ## Compare ways of tuning a trait into the real model; one to two hours.
	samples/experiment.sh

lint: ## Check the format of the source.
	swift format lint --strict -r Sources Tests Package.swift

install: build ## Install the program under PREFIX (/usr/local).
	install -D -m 755 .build/release/rtedit "$(DESTDIR)$(PREFIX)/bin/rtedit"

clean: ## Remove what was built and downloaded.
	rm -rf .build .build-asan $(model_folder)
