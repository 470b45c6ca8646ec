/*
 * squeeze.h - gzip of a whole answer.
 */
#ifndef ODE_API_SQUEEZE_H
#define ODE_API_SQUEEZE_H

#include <stddef.h>

/* Bytes that are worth it, and that take no longer than a few milliseconds. */
enum { SQUEEZE_LEAST = 1024, SQUEEZE_MOST = 1 << 20 };

/* The n bytes as gzip, of malloc(), *size of them; NULL where that would be no shorter,
 * or memory is short. */
void *squeeze(const void *data, size_t n, size_t *size);

#endif
