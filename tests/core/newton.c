/* newton.c - tests core/optim/newton.c */
#include "core/optim/newton.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/rng.h"
#include "tests/test.h"

enum { N = 60, FEATURES = 5, CLASSES = 4, WIDTH = FEATURES + 1 };
enum { WEIGHTS = CLASSES * FEATURES, ALL = CLASSES * WIDTH };

/* A problem with its own data, and a start. */
struct problem {
    struct ode_arena arena;
    struct ode_newton s;
    real features[N * FEATURES], weight[WEIGHTS], bias[CLASSES];
    int labels[N];
};

static struct ode_rng
rng_of(uint64_t what)
{
    return ode_rng_at(4, ODE_STREAM_TEST, 600, what);
}

static void
draw(uint64_t what, size_t n, double *x)
{
    struct ode_rng rng = rng_of(what);

    for (size_t i = 0; i < n; i++)
        x[i] = ode_rng_normal(&rng);
}

/* Features of unequal sizes, not centred; labels that a linear rule mostly explains. */
static void
problem_init(struct problem *p, double smoothing, double decay)
{
    struct ode_arena count = { 0 };
    struct ode_rng rng = rng_of(1);
    struct ode_err err;

    *p = (struct problem){
        .s = {.n = N,
              .features = FEATURES,
              .classes = CLASSES,
              .smoothing = smoothing,
              .decay = decay}
    };
    ode_newton_place(&p->s, &count);
    test_ok(ode_arena_init(&p->arena, count.used, &err), &err);
    ode_newton_place(&p->s, &p->arena);
    ck_assert_uint_eq(p->arena.used, count.used);
    for (int i = 0; i < N; i++) {
        real *x = p->features + i * FEATURES;

        for (int j = 0; j < FEATURES; j++)
            x[j] = (real)((j + 1) * ode_rng_normal(&rng) + 0.5);
        p->labels[i] = ode_rng_uniform(&rng) < 0.2 ? (int)ode_rng_below(&rng, CLASSES)
                                                   : (x[0] > 0) + 2 * (x[1] > x[2]);
    }
    for (int i = 0; i < WEIGHTS; i++)
        p->weight[i] = (real)(0.3 * ode_rng_normal(&rng));
    for (int k = 0; k < CLASSES; k++)
        p->bias[k] = (real)ode_rng_normal(&rng);
    ode_newton_load(&p->s, p->features, p->labels);
}

static struct ode_newton_report
solve(struct problem *p, int iterations, int cg)
{
    struct ode_newton_report report;
    struct ode_err err;

    test_ok(ode_newton_solve(&p->s, iterations, cg, p->weight, p->bias, &report, &err),
            &err);
    return report;
}

static double
dot(const double *a, const double *b)
{
    double sum = 0;

    for (int i = 0; i < ALL; i++)
        sum += a[i] * b[i];
    return sum;
}

static double
norm(const double *a)
{
    return sqrt(dot(a, a));
}

static double
value_at(struct problem *p, const double *w, double by, const double *d)
{
    double there[ALL];

    for (int i = 0; i < ALL; i++)
        there[i] = w[i] + by * d[i];
    return ode_newton_value(&p->s, there);
}

/* --- the function and its derivatives --------------------------------------------------
 */

/* -sum_k t_k log p_k, straight from the definition. */
static double
loss_of_the_definition(const struct problem *p, const double *w)
{
    double loss = 0, squares = 0;

    for (int i = 0; i < N; i++) {
        double e[CLASSES], sum = 0;

        for (int k = 0; k < CLASSES; k++) {
            double z = w[k * WIDTH + FEATURES];

            for (int j = 0; j < FEATURES; j++)
                z += w[k * WIDTH + j] * (double)p->features[i * FEATURES + j];
            sum += e[k] = exp(z);
        }
        for (int k = 0; k < CLASSES; k++)
            loss -=
                ((1 - p->s.smoothing) * (k == p->labels[i]) + p->s.smoothing / CLASSES)
                * log(e[k] / sum);
    }
    for (int i = 0; i < ALL; i++)
        squares += i % WIDTH == FEATURES ? 0 : w[i] * w[i];
    return loss / N + p->s.decay * squares / 2;
}

START_TEST(the_value_is_its_definition)
{
    for (int smooth = 0; smooth < 2; smooth++) {
        struct problem p;
        double w[ALL];

        problem_init(&p, smooth ? 0.2 : 0, 0.7);
        draw(2, ALL, w);
        ck_assert_double_eq_tol(ode_newton_value(&p.s, w), loss_of_the_definition(&p, w),
                                1e-12);
        ode_arena_release(&p.arena);
    }
}
END_TEST

/* Value, gradient and Hessian: the rest of the Taylor series after 1, 2 and 3 terms falls
 * by 2, 4 and 8 when the step is halved. */
START_TEST(taylor_series_has_the_right_orders)
{
    struct problem p;
    double w[ALL], d[ALL], g[ALL], hd[ALL], f, before[3] = { 0 };

    problem_init(&p, 0.1, 0.05);
    draw(2, ALL, w), draw(3, ALL, d);
    f = ode_newton_value(&p.s, w);
    ode_newton_gradient(&p.s, w, g);
    ode_newton_product(&p.s, d, hd);
    for (int k = 6; k <= 10; k++) {
        const double e = ldexp(1, -k);
        double rest[3];

        rest[0] = value_at(&p, w, e, d) - f;
        rest[1] = rest[0] - e * dot(g, d);
        rest[2] = rest[1] - e * e / 2 * dot(d, hd);
        for (int order = 0; order < 3 && k > 6; order++)
            ck_assert_double_eq_tol(log2(before[order] / rest[order]), order + 1, 0.1);
        memcpy(before, rest, sizeof rest);
    }
    ode_arena_release(&p.arena);
}
END_TEST

START_TEST(the_product_is_the_derivative_of_the_gradient)
{
    const double e = 1e-5;
    struct problem p;
    double w[ALL], d[ALL], up[ALL], down[ALL], hd[ALL], there[ALL];

    problem_init(&p, 0.1, 0.05);
    draw(2, ALL, w), draw(3, ALL, d);
    ode_newton_value(&p.s, w);
    ode_newton_product(&p.s, d, hd);
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int i = 0; i < ALL; i++)
            there[i] = w[i] + sign * e * d[i];
        ode_newton_value(&p.s, there);
        ode_newton_gradient(&p.s, there, sign > 0 ? up : down);
    }
    for (int i = 0; i < ALL; i++)
        ck_assert_double_eq_tol(hd[i], (up[i] - down[i]) / (2 * e), 1e-8);
    ode_arena_release(&p.arena);
}
END_TEST

START_TEST(the_hessian_is_symmetric_and_positive)
{
    struct problem p;
    double w[ALL], a[ALL], b[ALL], ha[ALL], hb[ALL];

    problem_init(&p, 0, 0.05);
    draw(2, ALL, w);
    ode_newton_value(&p.s, w);
    for (uint64_t k = 0; k < 10; k++) {
        draw(10 + 2 * k, ALL, a), draw(11 + 2 * k, ALL, b);
        ode_newton_product(&p.s, a, ha);
        ode_newton_product(&p.s, b, hb);
        ck_assert_double_eq_tol(dot(ha, b), dot(a, hb), 1e-12);
        ck_assert_double_gt(dot(ha, a), 0);
    }
    ode_arena_release(&p.arena);
}
END_TEST

/* Labels that the weights give, and then others, with logits of 1e4 and more. */
START_TEST(huge_logits_stay_finite)
{
    struct problem p;
    double w[ALL], g[ALL], f;

    problem_init(&p, 0, 0);
    draw(2, ALL, w);
    ode_newton_value(&p.s, w);
    for (int i = 0; i < N; i++) {
        const double *own = p.s.p + i * CLASSES;

        for (int k = p.labels[i] = 0; k < CLASSES; k++)
            if (own[k] > own[p.labels[i]])
                p.labels[i] = k;
    }
    for (int i = 0; i < ALL; i++)
        w[i] *= 1e4;
    ode_newton_load(&p.s, p.features, p.labels);
    ck_assert_double_lt(ode_newton_value(&p.s, w), 1e-9);
    for (int i = 0; i < N; i++)
        p.labels[i] = (p.labels[i] + 1) % CLASSES;
    ode_newton_load(&p.s, p.features, p.labels);
    f = ode_newton_value(&p.s, w);
    ck_assert_double_gt(f, 1e3);
    ck_assert(isfinite(f));
    ode_newton_gradient(&p.s, w, g);
    ck_assert(isfinite(norm(g)));
    ck_assert_double_gt(norm(g), 0.1);
    for (int i = 0; i < ALL; i++)
        *(i % WIDTH < FEATURES ? &p.weight[i / WIDTH * FEATURES + i % WIDTH]
                               : &p.bias[i / WIDTH]) = (real)w[i];
    ck_assert_double_lt(solve(&p, 3, 10).after, f); /* though all curvature is lost */
    ode_arena_release(&p.arena);
}
END_TEST

/* --- the solve ------------------------------------------------------------------------
 */

START_TEST(each_iteration_decreases_the_loss)
{
    double before = INFINITY;

    for (int iterations = 1; iterations <= 5; iterations++) {
        struct problem p;
        struct ode_newton_report r;

        problem_init(&p, 0.1, 0.01);
        for (int i = 0; i < WEIGHTS; i++)
            p.weight[i] *= 20; /* far from the optimum: full steps are too long */
        r = solve(&p, iterations, 10);
        ck_assert_int_eq(r.iterations, iterations);
        ck_assert_int_ge(r.products, iterations);
        ck_assert_int_le(r.products, 10 * iterations);
        ck_assert_double_lt(r.after, r.before);
        ck_assert_double_lt(r.after, before);
        before = r.after;
        ode_arena_release(&p.arena);
    }
}
END_TEST

START_TEST(the_report_is_of_what_is_written)
{
    struct problem p;
    struct ode_newton_report first, second;

    problem_init(&p, 0.1, 0.01);
    first = solve(&p, 2, 5);
    second = solve(&p, 1, 1);
    ck_assert_double_eq_tol(second.before, first.after, 1e-6);
    ck_assert_double_gt(first.gradient, 1e-3);
    ck_assert_double_lt(second.after, second.before);
    ode_arena_release(&p.arena);
}
END_TEST

START_TEST(enough_iterations_reach_the_optimum)
{
    struct problem p;
    struct ode_newton_report r;

    problem_init(&p, 0.1, 0.01);
    r = solve(&p, 40, 40);
    ck_assert_double_lt(r.gradient, 1e-8);
    ck_assert_int_lt(r.iterations, 20);
    ode_arena_release(&p.arena);
}
END_TEST

START_TEST(two_starts_reach_one_optimum)
{
    const double tolerance = sizeof(real) == sizeof(double) ? 1e-7 : 1e-5;
    struct problem p, q;
    double shift;

    problem_init(&p, 0.1, 0.01), problem_init(&q, 0.1, 0.01);
    for (int i = 0; i < WEIGHTS; i++)
        q.weight[i] = (real)cos(i);
    for (int k = 0; k < CLASSES; k++)
        q.bias[k] = (real)(k - 1);
    ck_assert_double_eq_tol(solve(&p, 40, 40).after, solve(&q, 40, 40).after, 1e-12);
    for (int i = 0; i < WEIGHTS; i++)
        ck_assert_double_eq_tol((double)p.weight[i], (double)q.weight[i], tolerance);
    shift = (double)(p.bias[0] - q.bias[0]); /* the loss does not see it */
    for (int k = 1; k < CLASSES; k++)
        ck_assert_double_eq_tol((double)(p.bias[k] - q.bias[k]), shift, tolerance);
    ode_arena_release(&p.arena), ode_arena_release(&q.arena);
}
END_TEST

/* Without features only biases count: the softmax becomes the labels' frequencies. */
START_TEST(biases_become_logarithms_of_frequencies)
{
    const int times[CLASSES] = { 30, 15, 10, 5 };
    struct problem p;
    double sum = 0, start = 0, mean = 0, want[CLASSES];

    problem_init(&p, 0.2, 0.01);
    memset(p.features, 0, sizeof p.features);
    for (int k = 0, i = 0; k < CLASSES; k++) {
        for (int j = 0; j < times[k]; j++)
            p.labels[i++] = k;
        want[k] = log(0.8 * times[k] / N + 0.2 / CLASSES);
        mean += want[k] / CLASSES;
        start += (double)p.bias[k];
    }
    ode_newton_load(&p.s, p.features, p.labels);
    solve(&p, 30, 20);
    for (int k = 0; k < CLASSES; k++) {
        ck_assert_double_eq_tol((double)p.bias[k] - start / CLASSES, want[k] - mean,
                                1e-6);
        sum += (double)p.bias[k];
    }
    ck_assert_double_eq_tol(sum, start, 1e-6); /* no shift of all of them */
    for (int i = 0; i < WEIGHTS; i++)
        ck_assert_double_eq_tol((double)p.weight[i], 0, 1e-6);
    ode_arena_release(&p.arena);
}
END_TEST

START_TEST(a_solve_gives_the_same_bits_again)
{
    struct problem p, q;

    problem_init(&p, 0.1, 0.01), problem_init(&q, 0.1, 0.01);
    solve(&q, 7, 3); /* leaves its traces in q's arrays */
    memcpy(q.weight, p.weight, sizeof q.weight);
    memcpy(q.bias, p.bias, sizeof q.bias);
    solve(&p, 4, 3), solve(&q, 4, 3);
    ck_assert_mem_eq(p.weight, q.weight, sizeof p.weight);
    ck_assert_mem_eq(p.bias, q.bias, sizeof p.bias);
    ode_arena_release(&p.arena), ode_arena_release(&q.arena);
}
END_TEST

START_TEST(features_that_are_no_numbers_are_refused)
{
    for (int k = 0; k < 2; k++) {
        struct ode_newton_report report = { .before = 77 };
        struct ode_err err = { 0 };
        struct problem p;
        real kept[WEIGHTS];

        problem_init(&p, 0.1, 0.01);
        memcpy(kept, p.weight, sizeof kept);
        p.features[17] = (real)(k ? INFINITY : NAN);
        ode_newton_load(&p.s, p.features, p.labels);
        ck_assert_int_eq(ode_newton_solve(&p.s, 4, 3, p.weight, p.bias, &report, &err),
                         ODE_EDIVERGE);
        ck_assert_str_eq(err.at, "classifier");
        ck_assert_ptr_nonnull(strstr(err.text, "60 examples"));
        ck_assert_mem_eq(kept, p.weight, sizeof kept);
        ck_assert_double_eq(report.before, 77);
        ode_arena_release(&p.arena);
    }
}
END_TEST

TEST_SUITE(newton, 60, the_value_is_its_definition, taylor_series_has_the_right_orders,
           the_product_is_the_derivative_of_the_gradient,
           the_hessian_is_symmetric_and_positive, huge_logits_stay_finite,
           each_iteration_decreases_the_loss, the_report_is_of_what_is_written,
           enough_iterations_reach_the_optimum, two_starts_reach_one_optimum,
           biases_become_logarithms_of_frequencies, a_solve_gives_the_same_bits_again,
           features_that_are_no_numbers_are_refused)
