/*
 * safetensors.h - named tensors in a file.
 *
 * The format: 8 bytes of little-endian header length, a JSON header {"__metadata__":
 * {key: text}, name: {"dtype", "shape", "data_offsets": [begin, end]}}, and the raw
 * little-endian data, which the offsets count from and fill without holes. The header is
 * padded with spaces so that the data begins at a multiple of 64 bytes.
 */
#ifndef ODE_SCHEMA_SAFETENSORS_H
#define ODE_SCHEMA_SAFETENSORS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { SAFETENSORS_DIMS_MAX = 8 };

enum safetensors_dtype {
    SAFETENSORS_BOOL,
    SAFETENSORS_U8,
    SAFETENSORS_I8,
    SAFETENSORS_U16,
    SAFETENSORS_I16,
    SAFETENSORS_F16,
    SAFETENSORS_BF16,
    SAFETENSORS_U32,
    SAFETENSORS_I32,
    SAFETENSORS_F32,
    SAFETENSORS_U64,
    SAFETENSORS_I64,
    SAFETENSORS_F64
};

struct safetensors_tensor {
    const char *name; /* not "__metadata__" */
    enum safetensors_dtype dtype;
    int dims; /* 0: a scalar */
    size_t dim[SAFETENSORS_DIMS_MAX];
    const void *data; /* [dim[0]]...[dim[dims - 1]] */
};

/*
 * Writes n tensors in this order, and metadata (an object of strings, or NULL), with
 * ode_file_write_atomic(). The bytes depend on names, shapes, data and metadata alone.
 * ODE_EARG if a name is there twice or not UTF-8, or a value of metadata not a string.
 */
enum ode_status safetensors_write(const char *path,
                                  const struct safetensors_tensor *tensor, size_t n,
                                  const json_t *metadata, struct ode_err *err);

/* A file that was read. All pointers in it live as long as it does. */
struct safetensors {
    size_t n;
    struct safetensors_tensor
        *tensor;      /* in the order of their data; each 64-byte aligned */
    json_t *metadata; /* an object of strings; empty if the file has none */
    char *path;
    json_t *header; /* private, as all below */
    size_t *by_name;
    void *data;
};

/*
 * Reads and checks a whole file: header, names, known dtypes, shapes that fit their
 * extents, extents without holes or overlap up to the very end of the file. ODE_EFORMAT
 * names file and tensor, what was found and what was expected; ODE_ENOENT, ODE_EIO,
 * ODE_ENOMEM. On success the caller ends it with safetensors_close().
 */
enum ode_status safetensors_open(struct safetensors *file, const char *path,
                                 struct ode_err *err);
void safetensors_close(struct safetensors *file); /* safe on zeros and twice */

/* The tensor of this name, or NULL. */
const struct safetensors_tensor *safetensors_find(const struct safetensors *file,
                                                  const char *name);

/* The data of the tensor of this name, which must have this dtype and shape: else
 * ODE_EFORMAT, with both. */
enum ode_status safetensors_get(const struct safetensors *file, const char *name,
                                enum safetensors_dtype dtype, int dims, const size_t *dim,
                                const void **data, struct ode_err *err);

/* The metadata text of this key, or NULL. */
const char *safetensors_text(const struct safetensors *file, const char *key);

const char *safetensors_dtype_name(enum safetensors_dtype dtype);
size_t safetensors_dtype_bytes(enum safetensors_dtype dtype);

/* Bytes of the tensor's data; SIZE_MAX where they cannot be counted in a size_t. */
size_t safetensors_bytes(const struct safetensors_tensor *tensor);

#endif
