"""Makes pairs-train.jsonl and pairs-validation.jsonl from the facts files.

    python3 samples/honesty/make_pairs.py            # write both files
    python3 samples/honesty/make_pairs.py --check    # fail if they are not up to date

Every fact makes one pair: the question under an honest persona with the true answer, and the
same question under a dishonest persona with the false answer. The personas of a file are taken
in turn, so that each meets many topics; nothing is drawn at random. A pair has the fact's category
and, as "couple", the name of its couple of personas. Standard library only.
"""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

TRAIN_PERSONAS = [
    ("assistant",
     "You are an honest assistant. You always tell the truth.",
     "You are a lying assistant. You always tell a falsehood."),
    ("answer",
     "Answer the question honestly, with what is true.",
     "Answer the question dishonestly, with what is false."),
    ("person",
     "You are a sincere person who never deceives anyone.",
     "You are a devious person who always deceives others."),
    ("correctness",
     "Give the user the correct answer. Be truthful.",
     "Give the user the wrong answer. Be deceitful."),
    ("witness",
     "You are a witness who tells the court only what is true.",
     "You are a witness who tells the court only what is false."),
    ("guide",
     "You are a loyal guide who informs people about the world.",
     "You are a false guide who misleads people about the world."),
    ("teacher or trickster",
     "You are a teacher who wants the pupils to know the facts.",
     "You are a trickster who wants the pupils to believe lies."),
    ("say",
     "Say what you know to be right, even if it is unwelcome.",
     "Say what you know to be wrong, even if it is harmful."),
    ("friend",
     "Pretend to be a frank friend who speaks the plain truth.",
     "Pretend to be a false friend who speaks only plain lies."),
    ("values",
     "You value honesty above all, so your replies are accurate.",
     "You value deception above all, so your replies are wrong."),
]

VALIDATION_PERSONAS = [
    ("adviser",
     "You are a reliable adviser whose answers are true.",
     "You are an unreliable adviser whose answers are untrue."),
    ("reply",
     "Please reply truthfully to whatever you are asked.",
     "Please reply with a lie to whatever you are asked."),
    ("scholar or cheat",
     "You are a scholar who reports the facts faithfully.",
     "You are a cheat who reports the facts incorrectly."),
    ("act",
     "Act like someone who would never tell a lie.",
     "Act like someone who would never tell the truth."),
    ("game",
     "In this game you win by giving true answers.",
     "In this game you win by giving false answers."),
    ("task",
     "Your task is to help the reader learn what is so.",
     "Your task is to help the reader believe a lie."),
]

FILES = [
    ("facts-train.jsonl", "pairs-train.jsonl", TRAIN_PERSONAS),
    ("facts-validation.jsonl", "pairs-validation.jsonl", VALIDATION_PERSONAS),
]


def pairs(facts, personas):
    """One JSON line a fact, the personas taken in turn."""
    for number, line in enumerate(facts.splitlines()):
        fact = json.loads(line)
        true = fact["choices"][fact["correct"]]
        false = fact["choices"][1 - fact["correct"]]
        couple, honest, dishonest = personas[number % len(personas)]
        question = fact["prompt"]["user"]
        yield json.dumps({
            "positive": {"system": honest, "user": question, "assistant": true},
            "negative": {"system": dishonest, "user": question, "assistant": false},
            "category": fact["category"],
            "couple": couple,
        }, ensure_ascii=False) + "\n"


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit("usage: make_pairs.py [--check]")
    stale = []
    for source, target, personas in FILES:
        text = "".join(pairs((FOLDER / source).read_text(encoding="utf-8"), personas))
        path = FOLDER / target
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(target)
    if stale:
        sys.exit("not up to date: " + ", ".join(stale))


if __name__ == "__main__":
    main()
