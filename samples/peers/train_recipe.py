#!/usr/bin/env python3
"""The recipe of representation tuning in PyTorch, to set rtedit's speed beside: seconds an epoch and peak memory.

    train_recipe.py HF_DIR DATA.jsonl [EPOCHS]

DATA holds probes as samples/mood/tuning/train.jsonl. Batches of 4, padded; all projections of blocks 10 to 15 tuned; the
representation loss (1 - cos) / 2 at the last token of the prompt of these blocks, toward a fixed vector, into value and
output projections; the token loss on completions, divided by 100, into all seven; AdamW. The same work as
`rtedit tune MODEL OUT --vector V.gguf@10-15 --data DATA.jsonl --validation-share 0 --no-end-turn`.

Figures in docs/benchmarks.md: torch 2.13.0+cpu, transformers 5.23, 2 threads.
"""
import json
import resource
import sys
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

BLOCKS = range(10, 16)
BATCH = 4


def read_examples(path, tokenizer):
    examples = []
    for line in open(path):
        item = json.loads(line)
        messages = [{"role": "user", "content": item["prompt"]["user"]}]
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        completion = tokenizer(item["choices"][item["correct"]], add_special_tokens=False)["input_ids"]
        examples.append((prompt, completion))
    return examples


def pad(batch):
    longest = max(len(prompt) + len(completion) for prompt, completion in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
    for row, (prompt, completion) in enumerate(batch):
        end = len(prompt) + len(completion)
        ids[row, :end] = torch.tensor(prompt + completion)
        labels[row, len(prompt):end] = torch.tensor(completion)
        mask[row, :end] = 1
    return ids, labels, mask


def main():
    folder, data = sys.argv[1:3]
    epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    torch.manual_seed(0)
    torch.set_num_threads(2)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.train()
    model.config.use_cache = False
    model.requires_grad_(False)
    tuned, reached, streams = [], [], {}
    for block in BLOCKS:
        layer = model.model.layers[block]
        for name, parameter in layer.named_parameters():
            if parameter.dim() == 2:
                tuned.append(parameter.requires_grad_(True))
                if "v_proj" in name or "o_proj" in name:
                    reached.append(parameter)
        layer.register_forward_hook(
            lambda _, __, output, block=block: streams.__setitem__(
                block, output[0] if isinstance(output, tuple) else output)
        )
    vector = torch.nn.functional.normalize(torch.randn(model.config.hidden_size), dim=0)
    examples = read_examples(data, AutoTokenizer.from_pretrained(folder))
    optimizer = torch.optim.AdamW(tuned, lr=1e-5, weight_decay=0.1)
    for epoch in range(epochs):
        start = time.perf_counter()
        for first in range(0, len(examples), BATCH):
            batch = examples[first:first + BATCH]
            ids, labels, mask = pad(batch)
            logits = model(ids, attention_mask=mask).logits
            token = torch.nn.functional.cross_entropy(
                logits[:, :-1].reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1)) / 100
            rows, ends = torch.arange(len(batch)), torch.tensor([len(prompt) - 1 for prompt, _ in batch])
            toward = torch.stack([
                (1 - torch.nn.functional.cosine_similarity(streams[block][rows, ends], vector, dim=-1)) / 2
                for block in BLOCKS
            ]).mean()
            gradients = torch.autograd.grad(toward, reached, retain_graph=True)
            for parameter, gradient in zip(reached, gradients):
                parameter.grad = gradient
            token.backward(inputs=tuned)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"epoch {epoch}: {time.perf_counter() - start:.1f} s, {len(examples)} examples, {peak} MiB", flush=True)


if __name__ == "__main__":
    main()
