#!/usr/bin/env bash
# The main job on a real model, from start to end: find a mood direction, steer with it, bake it into a quantised
# GGUF and into a Hugging Face folder, and prove both from disk. Needs `.build/release/rtedit` (`make demo` builds it).
#
# Without a network it runs on the small model in samples/tiny/ instead, and says so.
set -euo pipefail
cd "$(dirname "$0")/.."

rtedit=.build/release/rtedit
work=.rtedit-demo
out=$work/out
mkdir -p "$work"
rm -rf "$out" && mkdir -p "$out"
start=$SECONDS

say() { printf '\n== %s\n' "$*"; }
run() {
    printf '$ rtedit %s\n' "$*"
    "$rtedit" "$@"
}
# The number of a member in one line of JSON.
number() { sed -n "s/.*\"$1\":\([-0-9.e]*\).*/\1/p"; }

if model=$(samples/fetch-model.sh "$work"); then
    name="SmolLM2-135M-Instruct, Q4_1"
    pairs=samples/mood/train.jsonl
    probe=samples/mood/probe.jsonl
    blocks=10-15 up=1.5 down=-1.5
    question="Describe your house."
else
    echo "demo: the real model cannot be had; using the small one in samples/tiny/ instead"
    name="the small sample model"
    model=samples/tiny/tiny-mood.gguf
    pairs=samples/tiny/pairs.jsonl
    probe=samples/tiny/probe.jsonl
    blocks=3 up=1 down=-1
    question="How was your day?"
fi
vector=$out/mood.gguf
cheerful=$vector:$up@$blocks
miserable=$vector:$down@$blocks

say "the model: $name"
run inspect "$model"

say "find the direction: cheerful against miserable personas, 64 pairs"
extraction_start=$(date +%s.%N)
run extract "$model" --pairs "$pairs" --limit 64 -o "$vector"
extraction_time=$(echo "$(date +%s.%N) $extraction_start" | awk '{ printf "%.1f s", $1 - $2 }')

say "steer online"
for spec in "" "$cheerful" "$miserable"; do
    run generate "$model" --chat --prompt "$question" --max-tokens 40 ${spec:+--vector "$spec"}
done

say "the shift in a probe: log-odds of cheerful over gloomy completions"
plain=$("$rtedit" eval "$model" --probe "$probe" --json | number margin)
lifted=$("$rtedit" eval "$model" --probe "$probe" --vector "$cheerful" --json | number margin)
lowered=$("$rtedit" eval "$model" --probe "$probe" --vector "$miserable" --json | number margin)
echo "miserable $lowered   plain $plain   cheerful $lifted"

say "bake it in: a GGUF that stays quantised, and a Hugging Face folder"
run bake "$model" "$out/miserable.gguf" --vector "$miserable"
run bake "$model" "$out/miserable" --vector "$miserable"
baked=$("$rtedit" eval "$out/miserable.gguf" --probe "$probe" --json | number margin)

say "prove both from disk"
run verify "$model" "$out/miserable.gguf" --vector "$miserable"
run verify "$model" "$out/miserable" --vector "$miserable"

say "the proof can fail: the unedited model does not pass"
if "$rtedit" verify "$model" "$model" --vector "$miserable" >"$out/unedited.log"; then
    echo "demo: verify passed an unedited model" >&2
    exit 1
fi
tail -n 1 "$out/unedited.log"

gguf=$("$rtedit" verify "$model" "$out/miserable.gguf" --vector "$miserable" --json)
folder=$("$rtedit" verify "$model" "$out/miserable" --vector "$miserable" --json)
say "summary"
cat <<END
model                        $name
extraction                   64 pairs, $extraction_time
probe (log-odds)             miserable $lowered | plain $plain | cheerful $lifted
probe of the baked file      $baked
baked GGUF                   equal: max |d logit| $(number max_abs <<<"$gguf") of $(number max_logit <<<"$gguf")
baked folder                 equal: max |d logit| $(number max_abs <<<"$folder") of $(number max_logit <<<"$folder")
steering moves logits by     up to $(number effect <<<"$gguf")
unedited model               not equal, as it must be
outputs                      $out
time                         $((SECONDS - start)) s
END
