"""`rtedit blend` beside mergekit on one model: the largest difference of any weight, time and peak memory of both.

Usage: python blends.py RTEDIT MODEL FOLDER [NAME...]   (MODEL: a Hugging Face folder; FOLDER: for the models made of it,
kept; NAMEs of the recipes below, all of them if none is given)
Measured with mergekit 0.1.5, torch 2.13.0 and safetensors 0.8.

Two further models are MODEL and a change of their own, a tenth of each weight's spread; all are stored in bf16. Both
programs compute in f32 and write it. Random masks are not mergekit's, so that DARE is compared at density 1, which drops
nothing, and timed at 0.5.
"""

import json
import pathlib
import shutil
import subprocess
import sys

import torch
from safetensors.torch import load_file, save_file

BASED = ["a", "b"]
#  name: (method, rtedit's options, mergekit's parameters of the models, of all)
RECIPES = {
    "linear": ("linear", ["--weights", "0.3,0.7"], [{"weight": 0.3}, {"weight": 0.7}], {}),
    "slerp": ("slerp", ["--t", "0.4"], [{}, {}], {"t": 0.4}),
    "task-arithmetic": ("task_arithmetic", ["--weights", "0.7,0.4"], [{"weight": 0.7}, {"weight": 0.4}], {}),
    "ties": ("ties", ["--weights", "0.6,0.8", "--densities", "0.5,0.3"],
             [{"weight": 0.6, "density": 0.5}, {"weight": 0.8, "density": 0.3}], {}),
    "dare-linear, density 1": ("dare_linear", ["--weights", "0.6,0.8"], [{"weight": 0.6}, {"weight": 0.8}], {}),
    "dare-ties, density 1": ("dare_ties", ["--weights", "0.6,0.8"], [{"weight": 0.6}, {"weight": 0.8}], {}),
    "dare-linear, density 0.5": ("dare_linear", ["--weights", "0.6,0.8", "--densities", "0.5"],
                                 [{"weight": 0.6, "density": 0.5}, {"weight": 0.8, "density": 0.5}], {}),
    "dare-ties, density 0.5": ("dare_ties", ["--weights", "0.6,0.8", "--densities", "0.5"],
                               [{"weight": 0.6, "density": 0.5}, {"weight": 0.8, "density": 0.5}], {}),
}


def make_models(model, folder):
    torch.manual_seed(20261129)
    for name in ["base", *BASED]:
        if (folder / name / "model.safetensors").exists():
            continue
        shutil.copytree(model, folder / name, dirs_exist_ok=True)
        weights = load_file(model / "model.safetensors")
        if name != "base":
            weights = {key: value.float() + torch.randn(value.shape) * 0.1 * value.float().std()
                       for key, value in weights.items()}
        save_file({key: value.bfloat16() for key, value in weights.items()}, folder / name / "model.safetensors",
                  metadata={"format": "pt"})


def run(command):
    """Seconds, and the most memory in MB, by GNU time: a child of this program would count its memory too."""
    timed = subprocess.run(["/usr/bin/time", "-f", "%e %M", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           text=True)
    if timed.returncode != 0:
        sys.exit(f"{command}\n{timed.stderr}")
    seconds, kilobytes = timed.stderr.split("\n")[-2].split()
    return float(seconds), int(kilobytes) / 1000


def config(method, parameters, shared, folder):
    models = [{"model": str(folder / name), "parameters": own} for name, own in zip(BASED, parameters)]
    recipe = {"merge_method": method, "models": models, "parameters": shared, "dtype": "float32"}
    if method != "linear":
        recipe["base_model"] = str(folder / ("a" if method == "slerp" else "base"))
    return json.dumps(recipe)


def tensors(folder):
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= load_file(path)
    return found


def main():
    rtedit, model, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    make_models(model, folder)
    print("| method | largest difference | of weights up to | rtedit | mergekit |\n|---|---|---|---|---|")
    for name, (method, options, parameters, shared) in RECIPES.items():
        if sys.argv[4:] and name not in sys.argv[4:]:
            continue
        (folder / "recipe.yaml").write_text(config(method, parameters, shared, folder))
        base = [] if method in ("linear", "slerp") else ["--base", str(folder / "base")]
        ours = run([rtedit, "blend", *[str(folder / name) for name in BASED], *base, "-o", str(folder / "ours"),
                    "--method", method, "--type", "f32", "--force", *options])
        theirs = run([sys.executable, "-m", "mergekit.scripts.run_yaml", str(folder / "recipe.yaml"),
                      str(folder / "theirs")])
        a, b = tensors(folder / "ours"), tensors(folder / "theirs")
        # mergekit writes a tied head too.
        a.setdefault("lm_head.weight", a["model.embed_tokens.weight"])
        b.setdefault("lm_head.weight", b["model.embed_tokens.weight"])
        assert a.keys() == b.keys()
        gap = "(other masks)"
        if not name.endswith("0.5"):
            gap = f"{max((a[key] - b[key]).abs().max().item() for key in a):.1e}"
            # Equal magnitudes at the edge of what TIES keeps: which of them stay is nobody's rule.
            other = sum(((a[key] - b[key]).abs() > 1e-5).sum().item() for key in a)
            if other:
                gap += f" ({other} of {sum(value.numel() for value in a.values())} beyond 1e-5)"
        most = max(value.abs().max().item() for value in a.values())
        print(f"| {name} | {gap} | {most:.1f} | {ours[0]:.1f} s, {ours[1]:.0f} MB | {theirs[0]:.1f} s, {theirs[1]:.0f} MB |",
              flush=True)


main()
