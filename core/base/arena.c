/* arena.c - memory with one lifetime: measured first, then taken in one piece. */
#include "core/base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

static size_t
rounded_up(size_t size, size_t to)
{
    return (size + to - 1) / to * to;
}

enum ode_status
ode_arena_init(struct ode_arena *arena, size_t size, struct ode_err *err)
{
    const size_t all = rounded_up(size ? size : 1, ODE_ALIGN);
    const size_t align = all >= HUGE_PAGE ? HUGE_PAGE : ODE_ALIGN;
    void *base = aligned_alloc(align, rounded_up(all, align));

    if (!base)
        return ode_fail(err, ODE_ENOMEM, NULL, "%.1f MiB are not to be had",
                        (double)size / (1 << 20));
#ifdef MADV_HUGEPAGE
    if (all >= HUGE_PAGE) /* advice: nothing is lost where it is not taken */
        madvise(base, all / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
    memset(base, 0, all);
    *arena = (struct ode_arena){ .base = base, .size = all };
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
