/* tensorwrite.c - named tensors in a file: writing. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "schema/safetensors.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are written as they lie in memory, which must be little-endian"
#endif

enum { BEGIN = 64 }; /* the data begins at a multiple of so many bytes */

/* A copy of metadata with its keys sorted; ODE_EARG if a value is not a string. */
static enum ode_status
metadata_sorted(const json_t *metadata, json_t **sorted, struct ode_err *err)
{
    const char *key;
    json_t *value;
    char *text;

    if (!json_is_object(metadata))
        return ode_fail(err, ODE_EARG, NULL, "metadata is not a JSON object");
    json_object_foreach ((json_t *)(uintptr_t)metadata, key, value)
        if (!json_is_string(value))
            return ode_fail(err, ODE_EARG, NULL, "metadata \"%.60s\" is not a string",
                            key);
    text = json_dumps(metadata, JSON_SORT_KEYS);
    *sorted = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (!*sorted)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for metadata");
    return ODE_OK;
}

static json_t *
tensor_entry(const struct safetensors_tensor *t, size_t begin, size_t end)
{
    json_t *shape = json_array();

    for (int i = 0; i < t->dims; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)t->dim[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", safetensors_dtype_name(t->dtype),
                     "shape", shape, "data_offsets", (json_int_t)begin, (json_int_t)end);
}

static enum ode_status
header_fill(json_t *header, const struct safetensors_tensor *tensor, size_t n,
            const json_t *metadata, struct ode_err *err)
{
    json_t *sorted = NULL;
    size_t end = 0;

    if (metadata) {
        ODE_TRY(metadata_sorted(metadata, &sorted, err));
        if (json_object_set_new(header, "__metadata__", sorted) != 0)
            return ode_fail(err, ODE_ENOMEM, NULL, "no memory for metadata");
    }
    for (size_t i = 0; i < n; i++) {
        size_t begin = end, bytes = safetensors_bytes(&tensor[i]);
        const char *name = tensor[i].name;

        if (json_object_get(header, name) || strcmp(name, "__metadata__") == 0)
            return ode_fail(err, ODE_EARG, NULL, "the name %.60s is taken", name);
        if (__builtin_add_overflow(begin, bytes, &end) || end > PTRDIFF_MAX)
            return ode_fail(err, ODE_EARG, NULL, "tensor %.60s is too large", name);
        if (json_object_set_new(header, name, tensor_entry(&tensor[i], begin, end)) != 0)
            return ode_fail(
                err, ODE_EARG, NULL,
                "no header for tensor %.60s: its name is not UTF-8, or memory is short",
                name);
    }
    return ODE_OK;
}

/* The first bytes of the file: length, header, padding. malloc'd. */
static enum ode_status
header_text(const struct safetensors_tensor *tensor, size_t n, const json_t *metadata,
            char **out, size_t *size, struct ode_err *err)
{
    json_t *header = json_object();
    enum ode_status status = header_fill(header, tensor, n, metadata, err);
    char *text = status == ODE_OK ? json_dumps(header, JSON_COMPACT) : NULL,
         *bytes = NULL;
    size_t length = text ? strlen(text) : 0,
           whole = (8 + length + BEGIN - 1) / BEGIN * BEGIN;

    json_decref(header);
    if (text)
        bytes = malloc(whole);
    if (bytes) {
        for (int i = 0; i < 8; i++)
            bytes[i] = (char)((uint64_t)(whole - 8) >> 8 * i & 0xff);
        memset(bytes + 8, ' ', whole - 8);
        memcpy(bytes + 8, text, length);
        *out = bytes;
        *size = whole;
    } else if (status == ODE_OK) {
        status = ode_fail(err, ODE_ENOMEM, NULL, "no memory for a header");
    }
    free(text);
    return status;
}

enum ode_status
safetensors_write(const char *path, const struct safetensors_tensor *tensor, size_t n,
                  const json_t *metadata, struct ode_err *err)
{
    struct iovec *piece;
    enum ode_status status;
    size_t size = 0;
    char *header = NULL;

    status = header_text(tensor, n, metadata, &header, &size, err);
    if (status != ODE_OK)
        return status;
    piece = calloc(n + 1, sizeof *piece);
    if (piece) {
        piece[0] = (struct iovec){ .iov_base = header, .iov_len = size };
        for (size_t i = 0; i < n; i++) /* an iovec has no const, and is only read here */
            piece[i + 1] = (struct iovec){ .iov_base = (void *)(uintptr_t)tensor[i].data,
                                           .iov_len = safetensors_bytes(&tensor[i]) };
        status = ode_file_write_atomic(path, piece, n + 1, err);
    } else {
        status = ode_fail(err, ODE_ENOMEM, path, "no memory to write %zu tensors", n);
    }
    free(piece);
    free(header);
    return status;
}
