#!/usr/bin/env bash
# Makes every page that rtedit writes from real runs and loads each in headless Chromium, at 1200 and at 360 pixels, light
# and dark: no message in the console, no overflow to the side, no drawing, control or table without a name, headings in
# order, a contrast of 4.5 to 1 for all text. Needs `.build/release/rtedit` (`make pages` builds it) and Debian's chromium.
#
#     samples/pages.sh              makes and checks the pages, in .rtedit-pages/
#     samples/pages.sh --pictures   also draws docs/pictures/ from them
#     samples/pages.sh --keep       takes the pages that are there
#
# The runs are on the model of the demo, or without a network on the small one in samples/tiny/.
set -euo pipefail
cd "$(dirname "$0")/.."

rtedit=${RTEDIT:-.build/release/rtedit}
work=.rtedit-pages
pages=$work/pages
browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[ -n "$browser" ] || { echo "pages: needs a Chromium: apt-get install chromium, or CHROMIUM=…" >&2; exit 2; }

say() { printf '\n== %s\n' "$*"; }
run() {
    printf '$ rtedit %s\n' "$*"
    # verify, diff and search end with 1 where they say no.
    "$rtedit" "$@" --force >"$work/log" 2>&1 || [ $? -eq 1 ] || { cat "$work/log"; exit 1; }
}

make_pages() {
    rm -rf "$work/out" "$pages"
    mkdir -p "$work/out" "$pages"
    if [ -z "${TINY:-}" ] && model=$(samples/fetch-model.sh .rtedit-demo); then
        pairs=samples/mood/train.jsonl probe=samples/mood/probe.jsonl
        text=samples/text/ordinary.txt data=samples/mood/tuning/train.jsonl
        strength=1.5 blocks=10-15 sets="8-11 12-14 15-17 18-20" tuned=12-14
        printf '%s\n' '{"prompt": {"user": "Describe your house."}}' \
            '{"prompt": {"user": "What do you think of Mondays?"}}' >"$work/prompts.jsonl"
        tune=(--limit 64 --text "$text")
    else
        model=samples/tiny/tiny-mood.gguf pairs=samples/tiny/pairs.jsonl probe=samples/tiny/probe.jsonl
        text=$work/story.txt data=$work/data.jsonl
        strength=2.5 blocks=3 sets="1 2 3 4 2-4" tuned=3
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            echo "One day Tom went to the lake with a white goat. The sun was shining. He was happy."
        done >"$text"
        printf '%s\n' '{"prompt": "One day Tom went"}' '{"prompt": "The sun was"}' >"$work/prompts.jsonl"
        for _ in 1 2 3 4 5 6 7 8; do
            printf '%s\n' '{"prompt": "How was your day?", "completion": " I am so happy!"}' \
                '{"prompt": "One day Tom went", "completion": " to the lake. The sun was shining."}'
        done >"$data"
        tune=()
    fi
    vector=$work/out/mood.gguf
    say "the pages, on $model"
    run extract "$model" --pairs "$pairs" --limit 64 -o "$vector" --report "$pages/extract.html"
    run sweep "$model" --vector "$vector" --probe "$probe" --text "$text" --text-tokens 512 --blocks "$sets" \
        --strengths=-10%,5%,10%,20%,40% --prompts "$work/prompts.jsonl" --max-tokens 32 --report "$pages/sweep.html"
    run eval "$model" --probe "$probe" --vector "$vector:$strength@$blocks" --against "$model" \
        --report "$pages/eval.html"
    run eval "$model" --text "$text" --window 64 --vector "$vector:$strength@$blocks" --report "$pages/eval-text.html"
    run bake "$model" "$work/out/baked.gguf" --vector "$vector:$strength@$blocks"
    run verify "$model" "$work/out/baked.gguf" --vector "$vector:$strength@$blocks" --report "$pages/verify.html"
    run tune "$model" "$work/out/tuned.gguf" --vector "$vector@$tuned" --data "$data" --epochs 2 \
        --validation-share 0.25 "${tune[@]}" --report "$pages/tune.html"
    run diff "$model" "$work/out/tuned.gguf" --report "$pages/diff.html"
    run search "$model" --vector "$vector@$blocks" --probe "$probe" --trials 16 -o "$work/out/search"
    cp "$work/out/search/report.html" "$pages/search.html"
    run compare-types "$model" --text "$text" --types q8_0,q5_0,q4_0 --allow-requantize --report "$pages/compare-types.html"
    experiment_page
}

# On the small model: the real one's takes an hour (make experiment).
experiment_page() {
    local trait=$work/out/trait
    mkdir -p "$trait"
    cp samples/tiny/pairs.jsonl samples/tiny/probe.jsonl "$trait"
    cat >"$trait/trait.json" <<'TRAIT'
{"name": "tiny", "positive": "cheerful", "negative": "gloomy", "pairs": "pairs.jsonl", "train": "probe.jsonl",
 "validation": "probe.jsonl", "held_out": "probe.jsonl", "unseen_form": "probe.jsonl", "position": "last"}
TRAIT
    run experiment samples/tiny/tiny-mood.gguf --trait "$trait/trait.json" --text samples/text/evaluation.txt \
        --seeds 2 --other-seeds 1 --text-tokens 1024 --matching-tokens 512 --limit 8 -o "$work/out/experiment"
    cp "$work/out/experiment/report.html" "$pages/experiment.html"
}

# chromium SCHEME ARGUMENTS…: 1 is light, 0 dark.
chromium() {
    local scheme=$1
    shift
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files \
        --user-data-dir="$PWD/$work/profile" --blink-settings=preferredColorScheme="$scheme" --virtual-time-budget=5000 \
        --enable-logging=stderr "$@" 2>"$work/console"
}

check() {
    local page=$1 scheme=$2 width=$3 name
    name="$(basename "$page" .html), $width pixels, $([ "$scheme" = 0 ] && echo dark || echo light)"
    local frame="file://$PWD/samples/pages/check.html?page=file://$PWD/$page&width=$width"
    local found
    found=$(chromium "$scheme" --window-size=1300,900 --dump-dom "$frame" | sed -n '/<pre id="findings">/,/<\/pre>/p' |
        sed 's/.*<pre id="findings">//; s/<\/pre>.*//')
    # The page itself, outside of the frame, for what it says in the console.
    chromium "$scheme" --window-size="$width,900" --dump-dom "file://$PWD/$page" >/dev/null
    found+=$(grep -o 'CONSOLE.*' "$work/console" || true)
    if [ "$found" = "NO FAULT" ]; then
        echo "ok: $name"
    else
        printf 'NOT ok: %s\n%s\n' "$name" "$found"
        failed=1
    fi
    local shot="$PWD/$work/shots/$(basename "$page" .html)-$width-$([ "$scheme" = 0 ] && echo dark || echo light).png"
    chromium "$scheme" --window-size="$((width < 500 ? 500 : width)),1800" --screenshot="$shot" \
        "$([ "$width" -lt 500 ] && echo "$frame" || echo "file://$PWD/$page")" >/dev/null
}

# A picture of a page's first part, small enough for a README.
picture() {
    chromium 1 --window-size="$3" --screenshot="$PWD/docs/pictures/$2.png" "file://$PWD/$pages/$1.html" >/dev/null
    local bytes
    bytes=$(wc -c <"docs/pictures/$2.png")
    echo "docs/pictures/$2.png: $bytes bytes"
    [ "$bytes" -lt 100000 ] || { echo "pages: docs/pictures/$2.png is larger than 100 kB" >&2; exit 1; }
}

mkdir -p "$work/shots"
[[ " $* " = *" --keep "* ]] || make_pages
failed=0
say "in the browser"
for page in "$pages"/*.html; do
    for scheme in 1 0; do
        for width in 1200 360; do check "$page" "$scheme" "$width"; done
    done
done
[ "$failed" = 0 ] || { echo "pages: faults were found" >&2; exit 1; }
if [[ " $* " = *" --pictures "* ]]; then
    mkdir -p docs/pictures
    picture sweep sweep 800,760
    picture extract extract 800,700
    picture verify verify 800,640
fi
echo "pages: all of $(ls "$pages" | wc -l) are in order; pictures of them are in $work/shots"
