"""The types that llama-quantize gives the matrices of models of several shapes, mix by mix.

Made with gguf 0.19.0, numpy 1.26.4 and llama.cpp at commit 0c1e570: python make_mixes.py llama-quantize
(writes mixes.txt beside itself, the same bytes each time; llama-quantize --dry-run writes no model).

mixes.txt  per model its keys, then its matrices with their shapes (rows, columns); then for each mix, without and with an
           importance matrix, the types of the matrices in the order of names, each in all blocks, "type x count" where they repeat;
           "same" where the matrix changes nothing, "refused" where llama-quantize has no type for a width
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import gguf
import numpy as np

HERE = pathlib.Path(__file__).parent
MIXES = """q1_0 q2_0 q4_0 q4_1 mxfp4_moe q5_0 q5_1 iq2_xxs iq2_xs iq2_s iq2_m iq1_s iq1_m tq1_0 tq2_0 q2_k q2_k_s iq3_xxs
iq3_s iq3_m q3_k iq3_xs q3_k_s q3_k_m q3_k_l iq4_nl iq4_xs q4_k q4_k_s q4_k_m q5_k q5_k_s q5_k_m q6_k q8_0""".split()
# name: architecture, blocks, heads, heads of keys and values, experts, tied, width, width of the feed-forward part
MODELS = {
    "plain": ("llama", 10, 4, 4, 0, False, 256, 512),
    "grouped-tied": ("llama", 17, 8, 2, 0, True, 256, 256),
    "odd-width": ("llama", 9, 4, 4, 0, False, 288, 320),
    "odder-width": ("llama", 3, 4, 4, 0, False, 256, 272),
    "seventy": ("llama", 80, 8, 1, 0, False, 256, 256),
    "seventy-qwen2": ("qwen2", 80, 4, 4, 0, False, 256, 256),
    "fused": ("phi3", 12, 4, 4, 0, False, 256, 256),
    "four-experts": ("llama", 16, 4, 4, 4, False, 256, 256),
    "eight-experts": ("llama", 16, 8, 2, 8, False, 256, 256),
}


def shapes(arch, blocks, heads, groups, experts, tied, width, inner):
    kv = width * groups // heads
    yield "token_embd.weight", (64, width)
    if not tied:
        yield "output.weight", (64, width)
    for block in range(blocks):
        name = f"blk.{block}."
        if arch == "phi3":
            yield name + "attn_qkv.weight", (width + 2 * kv, width)
        else:
            yield name + "attn_q.weight", (width, width)
            yield name + "attn_k.weight", (kv, width)
            yield name + "attn_v.weight", (kv, width)
        yield name + "attn_output.weight", (width, width)
        if experts:
            yield name + "ffn_gate_inp.weight", (experts, width)
        suffix, stack = ("_exps", (experts,)) if experts else ("", ())
        if arch != "phi3":
            yield name + f"ffn_gate{suffix}.weight", stack + (inner, width)
        yield name + f"ffn_up{suffix}.weight", stack + (inner if arch != "phi3" else 2 * inner, width)
        yield name + f"ffn_down{suffix}.weight", stack + (width, inner)


def write_model(path, model):
    arch, blocks, heads, groups, experts, tied, width, inner = model
    writer = gguf.GGUFWriter(path, arch)
    writer.add_block_count(blocks)
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(64)
    writer.add_tokenizer_model("none")
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(2)
    for name, shape in shapes(*model):
        writer.add_tensor(name, np.zeros(shape, np.float16))
    writer.add_tensor("output_norm.weight", np.zeros(width, np.float32))
    for part in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        part()


def write_importance(path, model):
    writer = gguf.GGUFWriter(path, "imatrix")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["text"])
    writer.add_uint32("imatrix.chunk_count", 1)
    writer.add_uint32("imatrix.chunk_size", 512)
    for name, shape in shapes(*model):
        experts = shape[0] if len(shape) == 3 else 1
        writer.add_tensor(name + ".in_sum2", np.ones((experts, shape[-1]), np.float32))
        writer.add_tensor(name + ".counts", np.ones((experts, 1), np.float32))
    for part in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        part()


def types(program, model, mix, importance):
    options = ["--imatrix", importance] if importance else []
    run = subprocess.run([program, "--dry-run", *options, model, mix], capture_output=True, text=True)
    if run.returncode:
        if "no tensor type fallback" in run.stdout + run.stderr:
            return None
        sys.exit(run.stdout + run.stderr)
    found = {}
    for name, kept, new in re.findall(
            r"\] +(\S+) +- \[[^]]*\], type = +(\S+), .*?size = +[\d.]+ MiB(?: -> +[\d.]+ MiB \((\S+)\))?", run.stdout + run.stderr):
        found[name] = (new or kept).lower()
    return found


def repeated(items):
    runs = []
    for item in items:
        if runs and runs[-1][0] == item:
            runs[-1][1] += 1
        else:
            runs.append([item, 1])
    return " ".join(item if count == 1 else f"{item}x{count}" for item, count in runs)


lines = []
with tempfile.TemporaryDirectory() as folder:
    for title, model in MODELS.items():
        path, importance = f"{folder}/model.gguf", f"{folder}/importance.gguf"
        write_model(path, model)
        write_importance(importance, model)
        arch, blocks, heads, groups, experts = model[:5]
        lines.append(f"model {title} {arch} blocks={blocks} heads={heads} groups={groups} experts={experts}")
        for name, shape in shapes(*model):
            if not name.startswith("blk.") or name.startswith("blk.0."):
                lines.append(f"matrix {name.replace('blk.0.', 'blk.*.')} {'x'.join(map(str, shape))}")
        last = None
        for mix in MIXES:
            for given in (None, importance):
                found = types(sys.argv[1], path, mix, given)
                if found is None:
                    lines.append(f"{mix} {'weighted' if given else 'plain'} refused")
                    continue
                assert len(found) == len(list(shapes(*model))) + 1, (title, mix, len(found))
                order = sorted(shapes(*model), key=lambda t: (int(t[0].split(".")[1]) if t[0].startswith("blk.") else -1, t[0]))
                parts = {}
                for name, _ in order:
                    parts.setdefault(re.sub(r"blk\.\d+\.", "blk.*.", name), []).append(found[name])
                line = ";".join(repeated(kinds) for kinds in parts.values())
                lines.append(f"{mix} {'weighted' if given else 'plain'} " + ("same" if given and line == last else line))
                last = line
(HERE / "mixes.txt").write_text("\n".join(lines) + "\n")
