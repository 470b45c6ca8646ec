/* hash.h - SHA-256, and signatures made with it, in lower-case hex. */
#ifndef ODE_CORE_BASE_HASH_H
#define ODE_CORE_BASE_HASH_H

#include <stddef.h>

#include "core/base/status.h"

enum { ODE_HASH_HEX = 65 }; /* bytes, with the zero byte at the end */

void ode_hash_bytes(const void *data, size_t size, char hex[ODE_HASH_HEX]);

/*
 * HMAC-SHA256 (RFC 2104) of the data: who knows the key can tell that whoever made it
 * knew it, too.
 */
void ode_hash_sign(const void *key, size_t key_size, const void *data, size_t size,
                   char hex[ODE_HASH_HEX]);

/* Of a file's contents, read in pieces. ODE_ENOENT or ODE_EIO. */
enum ode_status ode_hash_file(const char *path, char hex[ODE_HASH_HEX],
                              struct ode_err *err);

#endif
