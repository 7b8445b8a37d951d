"""Writes vector files as Python's tools write them, and what a logit lens of transformers' weights gives.

    python make_vectors.py FAMILIES

FAMILIES is Tests/TransformerTests/Fixtures/Families. Made with Python 3.11.7, numpy 1.26.4, safetensors 0.8.0, gguf 0.19.0,
torch 2.13.0+cpu, transformers 5.23.0.

All hold the same directions, (4 blocks, width 6): block b, index i has (i - 2.5) * (b + 1) / 8.

stored.npz, deflated.npz   numpy.savez and savez_compressed of {"1": block 1, "3": block 3}
half.npz, double.npz       of types f2 and f8
fortran.npy                an array (4, 6) in Fortran order
stack.safetensors          one tensor "directions" (4, 6)
repeng.gguf                as repeng's ControlVector.export_gguf writes it
generator.gguf             as llama.cpp's cvector-generator does: block b's is direction.(b + 1), layer_count an i32
big.npz, object.npz, bfloat.npz   types that are refused
inflate.json               texts compressed by zlib in every way, in hexadecimal
lens.json                  of families: a direction and its values under the logit lens, in f64
"""

import json
import sys
import zlib
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM

FOLDER = Path(__file__).parent
rows = np.array([[(i - 2.5) * (b + 1) / 8 for i in range(6)] for b in range(4)], dtype="<f4")
layers = {1: rows[1], 3: rows[3]}
named = {str(k): v for k, v in layers.items()}

np.savez(FOLDER / "stored.npz", **named)
np.savez_compressed(FOLDER / "deflated.npz", **named)
np.savez(FOLDER / "half.npz", **{k: v.astype("<f2") for k, v in named.items()})
np.savez(FOLDER / "double.npz", **{k: v.astype("<f8") for k, v in named.items()})
np.savez(FOLDER / "big.npz", **{k: v.astype(">f4") for k, v in named.items()})
np.savez(FOLDER / "object.npz", **{"1": np.array([None, 1], dtype=object)})
np.savez(FOLDER / "bfloat.npz", **{"1": np.zeros(6, dtype="V2")})
np.save(FOLDER / "fortran.npy", np.asfortranarray(rows))
save_file({"directions": rows}, FOLDER / "stack.safetensors", metadata={"format": "pt"})


def write(path, numbers, integer):
    writer = gguf.GGUFWriter(str(path), "controlvector")
    writer.add_string("controlvector.model_hint", "llama")
    if integer == "i32":
        writer.add_int32("controlvector.layer_count", len(numbers))
    else:
        writer.add_uint32("controlvector.layer_count", len(numbers))
    for number, block in numbers:
        writer.add_tensor(f"direction.{number}", rows[block])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


write(FOLDER / "repeng.gguf", [(1, 1), (3, 3)], "u32")
write(FOLDER / "generator.gguf", [(b + 1, b) for b in range(3)], "i32")

# Zlib data by level and strategy; raw, as zip holds them.
texts = {
    "empty": b"",
    "one": b"a",
    "words": b"the direction of block one, the direction of block two, " * 40,
    "bytes": bytes((i * i * 7 + i // 3) % 251 for i in range(2000)),
    "zeros": bytes(70000),
    "floats": np.sin(np.arange(1200)).astype("<f4").tobytes(),
}
cases = []
for name, text in texts.items():
    for way, level, strategy in [
        ("stored", 0, zlib.Z_DEFAULT_STRATEGY), ("fixed", 6, zlib.Z_FIXED),
        ("dynamic", 9, zlib.Z_DEFAULT_STRATEGY), ("huffman", 6, zlib.Z_HUFFMAN_ONLY),
    ]:
        if name in ("zeros", "floats", "bytes") and way in ("stored", "huffman"):
            continue
        compressor = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
        data = compressor.compress(text) + compressor.flush()
        cases.append({
            "name": f"{name} {way}", "data": data.hex(), "size": len(text),
            "crc": zlib.crc32(text),
        })
(FOLDER / "inflate.json").write_text(json.dumps(cases) + "\n")

lens = []
for family in ["llama", "gemma2", "gpt_neox", "gpt2", "granite"]:
    model = AutoModelForCausalLM.from_pretrained(Path(sys.argv[1]) / family, dtype=torch.float64)
    base = model.base_model
    norm = getattr(base, "norm", None) or getattr(base, "final_layer_norm", None) or base.ln_f
    width = model.config.hidden_size
    direction = torch.tensor([((i * 37) % 11 - 5) / 8 for i in range(width)], dtype=torch.float64)
    weight = norm.weight.detach()
    if family.startswith("gemma"):
        weight = weight + 1
    vector = direction if not hasattr(norm, "bias") else direction - direction.mean()
    values = model.get_output_embeddings().weight.detach() @ (vector * weight)
    values = values / getattr(model.config, "logits_scaling", 1)
    lens.append({
        "family": family, "direction": direction.tolist(),
        "values": [float(f"{v:.9g}") for v in values.tolist()],
    })
(FOLDER / "lens.json").write_text(json.dumps(lens) + "\n")
