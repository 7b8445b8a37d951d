"""Writes a small gpt-oss whose experts are packed in MXFP4, and what transformers and llama.cpp make of it.

    python make_packed_experts.py LLAMA.CPP

Made with llama.cpp 0c1e570 (convert_hf_to_gguf.py and its gguf-py), Python 3.11.7, torch 2.13.0+cpu, transformers 5.23.0,
safetensors 0.8.0, numpy 1.26.4. Needs the tokenizer of Tests/TransformerTests/Fixtures/Families/gpt_oss.

model/           the folder, the rest of it in bf16
reference.safetensors  tokens (positions) i32, and logits (positions, vocabulary) of the folder by transformers in f32, which
                 widens the experts as it loads them
converted.json   of the converter's file for --outtype bf16, in its order: tensors (name, ggml type, shape with the contiguous
                 dimension first, SHA-256 of the bytes) and the keys of its metadata
"""

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

LLAMA_CPP = Path(sys.argv[1]).resolve()
sys.path[:0] = [str(LLAMA_CPP / "gguf-py"), str(LLAMA_CPP)]

import gguf  # noqa: E402
import torch  # noqa: E402
from conversion import ModelBase, ModelType, get_model_architecture, get_model_class  # noqa: E402
from conversion.base import TextModel  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM, GptOssConfig, Mxfp4Config  # noqa: E402

FOLDER = Path(__file__).parent
FAMILY = FOLDER.parents[2] / "TransformerTests" / "Fixtures" / "Families" / "gpt_oss"
EXPERTS, WIDTH, INNER = 3, 32, 64


def main():
    model_folder = FOLDER / "model"
    shutil.rmtree(model_folder, ignore_errors=True)
    model_folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(FAMILY / name, model_folder)
    own = json.loads((FAMILY / "config.json").read_text())
    config = GptOssConfig(
        hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        head_dim=16, num_local_experts=EXPERTS, num_experts_per_tok=2, max_position_embeddings=256, sliding_window=6,
        vocab_size=own["vocab_size"], bos_token_id=own["bos_token_id"], eos_token_id=own["eos_token_id"],
        pad_token_id=own["pad_token_id"],
        rope_parameters={
            "rope_type": "yarn", "rope_theta": 150000.0, "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0,
            "truncate": False, "original_max_position_embeddings": 64})
    torch.manual_seed(6)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    generator = torch.Generator().manual_seed(6)
    tensors = {}
    for name, parameter in model.named_parameters():
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            outputs, inputs = (2 * INNER, WIDTH) if "gate_up" in name else (WIDTH, INNER)
            shape = (EXPERTS, outputs, inputs // 32)
            tensors[name + "_blocks"] = torch.randint(0, 256, (*shape, 16), generator=generator).to(torch.uint8)
            tensors[name + "_scales"] = torch.randint(122, 126, shape, generator=generator).to(torch.uint8)
            continue
        values = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1 and name.endswith("weight"):
            values = 1 + 0.3 * values
        elif parameter.ndim == 1 or name.endswith("_bias"):
            values = 0.3 * values
        elif "embed" not in name:
            values = values / parameter.shape[-1] ** 0.5
        tensors[name] = values.to(torch.bfloat16)
    save_file(dict(sorted(tensors.items())), model_folder / "model.safetensors", metadata={"format": "pt"})
    settings = config.to_dict()
    settings.update(
        architectures=["GptOssForCausalLM"], dtype="bfloat16",
        quantization_config={
            "quant_method": "mxfp4",
            "modules_to_not_convert": [
                "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]})
    settings = {key: value for key, value in settings.items() if not key.startswith("_")}
    (model_folder / "config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")

    loaded, report = AutoModelForCausalLM.from_pretrained(
        model_folder, quantization_config=Mxfp4Config(dequantize=True), dtype=torch.bfloat16,
        attn_implementation="eager", experts_implementation="eager", output_loading_info=True)
    assert not any(report.values()), report
    tokens = torch.randint(0, own["vocab_size"], (19,), generator=generator)
    with torch.no_grad():
        logits = loaded.float().eval()(input_ids=tokens[None], use_cache=False).logits[0]
    save_file({"tokens": tokens.to(torch.int32), "logits": logits.contiguous()}, FOLDER / "reference.safetensors")

    with tempfile.TemporaryDirectory() as temporary, torch.inference_mode():
        path = Path(temporary) / "model.gguf"
        hparams = ModelBase.load_hparams(model_folder, False)
        kind = get_model_class(get_model_architecture(hparams, ModelType.TEXT))
        TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-4o"
        kind(model_folder, gguf.LlamaFileType.MOSTLY_BF16, path, hparams=hparams).write()
        reader = gguf.GGUFReader(path)
        summary = {
            "tensors": [
                {"name": tensor.name, "type": tensor.tensor_type.name, "shape": [int(length) for length in tensor.shape],
                 "sha256": hashlib.sha256(bytes(tensor.data)).hexdigest()}
                for tensor in reader.tensors
            ],
            "keys": [name for name in reader.fields if not name.startswith("GGUF.")],
        }
    lines = ",\n".join(f"  {json.dumps(tensor)}" for tensor in summary["tensors"])
    (FOLDER / "converted.json").write_text(
        f'{{\n "tensors": [\n{lines}\n ],\n "keys": {json.dumps(summary["keys"])}\n}}\n')


main()
