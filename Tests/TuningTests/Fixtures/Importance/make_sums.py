"""Sums of squares of what every matrix of the small models is multiplied with, as transformers runs them.

    python make_sums.py

Made with Python 3.11.7, torch 2.13.0+cpu, transformers 5.23.0, safetensors 0.8.0, gguf 0.19.0.

sums.safetensors holds, for each folder FAMILY of ../../../TransformerTests/Fixtures/Families and each weight NAME of its
blocks, by the name that gguf has for it, what the tokens of the folder's prompt 1 show:

FAMILY/NAME.in_sum2  (experts, columns), one row where there are no experts
FAMILY/NAME.counts   (experts) how many tokens reached it

The models run in f64; sums are stored as f32.
"""

from pathlib import Path

import gguf
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

FOLDER = Path(__file__).parent
FAMILIES = FOLDER.parent.parent.parent / "TransformerTests" / "Fixtures" / "Families"


# Where gguf calls a family otherwise than transformers.
ARCHITECTURES = {
    "gemma3_text": "gemma3", "gemma4_text": "gemma4", "gemma4_unified_text": "gemma4", "gpt_neox": "gptneox",
    "granitemoehybrid": "granite", "ministral3": "mistral3", "mistral": "llama",
    "qwen3_5_text": "qwen35", "mixtral": "llama", "olmo3": "olmo2", "qwen3_moe": "qwen3moe", "ernie4_5": "ernie4_5",
    "gpt_oss": "gpt-oss", "qwen2_moe": "qwen2moe", "seed_oss": "seed_oss", "lfm2_moe": "lfm2moe", "qwen3_5_moe_text": "qwen35moe",
    "qwen3_next": "qwen3next"}

# Modules of Granite 4 whose projections are apart in GGUF files, or that gguf does not know in this architecture, as it knows
# none of Qwen 2 MoE's dense blocks.
APART = {
    "shared_mlp.input_linear": ("ffn_gate", "ffn_up"), "shared_mlp.output_linear": ("ffn_down",),
    "linear_attn.in_proj_qkvz": ("attn_qkv", "attn_gate"), "mlp.gate_proj": ("ffn_gate",), "mlp.up_proj": ("ffn_up",), "mlp.down_proj": ("ffn_down",)}


def load(folder):
    """The model, and the name of its blocks' module with a point; of a multimodal folder that of the text decoder."""
    is_wrapper = hasattr(AutoConfig.from_pretrained(folder), "text_config")
    loader = AutoModelForImageTextToText if is_wrapper else AutoModelForCausalLM
    model = loader.from_pretrained(
        folder, attn_implementation="eager", experts_implementation="eager", dtype=torch.float64).eval()
    return model, "model.language_model." if is_wrapper else ""


def name_map(config):
    wanted = "mistral3" if config.model_type == "mistral3" else config.get_text_config().model_type
    wanted = ARCHITECTURES.get(wanted, wanted)
    config = config.get_text_config()
    [architecture] = [each for each, name in gguf.MODEL_ARCH_NAMES.items() if name == wanted]
    return gguf.get_tensor_name_map(architecture, config.num_hidden_layers)


class Sums:
    def __init__(self, model, prefix):
        self.values = {}
        self.counts = {}
        self.names = name_map(model.config)
        for path, module in model.named_modules():
            if not path.startswith(prefix):
                continue
            path = "model." + path.removeprefix(prefix) if prefix else path
            weight = getattr(module, "weight", None)
            if path.endswith(".experts"):
                module.register_forward_pre_hook(self.experts(path))
            elif weight is not None and weight.dim() == 2 and not isinstance(module, torch.nn.Embedding):
                # Of Gemma 4's matrices outside the blocks llama-imatrix sees none.
                if module is not model.get_output_embeddings() and not path.endswith("per_layer_model_projection"):
                    module.register_forward_pre_hook(self.matrix(path))

    def add(self, name, rows, expert=0, experts=1):
        rows = rows.reshape(-1, rows.shape[-1]).double()
        values = self.values.setdefault(name, torch.zeros(experts, rows.shape[-1], dtype=torch.float64))
        counts = self.counts.setdefault(name, torch.zeros(experts))
        for row in rows:
            values[expert] += row * row
            counts[expert] += 1

    def matrix(self, path):
        module = ".".join(path.split(".")[3:])
        names = [f"blk.{path.split('.')[2]}.{name}.weight" for name in APART.get(module, ())] or [
            self.names.get_name(path + ".weight", try_suffixes=(".weight",))]
        assert all(names), path

        def hook(module, arguments):
            for name in names:
                self.add(name, arguments[0])
        return hook

    def experts(self, path):
        block = f"blk.{path.split('.')[2]}"
        # Gemma 4's files have both in one matrix.
        inner = ["gate", "up"] if ".mlp." in path or ".feed_forward." in path else ["gate_up"]

        def hook(module, arguments):
            hidden, chosen = arguments[0], arguments[1]
            count = module.gate_up_proj.shape[0]
            is_gpt_oss = hasattr(module, "gate_up_proj_bias")
            for row, experts in zip(hidden.reshape(-1, hidden.shape[-1]), chosen.reshape(-1, chosen.shape[-1])):
                for expert in experts.tolist():
                    if is_gpt_oss:
                        both = row @ module.gate_up_proj[expert] + module.gate_up_proj_bias[expert]
                        gated = module._apply_gate(both)
                    else:
                        gate, up = (module.gate_up_proj[expert] @ row).chunk(2)
                        gated = module.act_fn(gate) * up
                    for part in inner:
                        self.add(f"{block}.ffn_{part}_exps.weight", row, expert, count)
                    self.add(f"{block}.ffn_down_exps.weight", gated, expert, count)
        return hook


def as_gguf(name, values, config):
    """Sums by the columns of GGUF files, which have the heads of a Qwen 3.5's delta nets' values in another order."""
    if not name.endswith(".ssm_out.weight") or config.model_type == "qwen3_next":
        return values
    keys, heads = config.linear_num_key_heads, config.linear_num_value_heads
    return values.reshape(1, keys, heads // keys, -1).transpose(1, 2).reshape(1, -1)


tensors = {}
for folder in sorted(path for path in FAMILIES.iterdir() if (path / "config.json").exists()):
    model, prefix = load(folder)
    sums = Sums(model, prefix)
    tokens = load_file(folder / "reference.safetensors")["1.tokens"].long()
    with torch.no_grad():
        model(input_ids=tokens[None], use_cache=False)
    for name, values in sums.values.items():
        tensors[f"{folder.name}/{name}.in_sum2"] = as_gguf(name, values, model.config.get_text_config()).float().contiguous()
        tensors[f"{folder.name}/{name}.counts"] = sums.counts[name].float()
    print(folder.name, len(sums.values), [int(count) for count in sums.counts[name]])
save_file(tensors, FOLDER / "sums.safetensors")
