/* hash.c - SHA-256, and HMAC with it, in lower-case hex. */
#include "core/base/hash.h"

#include <errno.h>
#include <sha2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

/* Begins a hash with the key, in every byte of which the bits of `mask` are turned. */
static void
begin_with(SHA2_CTX *context, const uint8_t key[SHA256_BLOCK_LENGTH], uint8_t mask)
{
    uint8_t pad[SHA256_BLOCK_LENGTH];

    for (int i = 0; i < SHA256_BLOCK_LENGTH; i++)
        pad[i] = key[i] ^ mask;
    SHA256Init(context);
    SHA256Update(context, pad, sizeof pad);
}

void
ode_hash_sign(const void *key, size_t key_size, const void *data, size_t size,
              char hex[ODE_HASH_HEX])
{
    uint8_t block[SHA256_BLOCK_LENGTH] = { 0 }, digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX context;

    if (key_size > sizeof block) { /* its hash is the key */
        SHA256Init(&context);
        SHA256Update(&context, key, key_size);
        SHA256Final(block, &context);
    } else {
        memcpy(block, key, key_size);
    }
    begin_with(&context, block, 0x36);
    SHA256Update(&context, data, size);
    SHA256Final(digest, &context);
    begin_with(&context, block, 0x5c);
    SHA256Update(&context, digest, sizeof digest);
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
