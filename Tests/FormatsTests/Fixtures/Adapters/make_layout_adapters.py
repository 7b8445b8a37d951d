"""Adapters of embeddings, heads and experts as PEFT writes them, and some rows of the weights that the trained model has.

Made with peft 0.21.2, transformers 5.23 and torch 2.13.0 for the small models of Tests/TransformerTests/Fixtures/Families:
python make_layout_adapters.py  (writes beside itself; run on the CPU, seeded)

layout-FAMILY/                  a PEFT folder
layout-FAMILY-rows.safetensors  the first, third and last row of each weight that the adapter changes, by published names

The rows are those of the weights that the adapted model computes with. PEFT's own merge is that too, but for a head that is
tied to the embedding, to which it adds the update twice.
"""

import json
import pathlib

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
FAMILIES = HERE.parents[2] / "TransformerTests/Fixtures/Families"


def make(family, tied=False, **options):
    base = FAMILIES / family
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    adapted = get_peft_model(model, LoraConfig(r=1, lora_alpha=3, task_type="CAUSAL_LM", **options))
    with torch.no_grad():
        for parameter, values in sorted(adapted.named_parameters()):
            if "lora_" in parameter and not (tied and "lm_head" in parameter):
                values.copy_(torch.randn(values.shape) * 0.1)
    name = "layout-" + family
    adapted.save_pretrained(HERE / name)
    (HERE / name / "README.md").unlink()
    path = HERE / name / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = family
    for key in ("target_modules", "target_parameters"):
        config[key] = sorted(config[key]) if config[key] else config[key]
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    if tied:
        # The update of the embedding once, which is what the adapted model computes with.
        halves = load_file(HERE / name / "adapter_model.safetensors")
        stem = "base_model.model.model.embed_tokens.lora_embedding_"
        before = load_file(base / "model.safetensors")["model.embed_tokens.weight"]
        after = {"model.embed_tokens.weight": before + 3 * (halves[stem + "B"] @ halves[stem + "A"]).T}
        changed = after
    else:
        merged = HERE / "merged"
        adapted.merge_and_unload().save_pretrained(merged)
        before, after = load_file(base / "model.safetensors"), load_file(merged / "model.safetensors")
        for file in merged.iterdir():
            file.unlink()
        merged.rmdir()
        changed = {key: value for key, value in after.items() if not torch.equal(value, before[key].float())}
    rows = {key: value[[0, 2, -1]].contiguous() for key, value in changed.items()}
    save_file(rows, HERE / (name + "-rows.safetensors"))
    print(name, len(rows), sum((HERE / name / f).stat().st_size for f in ("adapter_config.json", "adapter_model.safetensors")))


torch.manual_seed(20261127)
make("olmo2", target_modules=["embed_tokens", "lm_head"])
make("mixtral", target_modules="all-linear")
make("qwen3_moe", target_modules=["gate_proj", "up_proj", "down_proj"])
make("qwen2", target_modules=["embed_tokens"], ensure_weight_tying=True, tied=True)
