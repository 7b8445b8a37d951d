#!/usr/bin/env python3
"""Loads what `rtedit bake --method value-head` and `--method value-bias` make in llama.cpp and in transformers.

    bake_value_head.py RTEDIT PEERS

PEERS holds build/bin/llama-quantize and llama_logits (llama_logits.c, built). Random small models are made of the families'
tokenizers, converted, quantised and baked with a vector at resid_mid of blocks 1 and 2. Printed, relative to the largest
logit: how far the edited file's logits are from those of transformers, in f32, with the file's own dequantised weights
and the vector added by a hook; how far the unedited file's are from the same without the hook, which is what the runtime
rounds by itself; what the vector changes; and the first once more for a model whose values are zero, in which attention
adds nothing but the vector, so that nothing hides how exact it is. Bounds: twice what the runtime rounds by itself, or
1e-5.

Figures in docs/baking/value-head.md: torch 2.13.0+cpu, transformers 5.23.0, gguf 0.19.0, llama.cpp 0c1e570.
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
from transformers import AutoConfig, AutoModelForCausalLM

logging.disable(logging.WARNING)
transformers.utils.logging.disable_progress_bar()
FAMILIES = Path(__file__).parents[2] / "Tests/TransformerTests/Fixtures/Families"
BLOCKS = (1, 2)
WIDE = {"hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 128, "num_hidden_layers": 3,
        "intermediate_size": 256}
MODELS = {
    # All experts are used, since a rounded score would choose others.
    "qwen3": WIDE, "qwen3_moe": WIDE | {"moe_intermediate_size": 256, "num_experts_per_tok": 5},
    "gemma": WIDE | {"head_dim": 256, "num_attention_heads": 2, "num_key_value_heads": 1},
}
# Whose query heads all have values of their own.
OWN = {"hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 4, "num_hidden_layers": 3,
       "intermediate_size": 256}
BIASED = {"stablelm": OWN | {"use_qkv_bias": True}, 
          "phi4": OWN | {"rope_scaling": None, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}}
TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q4_k", "q5_k", "q6_k")
NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv"}


def run(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")


def make(family, folder, *, silent):
    """A random model with the family's tokenizer; a silent one's attention adds nothing."""
    folder.mkdir()
    for path in (FAMILIES / family).iterdir():
        if path.name.startswith(("tokenizer", "special", "generation")):
            shutil.copy(path, folder)
    members = json.loads((FAMILIES / family / "config.json").read_text())
    members.pop("layer_types", None)
    config = AutoConfig.for_model(**(members | MODELS.get(family, {}) | BIASED.get(family, {})))
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager").eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.3 if "embed" in name else 1.5 * weight.shape[-1] ** -0.5)
            if silent and "v_proj" in name:
                weight.zero_()
            if silent and "qkv_proj" in name:
                weight[-config.hidden_size:].zero_()
    model.save_pretrained(folder)
    return model


def logits(model, tokens, vectors=None):
    """transformers' logits with vectors added to the output of attention."""
    hooks = []
    for block, vector in (vectors or {}).items():
        def add(_, __, output, vector=vector):
            return (output[0] + torch.tensor(vector), *output[1:])
        hooks.append(model.model.layers[block].self_attn.register_forward_hook(add))
    with torch.no_grad():
        found = model(torch.tensor([tokens])).logits[0].numpy()
    for hook in hooks:
        hook.remove()
    return found


def write_vector(path, vectors):
    writer = gguf.GGUFWriter(path, "controlvector")
    writer.add_string("controlvector.model_hint", "")
    writer.add_uint32("controlvector.layer_count", 1 + max(vectors))
    writer.add_string("rtedit.site", "resid_mid")
    for block, vector in vectors.items():
        writer.add_tensor(f"direction.{block}", vector)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def dequantise(model, path):
    """Gives the model the values that attention has in a file."""
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    with torch.no_grad():
        for block, layer in enumerate(model.model.layers):
            for module, name in NAMES.items():
                if f"blk.{block}.{name}.weight" not in tensors:
                    continue
                tensor = tensors[f"blk.{block}.{name}.weight"]
                layer.get_submodule(module).weight.copy_(
                    torch.tensor(gguf.quants.dequantize(tensor.data, tensor.tensor_type)))


def in_llama(peers, path, tokens, work):
    run(peers / "llama_logits", path, work / "logits.bin", ",".join(map(str, tokens)))
    return np.fromfile(work / "logits.bin", np.float32).reshape(len(tokens), -1)


def measure(rtedit, peers, family, stored, work, *, silent):
    """The errors of the edited and of the unedited file and the effect, relative to the largest logit."""
    folder, base, edited = (work / f"{name}-{stored}-{silent}" for name in ("folder", "base", "edited"))
    model = make(family, folder, silent=silent)
    generator = np.random.default_rng(3)
    tokens = [int(token) for token in generator.integers(3, model.config.vocab_size - 3, 24)]
    # The embeddings of Gemma are long.
    size = 4 if family == "gemma" else 0.4
    vectors = {block: generator.normal(0, size, model.config.hidden_size).astype(np.float32) for block in BLOCKS}
    write_vector(work / "v.gguf", vectors)
    bake = ("--vector", work / "v.gguf", "--method",
            "value-bias" if family in BIASED else "value-head", "--quiet", "--force")
    if stored == "folder":
        run(rtedit, "bake", folder, edited, *bake)
        loaded, report = AutoModelForCausalLM.from_pretrained(
            edited, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")), report
        found, unedited = logits(loaded.eval(), tokens), logits(model, tokens)
    else:
        base, edited = base.with_suffix(".gguf"), edited.with_suffix(".gguf")
        run(rtedit, "convert", folder, base if stored == "f32" else work / "f32.gguf", "--quiet", "--force")
        if stored != "f32":
            run(peers / "build/bin/llama-quantize", "--tensor-type", f"attn_={stored}", "--tensor-type", "ffn_=f32",
                "--token-embedding-type", "f32", "--output-tensor-type", "f32", work / "f32.gguf", base, "q8_0")
        run(rtedit, "bake", base, edited, *bake)
        dequantise(model, base)
        found, unedited = (in_llama(peers, path, tokens, work) for path in (edited, base))
    plain, wanted = logits(model, tokens), logits(model, tokens, vectors)
    return [float(np.abs(left - right).max() / np.abs(wanted).max())
            for left, right in ((found, wanted), (unedited, plain), (wanted, plain))]


def main():
    rtedit, peers = sys.argv[1], Path(sys.argv[2])
    print("| model | attention | edited | unedited | effect | values zero: edited | unedited | effect | within |\n"
          "|---|---|---|---|---|---|---|---|---|")
    good = True
    cases = [(family, TYPES) for family in MODELS] + [("qwen2", ("folder",)), ("stablelm", ("f32", "f16", "folder")), ("phi4", ("f32",))]
    for family, types in cases:
        for stored in types:
            with tempfile.TemporaryDirectory() as work:
                figures = [measure(rtedit, peers, family, stored, Path(work), silent=silent) for silent in (False, True)]
            # A bias of the values is rounded with the activations that it is a part of, a head's constant is not.
            bound = figures[:1] if family in BIASED and stored not in ("f32", "folder") else figures
            within = all(error <= max(1e-5, 2 * own) and effect > 5 * error for error, own, effect in bound)
            good &= within
            cells = " | ".join(f"{figure:.1e}" for row in figures for figure in row)
            print(f"| {family} | {stored} | {cells} | {'yes' if within else 'NO'} |", flush=True)
    sys.exit(0 if good else 1)


main()
