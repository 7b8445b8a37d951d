"""Makes the folders below `families` and `references`: tokenizers as families of models publish them.

    python make_family_fixtures.py LLAMA_CPP

LLAMA_CPP is a checkout of llama.cpp, whose converter writes the expected metadata.
Made with Python 3.11, tokenizers 0.23.3, transformers 5.23.0, sentencepiece 0.2.3, gguf 0.19.0, protobuf 7.36.2,
and `strings.json` of this folder.

families/NAME/              a tokenizer in Hugging Face's layout, with the config.json of a tiny model
references/NAME.json        ids      the ids of every text of strings.json by tokenizer.json, special tokens added
                            decoded  the text of those ids without special tokens; null where it is the text itself
                            random   lists of random ids, and their text with and without special tokens
                            spm      the ids by tokenizer.model (SentencePiece itself; control tokens are not parsed)
                            metadata what llama.cpp's converter writes for the folder: [key, type, value] in its order
"""

import importlib
import io
import json
import os
import random
import shutil
import sys

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

from make_tokenizer_fixtures import LLAMA3, QWEN2, split, training_text, write

sys.path[:0] = [sys.argv[1], os.path.join(sys.argv[1], "gguf-py")]
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BEFORE, CONTRACTION = r"[^\r\n\p{L}\p{N}]?", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
TEKKEN = f"{BEFORE}{UPPER}*{LOWER}+|{BEFORE}{UPPER}+{LOWER}*" + r"|\p{N}|" + REST
GPT4O = f"{BEFORE}{UPPER}*{LOWER}+{CONTRACTION}|{BEFORE}{UPPER}+{LOWER}*{CONTRACTION}" + r"|\p{N}{1,3}|" + REST

# Enough of a normalisation for a small compiled map: ligatures, wide forms, spaces, a composed and a dropped letter.
RULES = [
    ("FB01", "66 69"), ("FB02", "66 6C"), ("FB03", "66 66 69"), ("3000", "20"), ("A0", "20"), ("2003", "20"),
    ("9", "20"), ("A", "20"), ("D", "20"), ("D A", "20"), ("65 301", "E9"), ("61 308", "E4"), ("212B", "C5"), ("41 30A", "C5"),
    ("BD", "31 2044 32"), ("B2", "32"), ("200B", ""), ("FEFF", ""), ("2026", "2E 2E 2E"),
    ("1112 1161 11AB", "D55C"), ("2163", "49 56"), ("2167", "56 49 49 49"),
] + [(f"{0xFF01 + place:X}", f"{0x21 + place:X}") for place in range(94)]


def sentence_piece(name, **options):
    stream = io.BytesIO()
    rules = f"/tmp/{name}-rules.tsv"
    if options.pop("has_rules", False):
        with open(rules, "w") as file:
            file.writelines(f"{source}\t{target}\n" for source, target in RULES)
        options["normalization_rule_tsv"] = rules
    else:
        options["normalization_rule_name"] = "identity"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=training_text(), model_writer=stream, minloglevel=2, num_threads=1,
        hard_vocab_limit=False, **options)
    return stream.getvalue()


def proto(data):
    from sentencepiece import sentencepiece_model_pb2
    message = sentencepiece_model_pb2.ModelProto()
    message.ParseFromString(data)
    return message


def scored_pairs(data, **options):
    from transformers.convert_slow_tokenizer import generate_merges
    pieces = proto(data).pieces
    vocabulary = {piece.piece: place for place, piece in enumerate(pieces)}
    skipped = {piece.piece for piece in pieces if piece.type != 1}
    merges = generate_merges(vocabulary, [(piece.piece, piece.score) for piece in pieces], skipped)
    return models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True, **options)


def unigram(data, byte_fallback=False):
    message = proto(data)
    return models.Unigram(
        [(piece.piece, piece.score) for piece in message.pieces], message.trainer_spec.unk_id, byte_fallback)


def template(tokenizer, first=None, last=None):
    tokens = [token for token in (first, last) if token]

    def part(name, number):
        return [f"{token}:{number}" for token in [first] if token] + [f"${name}:{number}"] + [
            f"{token}:{number}" for token in [last] if token]

    return processors.TemplateProcessing(
        single=part("A", 0), pair=part("A", 0) + part("B", 1),
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in tokens])


def special(texts, **options):
    return [AddedToken(text, special=True, normalized=False, **options) for text in texts]


def byte_level(pre_tokenizer, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<|endoftext|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(training_text(), trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


SPACES = dict(add_dummy_prefix=True, remove_extra_whitespaces=False)
MARK_TO_SPACE = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
LLAMA_TEMPLATE = "{{ bos_token }}{% for m in messages %}[INST] {{ m['content'] }} [/INST]{% endfor %}"


def bpe_model(name, **options):
    return sentence_piece(
        name, model_type="bpe", vocab_size=620, byte_fallback=True, character_coverage=0.98,
        split_digits=True, allow_whitespace_only_pieces=True, **options)


def llama2():
    data = bpe_model("llama2", **SPACES)
    tokenizer = Tokenizer(scored_pairs(data))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(MARK_TO_SPACE + [decoders.Strip(" ", 1, 0)])
    tokenizer.add_tokens(special(["<unk>", "<s>", "</s>"]))
    tokenizer.post_processor = template(tokenizer, "<s>")
    token = {"__type": "AddedToken", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    configuration = {
        "add_bos_token": True, "add_eos_token": False, "tokenizer_class": "LlamaTokenizer",
        "chat_template": LLAMA_TEMPLATE, "pad_token": None, "legacy": False,
        **{key: {**token, "content": text} for key, text in names.items()},
    }
    return tokenizer, data, "llama", configuration, 3


def mistral():
    tokenizer, data, _, _, _ = llama2()
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", "first", False)
    tokenizer.add_tokens(special(["[INST]", "[/INST]"]))
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False)])
    configuration = {
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "tokenizer_class": "PreTrainedTokenizerFast",
        "additional_special_tokens": ["[INST]", "[/INST]"], "add_prefix_space": True,
        "chat_template": [{"name": "default", "template": LLAMA_TEMPLATE}, {"name": "tool-use", "template": "T{{ x }}"}],
    }
    return tokenizer, None, "mistral", configuration, 0


def phi3():
    data = bpe_model("llama2", **SPACES)
    tokenizer, _, _, _, _ = llama2()
    size = tokenizer.get_vocab_size()
    tokenizer.add_tokens(special(["<|endoftext|>"]) + special(["<|im_end|>", "<|im_start|>"], rstrip=True))
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False, rstrip=True)])
    decoder = {
        str(size + place): {"content": text, "lstrip": False, "normalized": False, "rstrip": place > 0,
                            "single_word": False, "special": place < 3}
        for place, text in enumerate(["<|endoftext|>", "<|im_end|>", "<|im_start|>", "<tool>"])
    }
    configuration = {
        "added_tokens_decoder": decoder, "bos_token": "<s>", "eos_token": "<|endoftext|>", "unk_token": "<unk>",
        "pad_token": "<|endoftext|>", "tokenizer_class": "LlamaTokenizer", "add_bos_token": False,
        "chat_template": "{{ x }}",
    }
    return tokenizer, data, "phi3", configuration, 5


def gemma():
    users = ["<start_of_turn>", "<end_of_turn>", "<tool>"]
    data = bpe_model(
        "gemma", add_dummy_prefix=False, remove_extra_whitespaces=False, user_defined_symbols=users,
        pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>")
    tokenizer = Tokenizer(scored_pairs(data))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence(MARK_TO_SPACE)
    tokenizer.add_tokens(special(["<pad>", "<eos>", "<bos>", "<unk>"] + users[:2]))
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False)])
    tokenizer.post_processor = template(tokenizer, "<bos>")
    configuration = {
        "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>",
        "tokenizer_class": "GemmaTokenizer",
        "added_tokens_decoder": {
            "4": {"content": "<start_of_turn>", "special": True}, "6": {"content": "<tool>", "special": False}},
    }
    return tokenizer, data, "gemma", configuration, 0


def t5():
    data = sentence_piece(
        "t5", model_type="unigram", vocab_size=420, character_coverage=0.98, has_rules=True,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    tokenizer = Tokenizer(unigram(data))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(proto(data).normalizer_spec.precompiled_charsmap),
        normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", "always", True)
    tokenizer.decoder = decoders.Metaspace("▁", "always", True)
    tokenizer.add_tokens(special(["<pad>", "</s>", "<unk>"]))
    tokenizer.post_processor = template(tokenizer, None, "</s>")
    return tokenizer, data, "t5", {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}, 0


def albert():
    tokenizer, data, _, configuration, _ = t5()
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(),
        normalizers.StripAccents(), normalizers.Lowercase(),
        normalizers.Precompiled(proto(data).normalizer_spec.precompiled_charsmap),
        normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", "always", True)])
    return tokenizer, None, "albert", configuration, 0


def bytes_unigram():
    data = sentence_piece(
        "bytes", model_type="unigram", vocab_size=640, byte_fallback=True, character_coverage=0.98, **SPACES)
    tokenizer = Tokenizer(unigram(data, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", "first", True)
    tokenizer.decoder = decoders.Sequence(MARK_TO_SPACE + [decoders.Strip(" ", 1, 0)])
    tokenizer.add_tokens(special(["<s>", "</s>"]))
    return tokenizer, data, "xglm", {"bos_token": "<s>", "eos_token": "</s>"}, 0


def unknown_pairs():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False, ignore_merges=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Strip(True, False)])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", "never", True)
    tokenizer.decoder = decoders.Metaspace("▁", "never", True)
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], limit_alphabet=60, show_progress=False)
    tokenizer.train_from_iterator(training_text(), trainer)
    return tokenizer, None, "none", {}, 0


def added_rules():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.add_tokens([
        AddedToken("<tool>", normalized=False, lstrip=True, rstrip=True),
        AddedToken("World", single_word=True), AddedToken("fox", single_word=True, normalized=False),
        AddedToken("  ", normalized=True), AddedToken("DON'T", normalized=True, rstrip=True),
        AddedToken("ab", normalized=False, single_word=True, lstrip=True), AddedToken("Ж", normalized=True),
    ])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer, None, "gpt2", {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "mask_token": "<mask>"}, 4


def gpt_neox():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens(special(["<|padding|>"]))
    tokenizer.add_tokens([AddedToken(" " * count, normalized=True) for count in range(24, 1, -1)])
    return tokenizer, None, "gpt_neox", {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "tokenizer_class": "GPTNeoXTokenizer", "add_prefix_space": False}, 7


def tekken():
    tokenizer = byte_level(split(TEKKEN), ignore_merges=True)
    tokenizer.add_tokens(special(["<s>", "</s>", "[INST]"]))
    tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=False), template(tokenizer, "<s>")])
    return tokenizer, None, "mistral", {"bos_token": "<s>", "eos_token": "</s>"}, 2


def gpt4o():
    tokenizer = byte_level(split(GPT4O))
    tokenizer.add_tokens([AddedToken("<|user|>", special=False, normalized=False), AddedToken("▁tool", normalized=False)])
    return tokenizer, None, "phi3", {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "tokenizer_class": "GPT2Tokenizer", "chat_template": "C"}, 0


def qwen2():
    tokenizer = byte_level(split(QWEN2))
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer, None, "qwen2", {"add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": False}, 12


def llama3():
    tokenizer = byte_level(split(LLAMA3), ignore_merges=True)
    tokenizer.add_tokens(special(["<|begin_of_text|>", "<|eot_id|>"]))
    tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=False), template(tokenizer, "<|begin_of_text|>")])
    return tokenizer, None, "llama", {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}, 0


MAKERS = [llama2, mistral, phi3, gemma, t5, albert, bytes_unigram, unknown_pairs, added_rules, gpt_neox, tekken, gpt4o, qwen2, llama3]

# The name that the converter's hash gives the published tokenizer; it does not know small ones.
NAMES = {"gpt_neox": "olmo", "tekken": "tekken", "gpt4o": "gpt-4o", "qwen2": "qwen2", "llama3": "llama-bpe", "added_rules": "gpt-2"}

CONVERTERS = {
    "llama": ("llama", "LlamaModel"), "mistral": ("llama", "LlamaModel"), "phi3": ("phi", "Phi3MiniModel"),
    "gemma": ("gemma", "GemmaModel"), "t5": ("t5", "T5Model"), "gpt_neox": ("gptneox", "GPTNeoXModel"),
    "qwen2": ("qwen", "Qwen2Model"), "gpt2": ("gpt2", "GPT2Model"),
}


def metadata(name, folder, config):
    """The tokenizer's part of what the converter writes."""
    from pathlib import Path

    import gguf
    module, model = CONVERTERS[config["model_type"]]
    kind = getattr(importlib.import_module(f"conversion.{module}"), model)
    converter = kind.__new__(kind)
    converter.dir_model = Path(folder)
    converter.hparams = config
    converter.is_mistral_format = False
    converter.origin_hf_arch = None
    converter.gguf_writer = gguf.GGUFWriter(None, "llama")
    converter.get_vocab_base_pre = lambda _: NAMES[name]
    converter.set_vocab()
    rows = []
    for key, value in converter.gguf_writer.kv_data[0].items():
        if not key.startswith("tokenizer."):
            continue
        plain = value.value
        if isinstance(plain, (bytes, bytearray)):
            plain = list(plain)
        if isinstance(plain, (list, tuple)):
            plain = [item.decode() if isinstance(item, bytes) else int(item) if isinstance(item, bool) or hasattr(item, "name") else item for item in plain]
        rows.append([key, value.type.name if value.type.name != "ARRAY" else "ARRAY", plain])
    return rows


def main():
    with open("strings.json", encoding="utf-8") as file:
        texts = json.load(file)
    for folder in ["families", "references"]:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    for maker in MAKERS:
        name = maker.__name__
        tokenizer, data, family, configuration, padding = maker()
        folder = f"families/{name}"
        os.makedirs(folder)
        write(f"{folder}/tokenizer.json", json.loads(tokenizer.to_str()))
        if configuration:
            write(f"{folder}/tokenizer_config.json", configuration)
        config = {"model_type": family, "vocab_size": tokenizer.get_vocab_size() + padding}
        if name == "gpt_neox":
            config["eos_token_id"] = config["bos_token_id"] = 0
        write(f"{folder}/config.json", config)
        if data:
            with open(f"{folder}/tokenizer.model", "wb") as file:
                file.write(data)
        reference = {}
        ids = [tokenizer.encode(text).ids for text in texts]
        reference["ids"] = ids
        decoded = [tokenizer.decode(line) for line in ids]
        reference["decoded"] = [None if text == original else text for text, original in zip(decoded, texts)]
        random.seed(5)
        reference["random"] = []
        for _ in range(60):
            line = [random.randrange(min(tokenizer.get_vocab_size(), 300)) for _ in range(random.randint(1, 14))]
            reference["random"].append([line, tokenizer.decode(line), tokenizer.decode(line, skip_special_tokens=False)])
        if data:
            processor = sentencepiece.SentencePieceProcessor(model_proto=data)
            reference["spm"] = [processor.encode(text) for text in texts]
        if family in CONVERTERS:
            reference["metadata"] = metadata(name, folder, config)
        write(f"references/{name}.json", reference)


main()
