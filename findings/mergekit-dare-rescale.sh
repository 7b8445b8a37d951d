#!/usr/bin/env bash
# mergekit 0.1.5 merges with DARE by dropping a random part of each change and multiplying what is left. The paper of DARE
# (arXiv 2311.03099) multiplies by 1 / density, so that a kept change has the same factor whatever else was dropped. mergekit's
# `rescale`, which is on unless a recipe turns it off, multiplies by the quotient of the tensor's sums of absolute changes before
# and after the dropping. Where a few changes are much larger than the others, as after fine-tuning, the factor depends on
# whether those few were kept.
#
# Seen: changes of 0.001 with every 200th 1.0, density 0.5, four seeds: kept changes were multiplied by 2.172, 2.182, 2.162 and
# 1.626 where 1 / density is 2. Results of one recipe differ by the seed by more than the paper's rule lets them.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install -q 'torch==2.13.0+cpu' 2>/dev/null || "$pip" install -q 'torch==2.13.0'
"$pip" install -q 'transformers==5.23.0' 'numpy==1.26.4' 'safetensors==0.8.0' 'accelerate==1.15.0' 'peft==0.21.2' 'immutables==0.21' \
    'pydantic==2.14.4' 'pyyaml==6.0.4' 'scipy==1.17.1' 'sentencepiece==0.2.3' 'click==8.5.1' 'tqdm==4.70.1'
# Its own requirements ask for an older transformers, which its merging does not need.
"$pip" install -q --no-deps 'mergekit==0.1.5'
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import pathlib
import subprocess
import sys

import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

folder = pathlib.Path(sys.argv[1])
density = 0.5
name = "model.layers.0.mlp.down_proj.weight"
torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
    num_key_value_heads=1, max_position_embeddings=64))
model.save_pretrained(folder / "base")
weight = model.state_dict()[name]
base = weight.clone()
# Few large changes among many small ones, as fine-tuning leaves them.
change = torch.full_like(weight, 0.001)
change.view(-1)[::200] = 1.0
weight += change
model.save_pretrained(folder / "tuned")
(folder / "recipe.yml").write_text(f"""
merge_method: dare_linear
base_model: {folder}/base
models: [{{model: {folder}/tuned, parameters: {{weight: 1.0, density: {density}}}}}]
parameters: {{normalize: false}}
dtype: float32
""")

factors = []
for seed in range(4):
    output = folder / f"out{seed}"
    subprocess.run(
        [pathlib.Path(sys.executable).parent / "mergekit-yaml", folder / "recipe.yml", output, "--random-seed", str(seed),
         "--no-copy-tokenizer"], check=True, capture_output=True)
    merged = {key: value for file in output.glob("*.safetensors") for key, value in load_file(file).items()}
    got = merged[name] - base
    kept = got.abs() > 1e-4
    large = kept & (change > 0.5)
    factor = (got / change)[large].mean().item()
    sums = (change.abs().sum() / change[kept].abs().sum()).item()
    assert 0.45 < kept.float().mean().item() < 0.55, "the share kept is no longer the density"
    assert abs(factor - sums) < 1e-3 * sums, f"factor {factor}, ratio of the sums {sums}"
    factors.append(factor)
print("factor of kept changes:", ", ".join(f"{factor:.3f}" for factor in factors), f"(1 / density is {1 / density})")
assert max(factors) - min(factors) > 0.1, "the factor no longer depends on what was dropped"
PYTHON
