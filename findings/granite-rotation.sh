#!/usr/bin/env bash
# The converter of llama.cpp, as it is inside llama-cpp-python 0.3.36, writes `rope.scaling.finetuned` true into the file of
# every Granite 4 without blocks of state space. llama.cpp takes that key for whether queries and keys are rotated at all; the
# folder's `position_embedding_type`, which transformers goes by, is not looked at.
#
# Seen: a small random model with "nope" is written as a `granite` that rotates, without a word. In transformers 5.23.0 the same
# weights with "rope" have other logits.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install -q 'torch==2.13.0+cpu' 2>/dev/null || "$pip" install -q 'torch==2.13.0'
"$pip" install -q 'transformers==5.23.0' 'numpy==1.26.4' 'sentencepiece==0.2.1' 'pyyaml==6.0.3' 'tqdm==4.67.1' 'requests==2.32.5' \
    'scikit-build-core==0.11.6' 'cmake==3.31.6' 'ninja==1.11.1.4' flit-core
(cd "$folder" && PATH="$folder/venv/bin:$PATH" "$pip" download -q --no-deps --no-build-isolation --no-binary llama-cpp-python 'llama-cpp-python==0.3.36')
tar -C "$folder" -xzf "$folder"/llama_cpp_python-0.3.36.tar.gz
source="$folder/llama_cpp_python-0.3.36/vendor/llama.cpp"
PYTHONPATH="$source:$source/gguf-py" "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import json
import logging
import pathlib
import sys

import gguf
import torch
import transformers
from conversion.base import ModelBase, ModelType
from conversion import get_model_class
from transformers import GraniteMoeHybridConfig, GraniteMoeHybridForCausalLM

folder = pathlib.Path(sys.argv[1], "model")
logging.disable(logging.INFO)


def model(kind):
    torch.manual_seed(0)
    return GraniteMoeHybridForCausalLM(GraniteMoeHybridConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, shared_intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, layer_types=["attention", "attention"], num_local_experts=0,
        num_experts_per_tok=0, position_embedding_type=kind, max_position_embeddings=64, mamba_n_heads=8, mamba_d_head=8,
        initializer_range=0.5, pad_token_id=0, attn_implementation="eager")).eval()


def logits(kind):
    with torch.no_grad():
        return model(kind)(torch.arange(1, 20)[None]).logits


change = (logits("nope") - logits("rope")).abs().max().item()
model("nope").save_pretrained(folder)
# As published folders have the kinds of blocks; transformers 5 calls them otherwise, and the converter takes those for another family.
config = json.loads((folder / "config.json").read_text())
config["layer_types"] = ["attention"] * 2
(folder / "config.json").write_text(json.dumps(config))
settings = {**ModelBase.load_hparams(folder, False), "layer_types": config["layer_types"]}
converter = get_model_class("GraniteMoeHybridForCausalLM")
converter.set_vocab = lambda self: None
output = folder / "model.gguf"
converter(folder, gguf.LlamaFileType.ALL_F32, output, hparams=settings).write()
fields = gguf.GGUFReader(output).fields
name, rotates = (fields[key].contents() for key in ("general.architecture", "granite.rope.scaling.finetuned"))
print(f"llama.cpp's converter: a Granite 4 that does not rotate becomes a '{name}' with rope.scaling.finetuned {rotates}; "
      f"in transformers {transformers.__version__} rotation changes a logit by up to {change:.2g}")
assert config["position_embedding_type"] == "nope" and name == "granite"
assert rotates is True, "the converter goes by position_embedding_type now"
assert change > 0.01, "rotation no longer matters"
PYTHON
