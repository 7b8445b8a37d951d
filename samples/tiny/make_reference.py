#!/usr/bin/env python3
"""Writes reference.json: what transformers computes for tiny-mood.gguf in f32, plain and steered.

The stored weights (F16 matrices widened, F32 norms) are run by `LlamaForCausalLM` with eager
attention on one thread. The tests of the decoder, the extraction and the interventions compare
with it. README.md describes the keys.

Usage:    python make_reference.py     (in this folder; reads tiny-mood.gguf and pairs.jsonl)
Made with Python 3.11.7, torch 2.13.0+cpu, transformers 5.23.0, tokenizers 0.23.3, gguf 0.19.0
Time:     a few seconds after the imports.
"""

import json
import os
import sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from reference_tools import (
    encode, greedy, load_model, load_tokenizer, number, numbers, write_reference,
)

import world

MODEL = "tiny-mood.gguf"
RESIDUAL_CASES = 3  # so many prompts carry the residual stream too
STEERED_CASE = 0    # the prompt that is run with every intervention

PROMPTS = [
    ("question", world.chat([("How was your day?", None)])),
    ("cheerful persona", world.chat([("What did you eat for lunch?", None)], "You are cheerful.")),
    ("one token", "The"),
    ("miserable persona", world.chat([("Tell me about the harbour.", None)], "You are miserable.")),
    ("story", "One day Anna went to the park with a brown dog."),
    ("no system text", world.chat([("How is the weather at the lake?", None)], None)),
    ("digits", world.chat([("What comes after 12?", None)])),
    ("two turns", world.chat([("What colour is snow?", "Snow is white."), ("How did you sleep?", None)])),
    ("outside its world", "def f(x): return 3.14 * x  # Żółw 日本 🙂"),
    ("long", world.chat([("Tell me a story about Tom.", "One day Tom went to the lake with a white "
     "goat. The sun was shining and he began to sing. He won a prize and danced for joy. He never "
     "felt so good."), ("How was the train trip?", "The view was wonderful. Life is good."),
     ("What will you do tomorrow?", None)], "You love your life.")),
]

# (name, site, block, operation, strength); the vector is the mean difference at that place.
INTERVENTIONS = [
    ("add at the output of block 3", "resid_post", 3, "add", 2.5),
    ("subtract after the attention of block 2", "resid_mid", 2, "add", -2.0),
    ("add at the output of block 0", "resid_post", 0, "add", 4.0),
    ("ablate at the output of block 3", "resid_post", 3, "ablate", 1.0),
]


class Recorder:
    """Hooks that keep the residual stream at every site and apply at most one intervention."""

    def __init__(self, model):
        self.streams = {}
        self.change = None
        for block, layer in enumerate(model.model.layers):
            layer.register_forward_pre_hook(self._before(block), with_kwargs=True)
            layer.self_attn.register_forward_hook(self._after_attention(block))
            layer.register_forward_hook(self._after(block))

    def _before(self, block):
        def hook(module, inputs, keywords):
            self.streams["input", block] = inputs[0] if inputs else keywords["hidden_states"]
        return hook

    def _after_attention(self, block):
        def hook(module, inputs, output):
            stream = self.streams["input", block]
            middle = self._changed("resid_mid", block, stream + output[0])
            self.streams["resid_mid", block] = middle
            return (middle - stream, *output[1:]) if self._acts("resid_mid", block) else output
        return hook

    def _after(self, block):
        def hook(module, inputs, output):
            plain = output[0] if isinstance(output, tuple) else output
            stream = self._changed("resid_post", block, plain)
            self.streams["resid_post", block] = stream
            return (stream, *output[1:]) if isinstance(output, tuple) else stream
        return hook

    def _acts(self, site, block):
        return self.change is not None and self.change[:2] == (site, block)

    def _changed(self, site, block, stream):
        if not self._acts(site, block):
            return stream
        _, _, operation, strength, vector = self.change
        if operation == "add":
            return stream + strength * vector
        unit = vector / vector.norm()
        return stream - strength * (stream @ unit).unsqueeze(-1) * unit


def mean_differences(model, recorder, tokenizer):
    """(site, block) to the mean over the pairs of positive minus negative at the last token."""
    with open("pairs.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    sums = {}
    for row in rows:
        for sign, side in ((1, row["positive"]), (-1, row["negative"])):
            text = world.chat([(side["user"], None)], side["system"])
            model(torch.tensor([encode(tokenizer, text)]))
            for place, stream in recorder.streams.items():
                sums[place] = sums.get(place, 0) + sign * stream[0, -1].double()
    return {place: (total / len(rows)).float() for place, total in sums.items()
            if place[0] != "input"}


def run(model, tokenizer, tokens):
    logits = model(torch.tensor([tokens])).logits[0, -1]
    continuation, lead = greedy(model, tokens)
    return {
        "logits": numbers(logits),
        "greedy": continuation,
        "greedyText": tokenizer.decode(continuation, skip_special_tokens=False),
        "greedySmallestLead": number(lead),
    }


def residuals(recorder, position):
    """The streams of the last run at one position: before block 0, then both sites of each block."""
    blocks = range(1 + max(block for _, block in recorder.streams))
    return {
        "position": position,
        "embed": numbers(recorder.streams["input", 0][0, position]),
        **{f"{site}.{block}": numbers(recorder.streams[site, block][0, position])
           for block in blocks for site in ("resid_mid", "resid_post")},
    }


def main():
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    tokenizer, model = load_tokenizer(MODEL), load_model(MODEL)
    recorder = Recorder(model)
    differences = mean_differences(model, recorder, tokenizer)

    cases = []
    for index, (name, text) in enumerate(PROMPTS):
        tokens = encode(tokenizer, text)
        case = {"name": name, "text": text, "tokens": tokens, **run(model, tokenizer, tokens)}
        if index < RESIDUAL_CASES:
            model(torch.tensor([tokens]))
            case["residuals"] = [residuals(recorder, position)
                                 for position in sorted({0, len(tokens) - 1})]
        cases.append(case)
        print(f"{name}: {len(tokens)} tokens: {case['greedyText']!r}")

    steered = []
    for name, site, block, operation, strength in INTERVENTIONS:
        vector = differences[site, block]
        recorder.change = (site, block, operation, strength, vector)
        outcome = run(model, tokenizer, cases[STEERED_CASE]["tokens"])
        print(f"{name}: {outcome['greedyText']!r}")
        steered.append({"name": name, "site": site, "block": block, "operation": operation,
                        "strength": strength, "vector": numbers(vector), "case": STEERED_CASE,
                        **outcome})
    recorder.change = None

    write_reference("reference.json", MODEL, {
        "about": "logits of the last position (whole vocabulary), residual streams at the first "
                 "and last position, greedy continuation past any end of text",
        "cases": cases,
        "interventions": steered,
        "meanDifferenceNorms": {f"{site}.{block}": number(vector.norm())
                                for (site, block), vector in sorted(differences.items())},
    })


if __name__ == "__main__":
    main()
