#!/usr/bin/env bash
# transformers 5.23.0 reads `rope_theta` of an OLMo 3 whose configuration has the spelling of releases before 5, for the blocks
# that see all positions alone. Blocks with a window take the base of the class, 500000, whatever the file says; saving writes
# both bases down, so that the file that comes out of loading and saving means another model than the one that went in.
#
# Seen: with rope_theta 10000 the bases are 10000 and 500000, and the logits of a small random model differ from those with
# 10000 in both. Of Gemma 3, which has two bases too, an older file names both (`rope_local_base_freq`).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'torch==2.13.0+cpu' 2>/dev/null || "$folder/venv/bin/pip" install -q 'torch==2.13.0'
"$folder/venv/bin/pip" install -q 'transformers==5.23.0' 'numpy==1.26.4'
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from transformers import Olmo3Config, Olmo3ForCausalLM

SIZES = dict(
    vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=4, num_attention_heads=2,
    num_key_value_heads=2, max_position_embeddings=64, sliding_window=8, pad_token_id=0, initializer_range=0.5,
    attn_implementation="eager")
KINDS = ("full_attention", "sliding_attention")


def logits(**rotation):
    torch.manual_seed(0)
    config = Olmo3Config(**SIZES, **rotation)
    model = Olmo3ForCausalLM(config).eval()
    with torch.no_grad():
        return [config.rope_parameters[kind]["rope_theta"] for kind in KINDS], model(torch.arange(1, 30)[None]).logits


bases, old = logits(rope_theta=10000.0)
_, meant = logits(rope_parameters={kind: {"rope_type": "default", "rope_theta": 10000.0} for kind in KINDS})
change = (old - meant).abs().max().item()
print(f"transformers {transformers.__version__}: rope_theta 10000 of an OLMo 3 becomes {bases[0]:g} for full and {bases[1]:g} for "
      f"windowed attention; logits are off by up to {change:.2g}")
assert bases == [10000.0, 500000.0], "rope_theta is read otherwise now"
assert change > 0.01, "the base no longer matters"
PYTHON
