/* blob.c - the contents of one data file: mapped, or unzipped into memory. */
#include "core/data/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { WORDS = sizeof((struct ode_err *)0)->text };

enum ode_status
ode_blob_fail(struct ode_err *err, const char *path, size_t offset, const char *format,
              ...)
{
    char text[WORDS], place[32], at[sizeof err->at];
    size_t room, length = strlen(path);
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(place, sizeof place, ":%zu", offset);
    room = sizeof at - 1 - strlen(place);
    if (length > room)
        snprintf(at, sizeof at, "...%s%s", path + length - (room - 3), place);
    else
        snprintf(at, sizeof at, "%s%s", path, place);
    return ode_fail(err, ODE_EDATA, at, "%s", text);
}

enum ode_status
ode_blob_measure(const struct ode_blob *blob, size_t want, const char *what,
                 struct ode_err *err)
{
    if (blob->clipped)
        return ode_blob_fail(err, blob->path, want,
                             "too long: holds more than the %zu bytes expected, %s", want,
                             what);
    if (blob->size != want)
        return ode_blob_fail(err, blob->path, blob->size < want ? blob->size : want,
                             "%s: holds %zu bytes, expected %zu, %s",
                             blob->size == 0     ? "empty"
                             : blob->size < want ? "truncated"
                                                 : "too long",
                             blob->size, want, what);
    return ODE_OK;
}

static enum ode_status
fail_errno(struct ode_err *err, const char *path, const char *verb)
{
    return ode_blob_fail(err, path, 0, "cannot be %s: %s", verb, strerror(errno));
}

static enum ode_status
map(struct ode_blob *blob, int fd, const char *path, size_t size, struct ode_err *err)
{
    if (size > 0) {
        blob->memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (blob->memory == MAP_FAILED)
            return fail_errno(err, path, "mapped");
        blob->mapped = true;
    }
    blob->size = size;
    return ODE_OK;
}

/* Reads until `limit` bytes are there or the end is; the checksum is compared there. */
static enum ode_status
inflate_all(gzFile gz, const char *path, uint8_t *to, size_t limit, size_t *size,
            struct ode_err *err)
{
    size_t used = 0;
    int got, code;

    do {
        size_t most = limit - used < 1 << 30 ? limit - used : 1 << 30;

        got = gzread(gz, to + used, (unsigned)most);
        used += got > 0 ? (size_t)got : 0;
    } while (got > 0 && used < limit);
    if (used > 0 && gzdirect(gz))
        return ode_blob_fail(err, path, 0,
                             "not gzip data: begins with byte 0x%02x, expected 0x1f 0x8b",
                             to[0]);
    gzerror(gz, &code);
    if (code == Z_BUF_ERROR)
        return ode_blob_fail(err, path, 0,
                             "truncated: the gzip data break off after %zu "
                             "decompressed bytes, expected %zu",
                             used, limit - 1);
    if (code != Z_OK)
        return ode_blob_fail(
            err, path, 0,
            "broken gzip data after %zu decompressed bytes, expected %zu "
            "good ones: %s",
            used, limit - 1, gzerror(gz, &code));
    *size = used;
    return ODE_OK;
}

static enum ode_status
unzip(struct ode_blob *blob, int fd, const char *path, size_t want, struct ode_err *err)
{
    enum ode_status status = ODE_ENOMEM;
    size_t size = 0;
    uint8_t *to = malloc(want + 1);
    int copy = dup(fd); /* gzclose closes it */
    gzFile gz = copy < 0 ? NULL : gzdopen(copy, "rb");

    if (to && gz)
        status = inflate_all(gz, path, to, want + 1, &size, err);
    else
        ode_fail(err, ODE_ENOMEM, path, "no memory to decompress %zu bytes", want);
    if (gz)
        gzclose(gz);
    else if (copy >= 0)
        close(copy);
    if (status != ODE_OK) {
        free(to);
        return status;
    }
    blob->memory = to;
    blob->clipped = size > want;
    blob->size = blob->clipped ? want : size;
    return ODE_OK;
}

enum ode_status
ode_blob_open(struct ode_blob *blob, const char *path, size_t want, struct ode_err *err)
{
    struct ode_blob made = { 0 };
    enum ode_status status;
    struct stat st;
    size_t length = strlen(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail_errno(err, path, "opened");
    if (length >= sizeof made.path)
        status = ode_blob_fail(err, path, 0, "path is longer than %d bytes",
                               ODE_BLOB_PATH - 1);
    else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        status = ode_blob_fail(err, path, 0, "not a regular file");
    else if (length > 3 && strcmp(path + length - 3, ".gz") == 0 && st.st_size > 0)
        status = unzip(&made, fd, path, want, err);
    else
        status = map(&made, fd, path, (size_t)st.st_size, err);
    close(fd);
    if (status != ODE_OK)
        return status;
    made.data = made.memory;
    memcpy(made.path, path, length + 1);
    *blob = made;
    return ODE_OK;
}

void
ode_blob_release(struct ode_blob *blob)
{
    if (blob->mapped)
        munmap(blob->memory, blob->size);
    else
        free(blob->memory);
    *blob = (struct ode_blob){ 0 };
}
