/* layer.c - the right-hand side f(theta, x) of the ODE, and its adjoint. */
#include "core/blocks/layer.h"

/* Scratch: K's output; the activation's output, then its cotangent; N's output; the
 * input as K sees it; P's output, then its cotangent. */
enum { U, A, V, T, R };

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
ode_layer_scratch(enum ode_form form, bool norm, bool before)
{
    return form == ODE_FORM_RESIDUAL || before ? R + 1 : norm ? V + 1 : A + 1;
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

static void
convolve(const struct ode_layer_shape *s, const real *x, const real *k, const real *b,
         real *y)
{
    const size_t image = image_of(s);

    for (size_t i = 0; i < (size_t)s->n; i++)
        s->kernels->conv(&s->conv, x + i * image, k, b, y + i * image);
}

/* y = y0 + sign * round(K x). */
static real
convolve_add(const struct ode_layer_shape *s, const real *x, const real *k, real sign,
             real grid, const real *y0, real *y)
{
    const size_t image = image_of(s);
    real top = 0;

    for (size_t i = 0; i < (size_t)s->n; i++) {
        const real most = s->kernels->conv_add(&s->conv, x + i * image, k, sign, grid,
                                               y0 + i * image, y + i * image);

        top = most > top ? most : top;
    }
    return top;
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
    const size_t image = image_of(s);

    for (size_t i = 0; i < (size_t)s->n; i++)
        s->kernels->conv_weights(&s->conv, p + i * image, x + i * image, dk);
}

static void
activate(const struct ode_layer_shape *s, real scale, const real *u, real *a)
{
    s->kernels->act(s->act, scale, s->n * blocks_of(s), s->conv.h, s->conv.w, u, a);
}

static void
activate_adjoint(const struct ode_layer_shape *s, real scale, const real *u,
                 const real *p, real *q, real *db)
{
    const size_t image = image_of(s);

    for (size_t i = 0; i < (size_t)s->n; i++)
        s->kernels->act_adjoint(s->act, scale, blocks_of(s), s->conv.h, s->conv.w,
                                u + i * image, p + i * image, q + i * image, db);
}

/* What K is applied to: x, or what P makes of it. */
static const real *
input(const struct ode_layer_shape *s, const struct ode_layer *f, const real *x)
{
    const struct ode_norm_shape shape = norm_shape(s);

    if (!has_before(s, f))
        return x;
    ode_norm_forward(&f->before, &shape, s->mode, x, s->scratch[T]);
    if (s->form == ODE_FORM_RESIDUAL)
        activate(s, 1, s->scratch[T], s->scratch[T]);
    return s->scratch[T];
}

/* The activation's input, from K's output. */
static const real *
normalised(const struct ode_layer_shape *s, const struct ode_layer *f, const real *u)
{
    const struct ode_norm_shape shape = norm_shape(s);

    if (f->norm.kind == ODE_NORM_NONE)
        return u;
    ode_norm_forward(&f->norm, &shape, s->mode, u, s->scratch[V]);
    return s->scratch[V];
}

real
ode_layer_step(const struct ode_layer_shape *s, const struct ode_layer *f, const real *x,
               real scale, real sign, const real *from, real *to, real *keep)
{
    real *u = keep ? keep : s->scratch[U], *a = s->scratch[A];

    convolve(s, input(s, f, x), f->k, f->b, u);
    activate(s, scale, normalised(s, f, u), a);
    if (has_outer(s))
        return convolve_add(s, a, f->o, sign, s->grid, from, to);
    return step_add(s, a, sign, from, to);
}

/* The cotangent of the activation's output, from that of f; the outer kernel's gradient.
 * v is the activation's input. Returns w itself where there is no outer kernel. */
static const real *
outer_adjoint(const struct ode_layer_shape *s, const struct ode_layer *f, real scale,
              const real *v, const real *w)
{
    real *a = s->scratch[A];

    if (!has_outer(s))
        return w;
    activate(s, scale, v, a);
    if (s->form == ODE_FORM_SYMMETRIC)
        gradient_add(s, a, w, f->dk2);
    else
        gradient_add(s, w, a, f->dk2);
    convolve(s, w, f->ot, NULL, a);
    return a;
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
    real *r = s->scratch[R], *v = s->scratch[V];

    if (s->form == ODE_FORM_ANTISYMMETRIC) {
        convolve(s, q, f->k, NULL, r);
        s->kernels->combine(ode_layer_reals(s), -1, r, 0, r, r);
    } else {
        convolve(s, q, f->kt, NULL, r);
    }
    if (s->form == ODE_FORM_RESIDUAL) {
        ode_norm_forward(&f->before, &shape, s->mode, x, v);
        activate_adjoint(s, 1, v, r, r, NULL);
    }
    ode_norm_adjoint(&f->before, &shape, x, r, r);
    s->kernels->combine(ode_layer_reals(s), 1, r, 1, dx, dx);
}

void
ode_layer_adjoint(const struct ode_layer_shape *s, const struct ode_layer *f,
                  const real *x, const real *kept, real scale, const real *w, real *dx)
{
    const struct ode_norm_shape shape = norm_shape(s);
    const real *in = input(s, f, x), *v, *p;
    real *q = s->scratch[A];

    if (!kept) {
        convolve(s, in, f->k, f->b, s->scratch[U]);
        kept = s->scratch[U];
    }
    v = normalised(s, f, kept);
    p = outer_adjoint(s, f, scale, v, w);
    activate_adjoint(s, scale, v, p, q, f->db);
    if (f->norm.kind != ODE_NORM_NONE)
        ode_norm_adjoint(&f->norm, &shape, kept, q, q);
    gradient_add(s, q, in, f->dk);
    if (has_before(s, f))
        before_adjoint(s, f, x, q, dx);
    else
        inner_adjoint(s, f, q, dx);
}
