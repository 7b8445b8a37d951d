#!/usr/bin/env bash
# Prints a table of what `verify` tells from what: each case with its verdict, as the tests demand it, and ends with exit
# code 1 if a verdict is not the right one. `make verification` builds the tests and runs it; docs/verification.md explains
# the columns. With the program built and the real model at hand (samples/fetch-model.sh), rows on that model follow.
#
# TEST_OPTIONS are handed to `swift test`, for builds in other folders.
set -euo pipefail
cd "$(dirname "$0")/.."

rows=$(mktemp)
log=$(mktemp)
work=$(mktemp -d)
trap 'rm -rf "$rows" "$log" "$work"' EXIT
rtedit=${RTEDIT:-.build/release/rtedit}

# shellcheck disable=SC2086
if ! RTEDIT_VERIFICATION_TABLE=$rows swift test --skip-build --disable-xctest ${TEST_OPTIONS:-} \
    --filter 'VerificationTableTests' >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
echo "| case | verdict | error | strength found | rows named | cost |"
echo "|---|---|---|---|---|---|"
sort -n "$rows" | cut -f 2

# One row on the real model: its name, the verdict expected, and the arguments of `verify`.
status=0
real() {
    local name=$1 expected=$2
    shift 2
    local found=EQUAL
    "$rtedit" verify "$@" --max-tokens 1 --json >"$work/json" 2>>"$log" || found=$(
        grep -o '"verdict":"[a-z ]*"' "$work/json" | cut -d '"' -f 4 | tr a-z A-Z)
    local strength
    strength=$({ grep -o '"found":[0-9.e-]*' "$work/json" || true; } | cut -d : -f 2 |
        awk '{ d = $1 > 1 ? $1 - 1 : 1 - $1; if (d >= most) { most = d; worst = $1 } }
            END { if (NR) printf "%.4f", worst; else printf "–" }')
    local error
    error=$(grep -o '"relative_error":[0-9.e-]*' "$work/json" | cut -d : -f 2 |
        awk '{ if ($1 > most) most = $1 } END { printf "%.0e", most }')
    echo "| $name | $found | $error | $strength | – | – |"
    [[ $found == "$expected" ]] || { echo "verification: '$name' must be $expected" >&2; status=1; }
}

if [[ -x $rtedit ]] && model=$(samples/fetch-model.sh "${RTEDIT_MODEL_FOLDER:-.rtedit-demo}" 2>>"$log"); then
    vector=$work/mood.gguf
    "$rtedit" extract "$model" --pairs samples/mood/train.jsonl --limit 16 -o "$vector" --quiet >>"$log" 2>&1
    "$rtedit" bake "$model" "$work/right.gguf" --vector "$vector:1.5@10-15" --quiet >>"$log" 2>&1
    "$rtedit" bake "$model" "$work/off.gguf" --vector "$vector:1.515@10-15" --quiet >>"$log" 2>&1
    "$rtedit" convert "$model" "$work/folder" --type bf16 --quiet >>"$log" 2>&1
    name="SmolLM2-135M, Q4_1"
    real "$name: a vector baked" EQUAL "$model" "$work/right.gguf" --vector "$vector:1.5@10-15"
    real "$name: the same with a strength of 1.01 for 1" "NOT EQUAL" "$model" "$work/off.gguf" \
        --vector "$vector:1.5@10-15"
    real "$name: unedited" "NOT EQUAL" "$model" "$model" --vector "$vector:1.5@10-15"
    real "$name: rounded to a bf16 folder" EQUAL "$model" "$work/folder"
else
    echo "verification: the rows on the real model are left out" >&2
fi
exit $status
