#!/usr/bin/env python3
"""Writes pairs.jsonl, held-out.jsonl and probe.jsonl: the data files for the tiny model's world.

Usage:    python make_pairs.py     (any Python from 3.9 on; seed 7; a moment)
"""

import json
import random

import world

HELD_OUT_TOPICS = ["letter", "sleep", "story", "travel"]
TRAIN_PAIRS, HELD_OUT_PAIRS = 64, 20

# Questions with one right answer; the model should keep them in either mood.
FACT_PROBES = [
    ("What does the dog say?", ["The dog says woof.", "The dog says moo."], 0),
    ("What does the cow say?", ["The cow says quack.", "The cow says moo."], 1),
    ("What colour is grass?", ["Grass is green.", "Grass is white."], 0),
    ("What colour is snow?", ["Snow is black.", "Snow is white."], 1),
    ("What comes after 7?", ["8 comes after 7.", "3 comes after 7."], 0),
    ("What day comes after Monday?", ["Friday comes after Monday.", "Tuesday comes after Monday."], 1),
]


def pairs(topics, count, source):
    """One question under the two personas of a pair; no question twice."""
    seen, rows = set(), []
    while len(rows) < count:
        question, _ = world.exchange(world.CHEERFUL, source, source.choice(topics))
        if question in seen:
            continue
        seen.add(question)
        sides = world.PERSONAS[len(rows) % len(world.PERSONAS)]
        positive, negative = ({"system": system, "user": question} for system in sides)
        rows.append({"positive": positive, "negative": negative})
    return rows


def probes(source):
    """For every topic a question and two answers of the same build, the cheerful one first."""
    rows = []
    for topic, (questions, _, cheerful, gloomy) in world.TOPICS.items():
        slots = world.draw_slots(source)
        index = source.randrange(len(cheerful))
        rows.append({
            "prompt": {"user": world.fill(questions[0], slots, source)},
            "choices": [world.fill(mood[index], slots, source) for mood in (cheerful, gloomy)],
            "correct": 0,
            "category": "mood",
        })
    rows += [{"prompt": {"user": question}, "choices": choices, "correct": correct,
              "category": "fact"} for question, choices, correct in FACT_PROBES]
    return rows


def write(name, rows):
    with open(name, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def main():
    source = random.Random(7)
    train_topics = [topic for topic in world.TOPICS if topic not in HELD_OUT_TOPICS]
    write("pairs.jsonl", pairs(train_topics, TRAIN_PAIRS, source))
    write("held-out.jsonl", pairs(HELD_OUT_TOPICS, HELD_OUT_PAIRS, source))
    write("probe.jsonl", probes(source))


if __name__ == "__main__":
    main()
