#!/usr/bin/env python3
"""Loads what `rtedit bake --method embed` makes of every family in transformers and in llama.cpp.

    bake_embed.py RTEDIT PEERS

PEERS holds llama_logits (llama_logits.c, built). The families are the small models of Tests/TransformerTests/Fixtures/Families, the text
is shorter than their windows. Printed, relative to the largest logit: how far the baked folder's logits in transformers and
the baked GGUF file's in llama.cpp are from those of the untouched folder in transformers in f32, with the vector added to
what enters block 0; how far the untouched file's in llama.cpp are from the untouched folder's; what the vector changes; and
how far the baked folder is when it is loaded in bf16, beside the untouched and steered one in bf16. Exits with 1 beyond 1e-5
or, in llama.cpp, three times what the untouched file is off, or where transformers misses a key or does not expect one.

Figures in docs/baking/embed.md: torch 2.13.0+cpu, transformers 5.23.0, gguf 0.19.0, llama.cpp 0c1e570.
"""
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM

logging.disable(logging.WARNING)
transformers.utils.logging.disable_progress_bar()
FAMILIES = Path(__file__).parents[2] / "Tests/TransformerTests/Fixtures/Families"
TOKENS = [5, 9, 33, 7, 40, 12]
BOUND = 1e-5
rtedit, peers = sys.argv[1], Path(sys.argv[2])


def run(*words):
    """What the program says where it refuses; nothing where it did its work."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode not in (0, 4):
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")
    return done.stderr if done.returncode else ""


def load(folder, dtype=torch.float32):
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", experts_implementation="eager", output_loading_info=True)
    keys = sum(len(report[kind]) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return model.eval(), keys


def write_vector(path, values):
    writer = gguf.GGUFWriter(path, "controlvector")
    writer.add_uint32("controlvector.layer_count", 1)
    writer.add_string("rtedit.site", "embed")
    writer.add_array("rtedit.direction.0", [float(value) for value in values])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def in_transformers(model, vector=None):
    body = model.base_model
    first = next(getattr(body, name) for name in ("layers", "h") if hasattr(body, name))[0]
    # Gemma 4 makes the inputs that blocks have beside the stream from the embeddings too.
    readers = [first, *filter(None, [getattr(body, "per_layer_model_projection", None)])]
    handles = [reader.register_forward_pre_hook(
        lambda module, inputs: inputs if vector is None else (inputs[0] + vector.to(inputs[0].dtype), *inputs[1:]))
        for reader in readers]
    with torch.no_grad():
        logits = model(torch.tensor([TOKENS])).logits[0].float().numpy()
    for handle in handles:
        handle.remove()
    return logits


def in_llama_cpp(model, work):
    if run(peers / "llama_logits", model, work / "logits.bin", ",".join(map(str, TOKENS))):
        sys.exit(f"{model}: llama.cpp does not load it")
    return np.fromfile(work / "logits.bin", dtype=np.float32).reshape(len(TOKENS), -1)


def far(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


failed = False
print("| family | keys | folder | GGUF | untouched GGUF | effect | in bf16 |\n|---|---|---|---|---|---|---|")
for base in sorted(path.parent for path in FAMILIES.glob("*/config.json")):
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        original, _ = load(base)
        width = original.get_input_embeddings().weight.shape[1]
        vector = torch.tensor(np.random.default_rng(3).normal(size=width), dtype=torch.float32)
        write_vector(work / "vector.gguf", vector)
        bake = ["--vector", work / "vector.gguf", "--method", "embed", "--quiet"]
        run(rtedit, "bake", base, work / "out", *bake)
        found, keys = load(work / "out")
        plain, steered = in_transformers(original), in_transformers(original, vector)
        rounded = in_transformers(load(work / "out", torch.bfloat16)[0])
        online = in_transformers(load(base, torch.bfloat16)[0], vector)
        errors = [far(in_transformers(found), steered), None, None, far(steered, plain), far(rounded, online)]
        failed |= keys > 0 or errors[0] > BOUND or errors[3] < 0.01
        if not run(rtedit, "convert", base, work / "base.gguf", "--quiet"):
            errors[2] = far(in_llama_cpp(work / "base.gguf", work), plain)
            if not run(rtedit, "bake", work / "base.gguf", work / "out.gguf", *bake):
                errors[1] = far(in_llama_cpp(work / "out.gguf", work), steered)
                failed |= errors[1] > max(BOUND, 3 * errors[2])
        cells = ["-" if error is None else f"{error:.1e}" for error in errors]
        print(f"| {base.name} | {keys} | " + " | ".join(cells) + " |", flush=True)
sys.exit(int(failed))
