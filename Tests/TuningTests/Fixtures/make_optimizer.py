"""Writes optimizer.json: steps of torch.optim.AdamW and clip_grad_norm_, and the factors of transformers' schedules.

Run: python make_optimizer.py   (torch 2.13.0+cpu, transformers 5.23.0)
"""

import json
from pathlib import Path

import torch
import transformers

COUNT = 19
STEPS = 7


def adamw(seed, rates, **options):
    """A parameter of COUNT numbers, a gradient for each step, and the values after each step."""
    generator = torch.Generator().manual_seed(seed)
    parameter = torch.nn.Parameter(torch.randn(COUNT, generator=generator))
    start = parameter.tolist()
    optimizer = torch.optim.AdamW([parameter], lr=1, **options)
    gradients, values = [], []
    for rate in rates:
        # Gradients of very different sizes, zeros among them.
        gradient = torch.randn(COUNT, generator=generator) * 10 ** torch.randint(
            -6, 3, (COUNT,), generator=generator)
        gradient[3] = 0
        parameter.grad = gradient.clone()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        gradients.append(gradient.tolist())
        values.append(parameter.tolist())
    options = {"beta1": options["betas"][0], "beta2": options["betas"][1], "epsilon": options["eps"],
               "weight_decay": options["weight_decay"]}
    return {"options": options, "rates": rates, "start": start, "gradients": gradients, "values": values}


def clipping(limit):
    generator = torch.Generator().manual_seed(5)
    parameters = [torch.nn.Parameter(torch.zeros(count)) for count in (7, 40, 1)]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.numel(), generator=generator)
    before = [parameter.grad.tolist() for parameter in parameters]
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
    return {"limit": limit, "norm": norm.item(), "before": before,
            "after": [parameter.grad.tolist() for parameter in parameters]}


def schedule(shape, warmup, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    if shape == "constant":
        scheduler = transformers.get_constant_schedule_with_warmup(optimizer, warmup)
    elif shape == "linear":
        scheduler = transformers.get_linear_schedule_with_warmup(optimizer, warmup, steps)
    else:
        scheduler = transformers.get_cosine_schedule_with_warmup(optimizer, warmup, steps)
    factors = []
    for _ in range(steps + 2):
        factors.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return {"shape": shape, "warmup": warmup, "steps": steps, "factors": factors}


if __name__ == "__main__":
    ramp = [0.0, 1e-3, 5e-3, 1e-2, 7e-3, 2e-3, 1e-4]
    content = {
        "adamw": [
            adamw(1, ramp, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1),
            adamw(2, ramp, betas=(0.8, 0.99), eps=1e-4, weight_decay=0.0),
            adamw(3, ramp, betas=(0.3, 0.9), eps=1e-8, weight_decay=5.0),
        ],
        "clipping": [clipping(1.0), clipping(100.0)],
        "schedules": [
            schedule(shape, warmup, steps)
            for shape in ("constant", "linear", "cosine")
            for warmup, steps in ((0, 9), (3, 10), (10, 10), (12, 7))
        ],
    }
    Path(__file__).with_name("optimizer.json").write_text(json.dumps(content) + "\n")
