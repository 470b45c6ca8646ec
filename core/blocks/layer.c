/* layer.c - the right-hand side f(theta, x) of the ODE, and its adjoint. */
#include "core/blocks/layer.h"

/* Scratch: K's output; the activation's output; its cotangent, then its input's; the
 * input as K sees it; its cotangent. */
enum { U, A, Q, T, R };

static size_t
image_of(const struct ode_layer_shape *s)
{
    return ode_image(s->conv.in, s->conv.h, s->conv.w);
}

static int
blocks_of(const struct ode_layer_shape *s)
{
    return ode_blocks(s->conv.in);
}

static struct ode_norm_shape
norm_shape(const struct ode_layer_shape *s)
{
    return (struct ode_norm_shape){
        .n = s->n, .blocks = blocks_of(s), .h = s->conv.h, .w = s->conv.w
    };
}

int
ode_layer_scratch(enum ode_form form, bool before)
{
    return form == ODE_FORM_RESIDUAL || before ? R + 1 : Q + 1;
}

static bool
has_outer(const struct ode_layer_shape *s)
{
    return s->form == ODE_FORM_SYMMETRIC || s->form == ODE_FORM_RESIDUAL;
}

static bool
has_before(const struct ode_layer_shape *s, const struct ode_layer *f)
{
    return s->form == ODE_FORM_RESIDUAL || f->before.kind != ODE_NORM_NONE;
}

/* u = K x + b, finished as f says. Returns the largest |y| of a step. */
static real
convolve(const struct ode_layer_shape *s, const real *x, const real *k,
         struct ode_finish f)
{
    s->kernels->conv(&s->conv, s->n, x, k, &f);
    return f.top;
}

static real
step_add(const struct ode_layer_shape *s, const real *x, real sign, const real *y0,
         real *y)
{
    const size_t image = image_of(s);
    real top = 0;

    for (size_t i = 0; i < (size_t)s->n; i++) {
        const real most =
            s->kernels->step(s->conv.in, s->conv.h, s->conv.w, x + i * image, sign,
                             s->grid, y0 + i * image, y + i * image);

        top = most > top ? most : top;
    }
    return top;
}

/* dk += G(p, x): the gradient of <p, K x>. */
static void
gradient_add(const struct ode_layer_shape *s, const real *p, const real *x, real *dk)
{
    s->kernels->conv_weights(&s->conv, s->n, 1, &p, &x, dk);
}

/* The activation after P; there is one in the residual form. */
static struct ode_after
after_before(const struct ode_layer_shape *s)
{
    return (struct ode_after){ .active = s->form == ODE_FORM_RESIDUAL,
                               .act = s->act,
                               .scale = 1 };
}

static struct ode_after
after_norm(const struct ode_layer_shape *s, real scale)
{
    return (struct ode_after){ .active = true, .act = s->act, .scale = scale };
}

/* What K is applied to: x, or what P makes of it. */
static const real *
input(const struct ode_layer_shape *s, const struct ode_layer *f, const real *x)
{
    const struct ode_norm_shape shape = norm_shape(s);
    const struct ode_after after = after_before(s);

    if (!has_before(s, f))
        return x;
    ode_norm_act_forward(&f->before, &shape, s->mode, &after, x, s->scratch[T]);
    return s->scratch[T];
}

/* a = scale s(N(K x + b)). keep: if not NULL, receives N's or the activation's input. */
static void
activated(const struct ode_layer_shape *s, const struct ode_layer *f, const real *x,
          real scale, real *keep, real *a)
{
    const struct ode_norm_shape shape = norm_shape(s);
    const struct ode_after after = after_norm(s, scale);
    real *u = keep ? keep : s->scratch[U];

    if (f->norm.kind == ODE_NORM_NONE) {
        convolve(s, x, f->k,
                 (struct ode_finish){ .kind = ODE_FINISH_ACT,
                                      .y = a,
                                      .b = f->b,
                                      .act = s->act,
                                      .scale = scale,
                                      .u = keep });
        return;
    }
    convolve(s, x, f->k, (struct ode_finish){ .kind = ODE_FINISH_SUM, .y = u });
    ode_norm_act_forward(&f->norm, &shape, s->mode, &after, u, a);
}

/* to = from + sign * round(K x). */
static real
convolve_add(const struct ode_layer_shape *s, const real *x, const real *k, real sign,
             real grid, const real *from, real *to)
{
    return convolve(
        s, x, k,
        (struct ode_finish){
            .kind = ODE_FINISH_STEP, .y = to, .y0 = from, .sign = sign, .grid = grid });
}

real
ode_layer_step(const struct ode_layer_shape *s, const struct ode_layer *f, const real *x,
               real scale, real sign, const real *from, real *to, real *keep)
{
    const real *in = input(s, f, x);
    real *a = s->scratch[A];

    if (!has_outer(s) && f->norm.kind == ODE_NORM_NONE && in != to)
        return convolve(s, in, f->k,
                        (struct ode_finish){ .kind = ODE_FINISH_ACT_STEP,
                                             .y = to,
                                             .b = f->b,
                                             .act = s->act,
                                             .scale = scale,
                                             .u = keep,
                                             .y0 = from,
                                             .sign = sign,
                                             .grid = s->grid });
    activated(s, f, in, scale, keep, a);
    if (has_outer(s))
        return convolve_add(s, a, f->o, sign, s->grid, from, to);
    return step_add(s, a, sign, from, to);
}

/* --- the adjoint ------------------------------------------------------------------- */

/* q = scale s'(u) K2 w and the bias's gradient; a = scale s(u). Without an outer kernel
 * K2 is 1, and a is not written. */
static void
outer_adjoint(const struct ode_layer_shape *s, const struct ode_layer *f, real scale,
              const real *u, const real *w, real *q, real *a)
{
    const size_t image = image_of(s);

    if (has_outer(s)) {
        convolve(s, w, f->ot,
                 (struct ode_finish){ .kind = ODE_FINISH_ADJOINT,
                                      .y = q,
                                      .act = s->act,
                                      .scale = scale,
                                      .v = u,
                                      .a = a,
                                      .db = f->db });
        return;
    }
    for (size_t i = 0; i < (size_t)s->n; i++)
        s->kernels->act_adjoint(s->act, scale, blocks_of(s), s->conv.h, s->conv.w,
                                u + i * image, w + i * image, q + i * image, f->db);
}

/* The same with N before the activation: q = N' s'(N(u)) K2 w. Moments that the pass has
 * to take again are taken by the way forward. */
static void
normed_adjoint(const struct ode_layer_shape *s, const struct ode_layer *f, real scale,
               const real *u, const real *w, real *q, real *a)
{
    const struct ode_norm_shape shape = norm_shape(s);
    const struct ode_after after = after_norm(s, scale);

    if (has_outer(s) || s->mode == ODE_TRAIN)
        ode_norm_act_forward(&f->norm, &shape, s->mode, &after, u, a);
    if (has_outer(s)) {
        convolve(s, w, f->ot, (struct ode_finish){ .kind = ODE_FINISH_SUM, .y = q });
        w = q;
    }
    ode_norm_act_adjoint(&f->norm, &shape, &after, u, w, q);
}

/* Both kernels' gradients. In the symmetric form they are one: the reduction over pixels
 * is then over both pairs at once. */
static void
gradients_add(const struct ode_layer_shape *s, const struct ode_layer *f, const real *in,
              const real *a, const real *w, const real *q)
{
    if (s->form == ODE_FORM_SYMMETRIC) {
        const real *const p[] = { a, q }, *const x[] = { w, in };

        s->kernels->conv_weights(&s->conv, s->n, 2, p, x, f->dk);
        return;
    }
    if (has_outer(s))
        gradient_add(s, w, a, f->dk2);
    gradient_add(s, q, in, f->dk);
}

/* dx += K^T q. */
static void
inner_adjoint(const struct ode_layer_shape *s, const struct ode_layer *f, const real *q,
              real *dx)
{
    const bool anti = s->form == ODE_FORM_ANTISYMMETRIC; /* A^T = -A */

    convolve_add(s, q, anti ? f->k : f->kt, anti ? -1 : 1, 0, dx, dx);
}

/* The same through P: dx += P' s' K^T q. */
static void
before_adjoint(const struct ode_layer_shape *s, const struct ode_layer *f, const real *x,
               const real *q, real *dx)
{
    const struct ode_norm_shape shape = norm_shape(s);
    const bool anti = s->form == ODE_FORM_ANTISYMMETRIC;
    const struct ode_after after = after_before(s);
    real *r = s->scratch[R];

    convolve(s, q, anti ? f->k : f->kt,
             (struct ode_finish){ .kind = ODE_FINISH_SUM, .y = r });
    if (anti)
        s->kernels->combine(ode_layer_reals(s), -1, r, 0, r, r);
    ode_norm_act_adjoint(&f->before, &shape, &after, x, r, r);
    s->kernels->combine(ode_layer_reals(s), 1, r, 1, dx, dx);
}

void
ode_layer_adjoint(const struct ode_layer_shape *s, const struct ode_layer *f,
                  const real *x, const real *kept, real scale, const real *w, real *dx)
{
    const real *in = input(s, f, x);
    real *a = s->scratch[A], *q = s->scratch[Q];

    if (!kept) {
        convolve(
            s, in, f->k,
            (struct ode_finish){ .kind = ODE_FINISH_SUM, .y = s->scratch[U], .b = f->b });
        kept = s->scratch[U];
    }
    if (f->norm.kind == ODE_NORM_NONE)
        outer_adjoint(s, f, scale, kept, w, q, a);
    else
        normed_adjoint(s, f, scale, kept, w, q, a);
    gradients_add(s, f, in, a, w, q);
    if (has_before(s, f))
        before_adjoint(s, f, x, q, dx);
    else
        inner_adjoint(s, f, q, dx);
}
