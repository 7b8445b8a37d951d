#!/usr/bin/env python3
"""Every quantised type and mix beside llama-quantize's: whole files, dequantised values, errors, and whether they run.

usage: quantize_types.py RTEDIT LLAMA_BIN MODEL_F16.gguf [FOLDER]
       LLAMA_BIN holds llama-quantize, llama-completion and libggml-base.so

Of two models, the one that is given and a random one with rows of 256 and outliers, each mix is written by both programs,
without an importance matrix where that can be and with one, and the files are compared. Prints one line a mix and model:
  dequantised   whether rtedit's f32 of the quantised file has the bits of ggml's own (dequantize_row_*)
  plain/matrix  "same" where the whole files are equal, else the share of equal blocks
  error         the ratio of the root mean square errors, rtedit's over llama-quantize's
  runs          whether llama.cpp generates from rtedit's file (of the model that is given)
Ends with 1 where something is not so. Needs gguf and numpy.
"""

import ctypes
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np

MIXES = """q1_0 q2_0 q4_0 q4_1 q5_0 q5_1 q8_0 q2_k q2_k_s q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m q6_k iq1_s iq1_m
iq2_xxs iq2_xs iq2_s iq2_m iq3_xxs iq3_xs iq3_s iq3_m iq4_nl iq4_xs tq1_0 tq2_0 mxfp4_moe""".split()
# llama-quantize has no mix of these types: all matrices are given one by one.
TYPES = ["mxfp4", "nvfp4"]
NEEDS_MATRIX = {"iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq2_m", "iq3_xxs", "iq3_xs", "q2_k_s"}
# id: ggml's name, elements and bytes of a block
BLOCKS = {0: ("f32", 1, 4), 1: ("f16", 1, 2), 2: ("q4_0", 32, 18), 3: ("q4_1", 32, 20), 6: ("q5_0", 32, 22),
          7: ("q5_1", 32, 24), 8: ("q8_0", 32, 34), 10: ("q2_K", 256, 84), 11: ("q3_K", 256, 110),
          12: ("q4_K", 256, 144), 13: ("q5_K", 256, 176), 14: ("q6_K", 256, 210), 16: ("iq2_xxs", 256, 66),
          17: ("iq2_xs", 256, 74), 18: ("iq3_xxs", 256, 98), 19: ("iq1_s", 256, 50), 20: ("iq4_nl", 32, 18),
          21: ("iq3_s", 256, 110), 22: ("iq2_s", 256, 82), 23: ("iq4_xs", 256, 136), 29: ("iq1_m", 256, 56),
          34: ("tq1_0", 256, 54), 35: ("tq2_0", 256, 66), 39: ("mxfp4", 32, 17), 40: ("nvfp4", 64, 36),
          41: ("q1_0", 128, 18), 42: ("q2_0", 64, 18)}
ROWS = 64  # of each tensor whose values are dequantised


def run(*call, **options):
    return subprocess.run([str(word) for word in call], capture_output=True, text=True, errors="replace", **options)


def random_model(path):
    """Three blocks with rows of 256: normal values, outliers, columns of other sizes, zeros."""
    random = np.random.default_rng(15)
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in [("block_count", 3), ("context_length", 64), ("embedding_length", 256),
                       ("feed_forward_length", 512), ("attention.head_count", 4), ("attention.head_count_kv", 4),
                       ("rope.dimension_count", 64), ("vocab_size", 96)]:
        writer.add_uint32("llama." + key, value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_tokenizer_model("none")

    def matrix(rows, columns):
        values = random.normal(0, 0.05, (rows, columns)) * np.exp2(random.integers(-3, 3, (1, columns)))
        values[random.random((rows, columns)) < 0.002] *= 60
        values[random.random(rows) < 0.02] = 0
        return values.astype(np.float32)

    shapes = [("token_embd.weight", 96, 256), ("output.weight", 96, 256)]
    for block in range(3):
        shapes += [(f"blk.{block}.{name}.weight", *shape) for name, shape in [
            ("attn_q", (256, 256)), ("attn_k", (256, 256)), ("attn_v", (256, 256)), ("attn_output", (256, 256)),
            ("ffn_gate", (512, 256)), ("ffn_up", (512, 256)), ("ffn_down", (256, 512))]]
    for name, rows, columns in shapes:
        writer.add_tensor(name, matrix(rows, columns))
    for name in ["output_norm.weight"] + [f"blk.{b}.{n}.weight" for b in range(3) for n in ("attn_norm", "ffn_norm")]:
        writer.add_tensor(name, np.ones(256, np.float32))
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()


def importance(path, model):
    """Mean squares that differ by factors of a thousand."""
    random = np.random.default_rng(16)
    writer = gguf.GGUFWriter(path, "imatrix")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["random"])
    writer.add_uint32("imatrix.chunk_count", 4)
    writer.add_uint32("imatrix.chunk_size", 512)
    for tensor in tensors(model):
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2:
            sums = np.exp(random.normal(0, 2, (1, tensor.shape[0]))) * 2048
            writer.add_tensor(tensor.name + ".in_sum2", sums.astype(np.float32))
            writer.add_tensor(tensor.name + ".counts", np.full((1, 1), 2048, np.float32))
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()


class Tensor:
    def __init__(self, name, shape, kind, data):
        self.name, self.shape, self.kind = name, shape, kind
        self.type_name, elements, size = BLOCKS[kind]
        self.block_bytes = size
        self.rows = data.reshape(-1, shape[0] // elements * size)


def tensors(path):
    """The tensors of a GGUF file, whose types gguf-py may not know yet."""
    data = np.memmap(path, np.uint8, "r")
    place = 8

    def number(kind):
        nonlocal place
        value = data[place:place + np.dtype(kind).itemsize].view(kind)[0]
        place += np.dtype(kind).itemsize
        return int(value)

    def text():
        nonlocal place
        length = number("<u8")
        place += length
        return bytes(data[place - length:place]).decode()

    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def skip(kind):
        nonlocal place
        if kind == 8:
            text()
        elif kind == 9:
            inner, count = number("<u4"), number("<u8")
            for _ in range(count if inner == 8 else 0):
                text()
            place += 0 if inner == 8 else sizes[inner] * count
        else:
            place += sizes[kind]

    count, keys = number("<u8"), number("<u8")
    for _ in range(keys):
        text()
        skip(number("<u4"))
    found = []
    for _ in range(count):
        name = text()
        shape = [number("<u8") for _ in range(number("<u4"))]
        found.append((name, shape, number("<u4"), number("<u8")))
    start = (place + 31) // 32 * 32
    result = []
    for name, shape, kind, offset in found:
        _, elements, size = BLOCKS[kind]
        length = int(np.prod(shape)) // elements * size
        result.append(Tensor(name, shape, kind, data[start + offset:start + offset + length]))
    return result


class Library:
    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))

    def widen(self, name, rows, columns):
        widen = self.library["dequantize_row_" + name]
        values = np.zeros((len(rows), columns), np.float32)
        rows = np.ascontiguousarray(rows)
        widen(ctypes.c_void_p(rows.ctypes.data), ctypes.c_void_p(values.ctypes.data), ctypes.c_int64(values.size))
        return values


def values(library, tensor, rows=ROWS):
    data = np.ascontiguousarray(tensor.rows[:rows])
    if tensor.type_name in ("f32", "f16"):
        return data.view(np.float32 if tensor.type_name == "f32" else np.float16).astype(np.float32)
    return library.widen(tensor.type_name, data, tensor.shape[0])


def compare(library, ours, theirs, source):
    """Whether two files are equal, the share of equal blocks, and the ratio of their errors against the source."""
    if pathlib.Path(ours).read_bytes() == pathlib.Path(theirs).read_bytes():
        return "same", 1.0
    sources = {t.name: t for t in tensors(source)}
    others = {t.name: t for t in tensors(theirs)}
    equal = blocks = 0
    errors = [0.0, 0.0]
    for tensor in tensors(ours):
        other = others[tensor.name]
        if tensor.kind != other.kind:
            return f"{tensor.name}: {tensor.type_name}, not {other.type_name}", 0.0
        own, its = (t.rows.reshape(-1, t.block_bytes) for t in (tensor, other))
        equal += int((own == its).all(axis=1).sum())
        blocks += len(own)
        wanted = values(library, sources[tensor.name])
        for index, file in enumerate((tensor, other)):
            errors[index] += float(((values(library, file) - wanted).astype(np.float64) ** 2).sum())
    share = "metadata" if equal == blocks else f"{equal / blocks:.5%}"
    return share, (errors[0] / errors[1]) ** 0.5 if errors[1] else 1.0


def dequantised(rtedit, library, path, folder):
    wide = f"{folder}/wide.gguf"
    done = run(rtedit, "convert", path, wide, "--type", "f32", "--force")
    if done.returncode:
        return done.stderr.strip()
    own = {t.name: t for t in tensors(wide)}
    for tensor in tensors(path):
        if not np.array_equal(values(library, own[tensor.name]).view(np.uint32), values(library, tensor).view(np.uint32)):
            return f"{tensor.name} differs"
    return "equal"


def main():
    rtedit, binaries, model = sys.argv[1:4]
    library = Library(pathlib.Path(binaries) / "libggml-base.so")
    failures = 0
    with tempfile.TemporaryDirectory(dir=sys.argv[4] if len(sys.argv) > 4 else None) as folder:
        wide = f"{folder}/random.gguf"
        random_model(wide)
        print(f"{'model':8} {'mix':10} {'dequantised':12} {'plain':12} {'matrix':12} {'error':8} {'runs'}")
        for title, source in (("given", model), ("random", wide)):
            matrix = f"{folder}/{title}-imatrix.gguf"
            importance(matrix, source)
            for mix in MIXES + TYPES:
                ours, theirs = f"{folder}/ours.gguf", f"{folder}/theirs.gguf"
                results, ratio, equal, runs = {}, 1.0, "", ""
                for name, given in (("plain", []), ("matrix", ["--imatrix", matrix])):
                    if name == "plain" and mix in NEEDS_MATRIX:
                        results[name] = "needs one"
                        continue
                    kind, options = (mix, []) if mix in MIXES else ("q8_0", ["--tensor-type", f"blk={mix}"])
                    done = run(rtedit, "convert", source, ours, "--type", kind, "--force", *given, *options)
                    peer = run(f"{binaries}/llama-quantize", *given, *options, source, theirs, kind)
                    if done.returncode or peer.returncode:
                        results[name] = f"rtedit {done.returncode}, llama-quantize {peer.returncode}"
                        both = done.returncode and peer.returncode
                        fallback = "no tensor type fallback" in peer.stdout + peer.stderr
                        failures += not (both or (fallback and not done.returncode))
                        if not done.returncode:
                            equal = equal or dequantised(rtedit, library, ours, folder)
                        continue
                    results[name], share = compare(library, ours, theirs, source)
                    ratio = max(ratio, share)
                    failures += results[name] != "same"
                    if not equal or equal == "equal":
                        equal = dequantised(rtedit, library, ours, folder)
                failures += equal not in ("equal", "")
                if title == "given" and pathlib.Path(ours).exists():
                    done = run(f"{binaries}/llama-completion", "-m", ours, "-p", "The capital of France is", "-n", "8",
                               "-no-cnv", "--temp", "0", stdin=subprocess.DEVNULL)
                    runs = "yes" if done.returncode == 0 else f"no ({done.returncode})"
                    failures += done.returncode != 0
                print(f"{title:8} {mix:10} {equal:12} {results['plain']:12} {results['matrix']:12} {ratio:<8.5f} {runs}", flush=True)
                for path in (ours, theirs):
                    pathlib.Path(path).unlink(missing_ok=True)
    sys.exit(failures > 0)


main()
