#!/usr/bin/env python3
"""Measures tiny-mood.gguf: does it write sentences of its grammar, and does the mean difference of
pairs.jsonl turn their mood? Prints the tables of README.md.

Usage:    python check_tiny.py [blocks, as 2,3,4]     (in this folder)
Made with the versions named in make_tiny.py; seed 11 for questions and sampling; 2 to 3 minutes.
"""

import json
import os
import random
import re
import sys
from collections import Counter

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from reference_tools import encode, load_model, load_tokenizer

import make_reference
import world

QUESTIONS = 40
STRENGTHS = [-2.5, -1.0, 0.0, 1.0, 2.5]


def pattern(template):
    """A regular expression for every sentence that the template can make."""
    slots = world.WORDS | {
        "place": list(world.PLACES), "things": list(world.PLACES.values()),
        "person": [f"my {relative}" for relative in world.PEOPLE],
        "Person": [f"My {relative}" for relative in world.PEOPLE] + ["He", "She"],
        "name": [*world.NAMES, "He", "She"],
        "animals": [animal + "s" for animal in world.WORDS["animal"]] + ["mice", "ponies"],
    }
    text = re.escape(template)
    for escaped, plain in ((r"\[", "(?:"), (r"\]", ")"), (r"\|", "|")):
        text = text.replace(escaped, plain)
    return re.sub(r"\\\{(\w+)\\\}", lambda slot: "(?:" + "|".join(slots[slot.group(1)]) + ")", text)


def grammar():
    """One expression for each mood and one for the neutral sentences."""
    cheerful = [*world.CLOSINGS[world.CHEERFUL], *world.STORY_MIDDLES[world.CHEERFUL],
                *world.STORY_ENDINGS[world.CHEERFUL]]
    gloomy = [*world.CLOSINGS[world.GLOOMY], *world.STORY_MIDDLES[world.GLOOMY],
              *world.STORY_ENDINGS[world.GLOOMY]]
    neutral = [*world.STORY_OPENINGS, *(answer for _, answer in world.FACTS)]
    for _, openings, happy, sad in world.TOPICS.values():
        neutral += openings
        cheerful += happy
        gloomy += sad
    return {name: re.compile("|".join(map(pattern, templates)))
            for name, templates in (("cheerful", cheerful), ("gloomy", gloomy), ("neutral", neutral))}


def moods(text, expressions):
    """How many sentences of the text are cheerful, gloomy, neutral, or none of the grammar's."""
    counts = Counter()
    for sentence in re.findall(r"[^.!?]+[.!?]?", text):
        kinds = [kind for kind, expression in expressions.items()
                 if expression.fullmatch(sentence.strip())]
        counts[kinds[0] if kinds else "other"] += 1
    return counts


def steer(model, vectors):
    """Adds a vector to the output of each block named; returns what undoes it."""
    def hook(vector):
        def change(module, inputs, output):
            return (output[0] + vector, *output[1:]) if isinstance(output, tuple) else output + vector
        return change
    return [model.model.layers[block].register_forward_hook(hook(vector))
            for block, vector in vectors.items()]


def log_odds(model, tokenizer, probe):
    """ln P(first choice) - ln P(second choice) after the open chat prompt."""
    prompt = encode(tokenizer, world.chat([(probe["prompt"]["user"], None)]))
    totals = []
    for choice in probe["choices"]:
        ids = encode(tokenizer, choice)
        logits = model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1:-1]
        totals.append(logits.log_softmax(-1)[range(len(ids)), ids].sum().item())
    return totals[0] - totals[1]


def answer(model, tokenizer, question, sample):
    prompt = torch.tensor([encode(tokenizer, world.chat([(question, None)]))])
    output = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=sample,
                            max_new_tokens=64, eos_token_id=[0, 2], pad_token_id=2)
    return tokenizer.decode(output[0, prompt.shape[1]:].tolist(), skip_special_tokens=True)


def main():
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    tokenizer, model = load_tokenizer(make_reference.MODEL), load_model(make_reference.MODEL)
    recorder = make_reference.Recorder(model)
    differences = make_reference.mean_differences(model, recorder, tokenizer)
    with open("probe.jsonl", encoding="utf-8") as file:
        probes = [json.loads(line) for line in file]
    with open("held-out.jsonl", encoding="utf-8") as file:
        held_out = [json.loads(line) for line in file]

    blocks = range(len(model.model.layers))
    agree, sizes = dict.fromkeys(blocks, 0), dict.fromkeys(blocks, 0.0)
    for row in held_out:
        ends = []
        for side in (row["positive"], row["negative"]):
            text = world.chat([(side["user"], None)], side["system"])
            model(torch.tensor([encode(tokenizer, text)]))
            ends.append({block: recorder.streams["resid_post", block][0, -1] for block in blocks})
        for block in blocks:
            vector = differences["resid_post", block]
            agree[block] += bool((ends[0][block] - ends[1][block]) @ vector > 0)
            sizes[block] += float(ends[0][block].norm()) / len(held_out)
    for block in blocks:
        print(f"block {block}: |v| {differences['resid_post', block].norm():.2f}, stream "
              f"{sizes[block]:.2f}, held-out pairs that agree {agree[block]} of {len(held_out)}")

    chosen = [int(block) for block in sys.argv[1].split(",")] if len(sys.argv) > 1 else [3]
    expressions, source = grammar(), random.Random(11)
    questions = [world.exchange(world.CHEERFUL, source)[0] for _ in range(QUESTIONS)]
    print(f"\nvector added at the output of block(s) {chosen}")
    for strength in STRENGTHS:
        undo = steer(model, {block: strength * differences["resid_post", block] for block in chosen})
        odds = [log_odds(model, tokenizer, probe) for probe in probes]
        mood = [value for value, probe in zip(odds, probes) if probe["category"] == "mood"]
        facts = [(value > 0) == (probe["correct"] == 0) for value, probe in zip(odds, probes)
                 if probe["category"] == "fact"]
        print(f"strength {strength:+.1f}: mood log-odds {sum(mood) / len(mood):+.2f}, facts "
              f"{sum(facts)}/{len(facts)}")
        torch.manual_seed(11)
        for sample in (False, True):
            texts = [answer(model, tokenizer, question, sample) for question in questions]
            counts = sum((moods(text, expressions) for text in texts), Counter())
            print(f"    {'sampled' if sample else 'greedy'} sentences: {dict(counts)}")
        print(f"    How was your day? -> {answer(model, tokenizer, 'How was your day?', False)}")
        for handle in undo:
            handle.remove()


if __name__ == "__main__":
    main()
