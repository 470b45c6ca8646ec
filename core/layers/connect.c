/* connect.c - 2x2 means and zero channels between two segments. */
#include "core/layers/connect.h"

#include <string.h>

real
ode_to_grid(real x, real grid)
{
    const real magic = grid * (real)(1ull << (ODE_REAL_BITS - 1));
    const real away = x < 0 ? -magic : magic;

    return grid > 0 ? (x + away) - away : x;
}

/* Index of channel c at (y, x) in an image of size h x w. */
static size_t
at(int c, int y, int x, int h, int w)
{
    return (size_t)(c / ODE_VEC) * ode_plane(h, w)
           + ((size_t)(y + 1) * (size_t)(w + 2) + (size_t)(x + 1)) * ODE_VEC
           + (size_t)(c % ODE_VEC);
}

void
ode_connect(const struct ode_connector *s, const real *x, real *y)
{
    const int h = s->h / 2, w = s->w / 2, before = (s->to - s->from) / 2;
    const size_t down = (size_t)(s->w + 2) * ODE_VEC;

    memset(y, 0, ode_image(s->to, h, w) * sizeof *y);
    for (int c = 0; c < s->from; c++)
        for (int r = 0; r < h; r++)
            for (int p = 0; p < w; p++) {
                const real *four = x + at(c, 2 * r, 2 * p, s->h, s->w);
                const real sum =
                    (four[0] + four[ODE_VEC]) + (four[down] + four[down + ODE_VEC]);

                y[at(c + before, r, p, h, w)] = ode_to_grid(sum / 4, s->grid);
            }
}

void
ode_connect_adjoint(const struct ode_connector *s, const real *dy, real *dx)
{
    const int h = s->h / 2, w = s->w / 2, before = (s->to - s->from) / 2;
    const size_t down = (size_t)(s->w + 2) * ODE_VEC;

    memset(dx, 0, ode_image(s->from, s->h, s->w) * sizeof *dx);
    for (int c = 0; c < s->from; c++)
        for (int r = 0; r < h; r++)
            for (int p = 0; p < w; p++) {
                const real quarter = dy[at(c + before, r, p, h, w)] / 4;
                real *four = dx + at(c, 2 * r, 2 * p, s->h, s->w);

                four[0] = four[ODE_VEC] = four[down] = four[down + ODE_VEC] = quarter;
            }
}

/* Pixel (y, x) of block b. */
static size_t
pixel_at(int b, int y, int x, int h, int w)
{
    return at(b * ODE_VEC, y, x, h, w);
}

void
ode_subsample(int n, int h, int w, const real *x, real *y)
{
    for (int b = 0; b < n; b++)
        for (int r = 0; r < h / 2; r++)
            for (int p = 0; p < w / 2; p++)
                memcpy(y + pixel_at(b, r, p, h / 2, w / 2),
                       x + pixel_at(b, 2 * r, 2 * p, h, w), ODE_VEC * sizeof *y);
}

void
ode_subsample_adjoint(int n, int h, int w, const real *dy, real *dx)
{
    memset(dx, 0, (size_t)n * ode_plane(h, w) * sizeof *dx);
    for (int b = 0; b < n; b++)
        for (int r = 0; r < h / 2; r++)
            for (int p = 0; p < w / 2; p++)
                memcpy(dx + pixel_at(b, 2 * r, 2 * p, h, w),
                       dy + pixel_at(b, r, p, h / 2, w / 2), ODE_VEC * sizeof *dx);
}
