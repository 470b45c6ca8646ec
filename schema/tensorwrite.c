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

/* --- the header ---------------------------------------------------------------------
 *
 * Written entry by entry: as one JSON value, that of a network with thousands of tensors
 * would take more memory than a training step beside its weights. */

struct text {
    char *at;
    size_t n, room;
};

static bool
text_add(struct text *t, const char *what, size_t n)
{
    if (t->n + n > t->room) {
        const size_t room = 2 * (t->n + n);
        char *at = realloc(t->at, room);

        if (!at)
            return false;
        t->at = at;
        t->room = room;
    }
    memcpy(t->at + t->n, what, n);
    t->n += n;
    return true;
}

/* The members of an object, after those that are there. Takes it; NULL is no object. */
static bool
members_add(struct text *t, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    const size_t n = text ? strlen(text) : 0; /* of which two are braces */
    const bool good =
        n > 2 && (t->n <= 8 + 1 || text_add(t, ",", 1)) && text_add(t, text + 1, n - 2);

    free(text);
    json_decref(object);
    return good;
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
    return json_pack("{s:{s:s, s:o, s:[I, I]}}", t->name, "dtype",
                     safetensors_dtype_name(t->dtype), "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)end);
}

/* names: of the tensors so far. *end: where the data of the last one ends. */
static enum ode_status
tensor_add(struct text *text, json_t *names, const struct safetensors_tensor *t,
           size_t *end, struct ode_err *err)
{
    const size_t begin = *end, bytes = safetensors_bytes(t);

    if (json_object_get(names, t->name) || strcmp(t->name, "__metadata__") == 0)
        return ode_fail(err, ODE_EARG, NULL, "the name %.60s is taken", t->name);
    if (__builtin_add_overflow(begin, bytes, end) || *end > PTRDIFF_MAX)
        return ode_fail(err, ODE_EARG, NULL, "tensor %.60s is too large", t->name);
    if (json_object_set_new(names, t->name, json_true()) != 0
        || !members_add(text, tensor_entry(t, begin, *end)))
        return ode_fail(
            err, ODE_EARG, NULL,
            "no header for tensor %.60s: its name is not UTF-8, or memory is short",
            t->name);
    return ODE_OK;
}

static enum ode_status
tensors_add(struct text *text, const struct safetensors_tensor *tensor, size_t n,
            struct ode_err *err)
{
    json_t *names = json_object();
    enum ode_status status = ODE_OK;
    size_t end = 0;

    for (size_t i = 0; i < n && status == ODE_OK; i++)
        status = tensor_add(text, names, &tensor[i], &end, err);
    json_decref(names);
    return status;
}

static enum ode_status
metadata_add(struct text *text, const json_t *metadata, struct ode_err *err)
{
    json_t *sorted;

    if (!metadata)
        return ODE_OK;
    ODE_TRY(metadata_sorted(metadata, &sorted, err));
    if (!members_add(text, json_pack("{s:o}", "__metadata__", sorted)))
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for metadata");
    return ODE_OK;
}

static enum ode_status
header_end(struct text *text, struct ode_err *err)
{
    static const char spaces[BEGIN + 1] = "                                "
                                          "                                ";
    const size_t length = text->n + 1, whole = (length + BEGIN - 1) / BEGIN * BEGIN;

    if (!text_add(text, "}", 1) || !text_add(text, spaces, whole - length))
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for a header");
    for (int i = 0; i < 8; i++)
        text->at[i] = (char)((uint64_t)(whole - 8) >> 8 * i & 0xff);
    return ODE_OK;
}

/* The first bytes of the file: length, header, padding. malloc'd. */
static enum ode_status
header_text(const struct safetensors_tensor *tensor, size_t n, const json_t *metadata,
            char **out, size_t *size, struct ode_err *err)
{
    struct text text = { 0 };
    enum ode_status status = ODE_OK;

    if (!text_add(&text, "length..{", 8 + 1))
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for a header");
    status = metadata_add(&text, metadata, err);
    if (status == ODE_OK)
        status = tensors_add(&text, tensor, n, err);
    if (status == ODE_OK)
        status = header_end(&text, err);
    if (status != ODE_OK) {
        free(text.at);
        return status;
    }
    *out = text.at;
    *size = text.n;
    return ODE_OK;
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
