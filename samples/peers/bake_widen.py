#!/usr/bin/env python3
"""Bakes vectors as neurons of a constant sum and loads the results in transformers and in llama.cpp.

    bake_widen.py RTEDIT PEERS

PEERS holds build/bin/llama-quantize and llama_logits (llama_logits.c, built).

First every family that the route takes, from its small model in Tests/TransformerTests/Fixtures/Families: the largest
error of a logit relative to the largest logit, of the baked folder in transformers and of the baked GGUF file in
llama.cpp, against the untouched folder steered by a hook in transformers in f32; what llama.cpp makes of the untouched
file; what steering changes. Then a random Qwen3 with grouped queries in several types, as it is and with a coordinate of
the stream 40 times as large: how far the added vector is from the one asked for (median and largest over the tokens,
‖Δ‖ / ‖v‖ at the steered block's output in transformers, in f32, on weights widened from the file), and the logits.
Exits with 1 where a bound is exceeded.

Figures in docs/baking/widen.md: torch 2.13.0+cpu, transformers 5.23.0, llama.cpp 0c1e570.
"""
import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy
import torch
import transformers
from transformers import AutoModelForCausalLM, Qwen3Config, Qwen3ForCausalLM

logging.disable(logging.WARNING)
transformers.utils.logging.disable_progress_bar()
FIXTURES = Path(__file__).parents[2] / "Tests/TransformerTests/Fixtures/Families"
TOKENS = [5, 9, 33, 7, 40, 12, 3, 61, 18, 2, 27, 50, 11, 44, 6, 70]
# The small Mistral has a window of 6, which llama.cpp has not; from 17 tokens on transformers takes the long rope that
# llama.cpp takes for its context.
FAMILIES = {"mistral": TOKENS[:6], "phi4": TOKENS + TOKENS[:4]} | dict.fromkeys(
    ["ernie4_5", "gemma", "granite", "granite4", "llama", "qwen2", "qwen3", "stablelm"], TOKENS)
TOLERANCE = 1e-4
failures = 0


def run(*arguments):
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stdout}{done.stderr}")


def load(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


def forward(model, block, vector=None, tokens=TOKENS):
    """Logits, the block's output, with a vector added to it or not, and the mean square before its second norm."""
    kept = {}

    def look(module, inputs):
        kept["square"] = inputs[0][0].square().mean(dim=1)

    def hook(module, inputs, output):
        stream = output[0] if isinstance(output, tuple) else output
        if vector is not None:
            stream = stream + vector
        kept["stream"] = stream[0]
        return (stream, *output[1:]) if isinstance(output, tuple) else stream

    layer = model.model.layers[block]
    handles = [layer.register_forward_hook(hook), (getattr(layer, "post_attention_layernorm", None) or layer).register_forward_pre_hook(look)]
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0]
    for handle in handles:
        handle.remove()
    return logits.numpy(), kept["stream"], kept["square"]


def llama_logits(ll, path, work, vocabulary, tokens=TOKENS):
    run(ll, path, f"{work}/logits.bin", ",".join(map(str, tokens)))
    return numpy.fromfile(f"{work}/logits.bin", numpy.float32).reshape(len(tokens), -1)[:, :vocabulary]


def write_vector(path, block, vector):
    writer = gguf.GGUFWriter(path, "controlvector")
    writer.add_string("controlvector.model_hint", "any")
    writer.add_uint32("controlvector.layer_count", block + 1)
    writer.add_tensor(f"direction.{block}", vector.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def relative(found, expected):
    return float(abs(found - expected).max() / abs(expected).max())


def check(value, bound):
    global failures
    if not value <= bound:
        failures += 1
        return f"**{value:.1e} > {bound:.0e}**"
    return f"{value:.1e}"


rtedit, peers = sys.argv[1], Path(sys.argv[2])
ll = peers / "llama_logits"
print("| family | folder, transformers | file, llama.cpp | untouched file | effect |\n|---|---|---|---|---|")
for family, tokens in sorted(FAMILIES.items()):
    folder = FIXTURES / family
    with tempfile.TemporaryDirectory() as work:
        model = load(folder)
        vector = torch.randn(model.config.hidden_size, generator=torch.Generator().manual_seed(3)) * 0.5
        write_vector(f"{work}/v.gguf", 1, vector)
        run(rtedit, "convert", folder, f"{work}/base.gguf", "--quiet")
        for source, target in ((folder, f"{work}/baked"), (f"{work}/base.gguf", f"{work}/baked.gguf")):
            run(rtedit, "bake", source, target, "--vector", f"{work}/v.gguf:1@1", "--method", "widen", "--quiet")
        steered = forward(model, 1, vector, tokens)[0]
        plain = forward(model, 1, None, tokens)[0]
        baked = forward(load(f"{work}/baked"), 1, None, tokens)[0]
        untouched = relative(llama_logits(ll, f"{work}/base.gguf", work, plain.shape[1], tokens), plain)
        file = relative(llama_logits(ll, f"{work}/baked.gguf", work, plain.shape[1], tokens), steered)
        bound = max(TOLERANCE, 3 * untouched)
        print(
            f"| {family} | {check(relative(baked, steered), TOLERANCE)} | {check(file, bound)} | {untouched:.1e} "
            f"| {relative(steered, plain):.1e} |", flush=True)

print("\n| type | outlier | ε / (ms + ε) | vector, median | largest | bound | logits, transformers | llama.cpp | untouched | effect |")
print("|---|---|---|---|---|---|---|---|---|---|")
BOUNDS = {  # of the largest error of the vector: without outlier, with it
    "f32": (3e-5, 3e-5), "bf16": (5e-4, 5e-3), "f16": (1e-4, 1e-3), "q8_0": (1e-3, 1e-3), "q4_k": (3e-3, 3e-3)}
tokenizer = [name for name in ("tokenizer.json", "tokenizer_config.json") if (FIXTURES / "qwen3" / name).exists()]
vocabulary = json.loads((FIXTURES / "qwen3/config.json").read_text())["vocab_size"]
for outlier in (1, 40):
    torch.manual_seed(11)
    base = Qwen3ForCausalLM(Qwen3Config(
        vocab_size=vocabulary, hidden_size=512, intermediate_size=768, num_hidden_layers=3, num_attention_heads=8,
        num_key_value_heads=2, head_dim=64, max_position_embeddings=128, tie_word_embeddings=True,
        initializer_range=0.06)).float()
    with torch.no_grad():
        for name, parameter in base.named_parameters():
            if name.endswith("norm.weight"):
                parameter.copy_(0.2 + 1.6 * torch.rand_like(parameter))
        base.model.embed_tokens.weight[:, 7] *= outlier
    vector = torch.randn(512) * 0.05
    for kind, bounds in BOUNDS.items():
        with tempfile.TemporaryDirectory() as work:
            write_vector(f"{work}/v.gguf", 1, vector)
            base.to(torch.bfloat16 if kind == "bf16" else torch.float32).save_pretrained(f"{work}/folder")
            base.float()
            for name in tokenizer:
                (Path(work) / "folder" / name).write_bytes((FIXTURES / "qwen3" / name).read_bytes())
            source = f"{work}/base.gguf"
            run(rtedit, "convert", f"{work}/folder", source, "--quiet",
                *(["--type", "f16"] if kind == "f16" else []))
            if kind.startswith("q"):
                run(peers / "build/bin/llama-quantize", "--pure", source, f"{work}/quantised.gguf", kind)
                source = f"{work}/quantised.gguf"
            run(rtedit, "bake", source, f"{work}/baked.gguf", "--vector", f"{work}/v.gguf:1@1", "--method", "widen",
                "--quiet")
            for name in (source, f"{work}/baked.gguf"):
                run(rtedit, "convert", name, f"{name}-f32", "--type", "f32", "--quiet")
            model = load(f"{source}-f32")
            steered, wanted, square = forward(model, 1, vector)
            plain = forward(model, 1)[0]
            baked, stream, _ = forward(load(f"{work}/baked.gguf-f32"), 1)
            epsilon = model.config.rms_norm_eps
            theory = float((epsilon / (square + epsilon)).median())
            errors = ((stream - wanted).norm(dim=1) / vector.norm()).numpy()
            untouched = relative(llama_logits(ll, source, work, vocabulary), plain)
            file = relative(llama_logits(ll, f"{work}/baked.gguf", work, vocabulary), steered)
            bound = bounds[outlier > 1]
            print(
                f"| {kind} | {outlier} | {theory:.1e} | {numpy.median(errors):.1e} | {check(errors.max(), bound)} | {bound:.0e} "
                f"| {relative(baked, steered):.1e} | {file:.1e} | {untouched:.1e} | {relative(steered, plain):.1e} |",
                flush=True)
sys.exit(1 if failures else 0)
