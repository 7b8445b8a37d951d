#!/usr/bin/env bash
# Compares online steering, token tuning and representation tuning on a model: `make experiment` builds and runs it.
# The model is SmolLM2 unless MODEL names another; results go to .rtedit-demo/experiment unless OUT names a folder.
# An experiment that was interrupted continues.
set -euo pipefail
cd "$(dirname "$0")/.."

rtedit=.build/release/rtedit
work=.rtedit-demo
mkdir -p "$work"
model=${MODEL:-$(samples/fetch-model.sh "$work")}
out=${OUT:-$work/experiment}
resume=()
[[ -d $out ]] && resume=(--resume)
"$rtedit" experiment "$model" --trait samples/mood/trait.json --trait samples/honesty/trait.json \
    --text samples/text/evaluation.txt --ordinary-text samples/text/ordinary.txt -o "$out" "${resume[@]}" "$@"
