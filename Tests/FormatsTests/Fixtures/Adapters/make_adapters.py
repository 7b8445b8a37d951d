"""Low-rank adapters of the small checkpoint in samples/tiny, and some rows of the weights they are merged into.

Made with peft 0.21.2, transformers 5.23, torch 2.13.0 and llama.cpp at commit 0c1e570:
rtedit convert samples/tiny/tiny-mood.gguf HUB && python make_adapters.py HUB LLAMA_CPP  (writes beside itself)

plain/                a PEFT folder: rank 2, alpha 8, query and key of block 1, feed-forward output of block 2
plain.gguf            the same by convert_lora_to_gguf.py
patterned/            rank-stabilised, with a rank of its own for one module and an alpha for two
NAME-rows.safetensors  rows ROWS of each merged weight, by merge_and_unload, in Hugging Face's row order
"""

import json
import pathlib
import subprocess
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
MODULES = ["model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.k_proj", "model.layers.2.mlp.down_proj"]
ROWS = [0, 1, 17, 63]


def make(name, **options):
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
    config = LoraConfig(r=2, lora_alpha=8, target_modules=MODULES, task_type="CAUSAL_LM", **options)
    adapted = get_peft_model(model, config)
    for parameter, values in adapted.named_parameters():
        if "lora_" in parameter:
            values.data = torch.randn_like(values) * 0.1
    adapted.save_pretrained(HERE / name)
    (HERE / name / "README.md").unlink()
    path = HERE / name / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = "tiny-mood"
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    merged = adapted.merge_and_unload().state_dict()
    rows = {module: merged[module + ".weight"][ROWS].contiguous() for module in MODULES}
    save_file(rows, HERE / (name + "-rows.safetensors"))


torch.manual_seed(20261123)
make("plain")
make("patterned", use_rslora=True, rank_pattern={"down_proj": 4}, alpha_pattern={"k_proj": 3, "layers.2.mlp.down_proj": 5})
subprocess.run([
    sys.executable, sys.argv[2] + "/convert_lora_to_gguf.py", "--base", sys.argv[1], "--outfile", HERE / "plain.gguf",
    HERE / "plain"], check=True)
