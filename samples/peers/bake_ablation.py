#!/usr/bin/env python3
"""Bakes an ablation into every family's small random model and runs the results where they will be loaded.

    bake_ablation.py RTEDIT PEERS

PEERS holds llama_logits (llama_logits.c, built).

Two directions are removed with --everywhere from each model in Tests/TransformerTests/Fixtures/Families, as a folder and
as an f32 GGUF file. The reference is the unedited folder in transformers, in f32: the directions are projected out of the
stream before block 0 and after every block, and of each attention output, which is the same as of the stream after it,
since nothing of them is in the stream before. Printed, relative to the largest logit: how far the steering moves the
logits, the error of the edited folder in transformers, and of the edited file in llama.cpp beside that of the unedited
one. Ends with 1 where a folder is off by more than 1e-5, a file by more than 1e-4 and three times what llama.cpp itself
is off by, or where a refusal is not one of those expected.

Figures in docs/baking/ablation.md: torch 2.13.0+cpu, transformers 5.23.0, llama.cpp 0c1e570.
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
RTEDIT, PEERS = sys.argv[1], Path(sys.argv[2])
LENGTH = 19
# Post-norm families refuse; llama.cpp has no head of their own in these.
REFUSED = {"gemma2", "gemma2-scaled", "gemma3", "olmo2"}
REFUSED_GGUF = REFUSED | {"gemma"}
# llama.cpp has no keys for the ramp of that yarn, and takes a long rope's factors by the context it is opened with.
NOT_IN_GGUF = {"llama-yarn", "phi3"}


def load(folder):
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager", output_loading_info=True)
    assert not any(report.values()), report
    return model.eval()


def write_vectors(path, width, seed):
    """A control vector for block 1, in llama.cpp's format."""
    vector = np.random.default_rng(seed).standard_normal(width).astype(np.float32)
    writer = gguf.GGUFWriter(path, "controlvector")
    writer.add_string("controlvector.model_hint", "any")
    writer.add_uint32("controlvector.layer_count", 1)
    writer.add_tensor("direction.1", vector)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return vector


def steer(model, vectors):
    basis, _ = np.linalg.qr(np.stack(vectors).astype(np.float64).T)
    basis = torch.tensor(basis, dtype=torch.float32)

    def without(values):
        return values - (values @ basis) @ basis.T

    def change(output):
        return (without(output[0]),) + tuple(output[1:]) if isinstance(output, tuple) else without(output)

    base = model.base_model
    blocks = base.h if hasattr(base, "h") else base.layers

    def enter(block, arguments, named):
        if arguments:
            return (without(arguments[0]),) + arguments[1:], named
        return arguments, {**named, "hidden_states": without(named["hidden_states"])}

    blocks[0].register_forward_pre_hook(enter, with_kwargs=True)
    for block in blocks:
        attention = next(getattr(block, name) for name in ("self_attn", "attn", "attention") if hasattr(block, name))
        attention.register_forward_hook(lambda module, arguments, output: change(output))
        block.register_forward_hook(lambda module, arguments, output: change(output))


def logits(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].numpy()


def llama_logits(path, tokens, width, work):
    out = f"{work}/logits.bin"
    run = subprocess.run([PEERS / "llama_logits", path, out, ",".join(map(str, tokens))], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return np.fromfile(out, np.float32).reshape(len(tokens), -1)[:, :width]


def rtedit(*arguments):
    run = subprocess.run([RTEDIT, *map(str, arguments), "--quiet"], capture_output=True, text=True)
    return run.stderr.strip() if run.returncode else None


failures = []
print("| family | effect | folder in transformers | file in llama.cpp | unedited file in llama.cpp |\n|---|---|---|---|---|")
for folder in sorted(path.parent for path in FAMILIES.glob("*/config.json")):
    name = folder.name
    with tempfile.TemporaryDirectory() as work:
        plain = load(folder)
        width, vocabulary = plain.config.hidden_size, plain.config.vocab_size
        vectors = [write_vectors(f"{work}/v{seed}.gguf", width, seed) for seed in (1, 2)]
        options = [word for seed in (1, 2) for word in ("--ablate", f"{work}/v{seed}.gguf")] + ["--everywhere"]
        # No longer than a window, which llama.cpp computes in some families only.
        length = min(LENGTH, getattr(plain.config, "sliding_window", None) or LENGTH)
        tokens = np.random.default_rng(7).integers(0, vocabulary, length).tolist()
        before = logits(plain, tokens)
        steer(plain, vectors)
        steered = logits(plain, tokens)
        size = np.abs(steered).max()

        def error(found, expected=steered):
            return float(np.abs(found - expected).max() / size)

        cells = [f"{error(before):.1e}"]
        refusal = rtedit("bake", folder, f"{work}/edited", *options)
        if refusal:
            cells.append("refused")
            if name not in REFUSED:
                failures.append(f"{name}: {refusal}")
        else:
            found = error(logits(load(f"{work}/edited"), tokens))
            cells.append(f"{found:.1e}")
            if not found <= 1e-5:
                failures.append(f"{name}: folder {found}")
        if name in NOT_IN_GGUF:
            cells += ["-", "-"]
        else:
            base, edited = f"{work}/base.gguf", f"{work}/edited.gguf"
            # Of a file as of a folder: the edit is made in the format that is loaded.
            problem = rtedit("convert", folder, base) or rtedit("bake", base, edited, *options)
            if problem:
                cells += ["refused", "-"]
                if name not in REFUSED_GGUF:
                    failures.append(f"{name}: {problem}")
            else:
                own = error(llama_logits(base, tokens, vocabulary, work), before)
                found = error(llama_logits(edited, tokens, vocabulary, work))
                cells += [f"{found:.1e}", f"{own:.1e}"]
                if not found <= max(1e-4, 3 * own):
                    failures.append(f"{name}: file {found}, unedited {own}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
for failure in failures:
    print(failure, file=sys.stderr)
sys.exit(1 if failures else 0)
