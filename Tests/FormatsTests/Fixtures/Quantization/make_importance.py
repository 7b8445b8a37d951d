"""Blocks that ggml makes of f32 rows, with and without importances.

Made with numpy 1.26.4 and ggml 0.25.3 (llama.cpp at commit 0c1e570), of rows.f32 (see make_quantization.py):
python make_importance.py libggml-base.so  (writes beside itself, the same bytes each time)

rows.TYPE      rows.f32 by ggml's quantize_TYPE without importances, of the types that make_quantization.py does not encode
importance.f32 4 rows of 256 importances; row n of rows.f32 has row n % 4
weighted.TYPE  the 16 rows of rows.f32 by quantize_TYPE with importances
narrow.TYPE    the first 96 columns of these rows, with the first 96 importances: no whole number of 256
"""

import ctypes
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
RANDOM = np.random.default_rng(20261128)
LIBRARY = ctypes.CDLL(sys.argv[1])
# Elements and bytes of a block.
SIZES = {
    "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34), "Q2_K": (256, 84),
    "Q3_K": (256, 110), "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210), "IQ4_NL": (32, 18),
    "IQ4_XS": (256, 136), "TQ1_0": (256, 54), "TQ2_0": (256, 66), "MXFP4": (32, 17), "NVFP4": (64, 36),
    "Q1_0": (128, 18), "Q2_0": (64, 18),
}
NEW = ["IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4", "NVFP4", "Q1_0", "Q2_0"]


def encoded(name, row, importance):
    elements, size = SIZES[name]
    row = np.ascontiguousarray(row)
    blocks = np.zeros(row.size // elements * size, np.uint8)
    encode = LIBRARY["quantize_" + name.lower().replace("_k", "_K")]
    encode.restype = ctypes.c_size_t
    weights = None if importance is None else ctypes.c_void_p(np.ascontiguousarray(importance).ctypes.data)
    used = encode(
        ctypes.c_void_p(row.ctypes.data), ctypes.c_void_p(blocks.ctypes.data), ctypes.c_int64(1),
        ctypes.c_int64(row.size), weights)
    assert used == blocks.size
    return blocks.tobytes()


def write(kind, name, pairs):
    (HERE / ("%s.%s" % (kind, name.lower()))).write_bytes(b"".join(encoded(name, *pair) for pair in pairs))


rows = np.fromfile(HERE / "rows.f32", np.float32).reshape(16, 256)
spread = np.exp2(RANDOM.uniform(-10, 0, (4, 256)))
spread[1, RANDOM.random(256) < 0.3] = 0
spread[2] = 0
spread[3] *= np.repeat(RANDOM.random(16) < 0.5, 16)
importances = spread.astype(np.float32)
(HERE / "importance.f32").write_bytes(importances.tobytes())
for name in NEW:
    write("rows", name, [(row, None) for row in rows])
for name in SIZES:
    write("weighted", name, [(row, importances[index % 4]) for index, row in enumerate(rows)])
for name in ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL"]:
    write("narrow", name, [(row[:96], importances[index % 4][:96]) for index, row in enumerate(rows)])
