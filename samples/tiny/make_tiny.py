#!/usr/bin/env python3
"""Trains the tiny model of this folder from text of its own grammar and writes tiny-mood.gguf.

A llama of 1.3 million parameters (6 blocks, width 128) learns the two moods of world.py from
texts that are drawn anew for every step, so no text is seen twice. The tokeniser is a byte-level
BPE of 1024 entries with SmolLM's pre-tokeniser. Matrices are stored as F16, norms as F32.

Usage:    nice -n 15 python make_tiny.py [--steps N] [--output tiny-mood.gguf]
Made with Python 3.11.7, torch 2.13.0+cpu, transformers 5.23.0, tokenizers 0.23.3, gguf 0.19.0,
          numpy 1.26.4; seed 20261122 for text and weights; one thread.
Time:     about 14 minutes of processor time on an AMD EPYC (Zen 3).
Repeats:  20 steps run twice on one machine gave the same bytes; another processor may round
          differently and give another, equally good, model.
"""

import argparse
import json
import math
import os
import random
import time

os.environ["HF_HUB_OFFLINE"] = "1"

import gguf
import numpy
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

import world

SEED = 20261122
SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCABULARY, WIDTH, BLOCKS, FEED_FORWARD, HEADS, KEY_VALUE_HEADS = 1024, 128, 6, 384, 4, 2
CONTEXT, ROPE_BASE, NORM_EPSILON = 512, 10000.0, 1e-5
BATCH, POOL, PEAK_RATE, WARM_UP = 32, 2048, 3e-3, 100

CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\n" + world.DEFAULT_SYSTEM + "<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def train_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL_TOKENS, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(texts, trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY, "the grammar has too few words"
    return tokenizer


def batches(tokenizer, source):
    """Endless (inputs, labels), texts of like length together; padding is never a target.

    Padding stands behind the text, where causal attention cannot see it.
    """
    while True:
        texts = [world.document(source) for _ in range(POOL)]
        encoded = [item.ids for item in tokenizer.encode_batch(texts, add_special_tokens=False)]
        encoded.sort(key=len)
        groups = [encoded[start:start + BATCH] for start in range(0, POOL, BATCH)]
        source.shuffle(groups)
        for group in groups:
            inputs = torch.zeros(BATCH, len(group[-1]), dtype=torch.long)
            labels = torch.full_like(inputs, -100)
            for row, ids in enumerate(group):
                inputs[row, :len(ids)] = labels[row, :len(ids)] = torch.tensor(ids)
            yield inputs, labels


def rate(step, steps):
    """Linear warm-up, then a cosine down to zero."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / (steps - WARM_UP)))


def train(tokenizer, steps):
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=FEED_FORWARD,
        num_hidden_layers=BLOCKS, num_attention_heads=HEADS, num_key_value_heads=KEY_VALUE_HEADS,
        max_position_embeddings=CONTEXT, rms_norm_eps=NORM_EPSILON, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_BASE},
        bos_token_id=1, eos_token_id=2, pad_token_id=None, initializer_range=0.04,
    ))
    matrices = [p for p in model.parameters() if p.dim() == 2]
    norms = [p for p in model.parameters() if p.dim() == 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}],
        lr=PEAK_RATE, betas=(0.9, 0.95),
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, steps))
    started, tokens, recent = time.monotonic(), 0, []
    for step, (inputs, labels) in enumerate(batches(tokenizer, random.Random(SEED))):
        if step == steps:
            break
        loss = model(inputs, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        schedule.step()
        tokens += int((labels >= 0).sum())
        recent.append(loss.item())
        if (step + 1) % 100 == 0:
            seconds = time.monotonic() - started
            print(f"step {step + 1}: loss {sum(recent) / len(recent):.4f}, {tokens} tokens, "
                  f"{seconds:.0f} s", flush=True)
            recent = []
    return model.eval()


def rotary_rows(weight, heads):
    """The row order of llama.cpp: rotary pairs side by side, not half a head apart."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def tensors(model):
    """(name, f32 array) in the order of the file."""
    state = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    yield "token_embd.weight", state["model.embed_tokens.weight"]
    for block in range(BLOCKS):
        source, target = f"model.layers.{block}.", f"blk.{block}."
        attention = source + "self_attn."
        yield target + "attn_norm.weight", state[source + "input_layernorm.weight"]
        yield target + "attn_q.weight", rotary_rows(state[attention + "q_proj.weight"], HEADS)
        yield (target + "attn_k.weight",
               rotary_rows(state[attention + "k_proj.weight"], KEY_VALUE_HEADS))
        yield target + "attn_v.weight", state[attention + "v_proj.weight"]
        yield target + "attn_output.weight", state[attention + "o_proj.weight"]
        yield target + "ffn_norm.weight", state[source + "post_attention_layernorm.weight"]
        for ours, theirs in (("gate", "gate_proj"), ("up", "up_proj"), ("down", "down_proj")):
            yield f"{target}ffn_{ours}.weight", state[f"{source}mlp.{theirs}.weight"]
    yield "output_norm.weight", state["model.norm.weight"]


def write(model, tokenizer, path):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("model")
    writer.add_name("Tiny Mood")
    writer.add_description("A toy that answers simple questions in a cheerful or a miserable mood")
    writer.add_license("apache-2.0")
    writer.add_size_label("1.3M")
    writer.add_block_count(BLOCKS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)

    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL_TOKENS else gguf.TokenType.NORMAL
             for token, _ in vocabulary]
    merges = [" ".join(pair) for pair in tokenizer_merges(tokenizer)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)

    for name, values in tensors(model):
        stored = values if values.ndim == 1 else values.astype(numpy.float16)
        writer.add_tensor(name, numpy.ascontiguousarray(stored))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tokenizer_merges(tokenizer):
    return json.loads(tokenizer.to_str())["model"]["merges"]


@torch.no_grad()
def held_out_loss(model, tokenizer):
    """Mean loss in nats a token over texts of another seed."""
    source = batches(tokenizer, random.Random(SEED + 1))
    total, count = 0.0, 0
    for _ in range(16):
        inputs, labels = next(source)
        targets = int((labels[:, 1:] >= 0).sum())
        total += model(inputs, labels=labels).loss.item() * targets
        count += targets
    return total / count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--output", default="tiny-mood.gguf")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sample = random.Random(SEED + 2)
    tokenizer = train_tokenizer([world.document(sample) for _ in range(20000)])
    model = train(tokenizer, arguments.steps)
    for parameter in model.parameters():
        if parameter.dim() == 2:
            parameter.data = parameter.data.half().float()
    print(f"loss on new texts, weights as stored: {held_out_loss(model, tokenizer):.4f}")
    write(model, tokenizer, arguments.output)
    print(f"{arguments.output}: {os.path.getsize(arguments.output)} bytes")


if __name__ == "__main__":
    main()
