"""Encoded blocks and what they widen to; f32 values and what they are encoded to.

Made with gguf 0.19.0, numpy 1.26.4, torch 2.13.0 and ggml 0.25.3 (llama.cpp at commit 0c1e570):
python make_quantization.py libggml-base.so  (writes beside itself, the same bytes each time)

TYPE.bin  encoded elements: random bytes, with scales that are zero, subnormal, largest, infinite and NaN among them
TYPE.f32  the same elements as f32, by gguf.quants.dequantize, ggml's dequantize_row_TYPE, numpy or torch
encode.f32, encode.f16, encode.bf16, encode.f64  values and their encodings, by numpy and gguf.quants.quantize
rows.f32, rows.TYPE  16 rows of 256 values and their blocks, by ggml's quantize_row_TYPE_ref
codebook.f32, codebook.TYPE  256 importances, and the same rows' blocks with them, by ggml's quantize_TYPE
"""

import ctypes
import pathlib
import sys

import gguf
import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
RANDOM = np.random.default_rng(20261122)
SCALES = np.array(
    [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3C00, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00], np.uint16)
# Where a block's half-precision scales lie.
SCALE_OFFSETS = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}


def write(name, array):
    (HERE / name).write_bytes(np.ascontiguousarray(array).tobytes())


def quantised(name, scale_offsets):
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = RANDOM.integers(0, 256, (36 if elements == 32 else 18, size), np.uint8)
    for offset in scale_offsets:
        # Ordinary scales, small enough not to overflow, then the special ones in one third of the blocks.
        scales = RANDOM.normal(0, 0.05, len(blocks)).astype(np.float16).view(np.uint16)
        special = RANDOM.permutation(len(blocks))[: len(blocks) // 3]
        scales[special] = RANDOM.permutation(SCALES)[: len(special)]
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(-1, 2)
    write(name.lower() + ".bin", blocks)
    with np.errstate(all="ignore"):
        write(name.lower() + ".f32", gguf.quants.dequantize(blocks, kind))


def plain(name, values):
    write(name + ".bin", values)
    with np.errstate(all="ignore"):
        write(name + ".f32", values.astype(np.float32))


def bits(kind, count):
    return RANDOM.integers(0, np.iinfo(kind).max, count, kind, endpoint=True)


def encodings():
    special = np.array(
        [0, 1, 0x7FFFFF, 0x800000, 0x3F800000, 0x33000000, 0x33000001, 0x33800000, 0x387FC000, 0x387FE000,
         0x38800000, 0x477FE000, 0x477FEFFF, 0x477FF000, 0x47800000, 0x7F7F7FFF, 0x7F7F8000, 0x7F7FFFFF,
         0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF, 0x3F808000, 0x3F818000, 0x3F801000, 0x3F803000], np.uint32)
    halves = RANDOM.normal(0, 1, 400).astype(np.float32) * np.exp2(RANDOM.integers(-26, 18, 400)).astype(np.float32)
    values = np.concatenate([special, special | 0x80000000, halves.view(np.uint32), bits(np.uint32, 600)])
    values = values.astype(np.uint32).view(np.float32)
    write("encode.f32", values)
    with np.errstate(all="ignore"):
        write("encode.f16", values.astype(np.float16))
        write("encode.f64", values.astype(np.float64))
    write("encode.bf16", gguf.quants.quantize(values, gguf.GGMLQuantizationType.BF16))


for name, scale_offsets in SCALE_OFFSETS.items():
    quantised(name, scale_offsets)
plain("f64", np.concatenate([bits(np.uint64, 150).view(np.float64), RANDOM.normal(0, 1, 101)]))
plain("f16", bits(np.uint16, 251).view(np.float16))
for kind in [np.uint8, np.uint16, np.uint32, np.uint64]:
    plain("u%d" % (8 * np.dtype(kind).itemsize), bits(kind, 251))
plain("i8", bits(np.uint8, 251).view(np.int8))
plain("i16", bits(np.uint16, 251).view(np.int16))
plain("i32", bits(np.uint32, 251).view(np.int32))
plain("i64", bits(np.uint64, 251).view(np.int64))
bf16 = bits(np.uint16, 250)
write("bf16.bin", bf16)
write("bf16.f32", gguf.quants.dequantize(bf16.view(np.uint8).reshape(1, -1), gguf.GGMLQuantizationType.BF16))
for name, kind in [("f8_e4m3", torch.float8_e4m3fn), ("f8_e5m2", torch.float8_e5m2)]:
    every = torch.arange(256, dtype=torch.uint8)
    write(name + ".bin", every.numpy())
    write(name + ".f32", every.view(kind).to(torch.float32).numpy())
encodings()


def rows():
    normal = RANDOM.normal(0, 1, (16, 256))
    groups = np.exp2(RANDOM.integers(-6, 2, (16, 16, 1))) * normal.reshape(16, 16, 16)
    values = np.concatenate([
        normal[:4] * 0.05, normal[4:6] * np.exp2(RANDOM.integers(-20, 8, (2, 256))), groups[6:8].reshape(2, 256),
        np.abs(normal[8:9]), -np.abs(normal[9:10]), np.zeros((1, 256)), np.full((1, 256), -0.7),
        RANDOM.integers(-3, 4, (1, 256)) * 0.25, normal[13:14] * 1e-17, normal[14:15] * 3e-8,
        np.where(np.repeat(RANDOM.random(16) < 0.5, 16), 0, normal[15:16]),
    ]).astype(np.float32)
    write("rows.f32", values)
    library = ctypes.CDLL(sys.argv[1])
    for name in SCALE_OFFSETS:
        elements, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
        blocks = np.zeros(values.size // elements * size, np.uint8)
        encode = library["quantize_row_%s_ref" % name.lower().replace("_k", "_K")]
        encode(ctypes.c_void_p(values.ctypes.data), ctypes.c_void_p(blocks.ctypes.data), ctypes.c_int64(values.size))
        write("rows." + name.lower(), blocks)


rows()


def place_halves(offset):
    def place(blocks, scales):
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(-1, 2)

    return place


def place_in_nibbles(blocks, scales):
    """IQ1_M: four bits of the scale above the twelve of each of the last four words, the lowest first."""
    words = blocks[:, 48:56].copy().view(np.uint16)
    for index in range(4):
        words[:, index] = words[:, index] & 0x0FFF | (scales >> 4 * index & 15) << 12
    blocks[:, 48:56] = words.view(np.uint8)


def place_floats(blocks, scales):
    blocks[:, :4] = scales.view(np.float16).astype(np.float32).view(np.uint8).reshape(-1, 4)


def place_bytes(count, ordinary, special):
    """Scales of a byte each, half of them special ones."""

    def place(blocks, _):
        scales = RANDOM.integers(*ordinary, (len(blocks), count), np.uint8)
        places = RANDOM.random(scales.shape) < 0.5
        scales[places] = RANDOM.choice(np.array(special, np.uint8), scales.shape)[places]
        blocks[:, :count] = scales

    return place


def size_of(name):
    """Elements and bytes of a block; gguf 0.19.0 has no Q2_0, and the sizes of an older Q8_1."""
    own = {"Q2_0": (64, 18), "Q8_1": (32, 36)}
    return own.get(name) or gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]


def widened(name, blocks):
    """By ggml, which has every type but Q8_1; where gguf-py has the type too, they agree."""
    if name == "Q8_1":
        return blocks[:, :2].copy().view(np.float16).astype(np.float32) * blocks[:, 4:].view(np.int8)
    values = np.zeros((len(blocks), size_of(name)[0]), np.float32)
    decode = ctypes.CDLL(sys.argv[1])["dequantize_row_" + name.lower().replace("_k", "_K")]
    decode(ctypes.c_void_p(blocks.ctypes.data), ctypes.c_void_p(values.ctypes.data), ctypes.c_int64(values.size))
    # gguf-py lets NVFP4's scales have a sign.
    if name not in ["Q8_K", "NVFP4", "Q1_0", "Q2_0"]:
        theirs = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType[name])
        assert np.array_equal(theirs, values, equal_nan=True)
    return values


def quantised_by_ggml(name, place_scales):
    elements, size = size_of(name)
    blocks = RANDOM.integers(0, 256, (24 if elements < 256 else 12, size), np.uint8)
    scales = RANDOM.normal(0, 0.05, len(blocks)).astype(np.float16).view(np.uint16)
    special = RANDOM.permutation(len(blocks))[: len(blocks) // 2]
    scales[special] = RANDOM.permutation(SCALES)[: len(special)]
    place_scales(blocks, scales)
    write(name.lower() + ".bin", blocks)
    with np.errstate(all="ignore"):
        write(name.lower() + ".f32", widened(name, blocks))


for name in ["IQ4_NL", "IQ4_XS", "Q1_0", "Q2_0", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S", "Q8_1"]:
    quantised_by_ggml(name, place_halves(0))
quantised_by_ggml("TQ1_0", place_halves(52))
quantised_by_ggml("TQ2_0", place_halves(64))
quantised_by_ggml("IQ1_M", place_in_nibbles)
quantised_by_ggml("Q8_K", place_floats)
quantised_by_ggml("MXFP4", place_bytes(1, (110, 130), [0, 1, 2, 3, 250, 253, 255]))
quantised_by_ggml("NVFP4", place_bytes(4, (1, 127), [0, 1, 7, 8, 0x7E, 0x7F, 0x80, 0x81, 0xFF]))
# A type that is added is a call of quantised_by_ggml() here, after all others: the bytes above stay the same.


def codebook_rows():
    library = ctypes.CDLL(sys.argv[1])
    values = np.fromfile(HERE / "rows.f32", np.float32)
    importance = np.exp2(RANDOM.uniform(-10, 0, 256)).astype(np.float32)
    importance[RANDOM.random(256) < 0.1] = 0
    write("codebook.f32", importance)
    for name in ["IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S", "IQ1_M"]:
        kind = gguf.GGMLQuantizationType[name]
        library["ggml_quantize_init"](ctypes.c_int(kind.value))
        blocks = np.zeros((16, size_of(name)[1]), np.uint8)
        encode = library["quantize_" + name.lower()]
        encode.restype = ctypes.c_size_t

        def encoded(weights):
            encode(
                ctypes.c_void_p(values.ctypes.data), ctypes.c_void_p(blocks.ctypes.data), ctypes.c_int64(16),
                ctypes.c_int64(256), weights)
            return blocks

        write("codebook." + name.lower(), encoded(ctypes.c_void_p(importance.ctypes.data)))
        if name in ["IQ2_S", "IQ3_XXS", "IQ3_S"]:
            write("rows." + name.lower(), encoded(None))


codebook_rows()
