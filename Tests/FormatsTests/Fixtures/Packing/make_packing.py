"""Makes small layers as the tools of quantised folders pack them, and the values that the tools read from them.

    python make_packing.py LLAMA_CPP

Made with Python 3.11.7, torch 2.13.0+cpu, safetensors 0.8.0, numpy 1.26.4, transformers 5.23.0, compressed-tensors 0.20.1,
bitsandbytes 0.50.2, torchao 0.18.0, mlx 0.32.4, and the converter of llama.cpp 0c1e570 (LLAMA_CPP is its folder). Deterministic:
running it again gives the same bytes.

Each CASE/ has config.json with what its tool writes there of the quantisation, model.safetensors with the layers'
tensors, and expected.safetensors with the weights in f32. Whose decoding that is:

fp8-*             llama.cpp's converter; where blocks divide the matrix, transformers' Fp8Dequantize gives the same
ct-*              compressed-tensors' decompress with scales in f32; nvfp4 by its rule in f64, rounded once (the
                  library rounds to bf16 on its way)
gptq-*            llama.cpp's converter
awq, modelopt-*   the rule in f64, rounded once: the tools need a GPU
bnb-*             bitsandbytes' dequantize_4bit and int8_vectorwise_dequant in f32
torchao-*         the tensors' own dequantize in f32
mlx-*             mlx.core.dequantize of scales in f32
mxfp4             transformers' _convert_moe_packed_tensors, transposed back
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import bitsandbytes.functional as bnb
import mlx.core as mx
import numpy as np
import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from safetensors.torch import save_file
from torchao.core.config import config_to_dict
from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict
from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig, quantize_
from transformers.integrations.finegrained_fp8 import Fp8Dequantize
from transformers.integrations.mxfp4 import _convert_moe_packed_tensors

sys.path.insert(0, sys.argv[1])
from conversion.base import ModelBase  # noqa: E402

HERE = Path(__file__).parent
LAYER = "model.layers.0.mlp.down_proj"
FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
E4M3 = torch.float8_e4m3fn


def write(case, config, tensors, expected, key="quantization_config", metadata=None):
    folder = HERE / case
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({key: config}, indent=1) + "\n")
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors", metadata)
    save_file({k: v.float().contiguous() for k, v in expected.items()}, folder / "expected.safetensors")


def weight(rows, columns, seed=0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def random_codes(seed, top, *shape):
    return np.random.default_rng(seed).integers(0, top, shape)


def converted(tensors, config):
    """What llama.cpp's converter makes of a folder's tensors."""
    fake = SimpleNamespace(
        hparams={"quantization_config": config}, model_tensors={k: (lambda v=v: v) for k, v in tensors.items()},
        lazy=False, _is_nvfp4=False, _fp8_as_q8=False, _fp8_dequantized=set(), dequant_model=None)
    ModelBase.dequant_model(fake)
    return {k: v() for k, v in fake.model_tensors.items()}


# fp8


def fp8():
    for case, shape, block, scale_type in [
        ("fp8-blocks", (32, 48), [16, 16], torch.float32), ("fp8-partial", (40, 50), [16, 16], torch.bfloat16),
        ("fp8-tensor", (16, 24), None, torch.bfloat16), ("fp8-exponents", (32, 32), [16, 16], torch.uint8),
    ]:
        w = weight(*shape)
        q = (w * 40).to(E4M3)
        grid = tuple(-(-n // b) for n, b in zip(shape, block)) if block else ()
        random = torch.rand(grid, generator=torch.Generator().manual_seed(1))
        scale = (random * 6 + 118).to(torch.uint8) if scale_type == torch.uint8 else (0.01 + 0.05 * random).to(scale_type)
        config = {"activation_scheme": "dynamic" if block else "static", "quant_method": "fp8", "weight_block_size": block}
        if scale_type == torch.uint8:
            config["scale_fmt"] = "ue8m0"
        tensors = {LAYER + ".weight": q, LAYER + ".weight_scale_inv": scale}
        number = (scale.float() - 127).exp2() if scale_type == torch.uint8 else scale
        expected = converted({**tensors, LAYER + ".weight_scale_inv": number}, config)[LAYER + ".weight"]
        if block and all(n % b == 0 for n, b in zip(shape, block)):
            assert torch.equal(expected, Fp8Dequantize(None)._dequantize_one(q, scale, torch.float32))
        if not block:
            tensors[LAYER + ".activation_scale"] = torch.tensor(0.5, dtype=scale_type)
        write(case, config, tensors, {LAYER + ".weight": expected})
    # Experts in one tensor, and the other names of scales.
    q = (torch.stack([weight(24, 16, e) for e in range(2)]) * 40).to(E4M3)
    grid = (0.01 + torch.rand(2, 2, 1, generator=torch.Generator().manual_seed(1))).float()
    name = "model.layers.0.mlp.experts.gate_up_proj"
    config = {"quant_method": "fp8", "weight_block_size": [16, 16]}
    expected = q.float() * grid.repeat_interleave(16, 1)[:, :24].repeat_interleave(16, 2)
    for case, scale in [("fp8-experts", name + "_scale_inv")]:
        write(case, config, {name: q, scale: grid}, {name: expected})
    q = (weight(16, 16) * 40).to(E4M3)
    s = torch.tensor([[0.02]])
    for case, ending in [("fp8-scale", ".scale"), ("fp8-qscale", ".qscale_weight")]:
        tensors = {LAYER + ".weight": q, LAYER + ending: s, LAYER + ".bias": weight(1, 16)[0]}
        write(case, config, tensors, {LAYER + ".weight": q.float() * s, LAYER + ".bias": tensors[LAYER + ".bias"]})


# compressed-tensors


def extremes(w, arguments):
    """The scales and zero points of the blocks of a matrix, by its least and largest values."""
    rows, columns = w.shape
    r, c = {"tensor": (rows, columns), "channel": (1, columns), "block": arguments.get("block_structure")}.get(
        arguments["strategy"]) or (1, arguments["group_size"])
    blocks = w.reshape(rows // r, r, columns // c, c).permute(0, 2, 1, 3).flatten(2)
    top = 448 if arguments["type"] == "float" and arguments["num_bits"] == 8 else 2 ** (arguments["num_bits"] - 1) - 1
    if arguments.get("symmetric", True):
        return blocks.abs().amax(-1) / top, None
    low, high = blocks.amin(-1).clamp(max=0), blocks.amax(-1).clamp(min=0)
    scale = (high - low) / (2 ** arguments["num_bits"] - 1)
    return scale, (-(2 ** (arguments["num_bits"] - 1)) - low / scale).round().to(torch.int8)


def compressed(case, form, shape, **arguments):
    arguments = {"symmetric": True, **arguments}
    scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**arguments))
    w = weight(*shape)
    scale, zero = extremes(w, arguments)
    if arguments["strategy"] == "tensor":
        scale = scale.reshape(1)
    state = {"weight": w, "weight_scale": scale}
    if zero is not None:
        state["weight_zero_point"] = zero
    if form == "mxfp8-quantized":
        state["weight_scale"] = torch.exp2(torch.ceil(torch.log2(scale)))
    compressor = BaseCompressor.get_value_from_registry(form)
    state = compressor.compress(state, scheme)
    config = {
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": scheme.weights.model_dump(mode="json"),
                                      "input_activations": None, "output_activations": None, "format": form}},
        "format": form, "ignore": ["lm_head"], "quant_method": "compressed-tensors", "quantization_status": "compressed",
        "kv_cache_scheme": None, "sparsity_config": {}, "transform_config": {}, "version": "0.20.1"}
    expected = compressor.decompress(state, scheme)["weight"]
    write(case, config, {f"{LAYER}.{k}": v for k, v in state.items()}, {LAYER + ".weight": expected})
    return config, state


def compressed_tensors():
    f8 = {"num_bits": 8, "type": "float"}
    i8 = {"num_bits": 8, "type": "int"}
    i4 = {"num_bits": 4, "type": "int"}
    compressed("ct-float-channel", "float-quantized", (16, 24), **f8, strategy="channel")
    compressed("ct-float-tensor", "float-quantized", (16, 24), **f8, strategy="tensor")
    compressed("ct-float-block", "float-quantized", (32, 48), **f8, strategy="block", block_structure=[16, 16])
    compressed("ct-int-channel", "int-quantized", (16, 24), **i8, strategy="channel")
    compressed("ct-int-zeros", "int-quantized", (16, 24), **i8, strategy="channel", symmetric=False)
    compressed("ct-naive-group", "naive-quantized", (16, 32), **i8, strategy="group", group_size=16)
    compressed("ct-pack4-group", "pack-quantized", (16, 64), **i4, strategy="group", group_size=32)
    compressed("ct-pack4-channel", "pack-quantized", (16, 40), **i4, strategy="channel")
    compressed("ct-pack4-zeros", "pack-quantized", (24, 64), **i4, strategy="group", group_size=32, symmetric=False)
    compressed("ct-pack8-group", "pack-quantized", (16, 64), **i8, strategy="group", group_size=32)
    compressed("ct-pack3-group", "pack-quantized", (16, 96), num_bits=3, type="int", strategy="group", group_size=32)
    compressed("ct-mxfp8", "mxfp8-quantized", (16, 64), **f8, strategy="group", group_size=32)
    fp4()


def fp4():
    """Floats of four bits, from random codes."""
    codes = random_codes(3, 16, 16, 64)
    packed = torch.from_numpy((codes[:, 0::2] | codes[:, 1::2] << 4).astype(np.uint8))
    scale = (0.5 + 8 * torch.rand(16, 4, generator=torch.Generator().manual_seed(1))).to(E4M3)
    group = {"num_bits": 4, "type": "float", "symmetric": True, "strategy": "tensor_group", "group_size": 16}
    numbers = FP4[codes] * scale.double().numpy().repeat(16, 1)
    config = {"config_groups": {"group_0": {"targets": ["Linear"], "weights": group, "format": "nvfp4-pack-quantized"}},
              "format": "nvfp4-pack-quantized", "ignore": [], "quant_method": "compressed-tensors"}
    divisor = torch.tensor([123.5])
    tensors = {"weight_packed": packed, "weight_scale": scale, "weight_global_scale": divisor,
               "input_global_scale": torch.tensor([7.0])}
    write("ct-nvfp4", config, {f"{LAYER}.{k}": v for k, v in tensors.items()},
          {LAYER + ".weight": torch.from_numpy(numbers / divisor.double().item())})
    factor = torch.tensor(0.0123)
    tensors = {"weight": packed, "weight_scale": scale, "weight_scale_2": factor, "input_scale": torch.tensor(0.5)}
    config = {"producer": {"name": "modelopt", "version": "0.47"},
              "quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": None, "group_size": 16,
                               "exclude_modules": ["lm_head"]}}
    write("modelopt-nvfp4", {}, {f"{LAYER}.{k}": v for k, v in tensors.items()},
          {LAYER + ".weight": torch.from_numpy(numbers * factor.double().item())}, key="unused")
    (HERE / "modelopt-nvfp4" / "hf_quant_config.json").write_text(json.dumps(config, indent=1) + "\n")
    exponents = torch.from_numpy(random_codes(4, 12, 16, 2).astype(np.uint8) + 120)
    exponents[0, 0] = 0
    group = {**group, "strategy": "group", "group_size": 32}
    config = {"config_groups": {"group_0": {"targets": ["Linear"], "weights": group}},
              "format": "mxfp4-pack-quantized", "ignore": [], "quant_method": "compressed-tensors"}
    numbers = FP4[codes] * np.exp2(exponents.double().numpy() - 127).repeat(32, 1)
    write("ct-mxfp4", config, {LAYER + ".weight_packed": packed, LAYER + ".weight_scale": exponents},
          {LAYER + ".weight": torch.from_numpy(numbers)})


def modelopt():
    q = (weight(16, 32) * 40).to(E4M3)
    for case, algorithm, scale in [
        ("modelopt-fp8", "FP8", torch.tensor(0.03)), ("modelopt-channel", "FP8_PER_CHANNEL_PER_TOKEN", 0.01 + 0.01 * torch.arange(16.0)),
    ]:
        config = {"quant_method": "modelopt", "quant_algo": algorithm, "ignore": ["lm_head"]}
        tensors = {LAYER + ".weight": q, LAYER + ".weight_scale": scale, LAYER + ".input_scale": torch.tensor(0.5)}
        write(case, config, tensors, {LAYER + ".weight": q.float() * scale.reshape(-1, 1)})
    codes = random_codes(5, 16, 16, 32)
    signed = np.where(codes < 8, codes, codes - 16)
    packed = torch.from_numpy((codes[0::2] | codes[1::2] << 4).astype(np.uint8))
    scale = 0.01 + torch.rand(16, 2, generator=torch.Generator().manual_seed(1))
    inputs = 0.5 + torch.rand(32, generator=torch.Generator().manual_seed(2))
    config = {"quant_method": "modelopt", "quant_algo": "W4A16_AWQ", "group_size": 16, "pre_quant_scale": True,
              "has_zero_point": False, "exclude_modules": ["lm_head"]}
    expected = (torch.from_numpy(signed).float() * scale.repeat_interleave(16, 1)) * inputs
    tensors = {LAYER + ".weight": packed, LAYER + ".weight_scale": scale, LAYER + ".pre_quant_scale": inputs}
    write("modelopt-int4", config, tensors, {LAYER + ".weight": expected})


# GPTQ and AWQ


def words(codes, bits, axis):
    """Codes in words of 32 bits along an axis, the first in the lowest bits."""
    codes = np.moveaxis(codes.astype(np.uint64), axis, -1)
    per = 32 // bits
    codes = codes.reshape(*codes.shape[:-1], -1, per) << (bits * np.arange(per, dtype=np.uint64))
    packed = np.moveaxis(np.bitwise_or.reduce(codes, -1).astype(np.uint32).view(np.int32), -1, axis)
    return torch.from_numpy(np.ascontiguousarray(packed))


def gptq():
    rows, columns, size = 32, 64, 16
    groups = columns // size
    for case, bits, form, order in [
        ("gptq-v1", 4, "gptq", False), ("gptq-v2", 4, "gptq_v2", False), ("gptq-order", 4, "gptq", True),
        ("gptq-8", 8, "gptq", False), ("gptq-2", 2, "gptq_v2", False),
    ]:
        codes = random_codes(6, 2**bits, columns, rows)
        # llama.cpp takes stored zero points in eight bits, signed.
        zeros = random_codes(7, 2**bits - 1, groups, rows)
        scales = (0.01 + 0.02 * torch.rand(groups, rows, generator=torch.Generator().manual_seed(1))).half()
        index = torch.arange(columns, dtype=torch.int32) // size
        if order:
            index = index[torch.randperm(columns, generator=torch.Generator().manual_seed(2))]
        config = {"bits": bits, "group_size": size, "desc_act": order, "sym": False, "quant_method": "gptq",
                  "checkpoint_format": form}
        tensors = {LAYER + ".qweight": words(codes, bits, 0), LAYER + ".qzeros": words(zeros, bits, 1),
                   LAYER + ".scales": scales, LAYER + ".g_idx": index}
        expected = converted(tensors, config)
        if case == "gptq-v2":
            del tensors[LAYER + ".g_idx"]
            round_trip = {"bits": bits, "group_size": size, "sym": False, "quant_method": "auto-round",
                          "packing_format": "auto_round:auto_gptq", "data_type": "int"}
            first = converted({**tensors, LAYER + ".g_idx": index}, {**config, "checkpoint_format": "gptq"})
            write("auto-round", round_trip, tensors, first)
        write(case, config, tensors, expected)


def awq():
    rows, columns, size = 32, 64, 32
    groups = columns // size
    codes, zeros = random_codes(8, 16, columns, rows), random_codes(9, 16, groups, rows)
    scales = (0.01 + 0.02 * torch.rand(groups, rows, generator=torch.Generator().manual_seed(1))).half()
    order = np.arange(rows).reshape(-1, 8)[:, [0, 2, 4, 6, 1, 3, 5, 7]].reshape(-1)
    config = {"bits": 4, "group_size": size, "modules_to_not_convert": None, "quant_method": "awq", "version": "gemm",
              "zero_point": True}
    tensors = {LAYER + ".qweight": words(codes[:, order], 4, 1), LAYER + ".qzeros": words(zeros[:, order], 4, 1),
               LAYER + ".scales": scales}
    expected = (codes - zeros.repeat(size, 0)).T * scales.double().numpy().repeat(size, 0).T
    write("awq", config, tensors, {LAYER + ".weight": torch.from_numpy(expected)})


# bitsandbytes


def bitsandbytes():
    for case, kind, nested, shape in [
        ("bnb-nf4", "nf4", False, (16, 64)), ("bnb-nf4-nested", "nf4", True, (80, 256)), ("bnb-fp4", "fp4", False, (16, 40)),
    ]:
        packed, state = bnb.quantize_4bit(weight(*shape), quant_type=kind, compress_statistics=nested)
        config = {"quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": False, "bnb_4bit_quant_type": kind,
                  "bnb_4bit_use_double_quant": nested, "bnb_4bit_compute_dtype": "float32",
                  "bnb_4bit_quant_storage": "uint8", "llm_int8_skip_modules": None}
        tensors = {LAYER + ".weight": packed} | {f"{LAYER}.weight.{k}": v for k, v in state.as_dict(packed=True).items()}
        write(case, config, tensors, {LAYER + ".weight": bnb.dequantize_4bit(packed, state)})
    codes, scale, _ = bnb.int8_vectorwise_quant(weight(16, 40).half())
    tensors = {LAYER + ".weight": codes, LAYER + ".SCB": scale, LAYER + ".weight_format": torch.tensor(0, dtype=torch.uint8)}
    config = {"quant_method": "bitsandbytes", "load_in_4bit": False, "load_in_8bit": True, "llm_int8_threshold": 6.0,
              "llm_int8_skip_modules": None, "llm_int8_has_fp16_weight": False}
    write("bnb-int8", config, tensors, {LAYER + ".weight": bnb.int8_vectorwise_dequant(codes, scale)})


# torchao


def torchao():
    for case, config in [("torchao-int8", Int8WeightOnlyConfig(version=2)), ("torchao-fp8", Float8WeightOnlyConfig(version=2))]:
        layer = torch.nn.Linear(32, 16, bias=False)
        layer.weight = torch.nn.Parameter(weight(16, 32))
        quantize_(layer, config)
        tensors, metadata = flatten_tensor_state_dict({LAYER + ".weight": layer.weight})
        declared = {"quant_method": "torchao", "quant_type": {"default": config_to_dict(config)}, "modules_to_not_convert": None,
                    "include_input_output_embeddings": False, "untie_embedding_weights": False}
        write(case, declared, tensors, {LAYER + ".weight": layer.weight.dequantize()}, metadata=metadata)


# MLX and gpt-oss


def mlx():
    def tensor(array):
        return torch.from_numpy(np.array(array))

    other = "model.layers.0.mlp.up_proj"
    for bits, size in [(2, 32), (3, 32), (4, 64), (5, 32), (6, 64), (8, 32)]:
        w = mx.array(weight(8, 128).numpy())
        packed, scales, biases = mx.quantize(w, size, bits)
        more = mx.quantize(w, 32, 8)
        config = {"group_size": size, "bits": bits, "mode": "affine", other: {"group_size": 32, "bits": 8}, "lm_head": False}
        tensors = {LAYER + ".weight": tensor(packed), LAYER + ".scales": tensor(scales), LAYER + ".biases": tensor(biases),
                   other + ".weight": tensor(more[0]), other + ".scales": tensor(more[1]), other + ".biases": tensor(more[2])}
        expected = {LAYER + ".weight": tensor(mx.dequantize(packed, scales, biases, size, bits)),
                    other + ".weight": tensor(mx.dequantize(*more, 32, 8))}
        write(f"mlx-{bits}", config, tensors, expected, key="quantization", metadata={"format": "mlx"})
    for mode, bits, size in [("mxfp4", 4, 32), ("nvfp4", 4, 16), ("mxfp8", 8, 32)]:
        w = mx.array(weight(8, 128).numpy())
        packed, scales = mx.quantize(w, size, bits, mode=mode)
        config = {"group_size": size, "bits": bits, "mode": mode}
        tensors = {LAYER + ".weight": tensor(packed), LAYER + ".scales": tensor(scales)}
        expected = mx.dequantize(packed, scales, None, size, bits, mode=mode).astype(mx.float32)
        write(f"mlx-{mode}", config, tensors, {LAYER + ".weight": tensor(expected)}, key="quantization", metadata={"format": "mlx"})


def mxfp4():
    name = "model.layers.0.mlp.experts.down_proj"
    blocks = torch.from_numpy(random_codes(10, 256, 2, 8, 2, 16).astype(np.uint8))
    scales = torch.from_numpy(random_codes(11, 12, 2, 8, 2).astype(np.uint8) + 120)
    expected = _convert_moe_packed_tensors(blocks, scales, dtype=torch.float32).transpose(1, 2)
    bias = weight(2, 8)
    config = {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}
    write("mxfp4", config, {name + "_blocks": blocks, name + "_scales": scales, name + "_bias": bias},
          {name: expected, name + "_bias": bias})


fp8()
compressed_tensors()
modelopt()
gptq()
awq()
bitsandbytes()
torchao()
mlx()
mxfp4()
