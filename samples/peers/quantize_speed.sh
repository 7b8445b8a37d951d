#!/usr/bin/env bash
# Wall time and memory of `rtedit convert --type T` beside llama-quantize's, in turns, on the same file.
#
# usage: quantize_speed.sh RTEDIT LLAMA_BIN MODEL_F16.gguf [ROUNDS]
# Prints for each type the least of ROUNDS (5) times of both, their ratio, and the largest memory; both with two threads.
set -euo pipefail

rtedit=$1 llama=$2/llama-quantize model=$3 rounds=${4:-5}
folder=$(mktemp -d -p "${TMPDIR:-/tmp}")
trap 'rm -rf "$folder"' EXIT
export LD_LIBRARY_PATH=$2${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
cat "$model" >/dev/null

measure() { /usr/bin/time -f '%e %M' -o "$folder/time" "$@" >/dev/null 2>&1 && cat "$folder/time"; }

printf '%-8s %10s %10s %7s %12s %12s\n' type rtedit llama ratio 'rtedit MB' 'llama MB'
for type in q8_0 q4_k_m q6_k iq4_xs; do
    for ((round = 0; round < rounds; round++)); do
        measure "$rtedit" convert "$model" "$folder/own.gguf" --type "$type" --threads 2 --force >>"$folder/own-$type"
        measure "$llama" "$model" "$folder/peer.gguf" "$type" 2 >>"$folder/peer-$type"
    done
    cmp "$folder/own.gguf" "$folder/peer.gguf"
    paste <(sort -n "$folder/own-$type" | head -1) <(sort -n "$folder/peer-$type" | head -1) |
        awk -v type="$type" '{printf "%-8s %8.2f s %8.2f s %7.2f %12.0f %12.0f\n", type, $1, $3, $1 / $3, $2 / 1000, $4 / 1000}'
done
