#!/usr/bin/env bash
# Stops rtedit while it puts an output of several files in place, at every rename and at random moments, fails every
# rename and flush once and for good, and lets two runs write one output at once. After each: the old set whole, or the
# new set whole, or a set without the file that opens it, which the next run mends; and no temporary is left.
#
#     RTEDIT=.build/release/rtedit Tests/deep/files.sh        about five minutes; needs strace
set -u
R=$(realpath "${RTEDIT:-.build/release/rtedit}")
root=$(cd "$(dirname "$0")/../.." && pwd)
tiny=$root/samples/tiny/tiny-mood.gguf
kills=${KILLS:-300} pairs=${PAIRS:-40}
command -v strace >/dev/null || { echo "files.sh: strace is missing" >&2; exit 77; }
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
cd "$w" || exit 1
export SWIFT_BACKTRACE=enable=no
failures=0 old=0 new=0 shut=0
fail() { echo "WRONG: $*"; failures=$((failures + 1)); }

# Three models of the same layout whose every shard differs.
cp "$tiny" a.gguf
size=$(stat -c %s a.gguf)
for n in 1 2; do
    { head -c $((size - 2400000)) a.gguf; tail -c 2400000 a.gguf | tr '\000-\376' "\\00$n-\\377"; } >"$n.gguf"
done
mkdir split folder patch
"$R" convert a.gguf m.gguf --shard-size 600kB -q >/dev/null && mv m-* split/
"$R" convert a.gguf d --shard-size 600kB -q >/dev/null && cp d/* folder/
printf 'old template' >folder/chat_template.jinja
printf 'old words' >folder/tokenizer.model
cp split/* patch/
for n in 1 2; do
    mkdir "split$n" "folder$n" "patch$n"
    "$R" convert $n.gguf m.gguf --shard-size 600kB -q >/dev/null && mv m-* "split$n/"
    "$R" convert $n.gguf "folder$n" --shard-size 600kB -q >/dev/null
    cp split$n/* patch$n/
    "$R" delta create split/m-00001-of-*.gguf "split$n"/m-00001-of-*.gguf "$n.rtdelta" -q >/dev/null
done
mkdir base && cp split/* base/

# What a run writes, and into which folder.
run() { # KIND MODEL
    case $1 in
    split) set -- convert "$w/$2.gguf" out/m.gguf --shard-size 600kB ;;
    folder) set -- convert "$w/$2.gguf" out --shard-size 600kB ;;
    patch) set -- delta apply "$(echo "$w"/base/m-00001-of-*.gguf)" "$w/$2.rtdelta" out ;;
    esac
    exec "$R" "$@" --force -q
}
traced() { # INJECTION KIND
    # The shell would tell of every kill.
    { strace -f -qq -o strace.txt -e trace="${1%%:*}" -e inject="$1" bash "$w/run.sh" "$2" 1 \
        >out.txt 2>&1; } 2>/dev/null
}
{ echo "R='$R'; w='$w'"; declare -f run; echo 'run "$@"'; } >run.sh
reset() { rm -rf out; cp -r "$1" out; }
is() { diff -rq "$1" out >/dev/null 2>&1; }
opener() { case $1 in folder) ls out/config.json ;; *) ls out/m-00001-of-*.gguf ;; esac >/dev/null 2>&1; }
path() { case $1 in folder) echo out ;; *) ls out/m-0000[1-9]-of-*.gguf out/.*.tmp/*/m-* 2>/dev/null |
    sed 's|.*/|out/|' | sort | head -1 ;; esac; }

# Whether a call came as often as that.
came() { [ "$(grep -c " $1(" strace.txt)" -ge "$2" ]; }

# Looks at what a run has left, and at what the next one makes of it.
judge() { # KIND WHAT
    local visible
    visible=$(find out -name '.*.tmp' -prune -o -type f -print | sort | xargs md5sum | sed 's| out/| |')
    if [ "$visible" = "$(cat "$1.sum")" ]; then old=$((old + 1))
    elif [ "$visible" = "$(cat "${1}1.sum")" ]; then new=$((new + 1))
    elif opener "$1"; then fail "$2: neither the old set nor the new one, and it opens"
    else shut=$((shut + 1)); fi
    if [ $((RANDOM % 2)) = 0 ]; then
        # Reading mends as well.
        "$R" inspect "$(path "$1")" >/dev/null 2>inspect.txt || fail "$2: $(head -1 inspect.txt)"
        visible=$(find out -name '.*.tmp' -prune -o -type f -print | sort | xargs md5sum | sed 's| out/| |')
        [ "$visible" = "$(cat "$1.sum")" ] || [ "$visible" = "$(cat "${1}1.sum")" ] ||
            fail "$2: not whole after the next run has read it"
    fi
    bash run.sh "$1" 2 >again.txt 2>&1 || fail "$2: the next run: $(head -1 again.txt)"
    is "${1}2" || fail "$2: the next run's output is not whole: $(diff -rq "${1}2" out | head -2)"
}
for kind in split folder patch; do
    for n in "" 1 2; do
        (cd "$kind$n" && find . -type f | sort | xargs md5sum | sed 's| \./| |') >"$kind$n.sum"
    done
done

echo "stopped at every rename:"
count=0
for kind in split folder patch; do
    for signal in KILL TERM INT; do
        for when in $(seq 60); do
            reset $kind
            traced "rename:signal=SIG$signal:when=$when" $kind
            code=$?
            came rename "$when" || break
            count=$((count + 1))
            # A run whose last rename it was may be done before it is told.
            [ $signal = KILL ] || [ $code = 130 ] || { [ $code = 0 ] && is ${kind}1; } || fail "$kind: SIG$signal gives exit code $code"
            judge $kind "$kind, SIG$signal at rename $when"
        done
    done
done
echo "  $count stops: $old old, $new new, $shut that do not open, $failures wrong"

echo "stopped at random:"
while [ $count -lt "$kills" ]; do
    for kind in split folder patch; do
        for signal in KILL TERM INT; do
            reset $kind
            bash run.sh $kind 1 >out.txt 2>&1 &
            process=$!
            sleep "0.$(printf %03d $((RANDOM % 400)))"
            kill -$signal $process 2>/dev/null
            wait $process 2>/dev/null
            count=$((count + 1))
            judge $kind "$kind, SIG$signal at random"
        done
    done
done
echo "  $count stops in all: $old old, $new new, $shut that do not open, $failures wrong"

echo "failing calls:"
errors=0
for kind in split folder patch; do
    for call in rename fsync mkdir; do
        for form in "" +; do
            for when in $(seq 60); do
                reset $kind
                traced "$call:error=EIO:when=$when$form" $kind
                code=$?
                came "$call" "$when" || break
                errors=$((errors + 1))
                [ $code = 5 ] || fail "$kind: $call $when$form fails, exit code $code: $(head -1 out.txt)"
                [ -n "$form" ] || is $kind || [ "$call" = fsync ] ||
                    fail "$kind: $call $when fails, and the old set is not whole: $(diff -rq $kind out | head -2)"
                judge $kind "$kind, $call $when$form fails"
            done
        done
    done
done
echo "  $errors failures, $failures wrong"

echo "two runs at once:"
for round in $(seq "$pairs"); do
    for kind in split folder patch; do
        reset $kind
        bash run.sh $kind 1 >one.txt 2>&1 &
        one=$!
        bash run.sh $kind 2 >two.txt 2>&1 &
        two=$!
        wait $one || fail "$kind, round $round: $(head -1 one.txt)"
        wait $two || fail "$kind, round $round: $(head -1 two.txt)"
        is ${kind}1 || is ${kind}2 || fail "$kind, round $round: a mix of two models"
    done
done
echo "  $pairs rounds of 3 outputs, $failures wrong"
[ $failures = 0 ]
