/* arena.c - memory with one lifetime: measured first, then taken in one piece. */
#include "core/base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum ode_status
ode_arena_init(struct ode_arena *arena, size_t size, struct ode_err *err)
{
    size_t rounded = (size + ODE_ALIGN - 1) / ODE_ALIGN * ODE_ALIGN;
    void *base = aligned_alloc(ODE_ALIGN, rounded ? rounded : ODE_ALIGN);

    if (!base)
        return ode_fail(err, ODE_ENOMEM, NULL, "%.1f MiB are not to be had",
                        (double)size / (1 << 20));
    memset(base, 0, rounded ? rounded : ODE_ALIGN);
    *arena = (struct ode_arena){ .base = base, .size = rounded };
    return ODE_OK;
}

void
ode_arena_release(struct ode_arena *arena)
{
    free(arena->base);
    *arena = (struct ode_arena){ 0 };
}

void *
ode_arena_take(struct ode_arena *arena, size_t n, size_t size)
{
    size_t bytes = (n * size + ODE_ALIGN - 1) / ODE_ALIGN * ODE_ALIGN;
    void *at = arena->base ? arena->base + arena->used : NULL;

    arena->used += bytes;
    assert(!arena->base || arena->used <= arena->size);
    return at;
}
