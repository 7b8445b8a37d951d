"""Writes what llama.cpp's own converter makes of the folders in Tests/TransformerTests/Fixtures/Families.

    python make_conversion.py LLAMA.CPP [OUTPUT]

Made with llama.cpp 1652066 (convert_hf_to_gguf.py and its gguf-py), Python 3.11.7, torch 2.13.0+cpu,
transformers 5.23.0, sentencepiece 0.2.3, numpy 1.26.4; transformers 4.57.6, which the converter asks for, gives the
same. With OUTPUT, the GGUF files are left in that folder.

NAME.json holds, for --outtype f32 and f16, in the order of the file:

tensors     name, ggml type, shape (ne, the contiguous dimension first), SHA-256 of the bytes
metadata    key, type, value. An array is its element type, its length, and the SHA-256 of its elements as the file
            has them: little-endian, each string after its length as a u64

Patched in the converter:
- get_vocab_base_pre knows a pre-tokenizer by the hash of what the published vocabulary makes of a text; these
  vocabularies are too small for that, so the name is given here.
- GPTNeoXModel reads hparams["rotary_pct"], which transformers 5 moves to rope_parameters when it reads a config.json,
  and GraniteHybridModel the older names in "layer_types", which it replaces (the converter asks for transformers
  4.57); the folder's own values are put back.
- Gemma4Model asks for moe_intermediate_size, which the configuration of the models without towers does not have.
"""

import hashlib
import json
import logging
import sys
import tempfile
from pathlib import Path

LLAMA_CPP = Path(sys.argv[1]).resolve()
sys.path[:0] = [str(LLAMA_CPP / "gguf-py"), str(LLAMA_CPP)]

import gguf  # noqa: E402
import torch  # noqa: E402
from conversion import ModelBase, ModelType, get_model_architecture, get_model_class  # noqa: E402
from conversion.base import TextModel  # noqa: E402
from safetensors import safe_open  # noqa: E402

FOLDER = Path(__file__).parent
FAMILIES = FOLDER.parents[2] / "TransformerTests" / "Fixtures" / "Families"
TYPES = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16}
# As the converter names the published tokenizers of these families.
PRE_TOKENIZERS = {
    "llama": "llama-bpe", "llama-yarn": "smollm", "qwen2": "qwen2", "qwen3": "qwen2", "qwen3_moe": "qwen2",
    "qwen2_moe": "qwen2", "gpt_oss": "gpt-4o",
    "phi4": "gpt-2", "gpt2": "gpt-2", "gpt_neox": "olmo", "gpt_neox-sequential": "olmo", "olmo2": "dbrx",
    "qwen3_next": "qwen2", "qwen3_5": "qwen35", "qwen3_5-wrapped": "qwen35", "qwen3_5_moe": "qwen35",
    "qwen3_5_moe-wrapped": "qwen35", "mistral3": "tekken", "ministral3": "tekken", "ministral3-wrapped": "tekken",
    "olmo3": "dbrx", "smollm3": "llama-bpe", "granite": "refact", "granite4": "dbrx", "arcee": "llama-bpe",
    "exaone4": "exaone4", "cohere2": "command-r", "glm4": "glm4", "starcoder2": "starcoder", "stablelm": "stablelm2",
    "lfm2": "lfm2", "lfm2-wrapped": "lfm2", "lfm2_moe": "lfm2",
    "stablelm-parallel": "stablelm2", "seed_oss": "seed-coder",
}
# The converter drops the attention scale, and llama.cpp then uses another one; it has no windows in so few blocks, loads no
# bias of a convolution, and has no dense blocks in that family.
LEFT_OUT = {"gemma2-scaled", "exaone4-windowed", "lfm2-biased", "qwen2_moe-dense"}

Value = gguf.GGUFValueType
FORMATS = {
    Value.UINT8: "u1", Value.INT8: "i1", Value.UINT16: "<u2", Value.INT16: "<i2", Value.UINT32: "<u4", Value.INT32: "<i4",
    Value.UINT64: "<u8", Value.INT64: "<i8", Value.FLOAT32: "<f4", Value.FLOAT64: "<f8", Value.BOOL: "u1",
}
NAMES = {
    Value.UINT8: "u8", Value.INT8: "i8", Value.UINT16: "u16", Value.INT16: "i16", Value.UINT32: "u32", Value.INT32: "i32",
    Value.UINT64: "u64", Value.INT64: "i64", Value.FLOAT32: "f32", Value.FLOAT64: "f64", Value.BOOL: "bool",
    Value.STRING: "string",
}


def convert(name, outtype, path):
    folder = FAMILIES / name
    with torch.inference_mode():
        settings = ModelBase.load_hparams(folder, False)
        own = json.loads((folder / "config.json").read_text())
        for key in ("rotary_pct", "layer_types"):
            if key in own:
                settings[key] = own[key]
        if name == "gemma4-unified":
            settings["text_config"]["moe_intermediate_size"] = None
        model = get_model_class(get_model_architecture(settings, ModelType.TEXT))
        # As --no-mtp where there are no prediction blocks: the converter stops there else.
        with safe_open(folder / "model.safetensors", "pt") as weights:
            model.no_mtp = not any(key.startswith("mtp.") for key in weights.keys())
        TextModel.get_vocab_base_pre = lambda self, tokenizer: PRE_TOKENIZERS[name]
        model(folder, TYPES[outtype], path, hparams=settings).write()


def digest(data):
    return hashlib.sha256(bytes(data)).hexdigest()


def described(field):
    kind, *elements = field.types
    if kind != Value.ARRAY:
        return {"key": field.name, "type": NAMES[kind], "value": field.contents()}
    hasher = hashlib.sha256()
    for place in field.data:
        if elements[0] == Value.STRING:
            hasher.update(len(bytes(field.parts[place])).to_bytes(8, "little"))
        hasher.update(field.parts[place].astype(FORMATS.get(elements[0], "u1")).tobytes())
    return {"key": field.name, "type": f"[{NAMES[elements[0]]}]", "count": len(field.data), "sha256": hasher.hexdigest()}


def summary(path):
    reader = gguf.GGUFReader(path)
    return {
        "tensors": [
            {"name": tensor.name, "type": tensor.tensor_type.name, "shape": [int(length) for length in tensor.shape],
             "sha256": digest(tensor.data)}
            for tensor in reader.tensors
        ],
        # Names that begin with GGUF. are the reader's own, for the file's header.
        "metadata": [described(field) for name, field in reader.fields.items() if not name.startswith("GGUF.")],
    }


def rows(values):
    return "[\n" + ",\n".join(f"   {json.dumps(value, ensure_ascii=False)}" for value in values) + "\n  ]"


def main():
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(sys.argv[2] if len(sys.argv) > 2 else temporary)
        for folder in sorted(path.parent for path in FAMILIES.glob("*/config.json")):
            if folder.name in LEFT_OUT:
                continue
            parts = []
            for outtype in TYPES:
                path = output / f"{folder.name}-{outtype}.gguf"
                convert(folder.name, outtype, path)
                parts.append(f' "{outtype}": {{\n' + ",\n".join(
                    f'  "{part}": {rows(values)}' for part, values in summary(path).items()) + "\n }")
            text = "{\n" + ",\n".join(parts) + "\n}\n"
            (FOLDER / f"{folder.name}.json").write_text(text, encoding="utf-8")
            print(folder.name)


main()
