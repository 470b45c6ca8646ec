/* safetensors.c - named tensors in a file: reading. */
#include "schema/safetensors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/file.h"

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [SAFETENSORS_BOOL] = {"BOOL",  1},
      [SAFETENSORS_U8] = { "U8",   1},
    [SAFETENSORS_I8] = { "I8",   1},
      [SAFETENSORS_U16] = { "U16",  2},
    [SAFETENSORS_I16] = { "I16",  2},
      [SAFETENSORS_F16] = { "F16",  2},
    [SAFETENSORS_BF16] = { "BF16", 2},
      [SAFETENSORS_U32] = { "U32",  4},
    [SAFETENSORS_I32] = { "I32",  4},
      [SAFETENSORS_F32] = { "F32",  4},
    [SAFETENSORS_U64] = { "U64",  8},
      [SAFETENSORS_I64] = { "I64",  8},
    [SAFETENSORS_F64] = { "F64",  8},
};

enum { DTYPES = sizeof dtypes / sizeof *dtypes };

static const size_t header_max = 100000000; /* bytes, as in the format's own reader */

const char *
safetensors_dtype_name(enum safetensors_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t
safetensors_dtype_bytes(enum safetensors_dtype dtype)
{
    return dtypes[dtype].bytes;
}

size_t
safetensors_bytes(const struct safetensors_tensor *tensor)
{
    size_t bytes = dtypes[tensor->dtype].bytes;
    bool empty = false, huge = false;

    for (int i = 0; i < tensor->dims; i++) {
        empty = empty || tensor->dim[i] == 0;
        huge = huge || __builtin_mul_overflow(bytes, tensor->dim[i], &bytes);
    }
    return empty ? 0 : huge ? SIZE_MAX : bytes;
}

/* --- the parts of a file -------------------------------------------------------- */

/* A file while it is read. */
struct parse {
    const char *path;
    const char *bytes;  /* the whole file */
    size_t size, start; /* of the file; where the data begins */
    struct extent *extent;
    struct ode_err *err;
};

struct extent {
    struct safetensors_tensor tensor;
    size_t begin, end; /* from p->start */
};

static enum ode_status __attribute__((format(printf, 3, 4)))
bad(const struct parse *p, const char *name, const char *format, ...)
{
    char text[176];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!name)
        return ode_fail(p->err, ODE_EFORMAT, p->path, "%s", text);
    return ode_fail(p->err, ODE_EFORMAT, p->path, "tensor %.60s: %s", name, text);
}

static enum ode_status
header_parse(struct parse *p, json_t **header)
{
    const unsigned char *b = (const unsigned char *)p->bytes;
    uint64_t length = 0;
    json_error_t error;
    json_t *parsed;

    if (p->size < 8)
        return bad(p, NULL, "has %zu bytes, too few for a safetensors file", p->size);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | b[i];
    if (length > p->size - 8)
        return bad(p, NULL, "its header is said to have %ju bytes, but only %zu follow",
                   (uintmax_t)length, p->size - 8);
    if (length > header_max)
        return bad(p, NULL, "its header has %ju bytes; at most %zu may be",
                   (uintmax_t)length, header_max);
    p->start = 8 + (size_t)length;
    parsed = json_loadb(p->bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!parsed)
        return bad(p, NULL, "its header is not JSON: byte %d: %s", error.position + 8,
                   error.text);
    if (!json_is_object(parsed)) {
        json_decref(parsed);
        return bad(p, NULL, "its header is not a JSON object");
    }
    *header = parsed;
    return ODE_OK;
}

static enum ode_status
metadata_check(const struct parse *p, json_t *metadata)
{
    const char *key;
    json_t *value;

    if (!json_is_object(metadata))
        return bad(p, NULL, "__metadata__ is not an object of strings");
    json_object_foreach (metadata, key, value)
        if (!json_is_string(value))
            return bad(p, NULL, "__metadata__ has a \"%.60s\" that is not a string", key);
    return ODE_OK;
}

/* --- one tensor ----------------------------------------------------------------- */

static bool
size_parse(const json_t *value, size_t *size)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *size = (size_t)json_integer_value(value);
    return true;
}

static enum ode_status
dtype_parse(const struct parse *p, const char *name, const json_t *value,
            enum safetensors_dtype *dtype)
{
    const char *text = json_string_value(value);

    for (int i = 0; text && i < DTYPES; i++)
        if (strcmp(text, dtypes[i].name) == 0) {
            *dtype = (enum safetensors_dtype)i;
            return ODE_OK;
        }
    return bad(p, name, "its dtype is %.40s; known are F32, I64, U8 and their like",
               text ? text : "not a string");
}

static enum ode_status
shape_parse(const struct parse *p, const char *name, const json_t *value,
            struct safetensors_tensor *tensor)
{
    size_t dims = json_array_size(value);

    if (!json_is_array(value) || dims > SAFETENSORS_DIMS_MAX)
        return bad(p, name, "its shape is not a list of at most %d sizes",
                   SAFETENSORS_DIMS_MAX);
    tensor->dims = (int)dims;
    for (size_t i = 0; i < dims; i++)
        if (!size_parse(json_array_get(value, i), &tensor->dim[i]))
            return bad(p, name, "number %zu of its shape is not a size", i);
    return ODE_OK;
}

static enum ode_status
tensor_parse(const struct parse *p, const char *name, const json_t *entry,
             struct extent *e)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t bytes;

    e->tensor.name = name;
    if (!json_is_object(entry) || json_object_size(entry) != 3)
        return bad(p, name, "is not described by dtype, shape and data_offsets alone");
    ODE_TRY(dtype_parse(p, name, json_object_get(entry, "dtype"), &e->tensor.dtype));
    ODE_TRY(shape_parse(p, name, json_object_get(entry, "shape"), &e->tensor));
    if (json_array_size(offsets) != 2
        || !size_parse(json_array_get(offsets, 0), &e->begin)
        || !size_parse(json_array_get(offsets, 1), &e->end) || e->begin > e->end)
        return bad(p, name, "its data_offsets are not a beginning and an end");
    bytes = safetensors_bytes(&e->tensor);
    if (e->end - e->begin != bytes)
        return bad(p, name,
                   "its shape and dtype need %zu bytes, its data_offsets hold %zu", bytes,
                   e->end - e->begin);
    return ODE_OK;
}

/* --- all of them ---------------------------------------------------------------- */

static int
extent_order(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}

/* The extents, sorted, follow one another from the first byte of the data to the last. */
static enum ode_status
extents_check(const struct parse *p, size_t n)
{
    size_t end = 0;

    for (size_t i = 0; i < n; i++) {
        const struct extent *e = &p->extent[i];

        if (e->begin != end)
            return bad(p, e->tensor.name,
                       "its data begins at %zu, but the data before ends at %zu",
                       e->begin, end);
        end = e->end;
    }
    if (end != p->size - p->start)
        return bad(p, NULL, "its tensors need %zu bytes of data, but %zu are there", end,
                   p->size - p->start);
    return ODE_OK;
}

static size_t
padded(size_t bytes)
{
    return (bytes + ODE_ALIGN - 1) / ODE_ALIGN * ODE_ALIGN;
}

/* Copies each tensor's data to an aligned place of its own. */
static enum ode_status
tensors_place(const struct parse *p, struct safetensors *file)
{
    size_t total = ODE_ALIGN;
    char *at;

    for (size_t i = 0; i < file->n; i++)
        total += padded(p->extent[i].end - p->extent[i].begin);
    file->data = at = aligned_alloc(ODE_ALIGN, total);
    file->tensor = calloc(file->n + 1, sizeof *file->tensor);
    if (!at || !file->tensor)
        return ode_fail(p->err, ODE_ENOMEM, p->path, "no memory for %zu bytes of tensors",
                        total);
    for (size_t i = 0; i < file->n; i++) {
        const struct extent *e = &p->extent[i];

        memcpy(at, p->bytes + p->start + e->begin, e->end - e->begin);
        file->tensor[i] = e->tensor;
        file->tensor[i].data = at;
        at += padded(e->end - e->begin);
    }
    return ODE_OK;
}

static int
name_order(const void *a, const void *b, void *tensors)
{
    const struct safetensors_tensor *tensor = tensors;

    return strcmp(tensor[*(const size_t *)a].name, tensor[*(const size_t *)b].name);
}

static enum ode_status
names_sort(const struct parse *p, struct safetensors *file)
{
    file->by_name = calloc(file->n + 1, sizeof *file->by_name);
    if (!file->by_name)
        return ode_fail(p->err, ODE_ENOMEM, p->path, "no memory for %zu names", file->n);
    for (size_t i = 0; i < file->n; i++)
        file->by_name[i] = i;
    qsort_r(file->by_name, file->n, sizeof *file->by_name, name_order, file->tensor);
    return ODE_OK;
}

static enum ode_status
tensors_parse(struct parse *p, struct safetensors *file)
{
    const char *name;
    json_t *entry;

    p->extent = calloc(json_object_size(file->header) + 1, sizeof *p->extent);
    if (!p->extent)
        return ode_fail(p->err, ODE_ENOMEM, p->path, "no memory for its header");
    json_object_foreach (file->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        ODE_TRY(tensor_parse(p, name, entry, &p->extent[file->n]));
        file->n++;
    }
    qsort(p->extent, file->n, sizeof *p->extent, extent_order);
    ODE_TRY(extents_check(p, file->n));
    ODE_TRY(tensors_place(p, file));
    return names_sort(p, file);
}

static enum ode_status
file_parse(struct parse *p, struct safetensors *file)
{
    json_t *metadata;

    file->path = strdup(p->path);
    if (!file->path)
        return ode_fail(p->err, ODE_ENOMEM, p->path, "no memory for its name");
    ODE_TRY(header_parse(p, &file->header));
    metadata = json_object_get(file->header, "__metadata__");
    if (metadata)
        ODE_TRY(metadata_check(p, metadata));
    file->metadata = metadata ? json_incref(metadata) : json_object();
    if (!file->metadata)
        return ode_fail(p->err, ODE_ENOMEM, p->path, "no memory for its metadata");
    return tensors_parse(p, file);
}

enum ode_status
safetensors_open(struct safetensors *file, const char *path, struct ode_err *err)
{
    struct safetensors made = { 0 };
    struct parse p = { .path = path, .err = err };
    enum ode_status status;
    void *bytes;

    ODE_TRY(ode_file_read(path, PTRDIFF_MAX, &bytes, &p.size, err));
    p.bytes = bytes;
    status = file_parse(&p, &made);
    free(p.extent);
    free(bytes);
    if (status == ODE_OK)
        *file = made;
    else
        safetensors_close(&made);
    return status;
}

void
safetensors_close(struct safetensors *file)
{
    json_decref(file->metadata);
    json_decref(file->header);
    free(file->tensor);
    free(file->by_name);
    free(file->data);
    free(file->path);
    *file = (struct safetensors){ 0 };
}

/* --- looking things up ---------------------------------------------------------- */

const struct safetensors_tensor *
safetensors_find(const struct safetensors *file, const char *name)
{
    size_t low = 0, high = file->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct safetensors_tensor *t = &file->tensor[file->by_name[middle]];
        int order = strcmp(name, t->name);

        if (order == 0)
            return t;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const char *
shape_text(enum safetensors_dtype dtype, int dims, const size_t *dim, char text[64])
{
    size_t used = (size_t)snprintf(text, 64, "%s[", dtypes[dtype].name);

    for (int i = 0; i < dims && used < 64; i++)
        used +=
            (size_t)snprintf(text + used, 64 - used, "%s%zu", i > 0 ? "," : "", dim[i]);
    if (used < 64)
        snprintf(text + used, 64 - used, "]");
    return text;
}

enum ode_status
safetensors_get(const struct safetensors *file, const char *name,
                enum safetensors_dtype dtype, int dims, const size_t *dim,
                const void **data, struct ode_err *err)
{
    const struct safetensors_tensor *t = safetensors_find(file, name);
    char found[64], wanted[64];

    shape_text(dtype, dims, dim, wanted);
    if (!t)
        return ode_fail(err, ODE_EFORMAT, file->path,
                        "tensor %.60s is missing; %s was expected", name, wanted);
    if (t->dtype != dtype || t->dims != dims
        || (dims > 0 && memcmp(t->dim, dim, (size_t)dims * sizeof *dim) != 0))
        return ode_fail(err, ODE_EFORMAT, file->path,
                        "tensor %.60s: found %s, expected %s", name,
                        shape_text(t->dtype, t->dims, t->dim, found), wanted);
    *data = t->data;
    return ODE_OK;
}

const char *
safetensors_text(const struct safetensors *file, const char *key)
{
    return json_string_value(json_object_get(file->metadata, key));
}
