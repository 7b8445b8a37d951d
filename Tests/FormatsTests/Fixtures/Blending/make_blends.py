"""Three small llamas of one shape, and what mergekit makes of them by every method that `rtedit blend` has.

Made with mergekit 0.1.5, transformers 5.23, torch 2.13.0 and safetensors 0.8 on the CPU:
python make_blends.py  (writes beside itself; the same bytes each time)

base/, a/, b/           folders: model.safetensors (f32), config.json, the tokenizer of the small llama of Families; a and b
                        are the base and a change of their own
blends/NAME.safetensors  mergekit's result for the recipe NAME below, in f32
"""

import json
import pathlib
import shutil
import tempfile

import torch
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
TOKENIZER = HERE.parents[2] / "TransformerTests" / "Fixtures" / "Families" / "llama"


def tuned(name, **parameters):
    return {"model": str(HERE / name), "parameters": parameters}


def onto_base(method, first, second, **parameters):
    return {"merge_method": method, "base_model": str(HERE / "base"), "models": [tuned("a", **first), tuned("b", **second)],
            "parameters": parameters}


def slerp(t):
    return {"merge_method": "slerp", "base_model": str(HERE / "a"), "models": [tuned("a"), tuned("b")], "parameters": {"t": t}}


def linear(**parameters):
    return {"merge_method": "linear", "models": [tuned("a", weight=0.3), tuned("b", weight=0.9)], "parameters": parameters}


RECIPES = {
    "linear": linear(),
    "linear-sum": linear(normalize=False),
    "slerp": slerp(0.4),
    "slerp-gradients": slerp([{"filter": "self_attn", "value": [0, 0.5, 1]}, {"filter": "mlp", "value": [0.8, 0.1]},
                              {"value": 0.25}]),
    "task": onto_base("task_arithmetic", {"weight": 0.7}, {"weight": -0.4}),
    "task-normalized": onto_base("task_arithmetic", {"weight": 0.7}, {"weight": 0.5}, normalize=True, **{"lambda": 1.5}),
    "ties": onto_base("ties", {"weight": 0.6, "density": 0.5}, {"weight": 0.8, "density": 0.3}),
    "ties-sum": onto_base("ties", {"weight": 0.6, "density": 0.55}, {"weight": -0.8, "density": 0.31}, normalize=False,
                          rescale=True, **{"lambda": 0.9}),
    "dare-linear": onto_base("dare_linear", {"weight": 0.6, "density": 1}, {"weight": 0.8, "density": 1}),
    "dare-ties": onto_base("dare_ties", {"weight": 0.6, "density": 1}, {"weight": 0.8, "density": 1}),
}


def make_models():
    torch.manual_seed(20261129)
    config = LlamaConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        vocab_size=78, max_position_embeddings=64, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)
    weights = LlamaForCausalLM(config).state_dict()
    weights = {name: torch.randn_like(value) * 0.2 + (1 if "norm" in name else 0) for name, value in weights.items()}
    for name in ["base", "a", "b"]:
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        members = {key: value for key, value in config.to_dict().items() if value is not None}
        members |= {"architectures": ["LlamaForCausalLM"], "dtype": "float32"}
        (folder / "config.json").write_text(json.dumps(members, indent=2, sort_keys=True) + "\n")
        for file in ["tokenizer.json", "tokenizer_config.json"]:
            shutil.copyfile(TOKENIZER / file, folder / file)
        own = weights if name == "base" else {
            key: value + torch.randn_like(value) * 0.05 for key, value in weights.items()}
        save_file({key: value.contiguous() for key, value in own.items()}, folder / "model.safetensors",
                  metadata={"format": "pt"})


def make_blends():
    (HERE / "blends").mkdir(exist_ok=True)
    for name, recipe in RECIPES.items():
        with tempfile.TemporaryDirectory() as folder:
            run_merge(MergeConfiguration.model_validate(recipe | {"dtype": "float32"}), folder,
                      MergeOptions(copy_tokenizer=False, write_model_card=False))
            tensors = {}
            for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
                tensors |= load_file(path)
            save_file(dict(sorted(tensors.items())), HERE / "blends" / f"{name}.safetensors")


make_models()
make_blends()
