"""A direction, looked at from Python: found by rtedit, read and recomputed with numpy, plotted.

Every part between two `# %%` is a cell of a notebook (VS Code, Spyder, PyCharm, jupytext);
`python explore.py` runs all of it.
"""

# %% [markdown]
# ## Calling rtedit
# Every command prints one JSON object with `--json`; docs/json.md describes each. An error is an object too.

# %%
import json
import os
import shutil
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / ".build/release/rtedit"
PROGRAM = os.environ.get("RTEDIT") or (str(BUILT) if BUILT.exists() else shutil.which("rtedit"))
if not PROGRAM:
    raise SystemExit("no rtedit: run `make build`, or name it in RTEDIT")


class RteditError(Exception):
    """What rtedit refused: `kind` is usage, input, unsupported or output; `file` may be None."""

    def __init__(self, kind, message, file, exit_code):
        super().__init__(message)
        self.kind, self.file, self.exit_code = kind, file, exit_code


def rtedit(*arguments):
    """The objects of a call: one, or a list where the command prints several."""
    call = [PROGRAM, *map(str, arguments), "--json", "--force"]
    run = subprocess.run(call, check=False, stdout=subprocess.PIPE, text=True)
    objects = [json.loads(line) for line in run.stdout.splitlines()]
    if objects and "error" in objects[-1]:
        raise RteditError(**objects[-1]["error"])
    if run.returncode not in (0, 1):  # 1: a check says no, which is a result
        raise RteditError("crash", f"exit code {run.returncode}", None, run.returncode)
    return objects[0] if len(objects) == 1 else objects


# %% [markdown]
# ## A direction
# The small model of samples/tiny answers simple questions cheerfully or miserably.

# %%
TINY = ROOT / "samples/tiny"
MODEL = TINY / "tiny-mood.gguf"
OUT = Path(os.environ.get("OUT", ROOT / "samples/python/output"))
OUT.mkdir(parents=True, exist_ok=True)

found = rtedit("extract", MODEL, "--pairs", TINY / "pairs.jsonl", "-o", OUT / "mood.gguf")
blocks = found["blocks"]
for block in blocks:
    print(f"block {block['block']}: length {block['length']:.2f}, AUC {block['auc']:.3f}")
best = max(blocks, key=lambda block: block["auc"])["block"]

# %% [markdown]
# The area under the ROC curve, once more: the share of (positive, negative) couples in the right
# order. The projections are of pairs that the direction was found without.

# %%
positive = np.array([row["positive"] for row in found["rows"]], dtype=float)  # (pairs, blocks)
negative = np.array([row["negative"] for row in found["rows"]], dtype=float)
auc = (positive[:, None] > negative[None]).mean(axis=(0, 1))
np.testing.assert_allclose(auc, [block["auc"] for block in blocks], atol=1e-12)

# %% [markdown]
# ## The vector and the stream
# `vector convert` writes safetensors, `trace` every residual stream and all logits of a text.

# %%
rtedit("vector", "convert", OUT / "mood.gguf", OUT / "mood.safetensors")
direction = load_file(OUT / "mood.safetensors")[f"direction.{best}"]
np.testing.assert_allclose(np.linalg.norm(direction), blocks[best]["length"], rtol=1e-6)


def trace(tokens, *steering):
    """The tensors of a run: `resid_post.N` (tokens, width), `logits` (tokens, vocabulary)."""
    ids = ",".join(map(str, tokens))
    rtedit("trace", MODEL, "--tokens", ids, "-o", OUT / "trace.safetensors", *steering)
    return load_file(OUT / "trace.safetensors")


STRENGTH = 1.5
STEERING = ("--vector", f"{OUT / 'mood.gguf'}:{STRENGTH}@{best}")
tokens = rtedit("tokenize", MODEL, "How was your day?", "--chat")["tokens"]
plain, steered = trace(tokens), trace(tokens, *STEERING)
stream = f"resid_post.{best}"
difference = steered[stream] - plain[stream]
np.testing.assert_allclose(difference, np.tile(STRENGTH * direction, (len(tokens), 1)), atol=1e-4)

# %% [markdown]
# ## A probe
# `eval --probe` compares the log-probabilities of answers; its `rows` are the probes. One of them
# is recomputed from logits.

# %%
PROBE = TINY / "probe.jsonl"
result = rtedit("eval", MODEL, "--probe", PROBE, *STEERING)


def log_probability(prompt, completion):
    """log p of the completion's tokens after the prompt's, in nats."""
    logits = trace(prompt + completion, *STEERING)["logits"].astype(np.float64)
    logits = logits[len(prompt) - 1 : -1]
    logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return logs[np.arange(len(completion)), completion].sum()


probe = json.loads(PROBE.read_text().splitlines()[0])
prompt = rtedit("tokenize", MODEL, probe["prompt"]["user"], "--chat")["tokens"]
completions = [
    rtedit("tokenize", MODEL, text, "--no-special")["tokens"] for text in probe["choices"]
]
recomputed = [log_probability(prompt, completion) for completion in completions]
np.testing.assert_allclose(recomputed, result["rows"][0]["log_probabilities"], rtol=1e-4)
print(f"log p of {probe['choices']}: {np.round(recomputed, 3)}, as eval says")

# %% [markdown]
# ## Strengths
# How far each probe moves, and how far the model moves from itself (KL of the next token).

# %%
strengths = np.linspace(-2, 2, 9)
margins, divergences = [], []
for strength in strengths:
    vector = f"{OUT / 'mood.gguf'}:{strength:g}@{best}"
    result = rtedit("eval", MODEL, "--probe", PROBE, "--vector", vector, "--against", MODEL)
    margins.append([row["margin"] for row in result["rows"] if row["category"] == "mood"])
    divergences.append(result["divergence"]["kl_mean"])
margins = np.array(margins)  # (strengths, probes)

# %%
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
left.bar([block["block"] for block in blocks], auc, color="#0072b2")
left.set(title="Held-out separation", xlabel="block", ylabel="AUC", ylim=(0.5, 1))
middle.plot(strengths, margins, color="#0072b2", alpha=0.25, linewidth=1)
middle.plot(strengths, margins.mean(axis=1), color="#0072b2", linewidth=2.5, label="mean")
middle.axhline(0, color="#888", linewidth=0.8)
middle.set(title=f"Mood, steered at block {best}", xlabel="strength")
middle.set_ylabel("log-odds of cheerful over gloomy (nats)")
middle.legend(frameon=False)
right.plot(strengths, divergences, color="#b2185b", marker="o")
right.set(title="What it costs", xlabel="strength", ylim=(0, None))
right.set_ylabel("KL from the plain model, mean (nats)")
figure.savefig(OUT / "explore.png", dpi=120)
print(f"{OUT / 'explore.png'}: the plot")

# %% [markdown]
# ## What rtedit refuses
# It says why, and which file.

# %%
try:
    rtedit("inspect", PROBE)
except RteditError as error:
    print(f"refused, as it should be: {error.kind}, exit code {error.exit_code}: {error}")
else:
    raise AssertionError("a probe is not a model")
