"""Writes the tokenizer files of the small models: vocabularies so small that a whole model folder stays below 300 KB.

Used by make_families.py (tokenizers 0.23.3, sentencepiece 0.2.3).
"""

import io
import json
import random

import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = QWEN2.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]", r"[^\s\p{L}\p{M}\p{N}]")
SEED_CODER = LLAMA3.replace(r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*", r"\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{CONTRACTION}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Few letters, so that a vocabulary of 300 has room for 256 bytes, the letters and some merges.
WORDS = "a an and as at he her hers his in is it its no not of on or sad she so that the then there this to".split()

# Whose published tokenizers put the beginning of the text before it, and take whole words from the vocabulary.
BEGINNING_ADDED = ("llama-bpe", "lfm2", "tekken")

BYTE_LEVEL_SIZE = 92
SENTENCEPIECE_SIZE = 296


def sentences():
    chance = random.Random(7)
    for _ in range(600):
        words = [chance.choice(WORDS) for _ in range(chance.randint(3, 9))]
        yield " ".join(words) + chance.choice([".", "\n", " 1"])


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def split_by(expression):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(expression), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def pre_tokenizer(name):
    """What tokenizer.json says where llama.cpp's converter finds this name."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return {
        "gpt-2": lambda: byte_level,
        "olmo": lambda: byte_level,
        "exaone4": lambda: byte_level,
        "smollm": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level]),
        "starcoder": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level]),
        "command-r": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level]),
        "refact": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level]),
        "llama-bpe": lambda: split_by(LLAMA3),
        "lfm2": lambda: split_by(LLAMA3),
        "dbrx": lambda: split_by(LLAMA3),
        "tekken": lambda: split_by(TEKKEN),
        "gpt-4o": lambda: split_by(GPT4O),
        "glm4": lambda: split_by(LLAMA3),
        "qwen2": lambda: split_by(QWEN2),
        "qwen35": lambda: split_by(QWEN35),
        "seed-coder": lambda: split_by(SEED_CODER),
        "stablelm2": lambda: split_by(QWEN2),
    }[name]()


def write_byte_level(folder, pre, specials, tokenizer_class, others=()):
    """A byte-level BPE tokenizer without most of the 256 bytes.

    specials: the texts of bos, eos and pad, by those names; ids from 0 in this order, then those of other special tokens.
    """
    tokenizer = Tokenizer(models.BPE(ignore_merges=pre in (*BEGINNING_ADDED, "glm4")))
    tokenizer.pre_tokenizer = pre_tokenizer(pre)
    tokenizer.decoder = decoders.ByteLevel()
    texts = list(dict.fromkeys([*specials.values(), *others]))
    trainer = trainers.BpeTrainer(vocab_size=BYTE_LEVEL_SIZE, special_tokens=texts, show_progress=False)
    tokenizer.train_from_iterator(sentences(), trainer)
    if pre in BEGINNING_ADDED:
        bos = specials["bos"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))])
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    write_json(folder / "tokenizer.json", json.loads(tokenizer.to_str()))
    write_configuration(folder, specials, {}, tokenizer_class)
    return tokenizer.get_vocab_size()


def write_sentencepiece(folder, specials, tokenizer_class, adds_prefix):
    """tokenizer.model with byte fallback, and the tokenizer.json that says the same.

    specials: the texts of unk, bos, eos and pad, by those names, in the order of their ids.
    adds_prefix: whether a text begins with a space, as Llama 2's does and Gemma's does not.
    """
    ids = {name: list(specials).index(name) if name in specials else -1 for name in ("unk", "bos", "eos", "pad")}
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(text.replace("\n", " ") for text in sentences()), model_writer=model, model_type="bpe",
        vocab_size=SENTENCEPIECE_SIZE, byte_fallback=True, character_coverage=1.0, num_threads=1,
        split_digits=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        add_dummy_prefix=adds_prefix, minloglevel=2,
        unk_id=ids["unk"], bos_id=ids["bos"], eos_id=ids["eos"], pad_id=ids["pad"],
        **{f"{name}_piece": text for name, text in specials.items()})
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    vocabulary = {pieces.id_to_piece(place): place for place in range(pieces.vocab_size())}
    added = [
        {"id": vocabulary[text], "content": text, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for text in specials.values()
    ]
    bos = specials["bos"]
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    steps = [{"type": "Prepend", "prepend": "▁"}, space]
    decoder = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    ]
    if adds_prefix:
        decoder.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    token = {"SpecialToken": {"id": bos, "type_id": 0}}
    sequence = {"Sequence": {"id": "A", "type_id": 0}}
    second = [{"SpecialToken": {"id": bos, "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}]
    write_json(folder / "tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": steps} if adds_prefix else space,
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing", "single": [token, sequence], "pair": [token, sequence] + second,
            "special_tokens": {bos: {"id": bos, "ids": [vocabulary[bos]], "tokens": [bos]}},
        },
        "decoder": {"type": "Sequence", "decoders": decoder},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": specials["unk"], "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
            "vocab": vocabulary, "merges": merges(pieces, vocabulary),
        },
    })
    written = {
        str(entry["id"]): {key: value for key, value in entry.items() if key != "id"} for entry in added
    }
    write_configuration(
        folder, specials, {"add_bos_token": True, "add_eos_token": False, "added_tokens_decoder": written},
        tokenizer_class)
    return pieces.vocab_size()


def write_gemma4(folder, specials, others):
    """Gemma 4's tokenizer.json: byte-pair encoding over scalars with byte fallback, runs of newlines, no tokenizer.model.

    others: the texts of more special tokens, at the end of the vocabulary; the first is the mask.
    """
    write_sentencepiece(folder, specials, "GemmaTokenizer", adds_prefix=False)
    (folder / "tokenizer.model").unlink()
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    model = tokenizer["model"]
    for text in ("\n", "\n\n", "\n\n\n", *others):
        model["vocab"][text] = len(model["vocab"])
    model["merges"] += [["\n", "\n"], ["\n", "\n\n"], ["\n\n", "\n"]]
    tokenizer["added_tokens"] += [
        {**tokenizer["added_tokens"][0], "id": model["vocab"][text], "content": text} for text in others
    ]
    tokenizer["pre_tokenizer"] = {
        "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False,
    }
    write_json(folder / "tokenizer.json", tokenizer)
    path = folder / "tokenizer_config.json"
    configuration = json.loads(path.read_text())
    del configuration["added_tokens_decoder"]
    configuration["mask_token"] = others[0]
    configuration["extra_special_tokens"] = others[1:]
    write_json(path, configuration)
    return len(model["vocab"])


def merges(pieces, vocabulary):
    """The pairs that make each piece, best piece first: what the scores of tokenizer.model say."""
    found = []
    for piece, place in vocabulary.items():
        if pieces.is_control(place) or pieces.is_unknown(place) or pieces.is_byte(place):
            continue
        cuts = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        cuts = [cut for cut in cuts if cut[0] in vocabulary and cut[1] in vocabulary]
        found += [(-pieces.get_score(place), vocabulary[left], vocabulary[right], [left, right]) for left, right in cuts]
    return [pair for *_, pair in sorted(found)]


def write_configuration(folder, specials, more, tokenizer_class):
    write_json(folder / "tokenizer_config.json", {
        **{f"{name}_token": text for name, text in specials.items()}, **more,
        "clean_up_tokenization_spaces": False, "model_max_length": 64, "tokenizer_class": tokenizer_class,
    })
