#!/usr/bin/env bash
# Runs the tests of what is computed on several of OpenBLAS's kernels, after `make tests`.
#
#     samples/kernels.sh [KERNEL …]
#
# Kernels that this processor cannot run, that this OpenBLAS does not have, or that every test runs on anyway are left
# out with a word.
set -euo pipefail
cd "$(dirname "$0")/.."

suites='Kernel|Decoder|Reference|Cache|Probe|Perplexity|Divergence|Extraction|OffsetScan|VerificationTests|MainJob|TuneProgram|ExperimentProgram'
program=$(swift build ${TEST_OPTIONS:-} --show-bin-path)/rtedit
log=$(mktemp)
trap 'rm -f "$log"' EXIT

own=
(($#)) || {
    set -- Haswell SkylakeX Prescott
    own=$("$program" --version --verbose | sed -nE '/chosen by rtedit/!s/^kernels: ([^ ]+) .*/\1/p')
}
for kernel in "$@"; do
    if [[ $kernel == "$own" ]]; then
        echo "kernels.sh: $kernel is left out: all tests run on it"
        continue
    fi
    if ! OPENBLAS_CORETYPE=$kernel "$program" --version --verbose |
        grep -q "^kernels: $kernel .*; checked against a plain loop"; then
        echo "kernels.sh: $kernel is left out: it is not to be had on this machine"
        continue
    fi
    if ! OPENBLAS_CORETYPE=$kernel swift test ${TEST_OPTIONS:-} --skip-build --disable-xctest --filter "$suites" \
        </dev/null >"$log" 2>&1; then
        cat "$log"
        echo "kernels.sh: tests fail with OPENBLAS_CORETYPE=$kernel" >&2
        exit 1
    fi
    # Not in the test runner's own words, which stand for the whole run.
    sed -nE "s/^.*Test run with ([0-9]+) tests?.* passed after (.*)\$/kernels.sh: $kernel: \1 tests passed after \2/p" "$log"
done
