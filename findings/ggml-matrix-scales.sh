#!/usr/bin/env bash
# llama.cpp, as it is inside llama-cpp-python 0.3.36, loads a number beside each matrix (`blk.N.ffn_up.scale`, which its converter
# writes of NVFP4 folders) in every architecture, and multiplies what the matrix gives by it. The graphs of most architectures
# leave out the numbers of the feed-forward part: they are loaded, counted as used, and change nothing.
#
# Seen: with `blk.0.ffn_up.scale` of 3, the logits of a small random `llama` change, and those of a `qwen2` with the same matrices
# do not, in any bit; no message tells them apart. The number beside `attn_output` acts in both.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install -q 'numpy==1.26.4' 'gguf==0.19.0' 'cmake==3.31.6' 'ninja==1.11.1.4' 'scikit-build-core==0.11.6' flit-core
(cd "$folder" && PATH="$folder/venv/bin:$PATH" "$pip" download -q --no-deps --no-build-isolation --no-binary llama-cpp-python 'llama-cpp-python==0.3.36')
tar -C "$folder" -xzf "$folder"/llama_cpp_python-0.3.36.tar.gz
source="$folder/llama_cpp_python-0.3.36/vendor/llama.cpp"
rm -rf "$source/.git"
export PATH="$folder/venv/bin:$PATH"
cmake -S "$source" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF \
    -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
cmake --build "$folder/build" --target llama >>"$folder/log" 2>&1 || { tail -20 "$folder/log"; exit 1; }
cat >"$folder/logits.c" <<'C'
#include <stdio.h>

#include "llama.h"

static void silent(enum ggml_log_level level, const char *text, void *unused) { (void)level, (void)text, (void)unused; }

int main(int count, char **words) {
    llama_log_set(silent, NULL);
    struct llama_model *model = count == 2 ? llama_model_load_from_file(words[1], llama_model_default_params()) : NULL;
    if (!model) return 1;
    struct llama_context_params wanted = llama_context_default_params();
    wanted.n_ctx = wanted.n_batch = wanted.n_ubatch = 64;
    wanted.n_threads = wanted.n_threads_batch = 1;
    struct llama_context *context = llama_init_from_model(model, wanted);
    llama_token tokens[] = {1, 5, 9, 2};
    if (!context || llama_decode(context, llama_batch_get_one(tokens, 4))) return 2;
    const float *logits = llama_get_logits(context);
    for (int i = 0; i < llama_vocab_n_tokens(llama_model_get_vocab(model)); i++) printf("%a\n", logits[i]);
    return 0;
}
C
libraries=$(dirname "$(find "$folder/build" -name 'libllama.so' | head -1)")
cc "$folder/logits.c" -o "$folder/logits" -I "$source/include" -I "$source/ggml/include" -L "$libraries" "-Wl,-rpath,$libraries" \
    -lllama -lggml -lggml-base
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import pathlib
import subprocess
import sys

import gguf
import numpy

folder = pathlib.Path(sys.argv[1])
WIDTH, FEED, VOCABULARY = 64, 128, 64


def logits(architecture, scaled=None):
    path = folder / "model.gguf"
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("no_vocab")
    random = numpy.random.default_rng(0)

    def add(name, *shape):
        values = random.normal(0, 0.3, shape) if len(shape) > 1 else numpy.ones(shape)
        writer.add_tensor(name, values.astype(numpy.float32))

    add("token_embd.weight", VOCABULARY, WIDTH)
    add("output_norm.weight", WIDTH)
    add("output.weight", VOCABULARY, WIDTH)
    for name in ("attn_norm", "ffn_norm"):
        add(f"blk.0.{name}.weight", WIDTH)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        add(f"blk.0.{name}.weight", WIDTH, WIDTH)
    for name in ("ffn_gate", "ffn_up"):
        add(f"blk.0.{name}.weight", FEED, WIDTH)
    add("blk.0.ffn_down.weight", WIDTH, FEED)
    if architecture == "qwen2":
        for name in ("attn_q", "attn_k", "attn_v"):
            add(f"blk.0.{name}.bias", WIDTH)
    if scaled:
        writer.add_tensor(f"blk.0.{scaled}.scale", numpy.full(1, 3, numpy.float32))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        write()
    lines = subprocess.run([folder / "logits", path], check=True, capture_output=True, text=True).stdout.split()
    return numpy.array([float.fromhex(line) for line in lines])


changes = {
    (architecture, scaled): numpy.abs(logits(architecture, scaled) - logits(architecture)).max()
    for architecture in ("llama", "qwen2") for scaled in ("ffn_up", "attn_output")}
for (architecture, scaled), change in changes.items():
    print(f"llama.cpp: a scale of 3 beside {scaled} of a {architecture} changes a logit by up to {change:.3g}")
assert changes["llama", "ffn_up"] > 0.1 and changes["llama", "attn_output"] > 0.1 and changes["qwen2", "attn_output"] > 0.1
assert changes["qwen2", "ffn_up"] == 0, "qwen2 computes with the scale now"
PYTHON
