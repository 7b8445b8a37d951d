#!/usr/bin/env bash
# Prints a table of every model family: how far rtedit is from the references, as the tests measure it. `make families`
# builds the tests and runs it; docs/families.md explains the columns.
set -euo pipefail
cd "$(dirname "$0")/.."

cells=$(mktemp)
log=$(mktemp)
trap 'rm -f "$cells" "$log"' EXIT
if ! RTEDIT_FAMILY_TABLE=$cells swift test ${TEST_OPTIONS:-} --skip-build --disable-xctest \
    --filter 'FamilyReferenceTests|FamilyConversionTests' >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
awk -F '\t' '
    { cell[$1, $2] = $3; families[$1] = 1 }
    END {
        count = split("forward backward tokenizer generate toGGUF toHuggingFace roundTrip", columns, " ")
        print "| family | forward | backward | tokenizer | generate | HF → GGUF | GGUF → HF | logits there and back |"
        print "|---|---|---|---|---|---|---|---|"
        for (family in families) {
            line = "| " family
            for (i = 1; i <= count; i++)
                line = line " | " ((family, columns[i]) in cell ? cell[family, columns[i]] : "-")
            print line " |" | "sort"
        }
    }' "$cells"
