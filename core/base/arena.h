/*
 * arena.h - memory with one lifetime.
 *
 * An arena without a base only counts. So a set of buffers is placed by one function that
 * is called twice: once on an empty arena to measure, once on a real one to place.
 * Measured and used memory are equal by construction.
 */
#ifndef ODE_CORE_BASE_ARENA_H
#define ODE_CORE_BASE_ARENA_H

#include <stddef.h>

#include "core/base/status.h"

#define ODE_ALIGN 64 /* bytes: a cache line, and the widest vector */

struct ode_arena {
    unsigned char *base; /* NULL: only counts */
    size_t size, used;   /* bytes */
};

/* Takes `size` zeroed bytes from the system, in huge pages where it gives them. Fails
 * with ODE_ENOMEM. */
enum ode_status ode_arena_init(struct ode_arena *arena, size_t size, struct ode_err *err);
void ode_arena_release(struct ode_arena *arena); /* safe on zeros and twice */

/* The next n * size bytes, aligned to ODE_ALIGN; NULL while only counting. The arena must
 * have been measured: running out is a broken promise, not a failure. */
void *ode_arena_take(struct ode_arena *arena, size_t n, size_t size);

#endif
