#!/usr/bin/env python3
"""Loads what `rtedit bake --method relabel` makes in transformers and in llama.cpp.

    bake_relabel.py RTEDIT PEERS

PEERS holds build/bin/llama-quantize and llama_logits (llama_logits.c, built). Random small models with grouped queries are made of
the families' tokenizers and baked with a vector at resid_post of block 1 and another at resid_mid of block 0. Printed,
relative to the largest logit: how far the baked folder's logits in transformers and the baked GGUF file's in llama.cpp are
from those of the untouched folder steered by hooks in transformers in f32; how far the untouched file's in llama.cpp are
from the untouched folder's; what the vectors change; and how far a Q8_0 file that was written as a Llama with vectors of
length 0 is from the same file unwritten, both in llama.cpp, which shows that its rows moved whole. Exits with 1 beyond
1e-5, or where transformers misses a key, does not expect one, or finds other tokens in a text.

Figures in docs/baking/relabel.md: torch 2.13.0+cpu, transformers 5.23.0, gguf 0.19.0, llama.cpp 0c1e570.
"""
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

logging.disable(logging.WARNING)
transformers.utils.logging.disable_progress_bar()
FAMILIES = Path(__file__).parents[2] / "Tests/TransformerTests/Fixtures/Families"
TOKENS = [1, 5, 9, 33, 7, 40, 12, 3, 61, 18, 2, 27, 50, 11, 44, 8, 70, 21, 4, 36]
BOUND = 1e-5
TEXT = "Hello there, 12 words of <tea> and\nnew lines."
NO_ROPE = {"rope_scaling": None, "original_max_position_embeddings": 64, "sliding_window": None}
CHANGES = {"qwen2": {}, "mistral": {"sliding_window": None}, "phi3": NO_ROPE}
rtedit, peers = sys.argv[1], Path(sys.argv[2])


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")


def make(family, target):
    """A random model of 2 key/value heads for 4 query heads, and norms that are not all ones."""
    shutil.copytree(FAMILIES / family, target)
    config = json.loads((target / "config.json").read_text())
    config |= CHANGES[family] | {
        "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2,
        "num_hidden_layers": 3, "max_position_embeddings": 64}
    config |= {"head_dim": 16} if "head_dim" in config else {}
    (target / "config.json").write_text(json.dumps(config))
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(target), dtype=torch.float32)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=1 if "norm" in name else 0, std=0.15)
    model.save_pretrained(target)


def load(folder):
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    keys = sum(len(report[kind]) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return model.eval(), keys


def write_vector(path, site, block, values):
    writer = gguf.GGUFWriter(path, "controlvector")
    writer.add_uint32("controlvector.layer_count", 3)
    writer.add_string("rtedit.site", site)
    writer.add_array(f"rtedit.direction.{block}", [float(value) for value in values])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def added(vector):
    def hook(module, inputs, output):
        return (output[0] + vector, *output[1:]) if isinstance(output, tuple) else output + vector
    return hook


def in_transformers(model, hooks=()):
    handles = [module.register_forward_hook(added(vector)) for module, vector in hooks]
    with torch.no_grad():
        logits = model(torch.tensor([TOKENS])).logits[0].numpy()
    for handle in handles:
        handle.remove()
    return logits


def in_llama_cpp(model, work):
    run(peers / "llama_logits", model, work / "logits.bin", ",".join(map(str, TOKENS)))
    return np.fromfile(work / "logits.bin", dtype=np.float32).reshape(len(TOKENS), -1)


def far(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


failed = False
print("| family | keys | tokens | folder | GGUF | untouched GGUF | effect | Q8_0, length 0 |")
print("|---|---|---|---|---|---|---|---|")
for family in CHANGES:
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        base, out = work / "base", work / "out"
        make(family, base)
        rng = np.random.default_rng(3)
        post, mid = (torch.tensor(rng.normal(size=64), dtype=torch.float32) for _ in range(2))
        write_vector(work / "post.gguf", "resid_post", 1, post)
        write_vector(work / "mid.gguf", "resid_mid", 0, mid)
        vectors = ["--vector", work / "post.gguf", "--vector", work / "mid.gguf"]
        run(rtedit, "bake", base, out, *vectors, "--method", "relabel", "--quiet")
        original, _ = load(base)
        found, keys = load(out)
        layers = original.model.layers
        plain = in_transformers(original)
        steered = in_transformers(original, [(layers[1], post), (layers[0].self_attn, mid)])
        tokens = [AutoTokenizer.from_pretrained(folder)(TEXT)["input_ids"] for folder in (base, out)]
        run(rtedit, "convert", base, work / "base.gguf", "--quiet")
        # A GGUF file of a Mistral is a Llama's: the bias alone.
        method = "bias" if family == "mistral" else "relabel"
        run(rtedit, "bake", work / "base.gguf", work / "out.gguf", *vectors, "--method", method, "--quiet")
        run(peers / "build/bin/llama-quantize", "--pure", work / "base.gguf", work / "q.gguf", "Q8_0")
        zeros = [word for path in ("post.gguf", "mid.gguf") for word in ("--vector", f"{work}/{path}:0")]
        run(rtedit, "bake", work / "q.gguf", work / "zero.gguf", *zeros, "--method", method, "--quiet")
        errors = [
            far(in_transformers(found), steered), far(in_llama_cpp(work / "out.gguf", work), steered),
            far(in_llama_cpp(work / "base.gguf", work), plain), far(steered, plain),
            far(in_llama_cpp(work / "zero.gguf", work), in_llama_cpp(work / "q.gguf", work))]
        same = "same" if tokens[0] == tokens[1] else "OTHER"
        print(f"| {family} | {keys} | {same} | " + " | ".join(f"{error:.1e}" for error in errors) + " |", flush=True)
        failed |= keys > 0 or same != "same" or max(errors[0], errors[1], errors[4]) > BOUND or errors[3] < 0.01
sys.exit(int(failed))
