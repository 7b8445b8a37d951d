"""Writes a small random model of every family and what transformers computes with it.

    python make_families.py [NAME ...]

Made with Python 3.11.7, torch 2.13.0+cpu, transformers 5.23.0, safetensors 0.8.0, and the versions of tiny_tokenizers.py.

Each NAME/ is a folder as save_pretrained writes it (f32), with a tokenizer, and reference.safetensors:

P.tokens           (positions) i32, the prompts P = 0 and 1
P.embed            (positions, hidden) the input of block 0
P.resid_mid.N      the stream between attention and the feed-forward part of block N; where both read the block's
                   input, that input plus attention's output
P.resid_post.N     the output of block N
P.logits           (positions, vocabulary)
P.generated        (GENERATED) i32, what greedy decoding appends to the prompt, with transformers' cache
tokenizer          (texts) i32, of each text in ../Tokenizer/strings.json the CRC-32 of its ids by the tokenizers library, each
                   id as four bytes, the least first
probe              (hidden) a random vector
loss               (1) mean cross-entropy of prompt 1's tokens from the second on, plus 0.5 · probe · resid_post of
                   block MIDDLE at the prompt's last token, MIDDLE = blocks / 2 rounded down
gradient.NAME      of that loss, by the tensor's name in model.safetensors

Streams and logits are computed in f32. Gradients are computed with the model in f64, except where transformers itself
goes to f32 (RMS norms, softmax, rotary angles), and stored as f32.

Half of the folders have a config.json as transformers 4 wrote them (rope_theta, rope_scaling, torch_dtype), because most
published ones do; in multimodal folders (those whose model_type is in WRAPPERS) text_config lacks then what its class has
anyway. Of those the reference is that of text; no gradient reaches the tensors beside the text decoder.
"""

import json
import shutil
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, CONFIG_MAPPING

import tiny_tokenizers

FOLDER = Path(__file__).parent
LENGTHS = (9, 23)
GENERATED = 8
# How far the best logit must be above the next: rounding must not decide.
LOGIT_MARGIN = 1e-3
TEXTS = json.loads((FOLDER.parent / "Tokenizer" / "strings.json").read_text())
SPECIALS = {"bos": "<|begin|>", "eos": "<|end|>", "pad": "<|pad|>"}
QWEN = {"eos": "<|im_end|>", "pad": "<|endoftext|>"}
GLM = {"eos": "<|endoftext|>", "pad": "<|endoftext|>"}
SEED = {"bos": "<seed:bos>", "eos": "<seed:eos>", "pad": "<seed:pad>"}
GPT2 = {"bos": "<|endoftext|>", "eos": "<|endoftext|>"}
LLAMA2 = {"unk": "<unk>", "bos": "<s>", "eos": "</s>"}
PHI3 = {**LLAMA2, "pad": "<|endoftext|>"}
LFM = {"pad": "<|pad|>", "bos": "<|startoftext|>", "eos": "<|im_end|>"}
TEKKEN = {"unk": "<unk>", "bos": "<s>", "eos": "</s>", "pad": "<pad>"}
GEMMA = {"pad": "<pad>", "eos": "<eos>", "bos": "<bos>", "unk": "<unk>"}


def byte_level(pre, tokenizer_class="PreTrainedTokenizerFast", specials=SPECIALS, others=()):
    return lambda folder: tiny_tokenizers.write_byte_level(folder, pre, specials, tokenizer_class, others)


def llama2(folder):
    return tiny_tokenizers.write_sentencepiece(folder, LLAMA2, "LlamaTokenizer", adds_prefix=True)


def phi3(folder):
    return tiny_tokenizers.write_sentencepiece(folder, PHI3, "LlamaTokenizer", adds_prefix=True)


def gemma(folder):
    return tiny_tokenizers.write_sentencepiece(folder, GEMMA, "GemmaTokenizer", adds_prefix=False)


def gemma4(folder):
    return tiny_tokenizers.write_gemma4(folder, GEMMA, ("<mask>", "<|turn>", "<turn|>", "<|channel>", "<channel|>"))


SIGLIP = {
    "model_type": "siglip_vision_model", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1,
    "num_attention_heads": 2, "image_size": 16, "patch_size": 8, "vision_use_head": False,
}
PIXTRAL = {
    "model_type": "pixtral", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2,
    "image_size": 16, "patch_size": 8, "head_dim": 4,
}

SIGLIP2 = {
    "model_type": "siglip2_vision_model", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_patches": 4, "patch_size": 2, "vision_use_head": False,
}
GEMMA4_VISION = {
    "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2,
    "head_dim": 4, "position_embedding_size": 4, "patch_size": 4,
}
GEMMA4_ROPE = {
    "full_attention": {"rope_type": "proportional", "rope_theta": 1000000.0, "partial_rotary_factor": 0.25},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
}

QWEN_VISION = {
    "model_type": "qwen3_5_vision", "depth": 1, "hidden_size": 8, "intermediate_size": 12, "num_heads": 2, "patch_size": 4,
    "temporal_patch_size": 1, "spatial_merge_size": 1, "out_hidden_size": 24, "num_position_embeddings": 16,
}
# Three value heads to a key head, so that no two orders of them are the same; a quarter of each head is rotated.
DELTA = {
    "hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 16,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "linear_num_key_heads": 2, "linear_num_value_heads": 6,
    "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_conv_kernel_dim": 4,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25},
}
SECTIONS = {**DELTA["rope_parameters"], "mrope_section": [1, 1, 0], "mrope_interleaved": True}
SHARING = {"moe_intermediate_size": 10, "shared_expert_intermediate_size": 14, "num_experts": 4, "num_experts_per_tok": 2}

GROWING = {
    "rope_type": "yarn", "rope_theta": 10000.0, "beta_fast": 1.5, "beta_slow": 0.25, "mscale": 1.0, "mscale_all_dim": 1.0,
    "llama_4_scaling_beta": 0.3,
}

# name: (model_type, tokenizer, style of config.json, configuration)
FAMILIES = {
    # One frequency that is kept, two on the ramp, one that is divided.
    "llama": ("llama", byte_level("llama-bpe"), 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 1024, "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "rope_parameters": {
            "rope_type": "llama3", "rope_theta": 50.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    }),
    "llama-biased": ("llama", llama2, 5, {
        "hidden_size": 24, "intermediate_size": 28, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "attention_bias": True,
        "mlp_bias": True, "rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0},
    }),
    "llama-yarn": ("llama", byte_level("smollm"), 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 3, "head_dim": 12, "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
        "rope_parameters": {
            "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32,
            "beta_fast": 6.0, "beta_slow": 0.5,
        },
    }),
    "mistral": ("mistral", llama2, 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "sliding_window": 6, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }),
    "qwen2": ("qwen2", byte_level("qwen2", "Qwen2Tokenizer", QWEN), 4, {
        "hidden_size": 24, "intermediate_size": 44, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }),
    "qwen3": ("qwen3", byte_level("qwen2", "Qwen2Tokenizer", QWEN), 5, {
        "hidden_size": 28, "intermediate_size": 44, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 12, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }),
    "gemma": ("gemma", gemma, 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "head_dim": 10, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }),
    "gemma2": ("gemma2", gemma, 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 10, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
        "query_pre_attn_scalar": 10, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0, "sliding_window": 6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }),
    # As Gemma 2 27B is: the attention scale is not that of the head size. A GGUF file has no place for it.
    "gemma2-scaled": ("gemma2", gemma, 5, {
        "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
        "query_pre_attn_scalar": 6, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "sliding_window": 8,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }),
    "gemma3": ("gemma3_text", gemma, 4, {
        "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 6, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 10, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
        "query_pre_attn_scalar": 10, "sliding_window": 6,
        "rope_parameters": {
            "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
    }),
    # The text decoder of a multimodal folder, which has as many heads as its class.
    "gemma3-wrapped": ("gemma3", gemma, 4, {
        "text_config": {
            "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 6, "num_attention_heads": 8,
            "num_key_value_heads": 4, "head_dim": 4, "max_position_embeddings": 131072, "query_pre_attn_scalar": 4,
            "sliding_window": 6,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            },
        },
        "vision_config": SIGLIP, "mm_tokens_per_image": 1, "image_token_index": 7,
    }),
    # As Gemma 4 E2B is: inputs of each block, and two blocks that read the keys and values of others.
    "gemma4": ("gemma4_text", gemma4, 5, {
        "hidden_size": 12, "intermediate_size": 14, "num_hidden_layers": 6, "num_attention_heads": 3,
        "num_key_value_heads": 1, "head_dim": 6, "global_head_dim": 8, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6, "sliding_window": 6, "num_kv_shared_layers": 2, "use_double_wide_mlp": True,
        "hidden_size_per_layer_input": 4, "final_logit_softcapping": 5.0,
        "layer_types": ["sliding_attention", "full_attention"] * 3, "rope_parameters": GEMMA4_ROPE,
    }),
    # The text decoder of a multimodal folder, with a window of its class.
    "gemma4-wrapped": ("gemma4", gemma4, 4, {
        "text_config": {
            "hidden_size": 12, "intermediate_size": 14, "num_hidden_layers": 6, "num_attention_heads": 8,
            "num_key_value_heads": 4, "head_dim": 4, "global_head_dim": 8, "max_position_embeddings": 131072,
            "hidden_size_per_layer_input": 4, "final_logit_softcapping": 30.0,
        },
        "vision_config": GEMMA4_VISION, "audio_config": None,
    }),
    # As Gemma 4 12B is: without towers.
    "gemma4-unified": ("gemma4_unified", gemma4, 5, {
        "text_config": {
            "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 3, "num_attention_heads": 4,
            "num_key_value_heads": 2, "num_global_key_value_heads": 1, "attention_k_eq_v": True, "head_dim": 8,
            "global_head_dim": 16, "max_position_embeddings": 64, "sliding_window": 6, "final_logit_softcapping": 30.0,
            "layer_types": ["sliding_attention", "full_attention", "full_attention"], "rope_parameters": GEMMA4_ROPE,
        },
        "vision_config": {
            "patch_size": 2, "pooling_kernel_size": 2, "mm_embed_dim": 8, "mm_posemb_size": 4, "output_proj_dims": 8,
        },
        "audio_config": None,
    }),
    # As Gemma 4 31B is: in full blocks the values are the keys.
    "gemma4-large": ("gemma4_text", gemma4, 4, {
        "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 4, "num_attention_heads": 4,
        "num_key_value_heads": 2, "num_global_key_value_heads": 1, "attention_k_eq_v": True, "head_dim": 6,
        "global_head_dim": 16, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "sliding_window": 6,
        "hidden_size_per_layer_input": 0, "final_logit_softcapping": 30.0,
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "full_attention"],
        "rope_parameters": GEMMA4_ROPE,
    }),
    # As Gemma 4 26B-A4B is: experts beside the dense part.
    "gemma4-moe": ("gemma4_text", gemma4, 4, {
        "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "num_global_key_value_heads": 1, "attention_k_eq_v": True, "head_dim": 6,
        "global_head_dim": 16, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "sliding_window": 6,
        "hidden_size_per_layer_input": 0, "final_logit_softcapping": 30.0, "enable_moe_block": True,
        "num_experts": 5, "top_k_experts": 2, "moe_intermediate_size": 10,
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
        "rope_parameters": GEMMA4_ROPE,
    }),
    "mistral3": ("mistral3", byte_level("tekken", specials=TEKKEN), 4, {
        "text_config": {
            "model_type": "mistral", "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 131072,
            "rms_norm_eps": 1e-5, "sliding_window": None,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1000000000.0},
        },
        "vision_config": PIXTRAL, "image_token_index": 7, "tie_word_embeddings": False,
    }),
    # Prompts go past the context that queries grow from.
    "ministral3": ("ministral3", byte_level("tekken", specials=TEKKEN), 5, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "rope_parameters": {**GROWING, "original_max_position_embeddings": 4, "factor": 16.0},
    }),
    "ministral3-wrapped": ("mistral3", byte_level("tekken", specials=TEKKEN), 5, {
        "text_config": {
            "model_type": "ministral3", "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2,
            "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 12, "max_position_embeddings": 64,
            "rope_parameters": {**GROWING, "original_max_position_embeddings": 8, "factor": 8.0},
        },
        "vision_config": PIXTRAL, "image_token_index": 7, "tie_word_embeddings": True,
    }),
    "phi3": ("phi3", phi3, 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "max_position_embeddings": 64, "original_max_position_embeddings": 16,
        "rms_norm_eps": 1e-5, "sliding_window": 12,
        "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 1.0,
            "short_factor": [1.0, 1.1, 1.25, 1.5], "long_factor": [1.05, 1.5, 3.0, 6.5],
        },
    }),
    # As Phi-4-mini is: part of each head is rotated, and there is no window.
    "phi4": ("phi3", byte_level("gpt-2", "GPT2Tokenizer", GPT2), 5, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "max_position_embeddings": 64, "original_max_position_embeddings": 16,
        "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
        "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75,
            "short_factor": [1.0, 1.1, 1.25], "long_factor": [1.05, 1.5, 3.0],
        },
    }),
    # n_ctx is what llama.cpp's converter reads; transformers has no use for it.
    "gpt2": ("gpt2", byte_level("gpt-2", "GPT2Tokenizer", GPT2), 4, {
        "n_embd": 20, "n_layer": 2, "n_head": 2, "n_positions": 32, "n_ctx": 32, "layer_norm_epsilon": 1e-5,
    }),
    "gpt_neox": ("gpt_neox", byte_level("olmo"), 4, {
        "hidden_size": 32, "intermediate_size": 52, "num_hidden_layers": 2, "num_attention_heads": 2,
        "max_position_embeddings": 64, "layer_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25},
    }),
    "gpt_neox-sequential": ("gpt_neox", byte_level("olmo"), 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "max_position_embeddings": 64, "layer_norm_eps": 1e-5, "use_parallel_residual": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
    }),
    "olmo2": ("olmo2", byte_level("dbrx"), 5, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
    }),
    # A block that is full, and one after it; yarn keeps one frequency, divides two and has one on the ramp.
    "olmo3": ("olmo3", byte_level("dbrx"), 5, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 5, "num_attention_heads": 3,
        "num_key_value_heads": 1, "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "sliding_window": 6,
        "rope_parameters": {
            "full_attention": {
                "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64,
            },
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
    }),
    "smollm3": ("smollm3", byte_level("llama-bpe"), 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 5, "num_attention_heads": 3,
        "num_key_value_heads": 1, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5000000.0},
    }),
    "granite": ("granite", byte_level("refact"), 5, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
        "attention_multiplier": 0.3, "embedding_multiplier": 3.5, "residual_multiplier": 0.4, "logits_scaling": 2.5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }),
    # As the dense models of Granite 4 are: no block of state space, no experts.
    "granite4": ("granitemoehybrid", byte_level("dbrx"), 4, {
        "hidden_size": 24, "intermediate_size": 36, "shared_intermediate_size": 36, "num_hidden_layers": 2,
        "num_attention_heads": 3, "num_key_value_heads": 1, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True, "attention_multiplier": 0.3, "embedding_multiplier": 3.5,
        "residual_multiplier": 0.4, "logits_scaling": 2.5, "num_local_experts": 0, "num_experts_per_tok": 0,
        "layer_types": ["attention", "attention"], "position_embedding_type": "rope", "mamba_n_heads": 6,
        "mamba_d_head": 8, "mamba_d_state": 16,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }),
    "arcee": ("arcee", byte_level("llama-bpe"), 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
        "rope_parameters": {
            "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64,
        },
    }),
    "exaone4": ("exaone4", byte_level("exaone4"), 5, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "max_position_embeddings": 1024, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
        "sliding_window": None, "layer_types": ["full_attention", "full_attention"],
        "rope_parameters": {
            "rope_type": "llama3", "rope_theta": 50.0, "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    }),
    # llama.cpp knows the windows of the model with 64 blocks only.
    "exaone4-windowed": ("exaone4", byte_level("exaone4"), 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 5, "num_attention_heads": 3,
        "num_key_value_heads": 1, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "sliding_window": 6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }),
    # llama.cpp's converter reads rotary_pct; transformers has no use for it.
    "cohere2": ("cohere2", byte_level("command-r"), 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 5, "num_attention_heads": 3,
        "num_key_value_heads": 1, "max_position_embeddings": 64, "layer_norm_eps": 1e-5, "sliding_window": 6,
        "logit_scale": 0.3, "rotary_pct": 1.0,
        "rope_parameters": {"rope_type": "default", "rope_theta": 50000.0},
    }),
    "glm4": ("glm4", byte_level("glm4", specials=GLM, others=("<|user|>",)), 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "head_dim": 12, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
    }),
    "ernie4_5": ("ernie4_5", llama2, 5, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "head_dim": 10, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
    }),
    # The feed-forward part's width is worked out: two thirds of 54, up to a multiple of 8.
    "lfm2": ("lfm2", byte_level("lfm2", specials=LFM), 4, {
        "hidden_size": 24, "intermediate_size": 54, "block_multiple_of": 8, "num_hidden_layers": 4,
        "num_attention_heads": 3, "num_key_value_heads": 1, "max_position_embeddings": 64, "norm_eps": 1e-5,
        "layer_types": ["conv", "full_attention", "conv", "conv"],
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }),
    # llama.cpp loads no bias of a convolution.
    "lfm2-biased": ("lfm2", byte_level("lfm2", specials=LFM), 5, {
        "hidden_size": 24, "intermediate_size": 36, "block_auto_adjust_ff_dim": False, "num_hidden_layers": 3,
        "num_attention_heads": 3, "num_key_value_heads": 3, "max_position_embeddings": 64, "norm_eps": 1e-5,
        "conv_bias": True, "conv_L_cache": 4, "tie_word_embeddings": False,
        "layer_types": ["full_attention", "conv", "conv"],
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }),
    # A dense block, then blocks with experts, of both mixers.
    "lfm2_moe": ("lfm2_moe", byte_level("lfm2", specials=LFM), 5, {
        "hidden_size": 24, "intermediate_size": 36, "moe_intermediate_size": 10, "num_hidden_layers": 4,
        "num_attention_heads": 3, "num_key_value_heads": 1, "max_position_embeddings": 64, "norm_eps": 1e-5,
        "num_dense_layers": 1, "num_experts": 5, "num_experts_per_tok": 2, "norm_topk_prob": True,
        "layer_types": ["conv", "conv", "full_attention", "conv"],
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }),
    "lfm2-wrapped": ("lfm2_vl", byte_level("lfm2", specials=LFM), 4, {
        "text_config": {
            "model_type": "lfm2", "architectures": ["Lfm2ForCausalLM"], "hidden_size": 24, "intermediate_size": 36,
            "block_auto_adjust_ff_dim": False, "num_hidden_layers": 3, "num_attention_heads": 3, "num_key_value_heads": 1, "max_position_embeddings": 128000,
            "layer_types": ["conv", "conv", "full_attention"],
            "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
        },
        "vision_config": SIGLIP2, "image_token_id": 7, "projector_hidden_size": 8,
    }),
    "seed_oss": ("seed_oss", byte_level("seed-coder", specials=SEED), 4, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "head_dim": 10, "max_position_embeddings": 64,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000000.0},
    }),
    "starcoder2": ("starcoder2", byte_level("starcoder"), 5, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 64, "norm_epsilon": 1e-5, "sliding_window": 7,
        "use_bias": True, "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 100000.0},
    }),
    "stablelm": ("stablelm", byte_level("stablelm2"), 4, {
        "hidden_size": 32, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 64, "layer_norm_eps": 1e-5, "use_qkv_bias": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25},
    }),
    # As StableLM 2 12B is, but for its norms of queries and keys: one norm for both sub-layers.
    "stablelm-parallel": ("stablelm", byte_level("stablelm2"), 5, {
        "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "max_position_embeddings": 64, "layer_norm_eps": 1e-5, "use_parallel_residual": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25},
    }),
    "mixtral": ("mixtral", llama2, 4, {
        "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 10, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "num_local_experts": 4, "num_experts_per_tok": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }),
    "qwen3_moe": ("qwen3_moe", byte_level("qwen2", "Qwen2Tokenizer", QWEN), 5, {
        "hidden_size": 24, "intermediate_size": 40, "moe_intermediate_size": 10, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6, "num_experts": 5, "num_experts_per_tok": 2, "norm_topk_prob": True,
        "decoder_sparse_step": 1, "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }),
    "qwen3_5": ("qwen3_5_text", byte_level("qwen35", "Qwen2Tokenizer", QWEN), 5, {
        **DELTA, "intermediate_size": 28, "tie_word_embeddings": True, "rope_parameters": SECTIONS,
    }),
    # As published folders are: the text decoder of a multimodal folder with a block that predicts one more token.
    "qwen3_5-wrapped": ("qwen3_5", byte_level("qwen35", "Qwen2Tokenizer", QWEN), 4, {
        "text_config": {
            **DELTA, "num_hidden_layers": 3, "intermediate_size": 28, "rope_parameters": SECTIONS,
            "layer_types": ["linear_attention", "full_attention", "linear_attention"],
        },
        "vision_config": QWEN_VISION, "image_token_id": 7, "video_token_id": 8, "vision_start_token_id": 9,
        "vision_end_token_id": 10,
    }),
    "qwen3_5_moe": ("qwen3_5_moe_text", byte_level("qwen35", "Qwen2Tokenizer", QWEN), 5, {
        **DELTA, **SHARING, "num_hidden_layers": 3, "rope_parameters": SECTIONS,
        "layer_types": ["linear_attention", "full_attention", "linear_attention"],
    }),
    # As published folders are: the experts of a block in one tensor.
    "qwen3_5_moe-wrapped": ("qwen3_5_moe", byte_level("qwen35", "Qwen2Tokenizer", QWEN), 4, {
        "text_config": {
            **DELTA, **SHARING, "num_hidden_layers": 2, "rope_parameters": SECTIONS,
            "layer_types": ["linear_attention", "full_attention"],
        },
        "vision_config": {**QWEN_VISION, "model_type": "qwen3_5_moe_vision"}, "image_token_id": 7, "video_token_id": 8,
        "vision_start_token_id": 9, "vision_end_token_id": 10,
    }),
    "qwen3_next": ("qwen3_next", byte_level("qwen2", "Qwen2Tokenizer", QWEN), 5, {
        **DELTA, **SHARING, "num_hidden_layers": 3, "norm_topk_prob": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000000.0, "partial_rotary_factor": 0.25},
        "layer_types": ["linear_attention", "full_attention", "linear_attention"],
    }),
    "qwen2_moe": ("qwen2_moe", byte_level("qwen2", "Qwen2Tokenizer", QWEN), 4, {
        "hidden_size": 24, "intermediate_size": 36, "moe_intermediate_size": 10, "shared_expert_intermediate_size": 14,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6, "num_experts": 5, "num_experts_per_tok": 2, "norm_topk_prob": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }),
    # llama.cpp knows no dense blocks in the family.
    "qwen2_moe-dense": ("qwen2_moe", byte_level("qwen2", "Qwen2Tokenizer", QWEN), 5, {
        "hidden_size": 24, "intermediate_size": 36, "moe_intermediate_size": 10, "shared_expert_intermediate_size": 14,
        "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6, "num_experts": 4, "num_experts_per_tok": 2, "norm_topk_prob": True,
        "mlp_only_layers": [1], "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }),
    # Rounding moves the end of the ramp, as it does in llama.cpp.
    "gpt_oss": ("gpt_oss", byte_level("gpt-4o"), 4, {
        "hidden_size": 20, "intermediate_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
        "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 6,
        "rope_parameters": {
            "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0,
            "truncate": False, "original_max_position_embeddings": 64,
        },
    }),
}

# Folders whose text decoder is a part of them, and the classes that load them.
WRAPPERS = {
    name: AutoModelForImageTextToText
    for name in ("gemma3", "mistral3", "lfm2_vl", "qwen3_5", "qwen3_5_moe", "gemma4", "gemma4_unified")
}
# Those of whose names the decoder's stands first in a file.
LLAVA = ("gemma3", "mistral3")
# What stands beside the text decoder.
BESIDE_TEXT = ("vision_tower", "multi_modal", "model.vision", "model.visual", "model.embed_vision")

# Those whose experts lie in one tensor of each block, as the model holds them.
FUSED = ("qwen3_5_moe-wrapped",)
# Those with a block that predicts one more token.
PREDICTING = ("qwen3_5-wrapped", "qwen3_5_moe-wrapped")

# How far apart the last expert used and the first one not used must be, in probability: rounding must not decide.
EXPERT_MARGIN = 1e-3
# Seeds that keep it.
SEEDS = {"mixtral": 3, "qwen3_moe": 1, "gpt_oss": 3, "qwen2_moe": 0, "qwen2_moe-dense": 1, "lfm2_moe": 0, "qwen3_5_moe": 12, "qwen3_5_moe-wrapped": 1,
    "qwen3_next": 17}


def special_ids(folder):
    """The ids of the special tokens, for config.json; null for those the tokenizer has not."""
    texts = json.loads((folder / "tokenizer_config.json").read_text())
    added = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    ids = {entry["content"]: entry["id"] for entry in added}
    return {f"{name}_token_id": ids.get(texts.get(f"{name}_token")) for name in ("bos", "eos", "pad")}


def randomise(model, generator):
    """Values that let no norm, bias or head be mistaken for an absent or a uniform one."""
    model_type = model.config.get_text_config().model_type
    adds_one = model_type.startswith(("gemma", "qwen3_5", "qwen3_next")) and not model_type.startswith("gemma4")
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name.endswith("layer_scalar"):
                buffer.copy_(0.6 + 0.8 * torch.rand(buffer.shape, generator=generator))
        for name, parameter in model.named_parameters():
            values = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                is_norm_weight = name.endswith(("weight", "router.scale", "per_expert_scale"))
                is_around_one = is_norm_weight and (not adds_one or "linear_attn" in name or "visual" in name)
                # Decays that leave something of the first token to the last one.
                values = 0.3 * values + (1 if is_around_one else 0) - (3 if name.endswith("A_log") else 0)
            elif any(part in name for part in ("embed_tokens", "embed_in", "wte", "wpe")):
                values = 0.7 * values
            elif name.endswith("_proj_bias"):
                values = 0.3 * values
            elif "experts.gate_up_proj" in name and model.config.model_type == "gpt_oss":
                # So that some of what they give is beyond the limits.
                values = 4 / parameter.shape[1] ** 0.5 * values
            else:
                inputs = parameter.shape[0] if ".c_" in name else parameter.shape[-1]
                sharp = any(part in name for part in ("q_proj", "k_proj", "qkv", "query_key_value", "c_attn", "gate.weight"))
                values = (1.7 if sharp else 1.1) / inputs**0.5 * values
            if model_type.startswith("gemma4") and "q_norm" in name:
                # Its scores are not divided by the root of the width.
                values = values / parameter.shape[0] ** 0.5
            if "router.proj" in name:
                # Its input is divided by the root of the width.
                values = parameter.shape[1] ** 0.5 * values
            if "per_layer_input_gate" in name:
                # It reads the stream as it is; where all of a narrow input is in the activation's tail, the norm behind
                # it makes rounding large.
                values = 0.1 * values
            parameter.copy_(values)
        for name, buffer in model.named_buffers():
            # What is added to experts' scores where they are chosen.
            if name.endswith("expert_bias"):
                buffer.copy_(0.3 * torch.randn(buffer.shape, generator=generator))


class Streams:
    """Sees the residual stream of a model at the three sites."""

    def __init__(self, model):
        base = getattr(model.base_model, "language_model", model.base_model)
        self.blocks = base.h if hasattr(base, "h") else base.layers
        self.found = {}
        self.margin = 1.0
        for index, block in enumerate(self.blocks):
            block.register_forward_pre_hook(self._enter(index), with_kwargs=True)
            block.register_forward_hook(self._leave(index))
            self._watch_middle(index, block, model.config.get_text_config())
        for module in model.modules():
            if type(module).__name__.endswith(("TopKRouter", "Gemma4TextRouter")):
                module.register_forward_hook(self._watch_experts)

    def _enter(self, index):
        def hook(block, arguments, named):
            self.entry = arguments[0] if arguments else named["hidden_states"]
            if index == 0:
                self.found["embed"] = self.entry[0]

        return hook

    def _leave(self, index):
        def hook(block, arguments, output):
            self.found[f"resid_post.{index}"] = (output[0] if isinstance(output, tuple) else output)[0]

        return hook

    def _watch_middle(self, index, block, config):
        name = f"resid_mid.{index}"
        if config.model_type == "gpt_neox" and config.use_parallel_residual:
            block.attention.register_forward_hook(
                lambda module, arguments, output: self.found.update({name: (self.entry + output[0])[0]}))
            return
        if config.model_type == "cohere2" or getattr(config, "use_parallel_residual", False):
            block.self_attn.register_forward_hook(
                lambda module, arguments, output: self.found.update({name: (self.entry + output[0])[0]}))
            return
        # The first module of the second half reads the stream itself.
        reader = {
            "gemma2": "pre_feedforward_layernorm", "gemma3_text": "pre_feedforward_layernorm",
            "gemma4_text": "pre_feedforward_layernorm", "gemma4_unified_text": "pre_feedforward_layernorm", "olmo2": "mlp",
            "olmo3": "mlp", "exaone4": "mlp", "gpt2": "ln_2", "lfm2": "ffn_norm", "lfm2_moe": "ffn_norm",
        }.get(config.model_type, "post_attention_layernorm")
        getattr(block, reader).register_forward_pre_hook(
            lambda module, arguments: self.found.update({name: arguments[0][0]}))

    def _watch_experts(self, router, arguments, output):
        # Shares by sigmoid, and what is added to them where experts are chosen, or by softmax; Gemma 4 gives them itself.
        used = router.top_k if hasattr(router, "top_k") else router.config.top_k_experts
        shares = output[0] if type(router).__name__ == "Gemma4TextRouter" else output[0].softmax(-1)
        if len(arguments) > 1:
            shares = output[0].sigmoid() + arguments[1]
        sorted_shares = shares.sort(descending=True).values
        gap = sorted_shares[:, used - 1] - sorted_shares[:, used]
        self.margin = min(self.margin, gap.min().item())

    def run(self, model, tokens):
        self.found = {}
        logits = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0]
        return {**self.found, "logits": logits}


def stored(tensors, model_type):
    """Tensors by the names and shapes of model.safetensors, which transformers 5 changes when it loads a model: each
    expert has matrices of its own."""
    result = {}
    for name, tensor in tensors.items():
        if model_type == "mixtral":
            name = name.replace(".mlp.", ".block_sparse_moe.")
        if model_type in LLAVA:
            name = name.replace("lm_head.", "language_model.lm_head.").replace("model.language_model.", "language_model.model.")
            name = name.replace("model.vision_tower.", "vision_tower.")
            name = name.replace("model.multi_modal_projector.", "multi_modal_projector.")
        if model_type == "gemma4_unified":
            name = name.replace("model.embed_vision.", "model.vision_embedder.")
            name = name.replace("vision_embedder.multimodal_embedder.", "embed_vision.")
        if model_type == "gpt_neox":
            name = name.replace("lm_head", "embed_out")
        prefix, matched, kind = name.partition(".experts.")
        if not matched or model_type in ("gpt_oss", "gemma4_text") or tensor.ndim < 3:
            result[name] = tensor
            continue
        gate, up, down = ("w1", "w3", "w2") if model_type == "mixtral" else ("gate_proj", "up_proj", "down_proj")
        if model_type == "lfm2_moe":
            gate, up, down = "w1", "w3", "w2"
        for expert, matrix in enumerate(tensor):
            parts = {down: matrix} if kind == "down_proj" else dict(zip((gate, up), matrix.chunk(2)))
            for part, values in parts.items():
                result[f"{prefix}.experts.{expert}.{part}.weight"] = values
    return result


def generated(model, tokens):
    """GENERATED tokens by greedy decoding, or those up to the first that rounding could decide."""
    model.generation_config.eos_token_id = None
    result = model.generate(
        torch.tensor([tokens]), attention_mask=torch.ones(1, len(tokens), dtype=torch.long), max_new_tokens=GENERATED,
        do_sample=False, use_cache=True, output_scores=True, return_dict_in_generate=True)
    added = result.sequences[0, len(tokens):]
    for place, scores in enumerate(result.scores):
        best, next_best = scores[0].topk(2).values
        if best - next_best < LOGIT_MARGIN:
            added = added[:place]
            break
    assert len(added) > 0
    return added.to(torch.int32)


def checksums(folder):
    """What the tokenizers library makes of every text, a checksum for each."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = (np.array(tokenizer.encode(text).ids, dtype="<i4") for text in TEXTS)
    return torch.from_numpy(np.array([zlib.crc32(each.tobytes()) for each in ids], dtype=np.uint32).view(np.int32))


def gradients(model, streams, tokens, probe):
    """The loss of the header, and its gradients by parameter."""
    model.double()
    # The padding token's row is a parameter like the others; torch would leave its gradient out.
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            module.padding_idx = None
    run = streams.run(model, tokens)
    targets = torch.tensor(tokens[1:])
    entropy = torch.nn.functional.cross_entropy(run["logits"][:-1], targets)
    middle = run[f"resid_post.{len(streams.blocks) // 2}"][-1]
    loss = entropy + 0.5 * (probe.double() * middle).sum()
    loss.backward()
    # named_parameters() has tied tensors once.
    return loss.detach(), {
        name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def as_transformers_4(config):
    """config.json as most published folders have it."""
    config["torch_dtype"] = config.pop("dtype")
    if "text_config" in config:
        text = config["text_config"]
        kind = CONFIG_MAPPING[text["model_type"]]
        standard = kind().to_dict()
        kept = {"model_type", "rope_parameters"}
        text = {key: value for key, value in text.items() if key in kept or value != standard.get(key)}
        config["text_config"] = as_transformers_4({**text, "dtype": "float32"})
        for outside in ("pad_token_id", "tie_word_embeddings"):
            config["text_config"].pop(outside, None)
        config.pop("transformers_version", None)
        return config
    if config["model_type"] in ("qwen3_5_text", "qwen3_5_moe_text"):
        # No release of transformers 4 knows it.
        return config
    if config["model_type"].startswith("gemma4"):
        # transformers 4 does not know the family; this is how published folders have it.
        overrides = next(iter(config.pop("per_layer_config", {0: {"head_dim": 512}}).values()))
        config["global_head_dim"] = overrides["head_dim"]
        config["num_global_key_value_heads"] = overrides.get("num_key_value_heads")
        config["dtype"] = config.pop("torch_dtype")
        return config
    rope = config.pop("rope_parameters", None)
    layers = config.pop("layer_types", None)
    if config["model_type"] == "granitemoehybrid":
        config["layer_types"] = ["attention"] * len(layers)
    config.pop("transformers_version", None)
    if config["model_type"] == "lfm2":
        config["full_attn_idxs"] = [place for place, kind in enumerate(layers) if kind == "full_attention"]
        config["block_ff_dim"] = config.pop("intermediate_size")
        if "tie_word_embeddings" in config:
            config["tie_embedding"] = config.pop("tie_word_embeddings")
    if rope is None:
        return config
    if config["model_type"] in ("exaone4", "cohere2"):
        config["sliding_window_pattern"] = 4
    if "full_attention" in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        config["sliding_window_pattern"] = 6
        rope = rope["full_attention"]
    theta, partial = rope.pop("rope_theta"), rope.pop("partial_rotary_factor", None)
    if config["model_type"] == "gpt_neox":
        config["rotary_emb_base"], config["rotary_pct"] = theta, partial
    else:
        config["rope_theta"] = theta
        if partial not in (None, 1.0):
            config["partial_rotary_factor"] = partial
    if config["model_type"] == "phi3":
        # Published ones have it beside the scaling, which calls its kind "type".
        rope.pop("original_max_position_embeddings")
        rope["type"] = rope.pop("rope_type")
        config["rope_scaling"] = rope
    else:
        config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    return config


def add_predictor(folder, saved, generator):
    """The tensors of a block that predicts one more token, which transformers neither loads nor saves."""
    block = "model.language_model.layers.1."
    shapes = {"mtp.layers.0." + key.removeprefix(block): tensor.shape for key, tensor in saved.items() if key.startswith(block)}
    width = saved["model.language_model.norm.weight"].shape[0]
    for norm in ("norm", "pre_fc_norm_embedding", "pre_fc_norm_hidden"):
        shapes[f"mtp.{norm}.weight"] = (width,)
    shapes["mtp.fc.weight"] = (width, 2 * width)
    for key, shape in sorted(shapes.items()):
        saved[key] = 0.3 * torch.randn(shape, generator=generator)
    save_file(saved, folder / "model.safetensors", metadata={"format": "pt"})
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["text_config"].update(
        mtp_num_hidden_layers=1, mtp_use_dedicated_embeddings=False, attn_output_gate=True, mamba_ssm_dtype="float32",
        full_attention_interval=4)
    path.write_text(json.dumps(config))


def make(name):
    model_type, write_tokenizer, style, settings = FAMILIES[name]
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    vocabulary = write_tokenizer(folder)
    settings = json.loads(json.dumps(settings))
    text = settings.get("text_config", settings)
    text.update(special_ids(folder), vocab_size=vocabulary)
    if "hidden_size_per_layer_input" in text:
        text["vocab_size_per_layer_input"] = vocabulary
    config = CONFIG_MAPPING[model_type](**settings)
    loader = WRAPPERS.get(model_type, AutoModelForCausalLM)
    seed = zlib.crc32(name.encode()) + SEEDS.get(name, 0)
    torch.manual_seed(seed)
    model = loader.from_config(
        config, attn_implementation="eager", experts_implementation="eager", dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(seed)
    randomise(model, generator)
    model.save_pretrained(folder, save_original_format=name not in FUSED)
    saved = load_file(folder / "model.safetensors")
    buffers = {
        name: values for name, values in model.named_buffers() if name.endswith(("expert_bias", "layer_scalar"))
    }
    expected = {**dict(model.named_parameters()), **buffers}
    if name not in FUSED:
        expected = stored(expected, model_type)
    assert saved.keys() == expected.keys(), saved.keys() ^ expected.keys()
    assert all(torch.equal(saved[key], expected[key]) for key in saved)
    if name in PREDICTING:
        add_predictor(folder, saved, generator)
    if style == 4:
        path = folder / "config.json"
        path.write_text(json.dumps(as_transformers_4(json.loads(path.read_text())), indent=2, sort_keys=True) + "\n")

    # The reference is what the folder gives, not what made it.
    model, report = loader.from_pretrained(
        folder, attn_implementation="eager", experts_implementation="eager", dtype=torch.float32, output_loading_info=True)
    assert not any(report.values()), report
    model.eval()
    streams = Streams(model)
    prompts = [torch.randint(0, vocabulary, (length,), generator=generator).tolist() for length in LENGTHS]
    reference = {"probe": torch.randn(model.config.get_text_config().hidden_size, generator=generator), "tokenizer": checksums(folder)}
    for place, tokens in enumerate(prompts):
        reference[f"{place}.tokens"] = torch.tensor(tokens, dtype=torch.int32)
        with torch.no_grad():
            for site, values in streams.run(model, tokens).items():
                reference[f"{place}.{site}"] = values
            reference[f"{place}.generated"] = generated(model, tokens)
    assert streams.margin > EXPERT_MARGIN, streams.margin
    loss, found = gradients(model, streams, prompts[-1], reference["probe"])
    reference["loss"] = loss.reshape(1)
    for key, values in stored(found, model_type).items():
        reference[f"gradient.{key}"] = values
    untrained = (*BESIDE_TEXT, "mtp.", "expert_bias", "layer_scalar")
    assert {f"gradient.{key}" for key in stored(saved, model_type) if not any(part in key for part in untrained)} <= reference.keys()
    for key, values in reference.items():
        assert torch.isfinite(values).all(), key
        reference[key] = values.contiguous() if values.dtype == torch.int32 else values.float().contiguous()
    save_file(dict(sorted(reference.items())), folder / "reference.safetensors")
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size <= 300_000, size
    print(f"{name}: {size} bytes, loss {loss.item():.4f}")


for name in sys.argv[1:] or FAMILIES:
    make(name)
