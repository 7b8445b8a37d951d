"""Writes rope.json: rotary frequencies, attention factors, cosines and sines as transformers computes them.

Run: python make_rope.py   (transformers 5.23.0, torch 2.13.0+cpu)
"""

import json
from pathlib import Path

import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

HEAD = 32
CONTEXT = 256
POSITIONS = [0, 1, 2, 7, 63, 200, 255]


def rotary(base, scaling):
    config = LlamaConfig(
        hidden_size=4 * HEAD,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_theta": base, **scaling},
    )
    return LlamaRotaryEmbedding(config)


def case(name, base, scaling, positions=POSITIONS):
    """One forward call per case: `sequence` is the length that dynamic scaling sees."""
    embedding = rotary(base, scaling)
    ids = torch.tensor([positions])
    cosine, sine = embedding(torch.zeros(1, dtype=torch.float32), ids)
    return {
        "name": name,
        "base": base,
        "dimensions": HEAD,
        "scaling": scaling,
        "sequence": max(positions) + 1,
        "positions": positions,
        "inverse": embedding.inv_freq.tolist(),
        "attention_factor": float(embedding.attention_scaling),
        "cosine": cosine[0, :, : HEAD // 2].tolist(),
        "sine": sine[0, :, : HEAD // 2].tolist(),
    }


LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
DYNAMIC = {"rope_type": "dynamic", "factor": 3.0}

cases = [
    case("plain", 10000.0, {"rope_type": "default"}),
    case("plain, large base", 500000.0, {"rope_type": "default"}, [0, 5, 8191]),
    case("linear", 10000.0, {"rope_type": "linear", "factor": 2.5}),
    case("llama3", 500000.0, LLAMA3),
    case("yarn", 10000.0, YARN),
    case(
        "yarn with its own factor and betas",
        10000.0,
        {**YARN, "attention_factor": 1.3, "beta_fast": 16.0, "beta_slow": 2.0},
    ),
    case("yarn with a ramp that is not rounded", 10000.0, {**YARN, "truncate": False}),
    case("dynamic within the context", 10000.0, DYNAMIC),
    case("dynamic beyond the context", 10000.0, DYNAMIC, [0, 100, 300, 511]),
]
lines = ",\n".join(json.dumps(entry) for entry in cases)
Path(__file__).with_name("rope.json").write_text(f"[\n{lines}\n]\n")
