/* All logits that llama.cpp gives a text, in f32.
 *
 *     llama_logits MODEL OUT id,id,...
 *
 * OUT gets a row of f32 for each token. Keys and values are held in f32, and attention is not fused, so that nothing but
 * llama.cpp's own arithmetic lies between its numbers and those of others. Build it beside a built llama.cpp:
 *
 *     cc llama_logits.c -o llama_logits -I llama.cpp/include -I llama.cpp/ggml/include -L build/bin -Wl,-rpath,build/bin \
 *         -lllama -lggml -lggml-base
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llama.h"

enum { LONGEST = 8192 };

static void errors_only(enum ggml_log_level level, const char *text, void *unused) {
    (void)unused;
    if (level >= GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static int fail(const char *what) {
    fprintf(stderr, "llama_logits: %s\n", what);
    return 1;
}

int main(int count, char **words) {
    if (count != 4) return fail("MODEL OUT id,id,...");
    llama_log_set(errors_only, NULL);
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(words[1], llama_model_default_params());
    if (!model) return fail("the model cannot be loaded");

    llama_token tokens[LONGEST];
    int length = 0;
    for (char *word = strtok(words[3], ","); word && length < LONGEST; word = strtok(NULL, ","))
        tokens[length++] = atoi(word);

    struct llama_context_params wanted = llama_context_default_params();
    wanted.n_ctx = wanted.n_batch = wanted.n_ubatch = length < 64 ? 64 : length;
    wanted.n_threads = wanted.n_threads_batch = 1;
    wanted.type_k = wanted.type_v = GGML_TYPE_F32;
    wanted.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    struct llama_context *context = llama_init_from_model(model, wanted);
    if (!context) return fail("no context can be made");

    struct llama_batch batch = llama_batch_init(length, 0, 1);
    batch.n_tokens = length;
    for (int i = 0; i < length; i++) {
        batch.token[i] = tokens[i];
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
    }
    if (llama_decode(context, batch)) return fail("the tokens cannot be decoded");

    size_t values = (size_t)length * llama_vocab_n_tokens(llama_model_get_vocab(model));
    FILE *out = fopen(words[2], "wb");
    if (!out || fwrite(llama_get_logits(context), sizeof(float), values, out) != values || fclose(out))
        return fail("the logits cannot be written");
    return 0;
}
