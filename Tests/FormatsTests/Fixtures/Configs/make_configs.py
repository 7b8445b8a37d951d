"""Writes the config.json of every small model as transformers saves it.

    python make_configs.py

Made with transformers 4.57.6 and 5.23.0, one run each. saved-by-4.json and saved-by-5.json have, under NAME, what each saves of
Tests/TransformerTests/Fixtures/Families/NAME/config.json, which both are given in the spelling of transformers 4, and
under NAME:VARIANT the same with other members. standard.json, which a run with 5 writes, has the members of every class
that is given none. Families that transformers 4 does not know are left out there.
"""

import json
import tempfile
from pathlib import Path

import transformers
from transformers import CONFIG_MAPPING

FOLDER = Path(__file__).parent
FAMILIES = FOLDER.parents[2] / "TransformerTests" / "Fixtures" / "Families"
VERSION = transformers.__version__.split(".")[0]


# The old spelling has one rotary base; transformers 5 takes its class's for windows then, whatever the file says. transformers 4
# knows neither Qwen 3.5 nor Gemma 4.
NEW_ONLY = {
    "olmo3", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text", "gemma4", "gemma4_text", "gemma4_unified",
    "gemma4_unified_text",
}


def in_old_spelling(config):
    """The members as published folders of before transformers 5 have them."""
    if "text_config" in config:
        return {**config, "text_config": in_old_spelling(config["text_config"])}
    # Infinity, which JSON has not; the classes of transformers 4 that are here have no such member.
    config.pop("time_step_limit", None)
    if config["model_type"] == "qwen3_moe":
        config["num_experts"] = config.pop("num_local_experts")
    rope = config.pop("rope_parameters", None)
    if rope is None:
        return config
    if "full_attention" in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        rope = rope["full_attention"]
    base, share = rope.pop("rope_theta", None), rope.pop("partial_rotary_factor", None)
    names = ("rotary_emb_base", "rotary_pct") if config["model_type"] == "gpt_neox" else ("rope_theta", "partial_rotary_factor")
    config.update({name: value for name, value in zip(names, (base, share)) if value is not None})
    kind = rope.get("rope_type", "default")
    if config["model_type"] == "phi3":
        rope = {"type": kind, "short_factor": rope.get("short_factor"), "long_factor": rope.get("long_factor")}
    config["rope_scaling"] = None if kind == "default" else rope
    return config


def yarn(kind="rope_type"):
    return {kind: "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 8.0}


VARIANTS = {
    "llama": {
        "linear": {"rope_scaling": {"type": "linear", "factor": 2.0}}, "yarn": {"rope_scaling": yarn()},
        "dynamic": {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, "plain": {"rope_scaling": None},
    },
    "mistral": {"full": {"sliding_window": None}, "yarn": {"rope_scaling": yarn("type")}},
    "mixtral": {"window": {"sliding_window": 8}},
    "qwen2": {"yarn": {"rope_scaling": yarn("type")}, "window": {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 0}},
    "qwen3": {"yarn": {"rope_scaling": yarn()}, "window": {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 0}},
    "qwen3_moe": {"window": {"use_sliding_window": True, "sliding_window": 8}, "shares": {"norm_topk_prob": False}},
    "gemma": {"linear": {"rope_scaling": {"type": "linear", "factor": 2.0}}},
    "gemma2": {"uncapped": {"final_logit_softcapping": None, "attn_logit_softcapping": None}},
    "gemma3": {"plain": {"rope_scaling": None}, "every3": {"sliding_window_pattern": 3}},
    "phi3": {"plain": {"rope_scaling": None, "sliding_window": None, "original_max_position_embeddings": 64}},
    "olmo2": {"linear": {"rope_scaling": {"type": "linear", "factor": 2.0}}},
    "granite": {"linear": {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}},
    "starcoder2": {"linear": {"rope_scaling": {"type": "linear", "factor": 2.0}}, "full": {"sliding_window": None}},
    "stablelm": {"whole": {"partial_rotary_factor": 1.0}},
    "gpt_neox": {"linear": {"rope_scaling": {"type": "linear", "factor": 2.0}}},
}


def write(name, kind, settings):
    with tempfile.TemporaryDirectory() as work:
        CONFIG_MAPPING[kind](**json.loads(json.dumps(settings))).save_pretrained(work)
        saved[name] = json.loads((Path(work) / "config.json").read_text())


standard, saved = {}, {}
for path in sorted(FAMILIES.glob("*/config.json")):
    settings = json.loads(path.read_text())
    if settings["model_type"] not in NEW_ONLY:
        settings = in_old_spelling(settings)
    elif VERSION == "4":
        continue
    kind = settings.pop("model_type")
    if any(each not in CONFIG_MAPPING for each in (kind, settings.get("text_config", {}).get("model_type", kind))):
        continue
    write(path.parent.name, kind, settings)
    for variant, members in VARIANTS.get(path.parent.name, {}).items():
        write(f"{path.parent.name}:{variant}", kind, {**settings, **members})
    # A Granite 4 without members has experts and blocks of state space.
    if "text_config" not in settings and kind != "granitemoehybrid":
        members = CONFIG_MAPPING[kind]().to_dict()
        standard[kind] = {key: value for key, value in members.items() if not key.startswith("_")}


def dump(name, configs):
    lines = [f" {json.dumps(key)}: {json.dumps(value, sort_keys=True)}" for key, value in sorted(configs.items())]
    (FOLDER / name).write_text("{\n" + ",\n".join(lines) + "\n}\n")


dump(f"saved-by-{VERSION}.json", saved)
if VERSION == "5":
    dump("standard.json", standard)
