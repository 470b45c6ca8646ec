/*
 * blob.h - the contents of one data file: mapped, or unzipped into memory.
 *
 * A path that ends in .gz is decompressed, any other file is mapped. A mapped file must
 * not be shortened while it is in use: the system then ends the process.
 */
#ifndef ODE_CORE_DATA_BLOB_H
#define ODE_CORE_DATA_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { ODE_BLOB_PATH = 512 };

struct ode_blob {
    const uint8_t *data; /* NULL where size is 0                              */
    size_t size;         /* bytes; of a .gz file, after decompression         */
    bool clipped;        /* the .gz file holds more, which was not looked at  */
    char path[ODE_BLOB_PATH];
    void *memory; /* private: what release gives back */
    bool mapped;
};

/*
 * Opens the file at path. Of a .gz file at most `want` + 1 bytes are decompressed, so one
 * that is too long is noticed and cannot fill the memory. Its checksum is verified.
 *
 * Fails with ODE_EDATA (absent, unreadable, not a file, broken gzip data) or ODE_ENOMEM.
 * On success the caller owns *blob and ends it with ode_blob_release(), which is safe on
 * zeros and twice.
 */
enum ode_status ode_blob_open(struct ode_blob *blob, const char *path, size_t want,
                              struct ode_err *err);
void ode_blob_release(struct ode_blob *blob);

/* Fills err with ODE_EDATA and at = "path:offset" (the end of it, where it is long). */
enum ode_status ode_blob_fail(struct ode_err *err, const char *path, size_t offset,
                              const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Fails unless the blob holds exactly `want` bytes, which are `what`. */
enum ode_status ode_blob_measure(const struct ode_blob *blob, size_t want,
                                 const char *what, struct ode_err *err);

#endif
