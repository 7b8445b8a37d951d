#!/usr/bin/env bash
# Compares online steering, token tuning and representation tuning on a model: `make experiment` builds and runs it.
# The model is SmolLM2 unless MODEL names another; the traits are those of TRAITS, folders of samples/; results go to
# .rtedit-demo/experiment unless OUT names a folder. An experiment that was interrupted continues. Arguments go to rtedit:
# BUDGET=2h does what can be decided in that time for each trait.
set -euo pipefail
cd "$(dirname "$0")/.."

rtedit=.build/release/rtedit
work=.rtedit-demo
mkdir -p "$work"
model=${MODEL:-$(samples/fetch-model.sh "$work")}
out=${OUT:-$work/experiment}
options=()
for trait in ${TRAITS:-mood honesty traits/formality}; do
    options+=(--trait "samples/$trait/trait.json")
done
[[ -d $out ]] && options+=(--resume)
[[ -n ${BUDGET:-} ]] && options+=(--budget "$BUDGET")
"$rtedit" experiment "$model" "${options[@]}" --text samples/text/evaluation.txt --text samples/text/ordinary.txt -o "$out" "$@"
