"""Writes two small llama models and the gradients of several losses as PyTorch's autograd computes them.

Run: python make_gradients.py   (torch 2.13.0+cpu, transformers 5.23.0, peft 0.21.2, safetensors 0.8.0)

Weights are f32; arithmetic is in f64 except inside LlamaRMSNorm and the rotary angles, which transformers computes in
f32. Sequences run one by one, without padding. README.md says what the files hold.
"""

import copy
import json
import math
import shutil
import types
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

FOLDER = Path(__file__).parent
TARGET_PROBABILITIES = (0.3, 0.7)
PERTURBED = ("self_attn.v_proj.weight", "mlp.down_proj.weight", "input_layernorm.weight", "self_attn.q_proj.bias")
LATENT_PLACES = (("embed", 0), ("resid_mid", 1), ("resid_post", 0), ("resid_post", 1))
LATENT_SCALES = (0.5, -0.3, 0.8)
CONTRAST_STRENGTH = 1.5
CONTRAST_BLOCKS = (0, 1)
LORA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Model:
    """A llama whose residual stream can be changed and read at the sites embed, resid_mid and resid_post."""

    def __init__(self, llama):
        self.llama = llama
        self.interventions = []
        self.stream = {}
        llama.model.embed_tokens.register_forward_hook(lambda module, tokens, stream: self._visit("embed", 0, stream))
        for index, layer in enumerate(llama.model.layers):
            layer.forward = types.MethodType(self._forward(index), layer)

    def _forward(self, index):
        """LlamaDecoderLayer.forward with a visit to each site."""

        def forward(layer, hidden_states, **arguments):
            attention, _ = layer.self_attn(hidden_states=layer.input_layernorm(hidden_states), **arguments)
            middle = self._visit("resid_mid", index, hidden_states + attention)
            return self._visit("resid_post", index, middle + layer.mlp(layer.post_attention_layernorm(middle)))

        return forward

    def _visit(self, site, block, stream):
        for step in self.interventions:
            if (step["site"], step["block"]) != (site, block):
                continue
            vector = torch.as_tensor(step["vector"], dtype=stream.dtype)
            if step["operation"] == "add":
                stream = stream + step["strength"] * vector
            elif step["operation"] == "ablate":
                unit = vector / vector.norm()
                stream = stream - step["strength"] * (stream @ unit).unsqueeze(-1) * unit
            else:
                stream = step["strength"] * stream
        self.stream[site, block] = stream[0]
        return stream

    def logits(self, tokens):
        """(positions, vocabulary); leaves the streams of the sequence in `stream`."""
        return self.llama(input_ids=torch.tensor([tokens]), use_cache=False).logits[0]


def token_loss(model, facts):
    terms = []
    for sequence in facts["sequences"]:
        tokens, prompt = sequence["tokens"], sequence["promptLength"]
        logs = model.logits(tokens).log_softmax(-1)
        terms += [-logs[position - 1, tokens[position]] for position in range(prompt, len(tokens))]
    return torch.stack(terms).mean()


def cosine(stream, facts):
    return torch.nn.functional.cosine_similarity(stream, torch.tensor(facts["vector"], dtype=stream.dtype), dim=-1)


def toward_loss(model, facts):
    terms = []
    for sequence in facts["sequences"]:
        model.logits(sequence["tokens"])
        terms.append((1 - cosine(model.stream["resid_post", 1][-2], facts)) / 2)
    return torch.stack(terms).mean()


def away_loss(model, facts):
    terms = []
    for sequence in facts["sequences"]:
        model.logits(sequence["tokens"])
        terms.append(cosine(model.stream["resid_mid", 0], facts).abs().mean())
    return torch.stack(terms).mean()


def soft_loss(model, facts):
    terms = []
    for sequence in facts["sequences"]:
        logs = model.logits(sequence["tokens"]).log_softmax(-1)[sequence["promptLength"] - 1]
        terms.append(-sum(target["probability"] * logs[target["token"]] for target in facts["targets"]))
    return torch.stack(terms).mean()


def keep_loss(model, facts, base):
    terms = []
    for sequence in facts["sequences"]:
        with torch.no_grad():
            expected = base.logits(sequence["tokens"]).log_softmax(-1)
        found = model.logits(sequence["tokens"]).log_softmax(-1)
        terms.append((expected.exp() * (expected - found)).sum(-1))
    return torch.cat(terms).mean()


def shift_loss(model, facts, base):
    """LoRRA's distance from where the vector moves the untuned stream, over all tokens of a sequence."""
    terms = []
    for sequence in facts["sequences"]:
        with torch.no_grad():
            base.logits(sequence["tokens"])
        model.logits(sequence["tokens"])
        target = base.stream["resid_post", 1] + torch.tensor(facts["vector"], dtype=torch.float64)
        terms.append((model.stream["resid_post", 1] - target).norm(dim=-1).mean())
    return torch.stack(terms).mean()


def contrast_prompts(sequence):
    """A sequence's prompt in its two other forms, of other lengths than its own."""
    prompt = sequence["tokens"][: sequence["promptLength"]]
    return {"positive": [prompt[0] + 1 if prompt[0] < 20 else 3, *prompt, 5], "negative": [7, 2, 9, *prompt]}


def contrast_loss(model, facts, base):
    """LoRRA's distance from the untuned stream plus the contrast of two prompts, over the tokens of the completion."""
    terms = []
    for sequence in facts["sequences"]:
        completion = sequence["tokens"][sequence["promptLength"] :]

        def streams(subject, prompt):
            subject.logits(prompt + completion)
            return [subject.stream["resid_post", block][-len(completion) :] for block in CONTRAST_BLOCKS]

        prompts = {"own": sequence["tokens"][: sequence["promptLength"]], **contrast_prompts(sequence)}
        with torch.no_grad():
            own, positive, negative = [streams(base, prompts[name]) for name in ("own", "positive", "negative")]
        for h, h0, up, down in zip(streams(model, prompts["own"]), own, positive, negative):
            terms.append((h - (h0 + CONTRAST_STRENGTH * (up - down))).norm(dim=-1).mean())
    return torch.stack(terms).mean()


def keep_steered_loss(model, facts, base):
    terms = []
    for sequence in facts["sequences"]:
        with torch.no_grad():
            expected = base.logits(sequence["tokens"]).log_softmax(-1)
        found = model.logits(sequence["tokens"]).log_softmax(-1)
        terms.append((found.exp() * (found - expected)).sum(-1))
    return torch.cat(terms).mean()


def make_llama(seed, has_biases, **sizes):
    torch.manual_seed(seed)
    config = LlamaConfig(
        attention_bias=has_biases, mlp_bias=has_biases, tie_word_embeddings=not has_biases,
        max_position_embeddings=64, rms_norm_eps=1e-5, attn_implementation="sdpa", **sizes,
    )
    llama = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, parameter in llama.named_parameters():
            noise = torch.randn_like(parameter)
            if "norm" in name:
                parameter.copy_(1 + 0.2 * noise)
            elif parameter.dim() == 1:
                parameter.copy_(0.3 * noise)
            else:
                parameter.copy_(1.2 * noise / math.sqrt(parameter.shape[1]))
    return llama


def random_vector(width):
    return torch.randn(width).tolist()


def make_facts(vocabulary, hidden):
    sequences = [
        {"tokens": torch.randint(vocabulary, (length,)).tolist(), "promptLength": prompt}
        for length, prompt in ((5, 2), (11, 6), (3, 1))
    ]
    targets = [
        {"token": token, "probability": probability}
        for token, probability in zip(torch.randperm(vocabulary)[:2].tolist(), TARGET_PROBABILITIES)
    ]
    interventions = [
        {"site": "resid_post", "block": 0, "operation": "add", "strength": 0.7, "vector": random_vector(hidden)},
        {"site": "resid_mid", "block": 1, "operation": "scale", "strength": 0.9, "vector": []},
        {"site": "resid_post", "block": 1, "operation": "ablate", "strength": 1.0, "vector": random_vector(hidden)},
    ]
    return {
        "sequences": sequences, "vector": random_vector(hidden), "targets": targets, "interventions": interventions,
    }


def perturb(llama):
    """Changes some weights of every block; returns those, as they are then."""
    changed = {}
    with torch.no_grad():
        for name, parameter in llama.named_parameters():
            if name.endswith(PERTURBED):
                parameter.add_(0.1 * torch.randn_like(parameter, dtype=torch.float32))
                parameter.copy_(parameter.float())
                changed[name] = parameter.detach().float().contiguous()
    return changed


def add_adapter(llama, folder):
    adapted = get_peft_model(
        llama, LoraConfig(r=3, lora_alpha=6, target_modules=LORA_TARGETS, lora_dropout=0.0, task_type="CAUSAL_LM")
    )
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.2 * torch.randn_like(parameter, dtype=torch.float32))
    adapted.peft_config["default"].base_model_name_or_path = folder.name
    adapted.float().save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    # peft keeps the names in a set, whose order changes from run to run.
    path = folder / "adapter" / "adapter_config.json"
    config = json.loads(path.read_text())
    config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2) + "\n")
    adapted.double()
    return adapted


def write_case(folder, name, llama, loss):
    llama.zero_grad()
    loss.backward()
    gradients = {
        key.replace(".default.", "."): parameter.grad.float().contiguous()
        for key, parameter in llama.named_parameters()
        if parameter.grad is not None
    }
    path = folder / "gradients" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file(gradients, path)
    return {"name": name, "loss": loss.item(), "gradients": f"{folder.name}/gradients/{name}.safetensors"}


def write_latent(folder, model, facts):
    """The gradients of vectors that are added to a sequence at every token, of its completion's mean cross-entropy."""
    losses, gradients = {}, {}
    for site, block in LATENT_PLACES:
        place = f"{site}.{block}"
        losses[place] = []
        for index, (sequence, scale) in enumerate(zip(facts["sequences"], LATENT_SCALES)):
            vector = (scale * torch.tensor(facts["vector"], dtype=torch.float64)).requires_grad_()
            model.interventions = [
                {"site": site, "block": block, "operation": "add", "strength": 1.0, "vector": vector}
            ]
            loss = token_loss(model, {"sequences": [sequence]})
            loss.backward()
            losses[place].append(loss.item())
            gradients[f"{place}.{index}"] = vector.grad.float().contiguous()
    save_file(gradients, folder / "gradients" / "latent.safetensors")
    return {"name": "latent", "losses": losses, "gradients": f"{folder.name}/gradients/latent.safetensors"}


def write_model(name, llama):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    llama.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    facts = make_facts(llama.config.vocab_size, llama.config.hidden_size)
    llama.double()

    def fresh():
        return Model(copy.deepcopy(llama))

    cases = []
    for case, loss in (("token", token_loss), ("toward", toward_loss), ("away", away_loss), ("soft", soft_loss)):
        model = fresh()
        cases.append(write_case(folder, case, model.llama, loss(model, facts)))

    model = fresh()
    save_file(perturb(model.llama), folder / "tuned.safetensors")
    cases.append(write_case(folder, "keep", model.llama, keep_loss(model, facts, fresh())))

    model = fresh()
    model.interventions = facts["interventions"]
    cases.append(write_case(folder, "steered", model.llama, token_loss(model, facts)))

    adapted = add_adapter(copy.deepcopy(llama), folder)
    model = Model(adapted.base_model.model)
    loss = token_loss(model, facts) + toward_loss(model, facts)
    cases.append(write_case(folder, "adapter", adapted, loss))

    def tuned():
        model = fresh()
        values = load_file(folder / "tuned.safetensors")
        with torch.no_grad():
            for key, parameter in model.llama.named_parameters():
                if key in values:
                    parameter.copy_(values[key])
        return model

    model = tuned()
    cases.append(write_case(folder, "shift", model.llama, shift_loss(model, facts, fresh())))
    model = tuned()
    model.interventions = facts["interventions"]
    cases.append(write_case(folder, "keep-steered", model.llama, keep_steered_loss(model, facts, fresh())))
    model = tuned()
    cases.append(write_case(folder, "contrast", model.llama, contrast_loss(model, facts, fresh())))
    cases.append(write_latent(folder, fresh(), facts))
    facts["sequences"] = [{**sequence, **contrast_prompts(sequence)} for sequence in facts["sequences"]]
    return {**facts, "cases": cases}


def main():
    models = {
        "biased": make_llama(
            1, True, vocab_size=47, hidden_size=20, intermediate_size=29, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, head_dim=6,
        ),
        "tied": make_llama(
            2, False, vocab_size=31, hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=3,
            num_key_value_heads=1, head_dim=4,
        ),
    }
    facts = {name: write_model(name, llama) for name, llama in models.items()}
    for path in FOLDER.rglob("*.safetensors"):
        path.chmod(0o644)
    (FOLDER / "cases.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
