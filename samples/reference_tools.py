"""What the scripts that write reference values share: loading a GGUF in f32, the SmolLM tokeniser,
numbers for JSON and greedy text."""

import hashlib
import json
import os

os.environ["HF_HUB_OFFLINE"] = "1"

import gguf
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, GgufConfig

GREEDY_TOKENS = 40


def load_model(path):
    """The model of a GGUF file, dequantised to f32, with eager attention, on one thread."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    folder, name = os.path.split(os.path.abspath(path))
    return AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.float32, attn_implementation="eager",
        quantization_config=GgufConfig(dequantize=True),
    ).eval()


def load_tokenizer(path):
    """The vocabulary of a GGUF file with SmolLM's pre-tokeniser (digits one by one), which
    transformers 5.23 leaves out when it reads such a file."""
    reader = gguf.GGUFReader(path)
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in reader.fields["tokenizer.ggml.merges"].contents()]
    types = reader.fields["tokenizer.ggml.token_type"].contents()
    tokenizer = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, types) if kind == gguf.TokenType.CONTROL]
    tokenizer.add_special_tokens(control)
    return tokenizer


def encode(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def numbers(values):
    """Nine significant digits keep every f32 exactly."""
    return [number(value) for value in values.tolist()]


def number(value):
    return float(f"{float(value):.9g}")


def greedy(model, tokens):
    """The likeliest token, GREEDY_TOKENS times over, past any end of text; and the smallest lead
    of the chosen logit over the next one, which tells a real difference from a tie."""
    output = model(torch.tensor([tokens]), use_cache=True)
    chosen, smallest_lead = [], float("inf")
    for _ in range(GREEDY_TOKENS):
        best = output.logits[0, -1].topk(2)
        smallest_lead = min(smallest_lead, float(best.values[0] - best.values[1]))
        chosen.append(int(best.indices[0]))
        output = model(
            torch.tensor([chosen[-1:]]), past_key_values=output.past_key_values, use_cache=True
        )
    return chosen, smallest_lead


def write_reference(path, model_path, document):
    """The document as one line of JSON, headed by the model's hash and the versions used."""
    with open(model_path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    head = {
        "model": {"file": os.path.basename(model_path), "sha256": digest},
        "made": {"torch": torch.__version__, "transformers": transformers.__version__,
                 "tokenizers": tokenizers.__version__},
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(head | document, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")
