/* hash.c - SHA-256, in lower-case hex. */
#include "core/base/hash.h"

#include <errno.h>
#include <sha2.h>
#include <stdint.h>
#include <stdio.h>

static void
hash_end(SHA2_CTX *context, char hex[ODE_HASH_HEX])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256Final(digest, context);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void
ode_hash_bytes(const void *data, size_t size, char hex[ODE_HASH_HEX])
{
    SHA2_CTX context;

    SHA256Init(&context);
    SHA256Update(&context, data, size);
    hash_end(&context, hex);
}

enum ode_status
ode_hash_file(const char *path, char hex[ODE_HASH_HEX], struct ode_err *err)
{
    uint8_t piece[16384];
    FILE *file = fopen(path, "rbe");
    SHA2_CTX context;
    size_t n;
    int failed;

    if (!file)
        return ode_fail_errno(err, errno == ENOENT ? ODE_ENOENT : ODE_EIO, path,
                              "cannot open the file");
    SHA256Init(&context);
    while ((n = fread(piece, 1, sizeof piece, file)) > 0)
        SHA256Update(&context, piece, n);
    failed = ferror(file);
    if (failed)
        ode_fail_errno(err, ODE_EIO, path, "cannot read the file");
    fclose(file);
    if (failed)
        return ODE_EIO;
    hash_end(&context, hex);
    return ODE_OK;
}
