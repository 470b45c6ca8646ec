/* depth.c - parameters between numbers of time steps: samples of a function of time. */
#include "core/scales/depth.h"

#include "core/blocks/block.h"

#include <assert.h>
#include <stdint.h>

enum ode_time
ode_depth_resolve(enum ode_time time, enum ode_block block)
{
    return time == ODE_TIME_LINEAR ? ode_block_table[block]->time : time;
}

enum ode_status
ode_depth_check(const struct ode_model_spec *model, struct ode_err *err)
{
    if (model->block != ODE_BLOCK_LEAPFROG || model->start != ODE_START_ZERO)
        return ODE_OK;
    return ode_fail(err, ODE_ESPEC, "/model/start",
                    "leapfrog with the start \"zero\" has no limit as steps get smaller, "
                    "so it cannot change its depth; use taylor or neumann");
}

/* The source between its samples, at p / q of their spacing after the first. */
static struct ode_depth_row
linear_row(int n, int64_t p, int64_t q)
{
    int64_t last = (n - 1) * q, at = p < 0 ? 0 : p > last ? last : p;
    int64_t rest = at % q;

    if (rest == 0)
        return (struct ode_depth_row){ .first = (int)(at / q), .count = 1, .head = 1 };
    return (struct ode_depth_row){ .first = (int)(at / q),
                                   .count = 2,
                                   .head = (double)(q - rest) / (double)q,
                                   .tail = (double)rest / (double)q };
}

/* The mean over new cell i. In units of 1 / (n m) new cells are n long, old ones m. */
static struct ode_depth_row
mean_row(int64_t n, int64_t m, int64_t i)
{
    int64_t begin = i * n, end = begin + n, first = begin / m, last = (end - 1) / m;

    if (first == last)
        return (struct ode_depth_row){ .first = (int)first, .count = 1, .head = 1 };
    return (struct ode_depth_row){ .first = (int)first,
                                   .count = (int)(last - first + 1),
                                   .head = (double)((first + 1) * m - begin) / (double)n,
                                   .inner = (double)m / (double)n,
                                   .tail = (double)(end - last * m) / (double)n };
}

struct ode_depth_row
ode_depth_row(enum ode_time time, int n, int m, int i)
{
    assert(time != ODE_TIME_LINEAR && n > 0 && 0 <= i && i < m);
    if (time == ODE_TIME_NODAL) /* i / m = x / n */
        return linear_row(n, (int64_t)i * n, m);
    if (time == ODE_TIME_CELL) /* (i + 1/2) / m = (x + 1/2) / n */
        return linear_row(n, (2 * (int64_t)i + 1) * n - m, 2 * (int64_t)m);
    return mean_row(n, m, i);
}

double
ode_depth_weight(const struct ode_depth_row *row, int k)
{
    return k == 0 ? row->head : k == row->count - 1 ? row->tail : row->inner;
}

/* The weights sum to 1, so a mean is its first value less weighted differences: equal
 * values then give just that value, even a negative zero. Values are `stride` apart. */
static float
mean_of(const struct ode_depth_row *row, const float *x, size_t stride)
{
    double sum = x[0];

    for (int k = 1; k < row->count; k++)
        sum -= ode_depth_weight(row, k) * ((double)x[0] - x[(size_t)k * stride]);
    return (float)sum;
}

void
ode_depth_apply(enum ode_time time, int n, int m, size_t size, const float *from,
                float *to)
{
    for (int i = 0; i < m; i++) {
        struct ode_depth_row row = ode_depth_row(time, n, m, i);

        for (size_t s = 0; s < size; s++)
            to[(size_t)i * size + s] =
                mean_of(&row, &from[(size_t)row.first * size + s], size);
    }
}

/* The sum over i of P_ij y[i size]: row j of the transpose. */
static double
column_sum(enum ode_time time, int n, int m, int j, size_t size, const float *y)
{
    double sum = 0;

    for (int i = 0; i < m; i++) {
        struct ode_depth_row row = ode_depth_row(time, n, m, i);
        int k = j - row.first;

        if (0 <= k && k < row.count)
            sum += ode_depth_weight(&row, k) * y[(size_t)i * size];
    }
    return sum;
}

void
ode_depth_adjoint(enum ode_time time, int n, int m, size_t size, const float *to,
                  float *from)
{
    for (int j = 0; j < n; j++)
        for (size_t s = 0; s < size; s++)
            from[(size_t)j * size + s] = (float)column_sum(time, n, m, j, size, to + s);
}
