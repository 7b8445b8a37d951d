#!/usr/bin/env bash
# Measures rtedit on the real model: prefill, decoding, extraction, baking. `make bench` builds and runs it.
#
# Quote ratios to a peer measured in the same run on the same machine; docs/benchmarks.md says how the peers were run.
set -euo pipefail
cd "$(dirname "$0")/.."

rtedit=.build/release/rtedit
work=.rtedit-demo
out=$work/bench
mkdir -p "$work"
rm -rf "$out" && mkdir -p "$out"
model=$(samples/fetch-model.sh "$work")
threads=${THREADS:-2}

# Median seconds of five runs of a command, or of as many as RUNS says.
seconds() {
    for _ in $(seq "${RUNS:-5}"); do
        local begin end
        begin=$(date +%s.%N)
        "$@" >/dev/null 2>&1
        end=$(date +%s.%N)
        echo "$end $begin" | awk '{ printf "%.3f\n", $1 - $2 }'
    done | sort -n | sed -n "$(((${RUNS:-5} + 1) / 2))p"
}

"$rtedit" --version --verbose
echo
for type in q4_1 f16 bf16 f32; do
    file=$model
    if [[ $type != q4_1 ]]; then
        file=$out/model-$type.gguf
        "$rtedit" convert "$model" "$file" --type "$type" --quiet >/dev/null
    fi
    "$rtedit" bench "$file" --threads "$threads"
done
echo
echo "extract, 64 pairs, start to written file:"
echo "  $(seconds "$rtedit" extract "$model" --pairs samples/mood/train.jsonl --limit 64 \
    -o "$out/mood.gguf" --force --threads "$threads") s"
echo "bake into GGUF:"
echo "  $(seconds "$rtedit" bake "$model" "$out/baked.gguf" --vector "$out/mood.gguf:1@10-15" --force) s"
echo "cp of the same file and sync:"
echo "  $(seconds sh -c "cp '$model' '$out/copy.gguf' && sync '$out/copy.gguf'") s"
echo
echo "tuning, 8 sequences of 64 tokens, 1 - cos and cross-entropy at every position, AdamW:"
for mode in lora blocks all; do
    "$rtedit" bench "$out/model-f32.gguf" --train "$mode" --threads "$threads"
done
"$rtedit" bench "$model" --train blocks --threads "$threads"
echo
echo "the recipe on 140 examples, two epochs, loss on completions only, start to written file:"
echo "  $(RUNS=1 seconds "$rtedit" tune "$model" "$out/tuned.gguf" --vector "$out/mood.gguf:-1@10-15" \
    --data samples/mood/tuning/train.jsonl --opposite --validation-share 0 --epochs 2 --force) s"
rm -rf "$out"
