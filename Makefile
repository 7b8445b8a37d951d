# What one does with rtedit's source. `make` alone lists it.

SHELL := bash
PREFIX ?= /usr/local
model_folder := .rtedit-demo
program := .build/release/rtedit
version := $(shell sed -n 's/.*current = "\(.*\)".*/\1/p' Sources/rtedit/CommandLine/Version.swift)
archive := rtedit-$(version)-linux-$(shell uname -m)
packages := libopenblas-dev libzstd-dev pkg-config
root := $(shell [[ $$(id -u) == 0 ]] || echo sudo)
install_packages := $(root) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q $(packages) </dev/null

.DEFAULT_GOAL := help
.PHONY: help setup packages build demo tests test families routes verification sanitize bench experiment pages check-deep lint \
    install uninstall dist clean

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

# Swift's run time goes into the program, and so does the C++ library that it needs: the linker finds the archive of that
# before the shared one.
static := $(CURDIR)/.build/static

build: setup ## Build the program: .build/release/rtedit.
	@mkdir -p "$(static)"
	@ln -sf "$$($$(command -v gcc clang | head -1) -print-file-name=libstdc++.a)" "$(static)"
	swift build -c release --product rtedit --static-swift-stdlib -Xswiftc "-L$(static)"

demo: build ## Extract, steer, bake and verify on a real model.
	samples/demo.sh

# Tests run optimised, in a folder of their own, since they are built with other flags than the program. `swift test
# --filter` runs some of them as `swift build` builds: file by file, for a debugger.
export TEST_OPTIONS := -c release -Xswiftc -enable-testing --scratch-path .build-tests

tests: setup
	swift build $(TEST_OPTIONS) --build-tests >&2

test: lint tests ## Lint, build and run all tests, those on the real model if it can be had.
	@samples/kernels.sh
	@if model=$$(samples/fetch-model.sh $(model_folder)); then \
	    export RTEDIT_MODEL="$$model"; \
	else \
	    echo "make: the tests on the real model are left out"; \
	fi; \
	set -x; swift test $(TEST_OPTIONS) --skip-build --disable-xctest

families: tests ## Measure every model family against the references, as a table.
	@samples/families.sh

routes: tests ## Measure every way to bake in every family and format, as a table.
	@samples/routes.sh

verification: tests ## Show what `verify` tells from what, as a table.
	@samples/verification.sh

sanitize: setup ## The address sanitizer over the file formats, the thread sanitizer over crews and the main job.
	swift test --sanitize=address --scratch-path .build-asan --disable-xctest --filter FormatsTests
	TSAN_OPTIONS="suppressions=$(CURDIR)/Tests/deep/thread-sanitizer.txt" swift test --sanitize=thread --scratch-path .build-tsan \
	    --disable-xctest --filter 'WorkCrew|OrderedWork|MainJobTests'

check-deep: build tests sanitize ## The sanitizer; stop, fail and double runs (needs strace); change every kind of input.
	RTEDIT=$(program) Tests/deep/files.sh
	RTEDIT_MUTATIONS=$${RTEDIT_MUTATIONS:-10000} RTEDIT_MUTATION_SEED=$${RTEDIT_MUTATION_SEED:-$$(date +%s)} swift test $(TEST_OPTIONS) --skip-build --disable-xctest --filter MutationTests

bench: build ## Measure the speed on the real model.
	samples/bench.sh

pages: build ## Make every page from real runs and check it in headless Chromium.
	samples/pages.sh

experiment: build ## Compare ways of tuning traits into the real model; about half an hour a trait.
	samples/experiment.sh

lint: ## Check the format of the source.
	swift format lint --strict -r Sources Tests Package.swift

# What the program prints about itself, and where it is looked for.
pages := \
    share/man/man1/rtedit.1=help,--man \
    share/bash-completion/completions/rtedit=completions,bash \
    share/zsh/site-functions/_rtedit=completions,zsh \
    share/fish/vendor_completions.d/rtedit.fish=completions,fish
comma := ,

install: ## Install the program, its manual page and its completions under PREFIX (/usr/local).
	@# Root often has no Swift; what was built before will do.
	@if command -v swift >/dev/null; then $(MAKE) --no-print-directory build; fi
	@[[ -x $(program) ]] || { echo "make: $(program) is missing: run 'make build' first" >&2; exit 1; }
	install -D -m 755 $(program) "$(DESTDIR)$(PREFIX)/bin/rtedit"
	@set -e -o pipefail; $(foreach page,$(pages),\
	    $(program) $(subst $(comma), ,$(lastword $(subst =, ,$(page)))) \
	        | install -D -m 644 /dev/stdin "$(DESTDIR)$(PREFIX)/$(firstword $(subst =, ,$(page)))";)

uninstall: ## Remove what `make install` installed.
	rm -f "$(DESTDIR)$(PREFIX)/bin/rtedit" \
	    $(foreach page,$(pages),"$(DESTDIR)$(PREFIX)/$(firstword $(subst =, ,$(page)))")

# What of the samples people use; the rest is for those who build rtedit.
dist_samples := $(addprefix samples/,demo.sh fetch-model.sh tiny mood honesty text)

dist: ## Pack the program with all it needs but libc, zstd and OpenBLAS: .build/rtedit-VERSION-PLATFORM.tar.gz.
	rm -rf .build/dist
	$(MAKE) --no-print-directory install DESTDIR=.build/dist PREFIX=/$(archive)
	strip .build/dist/$(archive)/bin/rtedit
	install -D -m 644 -t .build/dist/$(archive)/share/doc/rtedit README.md CHANGELOG.md LICENSE SECURITY.md
	install -D -m 644 -t .build/dist/$(archive)/share/doc/rtedit/docs docs/*.md
	mkdir -p .build/dist/$(archive)/share/rtedit
	tar --exclude=__pycache__ -c $(dist_samples) | tar -x -C .build/dist/$(archive)/share/rtedit
	tar -C .build/dist --sort=name --owner=0 --group=0 --numeric-owner \
	    --mtime="@$$(git log -1 --format=%ct 2>/dev/null || echo 0)" -c $(archive) | gzip -n >.build/$(archive).tar.gz
	@ls -l .build/$(archive).tar.gz

clean: ## Remove what was built and downloaded.
	rm -rf .build .build-tests .build-asan .build-tsan .rtedit-pages $(model_folder)
