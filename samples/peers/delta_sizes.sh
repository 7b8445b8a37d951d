#!/usr/bin/env bash
# Sizes and times of patches beside other tools, same files, same run:
#
#     delta_sizes.sh BASE TARGET [PYTHON]
#
# BASE and TARGET are files of one size and layout. Others: zstd -3 and -19 of the target, zstd --patch-from, zstd -3 and
# -19 of the exclusive or, and, where PYTHON has zipnn and numpy, ZipNN on the exclusive or. Every result is applied and
# compared. Two threads for rtedit and ZipNN, one for zstd. Set SKIP_19=1 to leave out the slow levels.
set -euo pipefail
base=$1 target=$2 python=${3:-python3}
rtedit=${RTEDIT:-.build/release/rtedit}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
size=$(stat -c %s "$target")

# row NAME FILE SECONDS [SECONDS]: a line of the table.
row() {
    local bytes
    bytes=$(stat -c %s "$2")
    awk -v name="$1" -v bytes="$bytes" -v size="$size" -v make="$3" -v undo="${4:-}" 'BEGIN {
        printf "| %-24s | %12d | %6.2f %% | %7.2f s | %s |\n", name, bytes, 100 * bytes / size, make, undo == "" ? "" : undo " s" }'
}

# seconds COMMAND…: runs it and prints how long it took.
seconds() {
    local start end
    start=$(date +%s.%N)
    "$@" >/dev/null 2>"$work/errors" || { cat "$work/errors" >&2; return 1; }
    end=$(date +%s.%N)
    awk -v a="$start" -v b="$end" 'BEGIN { printf "%.2f", b - a }'
}

cat "$base" "$target" >/dev/null
echo "| tool | bytes | of target | make | undo |"
echo "|---|---|---|---|---|"

make=$(seconds "$rtedit" delta create "$base" "$target" "$work/p.rtdelta" --threads 2)
undo=$(seconds "$rtedit" delta apply "$base" "$work/p.rtdelta" "$work/result" --threads 2)
cmp "$work/result" "$target"
rm "$work/result"
row "rtedit delta, 2 threads" "$work/p.rtdelta" "$make" "$undo"
make=$(seconds "$rtedit" delta create "$base" "$target" "$work/q.rtdelta" --threads 1)
cmp "$work/p.rtdelta" "$work/q.rtdelta"
undo=$(seconds "$rtedit" delta apply "$base" "$work/p.rtdelta" "$work/result" --threads 1)
rm "$work/result"
row "rtedit delta, 1 thread" "$work/q.rtdelta" "$make" "$undo"

levels=(3)
[[ ${SKIP_19:-} == 1 ]] || levels+=(19)
for level in "${levels[@]}"; do
    row "zstd -$level" "$work/z" "$(seconds zstd -q -f "-$level" "$target" -o "$work/z")" "$(seconds zstd -q -f -d "$work/z" -o "$work/r")"
done
make=$(seconds zstd -q -f -3 --long=31 --patch-from="$base" "$target" -o "$work/z")
undo=$(seconds zstd -q -f -d --long=31 --patch-from="$base" "$work/z" -o "$work/r")
row "zstd -3 --patch-from" "$work/z" "$make" "$undo"

if [[ $(stat -c %s "$base") == "$size" ]] && "$python" -c 'import numpy' 2>/dev/null; then
    "$python" - "$base" "$target" "$work/xor" <<'PY'
import sys
import numpy
a, b = (numpy.fromfile(path, numpy.uint8) for path in sys.argv[1:3])
(a ^ b).tofile(sys.argv[3])
PY
    for level in "${levels[@]}"; do
        row "xor, zstd -$level" "$work/z" "$(seconds zstd -q -f "-$level" "$work/xor" -o "$work/z")" "$(seconds zstd -q -f -d "$work/z" -o "$work/r")"
    done
    if "$python" -c 'import zipnn' 2>/dev/null; then
        "$python" - "$work/xor" "$work/z" >"$work/time" <<'PY'
import sys
import time
import zipnn
data = open(sys.argv[1], "rb").read()
coder = zipnn.ZipNN(bytearray_dtype="bfloat16", threads=2)
start = time.time()
packed = coder.compress(bytes(bytearray(data)))  # it changes what it is given
made = time.time()
assert bytes(zipnn.ZipNN(bytearray_dtype="bfloat16", threads=2).decompress(packed)) == data
end = time.time()
open(sys.argv[2], "wb").write(packed)
print(f"{made - start:.2f} {end - made:.2f}")
PY
        read -r make undo <"$work/time"
        row "xor, ZipNN (bf16)" "$work/z" "$make" "$undo"
    fi
fi
