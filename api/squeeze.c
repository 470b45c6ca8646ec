/* squeeze.c - gzip by zlib. */
#include "api/squeeze.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, LEVEL = 1, MEMORY = 8 };

void *
squeeze(const void *data, size_t n, size_t *size)
{
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)n };
    void *out = n < UINT32_MAX ? malloc(n) : NULL;
    bool done;

    if (!out
        || deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY,
                        Z_DEFAULT_STRATEGY)
               != Z_OK) {
        free(out);
        return NULL;
    }
    stream.next_out = out;
    stream.avail_out = (uInt)n;
    done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    *size = stream.total_out;
    deflateEnd(&stream);
    if (done)
        return out;
    free(out);
    return NULL;
}
