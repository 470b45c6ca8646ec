/*
 * finish.h - what becomes of the sums of a convolution: see struct ode_finish.
 *
 * Part of body.h. A convolution leaves a short run of sums of one channel block in the
 * first-level cache, and calls finish_run() on it: one pass over the image instead of a
 * convolution's and an activation's and a step's.
 */

/* Where the spacing of floating point numbers is the grid, 2^(bits - 1) grid. Adding it
 * with the sign of x and subtracting it rounds x to a multiple of the grid; an x beyond
 * it, whatever is left of the sum is one, too. */
ALWAYS real
grid_magic(real grid)
{
    return grid * (real)(1ull << (ODE_REAL_BITS - 1));
}

ALWAYS vec
v_to_grid(vec x, real magic)
{
    const vec zero = v_all((real)-0.0);
    typedef __typeof__(x > x) bits;
    const vec away = (vec)(((bits)x & (bits)zero) | (bits)v_all(magic));

    if (magic > 0)
        return (x + away) - away;
    return x;
}

ALWAYS void
finish_act(enum ode_act act, const struct ode_finish *f, const real *raw, ptrdiff_t at,
           ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += VW) {
        const vec u = v_load(raw + i);

        if (f->u)
            v_store(f->u + at + i, u);
        v_store(f->y + at + i, v_all(f->scale) * act_value(act, u));
    }
}

ALWAYS void
finish_adjoint(enum ode_act act, const struct ode_finish *f, const real *raw,
               ptrdiff_t at, ptrdiff_t n, real *db)
{
    vec sum[VN];

    UNROLL
    for (int k = 0; k < VN; k++)
        sum[k] = v_all(0);
    for (ptrdiff_t i = 0; i < n; i += ODE_VEC)
        UNROLL
    for (int k = 0; k < VN; k++) {
        const ptrdiff_t j = i + k * VW;
        const vec v = v_load(f->v + at + j);
        const vec q = act_slope(act, v, v_all(f->scale) * v_load(raw + j));

        if (f->a)
            v_store(f->a + at + j, v_all(f->scale) * act_value(act, v));
        v_store(f->y + at + j, q);
        sum[k] += q;
    }
    for (int k = 0; db && k < VN; k++)
        v_store(db + k * VW, v_load(db + k * VW) + sum[k]);
}

ALWAYS void
top_raise(struct ode_finish *f, vec most)
{
    for (int i = 0; i < VW; i++)
        f->top = most[i] > f->top ? most[i] : f->top;
}

static void
finish_step(struct ode_finish *f, const real *raw, ptrdiff_t at, ptrdiff_t n)
{
    const real magic = grid_magic(f->grid);
    vec most = v_all(f->top);

    for (ptrdiff_t i = 0; i < n; i += VW) {
        const vec u = v_to_grid(v_load(raw + i), magic);
        const vec y = v_load(f->y0 + at + i) + v_all(f->sign) * u;

        most = v_max(v_abs(y), most);
        v_store(f->y + at + i, y);
    }
    top_raise(f, most);
}

/* All ones in lanes of channels below c of block b, else 0. */
ALWAYS void
channel_mask(int c, int b, vec mask[VN])
{
    for (int v = 0; v < VN; v++)
        for (int i = 0; i < VW; i++)
            mask[v][i] = b * ODE_VEC + v * VW + i < c;
}

/* s(0) need not be 0: channels that are not there must be kept out. */
ALWAYS void
finish_act_step(enum ode_act act, const struct ode_conv *c, struct ode_finish *f, int b,
                const real *raw, ptrdiff_t at, ptrdiff_t n)
{
    const real magic = grid_magic(f->grid);
    vec mask[VN], most = v_all(f->top);

    channel_mask(c->out, b, mask);
    for (ptrdiff_t i = 0; i < n; i += ODE_VEC)
        UNROLL
    for (int k = 0; k < VN; k++) {
        const ptrdiff_t j = i + k * VW;
        const vec u = v_load(raw + j);
        const vec a = v_all(f->scale) * act_value(act, u) * mask[k];
        const vec y = v_load(f->y0 + at + j) + v_all(f->sign) * v_to_grid(a, magic);

        if (f->u)
            v_store(f->u + at + j, u);
        most = v_max(v_abs(y), most);
        v_store(f->y + at + j, y);
    }
    top_raise(f, most);
}

static void
finish_sum(const struct ode_finish *f, const real *raw, ptrdiff_t at, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += VW)
        v_store(f->y + at + i, v_load(raw + i));
}

/* raw: n reals of channel block b, of one row, that belong at `at` in the images. */
static void
finish_run(const struct ode_conv *c, struct ode_finish *f, int b, const real *raw,
           ptrdiff_t at, ptrdiff_t n)
{
    const enum ode_act act = f->act;
    real *db = f->db ? f->db + b * ODE_VEC : NULL;

    switch (f->kind) {
    case ODE_FINISH_SUM:
        finish_sum(f, raw, at, n);
        break;
    case ODE_FINISH_ACT:
#define CALL(constant) finish_act(constant, f, raw, at, n)
        FOR_EACH_ACT(CALL)
#undef CALL
        break;
    case ODE_FINISH_ADJOINT:
#define CALL(constant) finish_adjoint(constant, f, raw, at, n, db)
        FOR_EACH_ACT(CALL)
#undef CALL
        break;
    case ODE_FINISH_STEP:
        finish_step(f, raw, at, n);
        break;
    case ODE_FINISH_ACT_STEP:
#define CALL(constant) finish_act_step(constant, c, f, b, raw, at, n)
        FOR_EACH_ACT(CALL)
#undef CALL
        break;
    }
}
