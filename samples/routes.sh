#!/usr/bin/env bash
# Prints a table of every family, way to bake and format: how far the baked file is from its base steered online, as the
# tests measure it. `make routes` builds the tests and runs it; docs/baking.md explains the columns.
set -euo pipefail
cd "$(dirname "$0")/.."

cells=$(mktemp)
log=$(mktemp)
trap 'rm -f "$cells" "$log"' EXIT
if ! RTEDIT_ROUTE_TABLE=$cells swift test ${TEST_OPTIONS:-} --skip-build --disable-xctest \
    --filter 'FamilyBakeTests' >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
awk -F '\t' '
    {
        row = $1 " | " $2 " | " $3
        cell[row, $4] = $5
        if ($5 == "refused") reason[row] = $6; else { taken[row] = 1; effect[row] = $6 }
        rows[row] = 1
    }
    END {
        count = split("folder;GGUF f32;GGUF f16;GGUF q8_0;GGUF q4_k", columns, ";")
        line = "| family | route | site"
        for (i = 1; i <= count; i++) line = line " | " columns[i]
        print line " | effect |"
        print "|---|---|---|---|---|---|---|---|---|"
        for (row in rows) if (row in taken) {
            line = "| " row
            for (i = 1; i <= count; i++) line = line " | " (cell[row, columns[i]] == "refused" ? "–" : cell[row, columns[i]])
            print line " | " effect[row] " |" | "sort"
        }
        close("sort")
        print "\n| refused in every format | because |"
        print "|---|---|"
        for (row in rows) if (!(row in taken)) print "| " row " | " reason[row] " |" | "sort"
    }' "$cells"
