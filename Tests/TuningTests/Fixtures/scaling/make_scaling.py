"""Writes the loss of activation scaling and its gradient for some small families, as PyTorch's autograd has them.

    python make_scaling.py

Made with Python 3.11.7, torch 2.13.0+cpu, transformers 5.23.0. The models are those of
Tests/TransformerTests/Fixtures/Families, computed in f64 except where transformers itself goes to f32 (RMS norms, softmax,
rotary angles). scaling.json has, by family: "alphas", of each block attention's and then the feed-forward part's;
"probes", each with the tokens of its prompt, of its choices, and the wanted one's index; "texts", ordinary tokens;
"margin" and "faithfulness", and by "prompts" and "texts", which say what the faithfulness is taken on, "effectiveness",
"divergence" and the "gradient" of effectiveness + faithfulness * divergence, in the order of "alphas".
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

FOLDER = Path(__file__).parent
FAMILIES = FOLDER.parents[2] / "TransformerTests" / "Fixtures" / "Families"
MARGIN, FAITHFULNESS = 3.0, 2.5
# The modules whose outputs reach the stream: of attention, of the feed-forward part.
MODULES = {
    "llama": ("self_attn", "mlp"),
    "granite": ("self_attn", "mlp"),
    "gpt2": ("attn", "mlp"),
    "gpt_neox": ("attention", "mlp"),
    "gemma3": ("post_attention_layernorm", "post_feedforward_layernorm"),
    "olmo2": ("post_attention_layernorm", "post_feedforward_layernorm"),
    "mixtral": ("self_attn", "mlp"),
}


class Scaled:
    def __init__(self, name):
        self.model = AutoModelForCausalLM.from_pretrained(FAMILIES / name, attn_implementation="eager", experts_implementation="eager").double().eval()
        base = self.model.base_model
        layers = next(getattr(base, key) for key in ("layers", "h") if hasattr(base, key))
        self.count = 2 * len(layers)
        self.factors = None
        for block, layer in enumerate(layers):
            for half, key in enumerate(MODULES[name]):
                getattr(layer, key).register_forward_hook(self._hook(2 * block + half))

    def _hook(self, index):
        def hook(module, inputs, output):
            if self.factors is None:
                return output
            if isinstance(output, tuple):
                return (output[0] * self.factors[index], *output[1:])
            return output * self.factors[index]

        return hook

    def logs(self, tokens, factors=None):
        self.factors = factors
        return self.model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0].double().log_softmax(-1)


def divergence(plain, scaled):
    return (plain.exp() * (plain - scaled)).sum(-1)


def losses(model, case, alphas, on_texts):
    effects, divergences = [], []
    for beta in (1.0, -1.0):
        factors = 1 + beta * alphas
        for probe in case["probes"]:
            scores = []
            for index, choice in enumerate(probe["choices"]):
                prompt = probe["prompt"]
                logs = model.logs(prompt + choice, factors)
                scores.append(sum(logs[len(prompt) - 1 + i, token] for i, token in enumerate(choice)))
                if index == 0 and not on_texts and len(prompt) > 1:
                    with torch.no_grad():
                        plain = model.logs(prompt + choice)
                    divergences.append(divergence(plain, logs)[: len(prompt) - 1])
            wanted = scores.pop(probe["wanted"])
            effects.append(torch.relu(MARGIN - beta * (wanted - torch.stack(scores).max())))
        for text in case["texts"] if on_texts else []:
            with torch.no_grad():
                plain = model.logs(text)
            divergences.append(divergence(plain, model.logs(text, factors)))
    return torch.stack(effects).mean(), torch.cat(divergences).mean()


def main():
    facts = {}
    for seed, name in enumerate(MODULES):
        torch.manual_seed(seed)
        model = Scaled(name)
        for parameter in model.model.parameters():
            parameter.requires_grad_(False)
        vocabulary = model.model.config.vocab_size
        draw = lambda count: torch.randint(3, vocabulary, (count,)).tolist()
        case = {
            "probes": [
                {"prompt": draw(6), "choices": [draw(3), draw(2)], "wanted": 0},
                {"prompt": draw(2), "choices": [draw(1), draw(4), draw(2)], "wanted": 1},
                {"prompt": draw(9), "choices": [draw(2), draw(2)], "wanted": 1},
            ],
            "texts": [draw(7), draw(12)], "margin": MARGIN, "faithfulness": FAITHFULNESS,
        }
        values = (0.6 * torch.rand(model.count) - 0.3).tolist()
        case["alphas"] = [float(torch.tensor(value, dtype=torch.float32)) for value in values]
        for key in ("prompts", "texts"):
            alphas = torch.tensor(case["alphas"], dtype=torch.float64, requires_grad=True)
            effect, kept = losses(model, case, alphas, key == "texts")
            (effect + FAITHFULNESS * kept).backward()
            case["by_" + key] = {
                "effectiveness": effect.item(), "divergence": kept.item(), "gradient": alphas.grad.tolist(),
            }
        facts[name] = case
    (FOLDER / "scaling.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
