/* npz.c - named tensors for numpy. */
#include "core/files/npz.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/base/file.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors are written as they lie in memory, which must be little-endian"
#endif

/* The layout of zip archives: APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16. */
enum {
    LOCAL_SIGNATURE = 0x04034b50,
    CENTRAL_SIGNATURE = 0x02014b50,
    END_SIGNATURE = 0x06054b50,
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    VERSION = 20,    /* that is needed to unpack: 2.0 */
    DOS_DATE = 0x21, /* 1980-01-01 */
    FILES_MOST = 65534,
    NPY_ALIGN = 64,
    NPY_MOST = 320, /* bytes of the head of a .npy file of ODE_NPZ_DIMS extents */
    SUFFIX = 4      /* ".npy" */
};
#define ARCHIVE_MOST UINT64_C(0xfffffffe)

struct entry {
    unsigned char head[LOCAL_BYTES + ODE_NPZ_NAME + SUFFIX + NPY_MOST];
    unsigned char central[CENTRAL_BYTES + ODE_NPZ_NAME + SUFFIX];
    size_t head_n, central_n, data_n;
};

/* --- fields --------------------------------------------------------------------- */

static unsigned char *
put16(unsigned char *p, unsigned value)
{
    p[0] = (unsigned char)value;
    p[1] = (unsigned char)(value >> 8);
    return p + 2;
}

static unsigned char *
put32(unsigned char *p, uint32_t value)
{
    return put16(put16(p, value & 0xffff), value >> 16);
}

/* --- one tensor ----------------------------------------------------------------- */

/* Bytes of the data; SIZE_MAX where they cannot be counted. */
static size_t
tensor_bytes(const struct ode_npz_tensor *t)
{
    size_t n = t->type == ODE_NPZ_F32 ? 4 : 8;

    for (int d = 0; d < t->dims; d++)
        if (__builtin_mul_overflow(n, t->dim[d], &n))
            return SIZE_MAX;
    return n;
}

/* The head of a .npy file, version 1.0; returns its length, a multiple of NPY_ALIGN. */
static size_t
npy_head(const struct ode_npz_tensor *t, unsigned char *out)
{
    char text[NPY_MOST - 10];
    size_t n, whole;

    n = (size_t)snprintf(text, sizeof text,
                         "{'descr': '%s', 'fortran_order': False, 'shape': (",
                         t->type == ODE_NPZ_F32 ? "<f4" : "<i8");
    for (int d = 0; d < t->dims; d++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%zu%s", d > 0 ? ", " : "",
                              t->dim[d], t->dims == 1 ? "," : "");
    n += (size_t)snprintf(text + n, sizeof text - n, "), }");
    whole = (10 + n + 1 + NPY_ALIGN - 1) / NPY_ALIGN * NPY_ALIGN;
    memset(out, ' ', whole);
    memcpy(out, "\x93NUMPY\x01", 8);
    put16(out + 8, (unsigned)(whole - 10));
    memcpy(out + 10, text, n);
    out[whole - 1] = '\n';
    return whole;
}

static uint32_t
checksum(uint32_t crc, const void *data, size_t n)
{
    const unsigned char *p = data;
    const uInt most = 1 << 30;

    for (; n > most; n -= most, p += most)
        crc = (uint32_t)crc32(crc, p, most);
    return n > 0 ? (uint32_t)crc32(crc, p, (uInt)n) : crc;
}

/* What both headers of a file have in common, from the version on. */
static unsigned char *
put_common(unsigned char *p, uint32_t crc, size_t size, size_t name)
{
    p = put16(p, VERSION);
    p = put16(p, 0); /* flags */
    p = put16(p, 0); /* stored as it is */
    p = put16(p, 0); /* midnight */
    p = put16(p, DOS_DATE);
    p = put32(p, crc);
    p = put32(p, (uint32_t)size);
    p = put32(p, (uint32_t)size);
    p = put16(p, (unsigned)name);
    return put16(p, 0); /* extra fields */
}

/* Fills the headers of a tensor whose entry begins at `offset` in the archive. */
static void
entry_fill(struct entry *e, const struct ode_npz_tensor *t, size_t offset)
{
    unsigned char npy[NPY_MOST], *p;
    char name[ODE_NPZ_NAME + SUFFIX];
    const size_t npy_n = npy_head(t, npy);
    const size_t name_n = (size_t)snprintf(name, sizeof name, "%s.npy", t->name);
    uint32_t crc;

    e->data_n = tensor_bytes(t);
    crc = checksum(checksum((uint32_t)crc32(0, NULL, 0), npy, npy_n), t->data, e->data_n);
    p = put_common(put32(e->head, LOCAL_SIGNATURE), crc, npy_n + e->data_n, name_n);
    memcpy(p, name, name_n);
    memcpy(p + name_n, npy, npy_n);
    e->head_n = LOCAL_BYTES + name_n + npy_n;
    p = put16(put32(e->central, CENTRAL_SIGNATURE), VERSION);
    p = put_common(p, crc, npy_n + e->data_n, name_n);
    memset(p, 0, 10); /* no comment, first disk, no attributes */
    p = put32(p + 10, (uint32_t)offset);
    memcpy(p, name, name_n);
    e->central_n = CENTRAL_BYTES + name_n;
}

/* --- the archive ---------------------------------------------------------------- */

static enum ode_status
names_check(const char *path, const struct ode_npz_tensor *t, size_t n,
            struct ode_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!*t[i].name || strlen(t[i].name) >= ODE_NPZ_NAME)
            return ode_fail(err, ODE_EARG, path,
                            "tensor %zu has a name of %zu bytes; 1 to %d may be", i,
                            strlen(t[i].name), ODE_NPZ_NAME - 1);
        for (size_t j = 0; j < i; j++)
            if (strcmp(t[i].name, t[j].name) == 0)
                return ode_fail(err, ODE_EARG, path, "there are two tensors named %s",
                                t[i].name);
    }
    return ODE_OK;
}

static enum ode_status
sizes_check(const char *path, const struct ode_npz_tensor *t, size_t n,
            struct ode_err *err)
{
    uint64_t size = END_BYTES;

    for (size_t i = 0; i < n && size <= ARCHIVE_MOST; i++) {
        const size_t bytes = tensor_bytes(&t[i]);

        size += bytes > ARCHIVE_MOST ? ARCHIVE_MOST : bytes;
        size += sizeof(struct entry);
    }
    if (n > FILES_MOST || size > ARCHIVE_MOST)
        return ode_fail(err, ODE_EARG, path,
                        "%zu tensors of 4 GiB or more in all do not fit into an .npz "
                        "file; write safetensors instead",
                        n);
    return ODE_OK;
}

static void
end_fill(unsigned char end[END_BYTES], size_t n, size_t size, size_t offset)
{
    unsigned char *p = put32(put32(end, END_SIGNATURE), 0); /* the only disk */

    p = put16(put16(p, (unsigned)n), (unsigned)n);
    put16(put32(put32(p, (uint32_t)size), (uint32_t)offset), 0); /* no comment */
}

/* head, data, head, data, ..., then the directory: piece has 3 n + 1. */
static enum ode_status
archive_write(const char *path, const struct ode_npz_tensor *t, size_t n,
              struct entry *entry, struct iovec *piece, struct ode_err *err)
{
    unsigned char end[END_BYTES];
    size_t offset = 0, directory = 0;

    for (size_t i = 0; i < n; i++) {
        struct entry *e = &entry[i];

        entry_fill(e, &t[i], offset);
        piece[2 * i] = (struct iovec){ .iov_base = e->head, .iov_len = e->head_n };
        piece[2 * i + 1] = /* an iovec has no const, and is only read here */
            (struct iovec){ .iov_base = (void *)(uintptr_t)t[i].data,
                            .iov_len = e->data_n };
        piece[2 * n + i] =
            (struct iovec){ .iov_base = e->central, .iov_len = e->central_n };
        offset += e->head_n + e->data_n;
        directory += e->central_n;
    }
    end_fill(end, n, directory, offset);
    piece[3 * n] = (struct iovec){ .iov_base = end, .iov_len = sizeof end };
    return ode_file_write_atomic(path, piece, 3 * n + 1, err);
}

enum ode_status
ode_npz_write(const char *path, const struct ode_npz_tensor *tensor, size_t n,
              struct ode_err *err)
{
    enum ode_status status;
    struct entry *entry;
    struct iovec *piece;

    ODE_TRY(names_check(path, tensor, n, err));
    ODE_TRY(sizes_check(path, tensor, n, err));
    entry = calloc(n + 1, sizeof *entry);
    piece = calloc(3 * n + 1, sizeof *piece);
    if (entry && piece)
        status = archive_write(path, tensor, n, entry, piece, err);
    else
        status = ode_fail(err, ODE_ENOMEM, path, "no memory to write %zu tensors", n);
    free(entry);
    free(piece);
    return status;
}
