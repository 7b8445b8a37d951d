#!/usr/bin/env bash
# ggml, as of the llama.cpp inside llama-cpp-python 0.3.36, loses what follows a group of zeros in IQ3_S: where 32 values in a
# row are zero in a block of 256 that is not, its quantiser goes on without leaving out the group's place, so that the indices
# and signs of later groups land where those of earlier ones are read.
#
# Seen: of a row of normal values whose third group of 32 is zero, what is read back is off by more than the values' own
# size; with 1e-6 in place of the zeros, by less than a fifth of it. Rows with such groups are found in pruned and padded models.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install -q 'numpy==1.26.4' 'cmake==3.31.6' 'ninja==1.11.1.4' 'scikit-build-core==0.11.6' flit-core
(cd "$folder" && PATH="$folder/venv/bin:$PATH" "$pip" download -q --no-deps --no-build-isolation --no-binary llama-cpp-python 'llama-cpp-python==0.3.36')
tar -C "$folder" -xzf "$folder"/llama_cpp_python-0.3.36.tar.gz
source="$folder/llama_cpp_python-0.3.36/vendor/llama.cpp"
rm -rf "$source/.git"
export PATH="$folder/venv/bin:$PATH"
cmake -S "$source" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF \
    -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
cmake --build "$folder/build" --target ggml-base >>"$folder/log" 2>&1 || { tail -20 "$folder/log"; exit 1; }
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import ctypes
import pathlib
import sys

import numpy

library = ctypes.CDLL(str(next(pathlib.Path(sys.argv[1], "build").rglob("libggml-base.so"))))
IQ3_S = 21
library.ggml_quantize_init(IQ3_S)


def error(row):
    blocks, read = numpy.zeros(110, numpy.uint8), numpy.zeros(256, numpy.float32)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (row, blocks, read)]
    library.quantize_iq3_s(pointers[0], pointers[1], ctypes.c_int64(1), ctypes.c_int64(256), None)
    library.dequantize_row_iq3_s(pointers[1], pointers[2], ctypes.c_int64(256))
    return float(((read - row) ** 2).sum() / (row ** 2).sum()) ** 0.5


row = numpy.random.default_rng(0).normal(0, 1, 256).astype(numpy.float32)
row[64:96] = 0
zeros = error(row)
row[64:96] = 1e-6
tiny = error(row)
print(f"IQ3_S of ggml: off by {zeros:.2f} of the values' size with 32 zeros, by {tiny:.2f} with 1e-6 in their place")
assert zeros > 1, "groups of zeros are no longer misplaced"
assert tiny < 0.3, "IQ3_S rounds worse than it did"
PYTHON
