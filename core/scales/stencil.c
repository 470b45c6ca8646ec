/* stencil.c - 3x3 kernels between image resolutions: coarse = M S M'. */
#include "core/scales/stencil.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct ode_stencil_axis axes[] = {
    [ODE_SPACE_BILINEAR] = {
        .coarsen = { { 0.5, 0.125, 0 }, { 0.5, 0.75, 0.5 }, { 0, 0.125, 0.5 } },
        .refine = { { 2.5, -0.5, 0.5 }, { -2, 2, -2 }, { 0.5, -0.5, 2.5 } },
    },
    [ODE_SPACE_CONSTANT] = {
        .coarsen = { { 0.5, 0, 0 }, { 0.5, 1, 0.5 }, { 0, 0, 0.5 } },
        .refine = { { 2, 0, 0 }, { -1, 1, -1 }, { 0, 0, 2 } },
    },
    [ODE_SPACE_REDISCRETISE] = {
        .coarsen = { { 0.5625, 0.1875, 0.0625 }, { 0.375, 0.625, 0.375 },
                     { 0.0625, 0.1875, 0.5625 } },
        .refine = { { 2.25, -0.75, 0.25 }, { -1.5, 2.5, -1.5 }, { 0.25, -0.75, 2.25 } },
    },
    [ODE_SPACE_NONE] = {
        .coarsen = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },
        .refine = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },
    },
};
/* clang-format on */

const struct ode_stencil_axis *
ode_stencil_axis(enum ode_space space)
{
    return &axes[space];
}

enum ode_status
ode_stencil_halvings(int64_t from, int64_t to, int *halvings, struct ode_err *err)
{
    int64_t small = from < to ? from : to, large = from < to ? to : from;
    int n = 0;

    while (small > 0 && small <= large / 2) {
        small *= 2;
        n++;
    }
    if (small < 1 || small != large)
        return ode_fail(err, ODE_ESHAPE, NULL,
                        "kernels cannot go from %lld to %lld pixels: one must be a power "
                        "of two times the other",
                        (long long)from, (long long)to);
    *halvings = from < to ? -n : n;
    return ODE_OK;
}

/* t = m s'. Applied twice it is m s m'. The outer taps are added first: then turning the
 * stencil around only swaps two summands, and the turned result has the same bits. */
static void
axis_apply(const double (*m)[3], double (*s)[3], double (*t)[3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            t[i][j] = (m[i][0] * s[j][0] + m[i][2] * s[j][2]) + m[i][1] * s[j][1];
}

void
ode_stencil_map(enum ode_space space, int halvings, double stencil[3][3])
{
    const struct ode_stencil_axis *axis = &axes[space];
    const double(*m)[3] = halvings > 0 ? axis->coarsen : axis->refine;
    double half[3][3];

    if (space == ODE_SPACE_NONE)
        return;
    for (int level = abs(halvings); level > 0; level--) {
        axis_apply(m, stencil, half);
        axis_apply(m, half, stencil);
    }
}

/* The map along one axis to the power |halvings|. */
static void
axis_power(enum ode_space space, int halvings, double power[3][3])
{
    const double(*m)[3] = halvings > 0 ? axes[space].coarsen : axes[space].refine;
    double next[3][3];

    memcpy(power, axes[ODE_SPACE_NONE].coarsen, sizeof next);
    for (int level = abs(halvings); level > 0; level--) {
        for (int i = 0; i < 9; i++)
            next[i / 3][i % 3] = m[i / 3][0] * power[0][i % 3]
                                 + m[i / 3][1] * power[1][i % 3]
                                 + m[i / 3][2] * power[2][i % 3];
        memcpy(power, next, sizeof next);
    }
}

void
ode_stencil_map_squares(enum ode_space space, int halvings, double squares[3][3])
{
    double m[3][3], half[3][3];

    axis_power(space, halvings, m);
    for (int i = 0; i < 9; i++)
        m[i / 3][i % 3] *= m[i / 3][i % 3];
    axis_apply((const double(*)[3])m, squares, half);
    axis_apply((const double(*)[3])m, half, squares);
}

/* The terms of `bilinear` along an axis, by order, and six times the parts that taps have
 * in them. */
static const double terms[3][3] = {
    {1,   4,  1},
    { -1, 0,  1},
    { 1,  -2, 1}
};
static const double parts[3][3] = {
    {1,   1,  1},
    { -3, 0,  3},
    { 2,  -1, 2}
};

/* Of a term in so many doublings, together. */
static double
term_factor(int order, int doublings, double cap)
{
    return fmin(ldexp(1, order * doublings), cap);
}

double
ode_stencil_undamped(int doublings)
{
    return ldexp(1, 4 * doublings);
}

/* What is above the cap is taken away again: nothing, to the bit, from stencils without
 * such terms. Turned by 180 degrees, a term and its part change sign or neither does. */
void
ode_stencil_damp(int doublings, double was, double cap, double s[3][3])
{
    double half[3][3], part[3][3];

    axis_apply(parts, s, half);
    axis_apply(parts, half, part);
    for (int p = 0; p < 3; p++)
        for (int q = 0; q < 3; q++) {
            const double above =
                1
                - term_factor(p + q, doublings, cap) / term_factor(p + q, doublings, was);
            const double excess = above * part[p][q] / 36;

            if (excess == 0)
                continue;
            for (int i = 0; i < 9; i++)
                s[i / 3][i % 3] -= excess * (terms[p][i / 3] * terms[q][i % 3]);
        }
}

void
ode_stencil_refine(double cap, int doublings, double stencil[3][3])
{
    for (int level = 0; level < doublings; level++) {
        ode_stencil_map(ODE_SPACE_BILINEAR, -1, stencil);
        ode_stencil_damp(1, ode_stencil_undamped(1), cap, stencil);
    }
}

/* Entry (to, from) of the 9x9 map of all doublings: the sum over its terms. */
static double
refine_entry(double cap, int doublings, int to, int from)
{
    double sum = 0;

    for (int p = 0; p < 3; p++)
        for (int q = 0; q < 3; q++)
            sum += pow(term_factor(p + q, 1, cap), doublings)
                   * (terms[p][to / 3] * terms[q][to % 3])
                   * (parts[p][from / 3] * parts[q][from % 3]);
    return sum / 36;
}

void
ode_stencil_refine_squares(double cap, int doublings, double squares[3][3])
{
    double from[9];

    memcpy(from, squares, sizeof from);
    for (int i = 0; i < 9; i++) {
        squares[i / 3][i % 3] = 0;
        for (int j = 0; j < 9; j++) {
            const double entry = refine_entry(cap, doublings, i, j);

            squares[i / 3][i % 3] += entry * entry * from[j];
        }
    }
}

void
ode_stencil_apply(enum ode_space space, int halvings, size_t n, const float *from,
                  float *to)
{
    double s[3][3];

    for (size_t k = 0; k < n; k++) {
        for (int i = 0; i < 9; i++)
            s[i / 3][i % 3] = from[9 * k + i];
        ode_stencil_map(space, halvings, s);
        for (int i = 0; i < 9; i++)
            to[9 * k + i] = (float)s[i / 3][i % 3];
    }
}

/*
 * B = M^k looks the same from both ends, so it splits into its actions on [-1 0 1], a
 * number, and on the symmetric stencils, a 2x2 block with the larger singular value
 * (sqrt(F + 2 |det|) + sqrt(F - 2 |det|)) / 2, F the sum of its squares. The norm of a
 * tensor product is the product of the norms.
 */
double
ode_stencil_gain(enum ode_space space, int halvings)
{
    double b[3][3], odd, f, det, even;

    axis_power(space, halvings, b);
    odd = fabs(b[0][0] - b[0][2]);
    det = fabs((b[0][0] + b[0][2]) * b[1][1] - 2 * b[0][1] * b[1][0]);
    f = (b[0][0] + b[0][2]) * (b[0][0] + b[0][2]) + 2 * b[0][1] * b[0][1]
        + 2 * b[1][0] * b[1][0] + b[1][1] * b[1][1];
    even = (sqrt(f + 2 * det) + sqrt(fmax(f - 2 * det, 0))) / 2;
    return fmax(odd, even) * fmax(odd, even);
}

double
ode_stencil_condition(enum ode_space space, int halvings)
{
    return ode_stencil_gain(space, halvings) * ode_stencil_gain(space, -halvings);
}
