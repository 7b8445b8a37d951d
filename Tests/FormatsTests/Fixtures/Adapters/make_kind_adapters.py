"""Adapters of every kind that is merged, as PEFT writes them, and some rows of the weights that the trained model has.

Made with peft 0.21.2, transformers 5.23 and torch 2.13.0 for the small models of Tests/TransformerTests/Fixtures/Families:
python make_kind_adapters.py  (writes beside itself; run on the CPU, seeded)

kind-NAME/                  a PEFT folder; its base is named in base_model_name_or_path
kind-NAME-rows.safetensors  the first, third and last row of each matrix that the adapter changes, and the vectors, by
                            published names

The rows are those of the weights that the adapted model computes with: a model of these weights gives the adapted model's
logits, which is asserted here. They are PEFT's own merge, but where it is another model: for a LoRA of an embedding or head
that are tied.
"""

import copy
import json
import pathlib

import peft
import peft.tuners.boft.layer as boft
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
FAMILIES = HERE.parents[2] / "TransformerTests/Fixtures/Families"
TOKENS = torch.tensor([[5, 7, 11, 3, 70, 2, 19]])
# A square matrix and one that is none, of the second block.
TWO = r".*layers\.1\.(self_attn\.q_proj|mlp\.down_proj)"
QUERY = r".*layers\.1\.self_attn\.q_proj"
GPT2 = r".*h\.1\.(attn\.c_attn|mlp\.c_proj)"


class BlockDiagonal:
    """What PEFT has as a CUDA kernel only, without which it takes one butterfly factor."""

    @staticmethod
    def apply(factors):
        return torch.stack([torch.block_diag(*blocks) for blocks in factors])


boft.get_fbd_cuda = lambda: True
boft.FastBlockDiag = BlockDiagonal


def lora(modules=QUERY, r=1, **options):
    return peft.LoraConfig(r=r, lora_alpha=3, target_modules=modules, **options)


KINDS = {
    "dora": ("qwen2", lora(TWO, use_dora=True)),
    "dora-gpt2": ("gpt2", lora(GPT2, use_dora=True, fan_in_fan_out=True)),
    "dora-vocabulary": ("olmo2", lora(["embed_tokens", "lm_head"], use_dora=True)),
    "rslora": ("qwen2", lora(TWO, use_rslora=True, rank_pattern={QUERY: 2}, alpha_pattern={"down_proj": 5})),
    "lora-bias": ("qwen2", lora(r".*layers\.1\.self_attn\.(q|k)_proj", lora_bias=True)),
    "bias-all": ("qwen2", lora(bias="all")),
    "bias-only": ("qwen2", lora(bias="lora_only", lora_bias=True)),
    "saved": ("olmo2", lora(modules_to_save=["lm_head", "post_attention_layernorm"])),
    "saved-tied": ("qwen2", lora(modules_to_save=["lm_head"])),
    "saved-embedding": ("qwen2", lora(modules_to_save=["embed_tokens"])),
    "saved-both": ("qwen2", lora(modules_to_save=["embed_tokens"], ensure_weight_tying=True)),
    "saved-gemma": ("gemma3", lora(modules_to_save=["input_layernorm"])),
    "tied-embedding": ("qwen2", lora(["embed_tokens"])),
    "tied-head": ("qwen2", lora(["lm_head"])),
    "tokens": ("olmo2", lora(trainable_token_indices={"embed_tokens": [70, 5], "lm_head": [1]})),
    "tokens-tied": ("qwen2", lora(trainable_token_indices=[5, 7, 70])),
    "tokens-alone": ("qwen2", peft.TrainableTokensConfig(token_indices=[5, 7, 70], target_modules=["embed_tokens"])),
    "lokr": ("qwen2", peft.LoKrConfig(r=2, alpha=3, target_modules=TWO)),
    "lokr-both": ("qwen2", peft.LoKrConfig(r=1, alpha=3, decompose_both=True, target_modules=TWO)),
    "lokr-whole": ("qwen2", peft.LoKrConfig(r=8, alpha=3, target_modules=QUERY)),
    "loha": ("qwen2", peft.LoHaConfig(r=2, alpha=3, target_modules=TWO)),
    "ia3": ("qwen2", peft.IA3Config(target_modules=TWO, feedforward_modules=r".*down_proj")),
    "ia3-gpt2": ("gpt2", peft.IA3Config(target_modules=GPT2, feedforward_modules=r".*mlp.c_proj", fan_in_fan_out=True)),
    "vera": ("qwen2", peft.VeraConfig(r=3, target_modules=TWO)),
    "vera-gpt2": ("gpt2", peft.VeraConfig(r=3, target_modules=GPT2, fan_in_fan_out=True)),
    "vera-seed": ("qwen2", peft.VeraConfig(r=3, save_projection=False, projection_prng_key=11, target_modules=TWO)),
    "oft": ("qwen2", peft.OFTConfig(oft_block_size=4, target_modules=TWO)),
    "oft-three": ("qwen2", peft.OFTConfig(oft_block_size=4, num_cayley_neumann_terms=3, target_modules=QUERY)),
    "oft-exact": ("qwen2", peft.OFTConfig(oft_block_size=4, use_cayley_neumann=False, target_modules=TWO)),
    "oft-shared": ("qwen2", peft.OFTConfig(r=6, oft_block_size=0, block_share=True, target_modules=QUERY)),
    "oft-constrained": ("qwen2", peft.OFTConfig(oft_block_size=4, coft=True, eps=0.1, target_modules=TWO)),
    "boft": ("qwen2", peft.BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=1, bias="boft_only", target_modules=TWO)),
    "boft-two": ("qwen2", peft.BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=2, target_modules=QUERY)),
    "boft-three": ("qwen2", peft.BOFTConfig(boft_block_size=2, boft_n_butterfly_factor=3, target_modules=QUERY)),
    "hra": ("qwen2", peft.HRAConfig(r=2, target_modules=TWO)),
    "hra-orthogonal": ("qwen2", peft.HRAConfig(r=2, apply_GS=True, target_modules=TWO)),
    "miss": ("qwen2", peft.MissConfig(r=5, target_modules=TWO)),
    "miss-bat": ("qwen2", peft.MissConfig(r=4, init_weights="bat", target_modules=TWO)),
    "miss-mini": ("qwen2", peft.MissConfig(r=4, mini_r=8, init_weights="mini", target_modules=QUERY)),
    "adalora": ("qwen2", peft.AdaLoraConfig(init_r=3, target_r=2, lora_alpha=3, total_step=100, target_modules=TWO)),
    "adalora-gpt2": ("gpt2", peft.AdaLoraConfig(init_r=3, target_r=2, lora_alpha=3, total_step=100, target_modules=GPT2, fan_in_fan_out=True)),
    "vblora": ("qwen2", peft.VBLoRAConfig(r=2, num_vectors=8, vector_length=4, target_modules=TWO)),
    "vblora-largest": ("qwen2", peft.VBLoRAConfig(r=2, num_vectors=8, vector_length=4, topk=3, save_only_topk_weights=True, target_modules=TWO)),
    "vblora-gpt2": ("gpt2", peft.VBLoRAConfig(r=2, num_vectors=8, vector_length=4, target_modules=GPT2, fan_in_fan_out=True)),
    "randlora": ("qwen2", peft.RandLoraConfig(r=6, randlora_alpha=12, target_modules=TWO)),
    "randlora-wide": ("qwen2", peft.RandLoraConfig(r=6, randlora_alpha=12, target_modules=r".*layers\.1\.mlp\.(up|down)_proj")),
    "fourier": ("qwen2", peft.FourierFTConfig(n_frequency=20, target_modules=TWO)),
    "fourier-gpt2": ("gpt2", peft.FourierFTConfig(n_frequency=9, random_loc_seed=5, target_modules=GPT2, fan_in_fan_out=True)),
    "road": ("qwen2", peft.RoadConfig(group_size=4, target_modules=TWO)),
    "road-two": ("qwen2", peft.RoadConfig(variant="road_2", group_size=4, target_modules=TWO)),
    "road-four": ("qwen2", peft.RoadConfig(variant="road_4", group_size=4, target_modules=TWO)),
    "norms": ("qwen2", peft.LNTuningConfig(target_modules=["input_layernorm"])),
    "norms-gpt2": ("gpt2", peft.LNTuningConfig(target_modules=["ln_1"])),
    "norms-gemma": ("gemma3", peft.LNTuningConfig(target_modules=["input_layernorm"])),
    "hira": ("qwen2", peft.HiraConfig(r=2, target_modules=TWO)),
    "delora": ("qwen2", peft.DeloraConfig(r=2, target_modules=TWO)),
    "shira": ("qwen2", peft.ShiraConfig(r=2, target_modules=TWO)),
    "c3a": ("qwen2", peft.C3AConfig(block_size=4, target_modules=TWO)),
    "gralora": ("qwen2", peft.GraloraConfig(r=4, alpha=3, gralora_k=2, target_modules=TWO)),
    "gralora-hybrid": ("qwen2", peft.GraloraConfig(r=4, hybrid_r=2, alpha=3, gralora_k=2, target_modules=TWO)),
}


def logits(model):
    with torch.no_grad():
        return model.eval()(TOKENS).logits[0]


def save(name, adapted, family):
    adapted.save_pretrained(HERE / name)
    (HERE / name / "README.md").unlink()
    path = HERE / name / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = family
    for key, value in config.items():
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            config[key] = sorted(value)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def trained_weights(kind, adapted, before):
    """The weights that the adapted model computes with, by published names."""
    if not kind.startswith("tied"):
        return {key: value.clone() for key, value in adapted.merge_and_unload().state_dict().items()}
    # One of the two modules changes, and the other keeps its matrix.
    after = dict(before)
    module = adapted.base_model.model.lm_head if kind == "tied-head" else adapted.base_model.model.model.embed_tokens
    key = "lm_head.weight" if kind == "tied-head" else "model.embed_tokens.weight"
    after[key] = before[key] + module.get_delta_weight("default").detach()
    return after


def make(kind, family, config):
    torch.manual_seed(20261128)
    model = AutoModelForCausalLM.from_pretrained(FAMILIES / family, dtype=torch.float32)
    plain = copy.deepcopy(model)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    config.task_type = "CAUSAL_LM"
    adapted = peft.get_peft_model(model, config)
    with torch.no_grad():
        for _, parameter in sorted(adapted.named_parameters()):
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape) * (0.1 if parameter.ndim > 1 else 0.2))
    name = "kind-" + kind
    save(name, adapted, family)
    expected = logits(adapted)
    after = trained_weights(kind, adapted, before)
    changed = {key: value for key, value in after.items() if not torch.equal(value, before[key])}
    if plain.config.tie_word_embeddings:
        # A head that is still the embedding has no weight of its own.
        embedding = after["model.embed_tokens.weight" if family != "gpt2" else "transformer.wte.weight"]
        if torch.equal(after["lm_head.weight"], embedding):
            changed.pop("lm_head.weight", None)
        else:
            changed["lm_head.weight"] = after["lm_head.weight"]
            plain.lm_head.weight = torch.nn.Parameter(plain.lm_head.weight.detach().clone())
    plain.load_state_dict(after)
    difference = (logits(plain) - expected).abs().max() / expected.abs().max()
    assert difference < 1e-5, (kind, difference)
    rows = {
        key: (value[[0, 2, -1]] if value.ndim > 1 else value).contiguous() for key, value in changed.items()}
    save_file(rows, HERE / (name + "-rows.safetensors"))
    print(name, len(rows), f"{difference:.1e}")


for kind, (family, config) in KINDS.items():
    make(kind, family, config)
