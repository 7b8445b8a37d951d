"""Makes the tokenizer fixtures of this folder.

    python make_tokenizer_fixtures.py [SmolLM2-135M-Instruct.Q4_1.gguf]

Made with Python 3.11, tokenizers 0.23.3, gguf 0.19.0.

strings.json          the texts that every tokenizer encodes
tiny-FAMILY.json      a byte-level tokenizer of 600 tokens for each pre-tokenizer, as a tokenizer.json
tiny-ids.json         the ids of every text by each of them, with special tokens added
smollm2-ids.json      the ids by SmolLM2's own vocabulary, taken from the GGUF file (only with the argument)

The SmolLM2 reference is built from the vocabulary and merges directly, with the pre-tokenizer of the published
model: transformers' own conversion from GGUF loses the rule that digits stand alone.
"""

import json
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

CURATED = [
    "", " ", "  ", "\n", "\n\n", " \n", "\n ", "\t", "\r\n", "\r", "a", "A", "1", "12", "123", "1234", "12345678",
    "Hello", "Hello, world!", " Hello", "  Hello", "   Hello", "Hello ", "Hello  ", "Hello   world",
    "Hello\nworld", "Hello\n\nworld", "Hello \n world", "Hello\n \nworld", "Hello\r\nworld\r\n", "a\tb\t\tc",
    "\n\n\n   \n\n x", "   \t \n  \t x", "trailing spaces    ", "trailing newline\n", "trailing both  \n  ",
    "The quick brown fox jumps over the lazy dog.",
    "I'm you're he's they've we'll she'd don't", "I'M YOU'RE HE'S THEY'VE WE'LL SHE'D DON'T",
    "'s 't 're 've 'm 'll 'd", " 's", "''s", "'S", "'\u017f", "'\u017ft", "it'\u017f", "rock'n'roll", "'l 'v 'r", "'", "''", "x'",
    "0", "00", "007", "1 2 3", " 1", "  1", "   12", "1  2", "a1b2c3", "1a2b", "3.14159", "-273.15", "1,000,000", "1e-10",
    "2024-02-29T12:34:56Z", "+49 (0)89 1234-5678", "0x1F 0b1010 0o17", "½ ¼ ² ³ ① Ⅷ ٣٤٥ १२३ 一二三 𝟘𝟙𝟚", "x² + y³ = z⁴",
    "!@#$%^&*()", "...", "?!?!", "--", "—", "“quoted”", "(a) [b] {c} <d>", " !", "  !", "a!b", "a !b", "!\n!", "!\n\n\n", "; \n;",
    "def f(x):\n    return x ** 2\n", "for (int i = 0; i < 10; ++i) { a[i] += 1; }", "<div class=\"x\">&nbsp;</div>",
    "SELECT * FROM t WHERE a >= 10;", "https://example.org/path?query=1&b=%20#frag", "C:\\Users\\name\\file.txt",
    "\tif x:\n\t\tpass\n", "#include <stdio.h>\r\n", "{\"key\": [1, 2.5, null, true]}", "snake_case camelCase PascalCase kebab-case",
    "Ünïcödé çharacters", "Grüße aus München", "naïve café", "e\u0301 a\u0308 n\u0303", "caf\u0065\u0301", "\u1e9b\u0323", "Å \u212b A\u030a", "ﬁ ﬂ ﬃ",
    "Привет, мир!", "Съешь ещё этих мягких французских булок", "Γειά σου Κόσμε", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया",
    "สวัสดีชาวโลก", "你好，世界！", "こんにちは世界", "안녕하세요 세계", "繁體中文測試", "日本語とEnglishの混在123", "ქართული", "አማርኛ", "বাংলা", "தமிழ்", "Tiếng Việt",
    "한\u1112\u1161\u11ab", "🙂", "🙂🙃", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇫🇷", "a🙂b", " 🙂 ", "🙂 text 🙂", "❤️", "☀️☁️☂️", "\u200d", "\u200b", "a\u200bb", "\ufeff", "\ufeffBOM",
    "\u00a0", "a\u00a0b", "\u00a0\u00a0x", "\u2028", "a\u2028b", "\u2029x", "\u3000", "全角\u3000空白", "\u1680", "\u180e", "\u2003\u2003em", "\u202f1", "\u0085", "a\u0085b", "\u205f ", "\x0b\x0c",
    "\x00", "a\x00b", "\x01\x02\x03", "\x1b[31mred\x1b[0m", "\x7f", "\x1c\x1d\x1e\x1f", "\x04\x06\x13\x14\x16", "\u0080\u009f",
    "\U0010ffff", "\ue000", "\ufffd", "\U000e0001", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𐍈𐌰", "𓀀𓀁", "\U000f0000", "ℵ ℝ ∑ ∫ ≠ ≤ ∞", "★☆♠♣", "ª º", "ʰ ʲ ˈ ˌ", "\u0300", "\u0300\u0301", "a\u0300\u0301\u0302",
    "<|endoftext|>", "<|im_start|>user\nHi<|im_end|>\n", "a<|im_end|>b", " <|im_end|> ", "<|im_end", "<|im_end|", "<|im_start|><|im_end|>",
    "<|im_end|><|im_end|>", "<<|im_end|>>", "<tool>", "x<tool>y", " <tool> 1", "<tool><tool_call>", "<tool_call>12</tool_call>", "<tool_cal", "<|im_end|>12", "12<|im_end|>", "é<|im_end|>é",
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "<repo_name>a/b<file_sep>c.py\n", "[PAD5]", "<s>", "</s>", "<unk>", "[INST] Hi [/INST]", "<start_of_turn>user\nHi<end_of_turn>\n",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ab" * 60, "x" * 200, "=" * 80, "-" * 33, " " * 50, " " * 50 + "x", "\n" * 20, "\t" * 9 + "x",
    "9" * 40, "Donaudampfschifffahrtsgesellschaftskapitän", "antidisestablishmentarianism", "🙂" * 12, "的" * 30, "word " * 20,
]

POOLS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " ", " ", "\n\r\t", ".,;:!?'\"()-_/", "'", "sStTmMdDrRvVeElL",
    "äöüßéèçñ", "абвгдежз", "αβγδ", "אבגד", "ابتث", "一二三你好", "あいうアイ", "가나다", "\u0301\u0308\u0327\u200d\ufe0f", "🙂🚀👍🏽", "٠١٢३४½²Ⅷ",
    "\u00a0\u2003\u2028\u3000\u0085", "\x00\x01\x1b\x7f", "𝟘𝟙𝔘𐍈", "+-*/=<>|&%$#@^~`",
]

WORDS = (
    "the of and to in is it you that he was for on are with as his they be at one have this from or had by word but"
    " what some we can out other were all there when up use your how said an each she which do their time if will way"
    " about many then them write would like so these her long make thing see him two has look more day could go come"
    " did number sound no most people my over know water than call first who may down side been now find any new work"
    " part take get place made live where after back little only round man year came show every good me give our under"
    " hello world don't I'm you're it's we'll they've she'd return def class import function value string"
    " Привет мир это не что как Grüße für über naïve café 你好 世界 中文 日本語 こんにちは 안녕하세요 שלום مرحبا नमस्ते 🙂 🚀 ½ ²"
).split()

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
USER_DEFINED = ["<tool>", "<tool_call>", "</tool_call>"]


def strings():
    random.seed(20261122)
    made = list(CURATED)
    while len(made) < 420:
        parts = [random.choice(random.choice(POOLS)) for _ in range(random.randint(2, 28))]
        made.append("".join(parts))
    return made


def training_text():
    random.seed(1)
    for _ in range(4000):
        words = [random.choice(WORDS) for _ in range(random.randint(3, 12))]
        yield random.choice([" ", " ", " ", "  ", "\n", "\n\n", "\t"]).join(words) + random.choice([".", "!", "?\n", "...", ""])
        yield str(random.randint(0, 10 ** random.randint(1, 7)))


def split(expression):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(expression), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def tiny(family):
    tokenizer = Tokenizer(models.BPE(ignore_merges=family == "llama3"))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = {
        "gpt2": byte_level,
        "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level]),
        "llama3": split(LLAMA3),
        "qwen2": split(QWEN2),
    }[family]
    if family == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    if family == "smollm":
        # As in SmolLM2: some bytes are no tokens. These stand for 0x04, 0x13 and 0xF1.
        alphabet = [letter for letter in alphabet if letter not in "Ąēñ"]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(training_text(), trainer)
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in USER_DEFINED])
    if family == "llama3":
        start, end = "<|im_start|>", "<|endoftext|>"
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start} $A {end}", pair=f"{start} $A {end} {start} $B {end}",
            special_tokens=[(text, tokenizer.token_to_id(text)) for text in (start, end)])
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def smollm2(path):
    from gguf import GGUFReader

    fields = GGUFReader(path).fields

    def array(key):
        field = fields[key]
        return [field.parts[place] for place in field.data]

    tokens = [bytes(part).decode() for part in array("tokenizer.ggml.tokens")]
    types = [int(part[0]) for part in array("tokenizer.ggml.token_type")]
    merges = [tuple(bytes(part).decode().split(" ")) for part in array("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({text: place for place, text in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([text for text, kind in zip(tokens, types) if kind == 3])
    return tokenizer


def write(name, value):
    with open(name, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def main():
    texts = strings()
    write("strings.json", texts)
    ids = {}
    for family in ["gpt2", "smollm", "llama3", "qwen2"]:
        tokenizer = tiny(family)
        write(f"tiny-{family}.json", json.loads(tokenizer.to_str()))
        ids[family] = [tokenizer.encode(text).ids for text in texts]
    write("tiny-ids.json", ids)
    if len(sys.argv) > 1:
        tokenizer = smollm2(sys.argv[1])
        write("smollm2-ids.json", [tokenizer.encode(text).ids for text in texts])


if __name__ == "__main__":
    main()
