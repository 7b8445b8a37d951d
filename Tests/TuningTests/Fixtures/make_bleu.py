"""Writes what sacrebleu gives for pairs of texts, one by one and as a corpus: bleu.json.

Run: python make_bleu.py   (sacrebleu 2.6.0)
"""

import json
from pathlib import Path

import sacrebleu
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

# What was written, and what it should be.
PAIRS = [
    ("The cat sat on the mat.", "The cat sat on the mat."),
    ("The the the the cat sat.", "The cat sat on the mat."),
    ("It was a wonderful day, and I enjoyed every minute.", "It was a terrible day, and I hated every minute."),
    ("a b c d", "e f g h"),
    ("", "Nothing was written."),
    ("It cost $1,234.50 (about 3-4 times as much)!", "It cost $1,234.56 - about 3-4 times as much."),
    ("Yes.", "Yes."),
    ("Fish &amp; chips, \"fresh\" &lt;today&gt;; it's 5.-", "Fish & chips, \"fresh\" <today>; its 5.-"),
    ("One line\nand a hyphen-\nated one, twice,, and ...", "One line and a hyphenated one, twice, and..."),
    ("Größe und Übermut – schön war’s, 12,5 Grad.", "Größe und Übermut – schön ist’s, 12.5 Grad."),
    ("We walked along the shore until the light was gone and", "We walked along the shore until the light was gone"),
]


def main():
    bleu = sacrebleu.BLEU(effective_order=True)
    tokenizer = Tokenizer13a()
    pairs = [
        {
            "text": text, "reference": reference, "words": tokenizer(text).split(),
            "score": bleu.corpus_score([text], [[reference]]).score,
        }
        for text, reference in PAIRS
    ]
    corpus = bleu.corpus_score([text for text, _ in PAIRS], [[reference for _, reference in PAIRS]])
    facts = {"signature": str(bleu.get_signature()), "corpus": corpus.score, "pairs": pairs}
    path = Path(__file__).parent / "bleu.json"
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
