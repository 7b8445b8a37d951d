#!/usr/bin/env python3
"""Loads what rtedit makes of every family's small model in transformers and in llama.cpp.

    families.py RTEDIT [LLAMA_COMPLETION]

Each folder in Tests/TransformerTests/Fixtures/Families goes to GGUF and back. Printed, by family: the keys that
transformers misses, does not expect or finds of another shape; the largest difference of its logits from the original
folder's, relative to the largest logit, on 9 and on 23 tokens; and whether llama.cpp loads the GGUF file.

Figures in docs/families.md: torch 2.13.0+cpu, transformers 5.23.0, llama.cpp 0c1e570.
"""
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

logging.disable(logging.WARNING)
transformers.utils.logging.disable_progress_bar()
# llama.cpp has no keys for the ramp of the first, no windows in so few blocks for the second, and no dense blocks in the third.
REFUSED = {"llama-yarn", "exaone4-windowed", "qwen2_moe-dense"}
FAMILIES = Path(__file__).parents[2] / "Tests/TransformerTests/Fixtures/Families"


def load(folder):
    is_wrapper = hasattr(AutoConfig.from_pretrained(folder), "text_config")
    loader = AutoModelForImageTextToText if is_wrapper else AutoModelForCausalLM
    return loader.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager", output_loading_info=True)


def difference(left, right, length):
    tokens = torch.randint(0, left.config.get_text_config().vocab_size, (1, length), generator=torch.Generator().manual_seed(length))
    with torch.no_grad():
        expected, found = left(tokens).logits, right(tokens).logits
    return ((expected - found).abs().max() / expected.abs().max()).item()


rtedit, llama = sys.argv[1], sys.argv[2:]
print("| family | missing, unexpected, other shape | logits, 9 tokens | 23 tokens | llama.cpp |\n|---|---|---|---|---|")
for folder in sorted(path.parent for path in FAMILIES.glob("*/config.json")):
    if folder.name in REFUSED:
        continue
    with tempfile.TemporaryDirectory() as work:
        gguf, back = f"{work}/model.gguf", f"{work}/back"
        for source, target in ((folder, gguf), (gguf, back)):
            subprocess.run([rtedit, "convert", source, target, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        original, _ = load(folder)
        found, report = load(back)
        keys = ", ".join(str(len(report[kind])) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
        logits = " | ".join(f"{difference(original, found, length):.1e}" for length in (9, 23))
        loads = "-"
        if llama:
            command = [llama[0], "-m", gguf, "-p", "a", "-n", "1", "-no-cnv", "--no-warmup", "-c", "32"]
            status = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode
            loads = "loads" if status == 0 else f"fails ({status})"
        print(f"| {folder.name} | {keys} | {logits} | {loads} |", flush=True)
