/* safetensors.c - fuzzes files of tensors, and checkpoints as a worker reads them. */
#include "schema/safetensors.h"
#include "cli/checkpoint.h"
#include "tests/fuzz/fuzz.h"

/* All of its data is there, where the table says. */
static void
tensors_are_whole(const struct safetensors *file)
{
    for (size_t i = 0; i < file->n; i++) {
        const struct safetensors_tensor *t = &file->tensor[i];

        fuzz_require(safetensors_find(file, t->name) == t);
        fuzz_require((uintptr_t)t->data % 64 == 0);
        fuzz_look(t->data, safetensors_bytes(t));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    struct checkpoint_origin origin;
    struct safetensors file;
    struct weights weights;
    struct ode_err err;

    if (safetensors_open(&file, path, &err) == ODE_OK) {
        tensors_are_whole(&file);
        safetensors_close(&file);
    }
    if (weights_open(&weights, path, &err) == ODE_OK) {
        checkpoint_origin(&weights, &origin, &err);
        weights_close(&weights);
    }
    if (checkpoint_open(path, &weights, &err) == ODE_OK)
        weights_close(&weights);
    return 0;
}
