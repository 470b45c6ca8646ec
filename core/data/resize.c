/* resize.c - images in floats to half and twice their size. */
#include "core/data/resize.h"

#include <assert.h>
#include <string.h>

enum { BLOCK = 16 }; /* pixels: loops of fixed length become vector instructions */

/* y [n] = the means of 2x2 pixels of two rows [2n]. The sums are formed first and then
 * written, so y may be the first row. */
static void
row_halve(const float *x, const float *below, int n, float *y)
{
    float sum[BLOCK];
    int j = 0;

    for (; j + BLOCK <= n; j += BLOCK) {
        for (int k = 0; k < BLOCK; k++)
            sum[k] = (x[2 * (j + k)] + x[2 * (j + k) + 1])
                     + (below[2 * (j + k)] + below[2 * (j + k) + 1]);
        for (int k = 0; k < BLOCK; k++)
            y[j + k] = 0.25f * sum[k];
    }
    for (; j < n; j++)
        y[j] = 0.25f * ((x[2 * j] + x[2 * j + 1]) + (below[2 * j] + below[2 * j + 1]));
}

void
ode_resize_halve(const float *x, int n, float *y)
{
    for (int i = 0; i < n; i++)
        row_halve(x + 4 * n * i, x + 4 * n * i + 2 * n, n, y + n * i);
}

/* Three quarters of one and a quarter of the other; equal ones stay as they are. */
static float
between(float near, float far)
{
    return near + 0.25f * (far - near);
}

/* Pixel i of the doubled axis lies between pixel i / 2 and this one of 0 to n - 1. */
static int
neighbour(int i, int n)
{
    const int k = i % 2 ? i / 2 + 1 : i / 2 - 1;

    return k < 0 ? 0 : k < n ? k : n - 1;
}

void
ode_resize_double(const float *x, int n, float *y)
{
    for (int i = 0; i < 2 * n; i++) {
        const float *near = x + n * (i / 2), *far = x + n * neighbour(i, n);

        for (int j = 0; j < 2 * n; j++) {
            const int k = j / 2, l = neighbour(j, n);

            y[2 * n * i + j] =
                between(between(near[k], near[l]), between(far[k], far[l]));
        }
    }
}

static size_t
plane(int n)
{
    return (size_t)n * (size_t)n;
}

size_t
ode_resize_room(int from, int to)
{
    return 2 * plane(from > to ? from : to);
}

void
ode_resize_image(int channels, int from, const float *x, int to, float *room, float *y)
{
    float *now = room, *next = room + ode_resize_room(from, to) / 2;

    for (int c = 0; c < channels; c++) {
        int n = from;

        memcpy(now, x + plane(from) * (size_t)c, plane(from) * sizeof *now);
        for (; n > to; n /= 2)
            ode_resize_halve(now, n / 2, now);
        for (; n < to; n *= 2) {
            float *last = now;

            ode_resize_double(now, n, next);
            now = next, next = last;
        }
        assert(n == to);
        memcpy(y + plane(to) * (size_t)c, now, plane(to) * sizeof *now);
    }
}
