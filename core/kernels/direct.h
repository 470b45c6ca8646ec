/*
 * direct.h - convolutions as sums over taps and channels, and their weights' gradients.
 *
 * Part of body.h, whose includer says how much a tile holds in registers: TILE1 pixels of
 * one output block, TILE2 pixels of two (0: never two at once), TILEG input channels of a
 * weight gradient.
 */

enum { RUN = 64 }; /* pixels that are finished at once */

/* acc[o][p] += sum over in blocks, taps, channels; ob and t are constants. */
ALWAYS void
tile_sum(const struct ode_conv *c, const real *x, const real *w, int ob, int t,
         vec acc[2][TILE_MAX][VN])
{
    const ptrdiff_t row = ROW(c->w), plane = row * (c->h + 2);
    const ptrdiff_t next = (ptrdiff_t)ode_blocks(c->in) * 9 * TAP; /* out block */
    const int ibs = ode_blocks(c->in);

    for (int ib = 0; ib < ibs; ib++) {
        const int ics = ib + 1 < ibs ? ODE_VEC : c->in - ib * ODE_VEC;

        for (int tap = c->point ? 4 : 0; tap < (c->point ? 5 : 9); tap++) {
            const real *xt = x + ib * plane + tap / 3 * row + tap % 3 * ODE_VEC;
            const real *wt = w + (ptrdiff_t)(ib * 9 + tap) * TAP;

            for (int ic = 0; ic < ics; ic++)
                outer_add(ob, t, xt + ic, ODE_VEC, wt + ic * ODE_VEC, next, acc);
        }
    }
}

/* One tile: pixels [0, t) from x on into ob blocks, RUN pixels apart in raw. */
ALWAYS void
tile(const struct ode_conv *c, const real *x, const real *w, const real *b, int ob, int t,
     real *raw)
{
    vec acc[2][TILE_MAX][VN];

    if (b) /* the same for every pixel */
        outer_load(ob, t, b, ODE_VEC, 0, acc);
    else
        outer_zero(ob, t, acc);
    tile_sum(c, x, w, ob, t, acc);
    outer_store(ob, t, acc, raw, RUN * ODE_VEC, ODE_VEC);
}

/* `left` pixels of a row of one or two output blocks, in tiles of at most `most`. */
ALWAYS void
tile_run(const struct ode_conv *c, const real *x, const real *w, const real *b, int ob,
         int most, int left, real *raw)
{
    for (; most >= 16 && left >= 16; left -= 16, x += 16 * ODE_VEC, raw += 16 * ODE_VEC)
        tile(c, x, w, b, ob, 16, raw);
    for (; most >= 8 && left >= 8; left -= 8, x += 8 * ODE_VEC, raw += 8 * ODE_VEC)
        tile(c, x, w, b, ob, 8, raw);
    for (; most >= 4 && left >= 4; left -= 4, x += 4 * ODE_VEC, raw += 4 * ODE_VEC)
        tile(c, x, w, b, ob, 4, raw);
    for (; most >= 2 && left >= 2; left -= 2, x += 2 * ODE_VEC, raw += 2 * ODE_VEC)
        tile(c, x, w, b, ob, 2, raw);
    for (; left > 0; left--, x += ODE_VEC, raw += ODE_VEC)
        tile(c, x, w, b, ob, 1, raw);
}

/* Blocks [first, first + ob) of an image; `image` is where it begins among the y. */
ALWAYS void
direct_blocks(const struct ode_conv *c, const real *x, const real *w, int first, int ob,
              int most, ptrdiff_t image, struct ode_finish *f)
{
    const ptrdiff_t row = ROW(c->w), plane = row * (c->h + 2);
    const real *wf = w + first * (ptrdiff_t)ode_blocks(c->in) * 9 * TAP;
    const real *b = f->b ? f->b + first * ODE_VEC : NULL;
    real raw[2 * RUN * ODE_VEC] __attribute__((aligned(64)));

    for (int y = 0; y < c->h; y++)
        for (int p = 0; p < c->w; p += RUN) {
            const int n = c->w - p < RUN ? c->w - p : RUN;
            const ptrdiff_t at = y * row + p * ODE_VEC;

            tile_run(c, x + at, wf, b, ob, most, n, raw);
            for (int o = 0; o < ob; o++)
                finish_run(c, f, first + o, raw + o * RUN * ODE_VEC,
                           image + (first + o) * plane + at + row + ODE_VEC,
                           (ptrdiff_t)n * ODE_VEC);
        }
}

static void
direct_conv(const struct ode_conv *c, int n, const real *x, const real *w,
            struct ode_finish *f)
{
    const ptrdiff_t in = (ptrdiff_t)ode_image(c->in, c->h, c->w);
    const ptrdiff_t out = (ptrdiff_t)ode_image(c->out, c->h, c->w);
    const int obs = ode_blocks(c->out);

    for (int i = 0; i < n; i++) {
        int first = 0;

#if TILE2
        for (; first + 2 <= obs; first += 2)
            direct_blocks(c, x + i * in, w, first, 2, TILE2, i * out, f);
#endif
        for (; first < obs; first++)
            direct_blocks(c, x + i * in, w, first, 1, TILE1, i * out, f);
    }
}

/* --- the gradient of the weights --------------------------------------------------- */

/* acc[kx][channel] += the sum over one row. In the middle of a row of 16-wide vectors a
 * value of x is read once for all three taps: they meet it with three neighbours of p. */
ALWAYS void
weights_row(const real *p, const real *x, int w, int taps, vec acc[3][TILEG][VN])
{
#if TILEG_ROLLS
    vec before = v_load(p - ODE_VEC), here = v_load(p);

    for (int i = 0; i < w; i++) {
        const vec after = v_load(p + (i + 1) * ODE_VEC);

        UNROLL
        for (int g = 0; g < TILEG; g++) {
            const vec s = v_all(x[(i + 1) * ODE_VEC + g]);

            if (taps == 3)
                acc[0][g][0] = v_fma(after, s, acc[0][g][0]);
            acc[1][g][0] = v_fma(here, s, acc[1][g][0]);
            if (taps == 3)
                acc[2][g][0] = v_fma(before, s, acc[2][g][0]);
        }
        before = here;
        here = after;
    }
#else
    for (int i = 0; i < w; i++) {
        vec one[VN];

        UNROLL
        for (int v = 0; v < VN; v++)
            one[v] = v_load(p + i * ODE_VEC + v * VW);
        UNROLL
        for (int k = 0; k < 3; k++)
            UNROLL
        for (int g = 0; g < TILEG; g++) {
            const vec s = v_all(x[(i + k) * ODE_VEC + g]);

            if (taps == 1 && k != 1)
                continue;
            UNROLL
            for (int v = 0; v < VN; v++)
                acc[k][g][v] = v_fma(one[v], s, acc[k][g][v]);
        }
    }
#endif
}

/* One row of taps, or the middle one of them, TILEG input channels: sums over all images
 * in registers. px, xx: block and tap row of the first image. */
ALWAYS void
weights_tile(const struct ode_conv *c, int n, int pairs, const real *const *p,
             const real *const *x, ptrdiff_t p_at, ptrdiff_t x_at, int taps, real *dw)
{
    const ptrdiff_t row = ROW(c->w);
    const ptrdiff_t in = (ptrdiff_t)ode_image(c->in, c->h, c->w);
    const ptrdiff_t out = (ptrdiff_t)ode_image(c->out, c->h, c->w);
    vec acc[3][TILEG][VN];

    UNROLL
    for (int k = 0; k < 3; k++)
        UNROLL
    for (int g = 0; g < TILEG; g++)
        UNROLL
    for (int v = 0; v < VN; v++)
        acc[k][g][v] = v_all(0);
    for (int q = 0; q < pairs; q++)
        for (int i = 0; i < n; i++)
            for (int y = 0; y < c->h; y++)
                weights_row(p[q] + i * out + p_at + (y + 1) * row + ODE_VEC,
                            x[q] + i * in + x_at + y * row, c->w, taps, acc);
    UNROLL
    for (int k = 0; k < 3; k++)
        UNROLL
    for (int g = 0; g < TILEG; g++)
        UNROLL
    for (int v = 0; v < VN; v++) {
        real *d = dw + k * TAP + g * ODE_VEC + v * VW;

        if (taps == 3 || k == 1)
            v_store(d, v_load(d) + acc[k][g][v]);
    }
}

static void
direct_weights(const struct ode_conv *c, int n, int pairs, const real *const *p,
               const real *const *x, real *dw)
{
    const ptrdiff_t row = ROW(c->w), plane = row * (c->h + 2);
    const int obs = ode_blocks(c->out), ibs = ode_blocks(c->in);

    for (int ob = 0; ob < obs; ob++)
        for (int ib = 0; ib < ibs; ib++) {
            const int ics = ib + 1 < ibs ? ODE_VEC : c->in - ib * ODE_VEC;
            real *block = dw + (ptrdiff_t)(ob * ibs + ib) * 9 * TAP;

            for (int ic = 0; ic < ics; ic += TILEG)
                if (c->point)
                    weights_tile(c, n, pairs, p, x, ob * plane, ib * plane + row + ic, 1,
                                 block + 3 * TAP + ic * ODE_VEC);
                else
                    for (int ky = 0; ky < 3; ky++)
                        weights_tile(c, n, pairs, p, x, ob * plane,
                                     ib * plane + ky * row + ic, 3,
                                     block + ky * 3 * TAP + ic * ODE_VEC);
        }
}
