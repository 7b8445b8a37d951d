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
    for tensor in gguf.GGUFReader(model).tensors:
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2:
            sums = np.exp(random.normal(0, 2, (1, int(tensor.shape[0])))) * 2048
            writer.add_tensor(tensor.name + ".in_sum2", sums.astype(np.float32))
            writer.add_tensor(tensor.name + ".counts", np.full((1, 1), 2048, np.float32))
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()


class Library:
    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))

    def widen(self, kind, rows, columns):
        name = kind.name.lower().replace("_k", "_K") if kind.name.endswith("_K") else kind.name.lower()
        widen = self.library["dequantize_row_" + name]
        values = np.zeros((len(rows), columns), np.float32)
        rows = np.ascontiguousarray(rows)
        widen(ctypes.c_void_p(rows.ctypes.data), ctypes.c_void_p(values.ctypes.data), ctypes.c_int64(values.size))
        return values


def values(library, tensor, rows=ROWS):
    columns = int(tensor.shape[0])
    data = np.array(tensor.data).reshape(-1, tensor.data.shape[-1])[:rows]
    if tensor.tensor_type in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16):
        return data.astype(np.float32)
    return library.widen(tensor.tensor_type, data, columns)


def compare(library, ours, theirs, source):
    """Whether two files are equal, the share of equal blocks, and the ratio of their errors against the source."""
    if pathlib.Path(ours).read_bytes() == pathlib.Path(theirs).read_bytes():
        return "same", 1.0
    sources = {t.name: t for t in gguf.GGUFReader(source).tensors}
    others = {t.name: t for t in gguf.GGUFReader(theirs).tensors}
    equal = blocks = 0
    errors = [0.0, 0.0]
    for tensor in gguf.GGUFReader(ours).tensors:
        other = others[tensor.name]
        if tensor.tensor_type != other.tensor_type:
            return f"{tensor.name}: {tensor.tensor_type.name}, not {other.tensor_type.name}", 0.0
        size = gguf.GGML_QUANT_SIZES[tensor.tensor_type][1]
        own, its = (np.array(t.data).view(np.uint8).reshape(-1, size) for t in (tensor, other))
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
    own = {t.name: t for t in gguf.GGUFReader(wide).tensors}
    kinds = set()
    for tensor in gguf.GGUFReader(path).tensors:
        kinds.add(tensor.tensor_type.name)
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
