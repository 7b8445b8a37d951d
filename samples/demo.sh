#!/usr/bin/env bash
# The main job on a real model, from start to end: find a mood direction, steer with it, bake it into a quantised
# GGUF and into a Hugging Face folder, and prove both from disk. Runs `.build/release/rtedit` (`make demo` builds it), or the
# program of the archive that it lies in. RTEDIT_DEMO is the folder for what it makes.
#
# Without a network it runs on the small model in samples/tiny/ instead, and says so.
set -euo pipefail
cd "$(dirname "$0")/.."

rtedit=.build/release/rtedit
[[ -x $rtedit ]] || rtedit=../../bin/rtedit
work=${RTEDIT_DEMO:-.rtedit-demo}
out=$work/out
mkdir -p "$work"
rm -rf "$out" && mkdir -p "$out"
start=$SECONDS

say() { printf '\n== %s\n' "$*"; }
run() {
    printf '$ rtedit %s\n' "$*"
    "$rtedit" "$@"
}
# The margin in the JSON that `eval` prints: the first, of all probes; those of the categories follow.
margin() { "$rtedit" eval "$model" --probe "$probe" --json "$@" | grep -o '"margin":[-0-9.e]*' | sed -n '1s/.*://p' | xargs printf '%.2f'; }
# The logits' line of a verification.
logits() { sed -n 's/^logits: //p' "$1"; }

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
    blocks=3 up=2.5 down=-2.5
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
plain=$(margin)
lifted=$(margin --vector "$cheerful")
lowered=$(margin --vector "$miserable")
echo "miserable $lowered   plain $plain   cheerful $lifted"

say "bake it in: a GGUF that stays quantised, and a Hugging Face folder"
run bake "$model" "$out/miserable.gguf" --vector "$miserable"
run bake "$model" "$out/miserable" --vector "$miserable"
baked=$(model=$out/miserable.gguf margin)

say "prove both from disk"
run verify "$model" "$out/miserable.gguf" --vector "$miserable" | tee "$out/gguf.log"
run verify "$model" "$out/miserable" --vector "$miserable" | tee "$out/folder.log"

say "the proof can fail: the unedited model does not pass"
if "$rtedit" verify "$model" "$model" --vector "$miserable" >"$out/unedited.log"; then
    echo "demo: verify passed an unedited model" >&2
    exit 1
fi
tail -n 1 "$out/unedited.log"

say "summary"
cat <<END
model                        $name
extraction                   64 pairs, $extraction_time
probe (log-odds)             miserable $lowered | plain $plain | cheerful $lifted
probe of the baked file      $baked
baked GGUF, logits           equal: $(logits "$out/gguf.log")
baked folder, logits         equal: $(logits "$out/folder.log")
unedited model               not equal, as it must be
outputs                      $out
time                         $((SECONDS - start)) s
END
