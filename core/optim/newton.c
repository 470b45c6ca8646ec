/* newton.c - the classifier by Newton's method and conjugate gradients. */
#include "core/optim/newton.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/kernels/gemm.h"

enum { MOST_HALVINGS = 40 };

/* Numbers in W and b together. */
static size_t
unknowns(const struct ode_newton *s)
{
    return (size_t)s->classes * ((size_t)s->features + 1);
}

void
ode_newton_place(struct ode_newton *s, struct ode_arena *a)
{
    const size_t n = (size_t)s->n, classes = (size_t)s->classes;
    double **vector[] = { &s->w, &s->next, &s->g, &s->d, &s->r, &s->q, &s->hq };

    s->label = ode_arena_take(a, n, sizeof *s->label);
    s->x = ode_arena_take(a, n * ((size_t)s->features + 1), sizeof *s->x);
    s->p = ode_arena_take(a, n * classes, sizeof *s->p);
    s->u = ode_arena_take(a, n * classes, sizeof *s->u);
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
        *vector[i] = ode_arena_take(a, unknowns(s), sizeof **vector[i]);
}

void
ode_newton_load(struct ode_newton *s, const real *features, const int *labels)
{
    double *x = s->x;

    for (int i = 0; i < s->n; i++) {
        assert(0 <= labels[i] && labels[i] < s->classes);
        for (int j = 0; j < s->features; j++)
            *x++ = (double)*features++;
        *x++ = 1;
        s->label[i] = labels[i];
    }
}

static double
dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* y = x + by d */
static void
walk(const double *x, double by, const double *d, size_t n, double *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] + by * d[i];
}

/* The decayed part of each class: W without b. */
static double
weights_square(const struct ode_newton *s, const double *w)
{
    const size_t width = (size_t)s->features + 1;
    double sum = 0;

    for (int k = 0; k < s->classes; k++, w += width)
        sum += dot(w, w, width - 1);
    return sum;
}

static void
decay_add(const struct ode_newton *s, const double *w, double *g)
{
    const size_t width = (size_t)s->features + 1;

    for (int k = 0; k < s->classes; k++, w += width, g += width)
        walk(g, s->decay, w, width - 1, g);
}

/* y [n][classes] = X w', g = (y' X) / n: the linear map and its adjoint. */
static void
map(const struct ode_newton *s, const double *w, double *y)
{
    ode_dgemm(false, true, s->n, s->classes, s->features + 1, s->x, w, 0, y);
}

static void
map_adjoint(const struct ode_newton *s, const double *y, double *g)
{
    ode_dgemm(true, false, s->classes, s->features + 1, s->n, y, s->x, 0, g);
    for (size_t i = 0; i < unknowns(s); i++)
        g[i] /= s->n;
}

/* Logits z become their softmax. Returns the cross-entropy -sum t log p; sums of t are 1,
 * so the largest logit may be taken off all of them first. */
static double
softmax(const struct ode_newton *s, int label, double *z)
{
    double top = z[0], sum = 0, all = 0, own;

    for (int k = 1; k < s->classes; k++)
        top = fmax(top, z[k]);
    own = z[label] - top;
    for (int k = 0; k < s->classes; k++) {
        all += z[k] - top;
        z[k] = exp(z[k] - top);
        sum += z[k];
    }
    for (int k = 0; k < s->classes; k++)
        z[k] /= sum;
    return log(sum) - (1 - s->smoothing) * own - s->smoothing / s->classes * all;
}

double
ode_newton_value(struct ode_newton *s, const double *w)
{
    double sum = 0;

    map(s, w, s->p);
    for (int i = 0; i < s->n; i++)
        sum += softmax(s, s->label[i], s->p + (size_t)i * (size_t)s->classes);
    return sum / s->n + s->decay / 2 * weights_square(s, w);
}

void
ode_newton_gradient(struct ode_newton *s, const double *w, double *g)
{
    const double *p = s->p;
    double *u = s->u;

    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->classes; k++)
            *u++ = *p++ - s->smoothing / s->classes
                   - (k == s->label[i] ? 1 - s->smoothing : 0);
    map_adjoint(s, s->u, g);
    decay_add(s, w, g);
}

/* Of one example: u = (diag(p) - p p') u. */
static void
softmax_tangent(const double *p, int classes, double *u)
{
    const double mean = dot(p, u, (size_t)classes);

    for (int k = 0; k < classes; k++)
        u[k] = p[k] * (u[k] - mean);
}

void
ode_newton_product(struct ode_newton *s, const double *v, double *hv)
{
    map(s, v, s->u);
    for (int i = 0; i < s->n; i++) {
        const size_t at = (size_t)i * (size_t)s->classes;

        softmax_tangent(s->p + at, s->classes, s->u + at);
    }
    map_adjoint(s, s->u, hv);
    decay_add(s, v, hv);
}

/* Of H, an upper bound of its eigenvalues: diag(p) - p p' has none above 1/2. */
static double
curvature_bound(const struct ode_newton *s)
{
    const size_t all = (size_t)s->n * ((size_t)s->features + 1);

    return dot(s->x, s->x, all) / s->n / 2 + s->decay;
}

/*
 * H d = -g, from d = 0, until |r| <= min(1/2, sqrt(|g|)) |g|: then Newton's method
 * converges superlinearly. Returns the number of products with H.
 */
static int
direction(struct ode_newton *s, int cg, double bound)
{
    const size_t n = unknowns(s);
    const double gg = dot(s->g, s->g, n), rest = fmin(0.25, sqrt(gg)) * gg;
    double rr = gg;

    memset(s->d, 0, n * sizeof *s->d);
    for (size_t i = 0; i < n; i++)
        s->r[i] = s->q[i] = -s->g[i];
    for (int k = 0; k < cg; k++) {
        const double before = rr;
        double curvature;

        ode_newton_product(s, s->q, s->hq);
        curvature = dot(s->q, s->hq, n);
        if (!(curvature > 1e-14 * bound * dot(s->q, s->q, n))) {
            if (k == 0)
                memcpy(s->d, s->q, n * sizeof *s->d);
            return k + 1;
        }
        walk(s->d, rr / curvature, s->q, n, s->d);
        walk(s->r, -rr / curvature, s->hq, n, s->r);
        rr = dot(s->r, s->r, n);
        if (rr <= rest)
            return k + 1;
        walk(s->r, rr / before, s->q, n, s->q);
    }
    return cg;
}

/* Halves the step from w along d until f has fallen by a part of what its slope promises:
 * then w moves there, and f is returned. If it never falls, w and f stay. */
static double
line_search(struct ode_newton *s, double f)
{
    const size_t n = unknowns(s);
    const double slope = dot(s->g, s->d, n);
    double step = 1;

    for (int k = 0; k < MOST_HALVINGS; k++, step /= 2) {
        double value;

        walk(s->w, step, s->d, n, s->next);
        value = ode_newton_value(s, s->next);
        if (value < f && value <= f + 1e-4 * step * slope) {
            memcpy(s->w, s->next, n * sizeof *s->w);
            return value;
        }
    }
    return f;
}

static struct ode_newton_report
iterate(struct ode_newton *s, int iterations, int cg, double f)
{
    const double bound = curvature_bound(s);
    struct ode_newton_report report = { .before = f, .after = f };

    ode_newton_gradient(s, s->w, s->g);
    for (; report.iterations < iterations; report.iterations++) {
        report.products += direction(s, cg, bound);
        f = line_search(s, report.after);
        if (f >= report.after)
            break;
        report.after = f;
        ode_newton_gradient(s, s->w, s->g);
    }
    report.gradient = sqrt(dot(s->g, s->g, unknowns(s)));
    return report;
}

/* [classes][features] and [classes] to [classes][features + 1], or back. */
static void
unknowns_read(struct ode_newton *s, const real *weight, const real *bias)
{
    double *w = s->w;

    for (int k = 0; k < s->classes; k++) {
        for (int j = 0; j < s->features; j++)
            *w++ = (double)*weight++;
        *w++ = (double)bias[k];
    }
}

static void
unknowns_write(const struct ode_newton *s, real *weight, real *bias)
{
    const double *w = s->w;

    for (int k = 0; k < s->classes; k++) {
        for (int j = 0; j < s->features; j++)
            *weight++ = (real)*w++;
        bias[k] = (real)*w++;
    }
}

enum ode_status
ode_newton_solve(struct ode_newton *s, int iterations, int cg, real *weight, real *bias,
                 struct ode_newton_report *report, struct ode_err *err)
{
    double f;

    unknowns_read(s, weight, bias);
    f = ode_newton_value(s, s->w);
    if (!isfinite(f))
        return ode_fail(err, ODE_EDIVERGE, "classifier",
                        "the loss of its %d examples is %g before the solve; lower the "
                        "learning rate",
                        s->n, f);
    *report = iterate(s, iterations, cg, f);
    unknowns_write(s, weight, bias);
    return ODE_OK;
}
