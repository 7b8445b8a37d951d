#!/usr/bin/env bash
# transformers 5.23.0 takes `attn_logit_softcapping` in the configuration of Gemma 3, writes it back into config.json, and
# computes as if it were not there. In Gemma 2, where the member comes from, it caps the scores of attention.
#
# Seen: for small random models of one seed, with a cap of 0.01 and without, the logits of Gemma 2 differ by several units
# and those of Gemma 3 not at all. A runtime that honours the member computes another model than transformers.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'torch==2.13.0+cpu' 2>/dev/null || "$folder/venv/bin/pip" install -q 'torch==2.13.0'
"$folder/venv/bin/pip" install -q 'transformers==5.23.0' 'numpy==1.26.4'
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from transformers import Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig


def largest_change(config_class, model_class):
    logits = []
    for cap in (None, 0.01):
        torch.manual_seed(0)
        config = config_class(
            vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=1, head_dim=16, initializer_range=0.5,
            attn_logit_softcapping=cap, attn_implementation="eager")
        assert config.to_dict()["attn_logit_softcapping"] == cap, "the member is no longer kept"
        model = model_class(config).eval()
        with torch.no_grad():
            logits.append(model(torch.arange(1, 20)[None]).logits)
    return (logits[0] - logits[1]).abs().max().item()


gemma2 = largest_change(Gemma2Config, Gemma2ForCausalLM)
gemma3 = largest_change(Gemma3TextConfig, Gemma3ForCausalLM)
print(f"transformers {transformers.__version__}: the cap changes a logit of Gemma 2 by up to "
      f"{gemma2:.3g}, of Gemma 3 by up to {gemma3:.3g}")
assert gemma2 > 0.01, "Gemma 2 no longer applies its cap"
assert gemma3 == 0, "Gemma 3 applies the cap now"
PYTHON
