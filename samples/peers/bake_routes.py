#!/usr/bin/env python3
"""Bakes a vector into every family by every route and loads the results in transformers and in llama.cpp.

    bake_routes.py RTEDIT [LLAMA_LOGITS]

LLAMA_LOGITS is llama_logits.c, built. The families are the small models of Tests/TransformerTests/Fixtures/Families. A row
for each family, route and site: the largest error of a logit, relative to the largest, of the baked folder in transformers
and of the baked GGUF file in llama.cpp, against the untouched folder that a hook steers in transformers in f32; the same of
the untouched file in llama.cpp; what steering changes. A route that refuses says "-", as does a file that llama.cpp
computes otherwise than transformers, untouched or not. Exits with 1 where an error is above
1e-4 and above three times the untouched file's own, where steering changes nothing, or where transformers reports a key.

torch 2.13.0+cpu, transformers 5.23.0, gguf 0.19.0, llama.cpp 0c1e570.
"""
import logging
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

logging.disable(logging.WARNING)
transformers.utils.logging.disable_progress_bar()
FAMILIES = Path(__file__).parents[2] / "Tests/TransformerTests/Fixtures/Families"
# Fewer than any window has.
TOKENS = [5, 9, 33, 7, 40, 12]
BLOCK = 1
TOLERANCE = 1e-4
rtedit, llama_logits = sys.argv[1], sys.argv[2:]
failures = 0


def bake(source, target, work, site, route):
    """What the route says, or None where it did it."""
    words = [rtedit, "bake", source, target, "--vector", f"{work}/{site}.gguf", "--method", route, "--quiet"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode == 4:
        return done.stderr
    if done.returncode:
        sys.exit(f"{words}: {done.stderr}")
    return None


def write_vector(path, site, vector):
    """rtedit's own file, which names its site."""
    writer = gguf.GGUFWriter(path, "controlvector")
    writer.add_string("controlvector.model_hint", "any")
    writer.add_uint32("controlvector.layer_count", BLOCK + 1)
    writer.add_string("rtedit.site", site)
    block = 0 if site == "embed" else BLOCK
    if site == "resid_post":
        writer.add_tensor(f"direction.{block}", vector.numpy())
    else:
        writer.add_array(f"rtedit.direction.{block}", vector.tolist())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(folder):
    is_wrapper = hasattr(AutoConfig.from_pretrained(folder), "text_config")
    loader = AutoModelForImageTextToText if is_wrapper else AutoModelForCausalLM
    model, report = loader.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager",
        output_loading_info=True)
    if any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")):
        sys.exit(f"{folder}: {report}")
    return model.eval()


def blocks(model):
    body = getattr(model.base_model, "language_model", model.base_model)
    return next(getattr(body, name) for name in ("layers", "h") if hasattr(body, name))


def readers_of_embeddings(model):
    """The first block, and in Gemma 4 what makes the inputs that blocks have beside the stream."""
    body = getattr(model.base_model, "language_model", model.base_model)
    projection = getattr(body, "per_layer_model_projection", None)
    return [blocks(model)[0]] + ([projection] if projection is not None else [])


def logits(model, site=None, vector=None):
    """The logits, with a vector added to the stream at a site or not."""
    handles = []
    if site:
        block = blocks(model)[BLOCK]
        scale = getattr(model.config.get_text_config(), "residual_multiplier", 1)
        if site == "embed":
            for reader in readers_of_embeddings(model):
                handles.append(reader.register_forward_pre_hook(
                    lambda module, inputs, words: ((inputs[0] + vector, *inputs[1:]), words), with_kwargs=True))
        else:
            def hook(module, inputs, output):
                add = vector / scale if site == "resid_mid" else vector
                return (output[0] + add, *output[1:]) if isinstance(output, tuple) else output + add

            attention = ("self_attn", "attn", "attention", "conv", "linear_attn")
            place = block if site == "resid_post" else next(
                getattr(block, name) for name in attention if hasattr(block, name))
            handles.append(place.register_forward_hook(hook))
    with torch.no_grad():
        found = model(torch.tensor([TOKENS])).logits[0]
    for handle in handles:
        handle.remove()
    return found.numpy()


def file_logits(path, work, width):
    words = [llama_logits[0], str(path), f"{work}/logits", ",".join(map(str, TOKENS))]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words}: {done.stderr}")
    return numpy.fromfile(f"{work}/logits", numpy.float32).reshape(len(TOKENS), -1)[:, :width]


def relative(found, expected):
    return float(abs(found - expected).max() / abs(expected).max())


def cell(value, bound):
    global failures
    if value <= bound:
        return f"{value:.1e}"
    failures += 1
    return f"**{value:.1e} > {bound:.0e}**"


help_text = subprocess.run([rtedit, "bake", "--help"], capture_output=True, text=True, check=True).stdout
# The fit is not exact.
routes = [route for route in re.findall(r"^ *Route ([a-z-]+):", help_text, re.MULTILINE) if route != "fit"]
print("| family | route | site | folder, transformers | file, llama.cpp | untouched file | effect |\n" + "|---" * 7 + "|")
for folder in sorted(path.parent for path in FAMILIES.glob("*/config.json")):
    model = load(folder)
    width = model.config.get_text_config().hidden_size
    plain = logits(model)
    vector = torch.randn(width, generator=torch.Generator().manual_seed(3)) * 0.5
    with tempfile.TemporaryDirectory() as work:
        base = f"{work}/base.gguf"
        converted = subprocess.run([rtedit, "convert", folder, base, "--quiet"], capture_output=True).returncode == 0
        untouched = relative(file_logits(base, work, plain.shape[1]), plain) if converted and llama_logits else None
        for site in ("embed", "resid_mid", "resid_post"):
            write_vector(f"{work}/{site}.gguf", site, vector)
            steered = logits(model, site, vector)
            for route in routes:
                cells = []
                target = f"{work}/{route}-{site}"
                refused = bake(folder, target, work, site, route)
                cells.append("-" if refused else cell(relative(logits(load(target)), steered), TOLERANCE))
                # Long rope: llama.cpp takes its factors by the context's length, and is another model than transformers'.
                if untouched is None or untouched > 1e-2 or bake(base, f"{target}.gguf", work, site, route):
                    cells.append("-")
                else:
                    found = file_logits(f"{target}.gguf", work, plain.shape[1])
                    cells.append(cell(relative(found, steered), max(TOLERANCE, 3 * untouched)))
                if cells == ["-", "-"]:
                    continue
                effect = relative(steered, plain)
                failures += effect < 1e-2
                print(f"| {folder.name} | {route} | {site} | {' | '.join(cells)} "
                      f"| {'-' if untouched is None else f'{untouched:.1e}'} | {effect:.1e} |", flush=True)
sys.exit(1 if failures else 0)
