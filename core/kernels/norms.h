/*
 * norms.h - normalisations, each with the activation that follows it.
 *
 * Part of body.h. Planes are worked on by rows, and rows by columns of vectors: VW
 * channels at a time, whose constants stay in registers. Sums run in CHAINS side by side,
 * as one sum would wait for itself, and are added pairwise at the row's end.
 */
enum { CHAINS = 4, STRIP = 16 /* pixels */ };

/* Where column v of row y of plane i begins. */
ALWAYS ptrdiff_t
column_at(const struct ode_planes *s, int i, int y, int v)
{
    return i * (ptrdiff_t)s->apart + (y + 1) * ROW(s->w) + ODE_VEC + v * VW;
}

ALWAYS vec
chains_sum(const vec x[CHAINS])
{
    return (x[0] + x[1]) + (x[2] + x[3]);
}

/* sum[c] += x[c] for VW channels. */
ALWAYS void
add_in_double(vec x, double *sum)
{
    _Alignas(64) real lane[VW];

    v_store(lane, x);
    for (int c = 0; c < VW; c++)
        sum[c] += (double)lane[c];
}

/* What follows: v becomes y, or dy becomes q. active and act are constants. */
ALWAYS vec
after_value(bool active, enum ode_act act, real scale, vec v)
{
    if (active)
        v = v_all(scale) * act_value(act, v);
    return v;
}

ALWAYS vec
after_slope(bool active, enum ode_act act, real scale, vec v, vec dy)
{
    if (active)
        dy = act_slope(act, v, v_all(scale) * dy);
    return dy;
}

/* Calls CALL(active, act) with constants, so that each is compiled apart. */
#define CALL_ACTIVE(act) CALL(true, act)
#define FOR_EACH_AFTER(after)                  \
    if ((after)->active) {                     \
        const enum ode_act act = (after)->act; \
                                               \
        FOR_EACH_ACT(CALL_ACTIVE)              \
    } else {                                   \
        CALL(false, ODE_ACT_RELU);             \
    }

/* --- moments ----------------------------------------------------------------------- */

/* The mean of the first row, about which others are summed. */
static void
row_guess(const struct ode_planes *s, const real *x, real *guess)
{
    for (int v = 0; v < VN; v++) {
        const real *at = x + column_at(s, 0, 0, v);
        vec sum = v_all(0);

        for (int p = 0; p < s->w; p++)
            sum += v_load(at + p * ODE_VEC);
        v_store(guess + v * VW, sum / v_all((real)s->w));
    }
}

/* a += x - guess, b += (x - guess)^2 over a row of VW channels. */
ALWAYS void
row_moments(const real *x, int w, const real *guess, double *a, double *b)
{
    const vec g = v_load(guess);
    vec sum[CHAINS], square[CHAINS];
    int p = 0;

    UNROLL
    for (int k = 0; k < CHAINS; k++)
        sum[k] = square[k] = v_all(0);
    for (; p + CHAINS <= w; p += CHAINS)
        UNROLL
    for (int k = 0; k < CHAINS; k++) {
        const vec d = v_load(x + (p + k) * ODE_VEC) - g;

        sum[k] += d;
        square[k] = v_fma(d, d, square[k]);
    }
    for (; p < w; p++) {
        const vec d = v_load(x + p * ODE_VEC) - g;

        sum[0] += d;
        square[0] = v_fma(d, d, square[0]);
    }
    add_in_double(chains_sum(sum), a);
    add_in_double(chains_sum(square), b);
}

/*
 * Chan, Golub and LeVeque's way to join two sets of numbers by their means and squares,
 * plane by plane. The guess is the mean of what was seen: then the squares about it are
 * at most twice those about the means, and nothing is lost in subtracting.
 */
static void
moments(const struct ode_planes *s, const real *x, double *mean, double *squares)
{
    const double n = (double)s->h * s->w;
    _Alignas(64) real guess[ODE_VEC];

    row_guess(s, x, guess);
    for (int c = 0; c < ODE_VEC; c++)
        mean[c] = squares[c] = 0;
    for (int i = 0; i < s->n; i++) {
        double a[ODE_VEC] = { 0 }, b[ODE_VEC] = { 0 };

        for (int y = 0; y < s->h; y++)
            for (int v = 0; v < VN; v++)
                row_moments(x + column_at(s, i, y, v), s->w, guess + v * VW, a + v * VW,
                            b + v * VW);
        for (int c = 0; c < ODE_VEC; c++) {
            const double off = a[c] / n, from = (double)guess[c] + off - mean[c];
            const double inside = b[c] - off * a[c];

            mean[c] += from / (i + 1);
            squares[c] += inside + from * from * n * i / (i + 1);
            guess[c] = (real)mean[c];
        }
    }
    for (int c = 0; c < ODE_VEC; c++)
        squares[c] = squares[c] > 0 ? squares[c] : 0;
}

/* --- by moments -------------------------------------------------------------------- */

ALWAYS void
norm_rows(bool active, enum ode_act act, const struct ode_planes *s,
          const struct ode_norm_map *m, const real *x, real *y)
{
    for (int i = 0; i < s->n; i++)
        for (int r = 0; r < s->h; r++)
            for (int v = 0; v < VN; v++) {
                const vec slope = v_load(m->slope + v * VW);
                const vec level = v_load(m->level + v * VW);
                const ptrdiff_t at = column_at(s, i, r, v);

                for (ptrdiff_t p = at; p < at + (ptrdiff_t)s->w * ODE_VEC; p += ODE_VEC)
                    v_store(y + p, after_value(active, act, m->after.scale,
                                               v_fma(slope, v_load(x + p), level)));
            }
}

static void
norm_act(const struct ode_planes *s, const struct ode_norm_map *m, const real *x,
         real *y){
#define CALL(active, act) norm_rows(active, act, s, m, x, y)
    FOR_EACH_AFTER(&m->after)
#undef CALL
}

/* One pixel of VW channels: q, and the two sums. */
ALWAYS void pixel_sums(bool active, enum ode_act act, real scale, vec slope, vec level,
                       vec mean, const real *x, const real *dy, real *q, vec *sum,
                       vec *product)
{
    const vec xi = v_load(x);
    const vec qi = after_slope(active, act, scale, v_fma(slope, xi, level), v_load(dy));

    if (active)
        v_store(q, qi);
    *sum += qi;
    *product = v_fma(qi, xi - mean, *product);
}

ALWAYS void
norm_sums_rows(bool active, enum ode_act act, const struct ode_planes *s,
               const struct ode_norm_map *m, const real *mean, const real *x,
               const real *dy, real *q, double *sum, double *product)
{
    for (int i = 0; i < s->n; i++)
        for (int r = 0; r < s->h; r++)
            for (int v = 0; v < VN; v++) {
                const vec slope = v_load(m->slope + v * VW);
                const vec level = v_load(m->level + v * VW);
                const vec mid = v_load(mean + v * VW);
                const ptrdiff_t at = column_at(s, i, r, v);
                vec a[CHAINS], b[CHAINS];
                int p = 0;

                UNROLL
                for (int k = 0; k < CHAINS; k++)
                    a[k] = b[k] = v_all(0);
                for (; p + CHAINS <= s->w; p += CHAINS)
                    UNROLL
                for (int k = 0; k < CHAINS; k++) {
                    const ptrdiff_t j = at + (ptrdiff_t)(p + k) * ODE_VEC;

                    pixel_sums(active, act, m->after.scale, slope, level, mid, x + j,
                               dy + j, q + j, &a[k], &b[k]);
                }
                for (; p < s->w; p++) {
                    const ptrdiff_t j = at + (ptrdiff_t)p * ODE_VEC;

                    pixel_sums(active, act, m->after.scale, slope, level, mid, x + j,
                               dy + j, q + j, &a[0], &b[0]);
                }
                add_in_double(chains_sum(a), sum + v * VW);
                add_in_double(chains_sum(b), product + v * VW);
            }
}

static void
norm_act_sums(const struct ode_planes *s, const struct ode_norm_map *m, const real *mean,
              const real *x, const real *dy, real *q, double *sum, double *product)
{
    for (int c = 0; c < ODE_VEC; c++)
        sum[c] = product[c] = 0;
#define CALL(active, act) norm_sums_rows(active, act, s, m, mean, x, dy, q, sum, product)
    FOR_EACH_AFTER(&m->after)
#undef CALL
}

static void
norm_pull(const struct ode_planes *s, const struct ode_norm_pull *m, const real *x,
          const real *q, real *dx)
{
    for (int i = 0; i < s->n; i++)
        for (int r = 0; r < s->h; r++)
            for (int v = 0; v < VN; v++) {
                const vec slope = v_load(m->slope + v * VW);
                const vec tilt = v_load(m->tilt + v * VW);
                const vec level = v_load(m->level + v * VW);
                const vec mean = v_load(m->mean + v * VW);
                const ptrdiff_t at = column_at(s, i, r, v);

                for (ptrdiff_t p = at; p < at + (ptrdiff_t)s->w * ODE_VEC; p += ODE_VEC)
                    v_store(dx + p, v_fma(slope, v_load(q + p),
                                          v_fma(tilt, v_load(x + p) - mean, level)));
            }
}

/* --- by the pixel itself ----------------------------------------------------------- */

/* r of n pixels, the first of which is at x; n is at most STRIP. */
ALWAYS void
strip_roots(const struct ode_pixel_norm *m, const real *x, int n, real root[STRIP])
{
    const ptrdiff_t plane = ROW(m->w) * (m->h + 2);

    for (int p = 0; p < STRIP; p++)
        root[p] = 0;
    for (int p = 0; p < n; p++) {
        vec sum = v_all(0);

        for (int b = 0; b < m->blocks; b++)
            UNROLL
        for (int v = 0; v < VN; v++) {
            const vec xi = v_load(x + b * plane + p * ODE_VEC + v * VW);

            sum = v_fma(xi, xi, sum);
        }
        root[p] = v_sum(sum);
    }
    for (int p = 0; p < STRIP; p += VW)
        v_store(root + p, v_all(1) / v_sqrt(v_load(root + p) + v_all(m->epsilon)));
}

ALWAYS void
strip_forward(bool active, enum ode_act act, const struct ode_pixel_norm *m,
              const real *x, int n, real *y)
{
    const ptrdiff_t plane = ROW(m->w) * (m->h + 2);
    _Alignas(64) real root[STRIP];

    strip_roots(m, x, n, root);
    for (int b = 0; b < m->blocks; b++)
        for (int v = 0; v < VN; v++) {
            const vec gain = v_load(m->gain + b * ODE_VEC + v * VW);
            const vec shift = v_load(m->shift + b * ODE_VEC + v * VW);
            const ptrdiff_t at = b * plane + v * VW;

            for (int p = 0; p < n; p++) {
                const vec xr = v_load(x + at + p * ODE_VEC) * v_all(root[p]);

                v_store(y + at + p * ODE_VEC,
                        after_value(active, act, m->after.scale, v_fma(gain, xr, shift)));
            }
        }
}

/* q = s' dy of n pixels, and tilt = r^3 times the pixel's sum of gain x q. */
ALWAYS void
strip_tilt(bool active, enum ode_act act, const struct ode_pixel_norm *m, const real *x,
           const real *dy, int n, const real root[STRIP], real *q, real tilt[STRIP])
{
    const ptrdiff_t plane = ROW(m->w) * (m->h + 2);

    for (int p = 0; p < n; p++) {
        const vec r = v_all(root[p]);
        vec sum = v_all(0);

        for (int b = 0; b < m->blocks; b++)
            UNROLL
        for (int v = 0; v < VN; v++) {
            const ptrdiff_t at = b * plane + p * ODE_VEC + v * VW;
            const vec gain = v_load(m->gain + b * ODE_VEC + v * VW);
            const vec shift = v_load(m->shift + b * ODE_VEC + v * VW);
            const vec xi = v_load(x + at);
            const vec qi = after_slope(active, act, m->after.scale,
                                       v_fma(gain, xi * r, shift), v_load(dy + at));

            if (active)
                v_store(q + at, qi);
            sum = v_fma(gain * xi, qi, sum);
        }
        tilt[p] = root[p] * root[p] * root[p] * v_sum(sum);
    }
}

/* dx of n pixels from q, and the sums of VW channels. */
ALWAYS void
strip_pull(vec gain, const real *x, const real *q, int n, const real root[STRIP],
           const real tilt[STRIP], real *dx, double *dgain, double *dshift)
{
    vec a = v_all(0), c = v_all(0);

    for (int p = 0; p < n; p++) {
        const vec xi = v_load(x + p * ODE_VEC), qi = v_load(q + p * ODE_VEC);
        const vec rq = v_all(root[p]) * qi;

        a = v_fma(xi, rq, a);
        c += qi;
        v_store(dx + p * ODE_VEC, gain * rq - xi * v_all(tilt[p]));
    }
    add_in_double(a, dgain);
    add_in_double(c, dshift);
}

ALWAYS void
strip_adjoint(bool active, enum ode_act act, const struct ode_pixel_norm *m,
              const real *x, const real *dy, int n, real *dx, double *dgain,
              double *dshift)
{
    const ptrdiff_t plane = ROW(m->w) * (m->h + 2);
    const real *q = active ? dx : dy;
    _Alignas(64) real root[STRIP], tilt[STRIP];

    strip_roots(m, x, n, root);
    strip_tilt(active, act, m, x, dy, n, root, dx, tilt);
    for (int b = 0; b < m->blocks; b++)
        for (int v = 0; v < VN; v++) {
            const ptrdiff_t at = b * plane + v * VW;
            const int c = b * ODE_VEC + v * VW;

            strip_pull(v_load(m->gain + c), x + at, q + at, n, root, tilt, dx + at,
                       dgain + c, dshift + c);
        }
}

/* Pixels in the strip that begins at pixel p of a row. */
ALWAYS int
strip_length(const struct ode_pixel_norm *m, int p)
{
    return m->w - p < STRIP ? m->w - p : STRIP;
}

ALWAYS void
pixel_norm_image(bool active, enum ode_act act, const struct ode_pixel_norm *m,
                 const real *x, real *y)
{
    for (int r = 0; r < m->h; r++)
        for (int p = 0; p < m->w; p += STRIP) {
            const ptrdiff_t at = (r + 1) * ROW(m->w) + (ptrdiff_t)(p + 1) * ODE_VEC;

            strip_forward(active, act, m, x + at, strip_length(m, p), y + at);
        }
}

static void
pixel_norm(const struct ode_pixel_norm *m, const real *x, real *y){
#define CALL(active, act) pixel_norm_image(active, act, m, x, y)
    FOR_EACH_AFTER(&m->after)
#undef CALL
}

ALWAYS
    void pixel_norm_adjoint_image(bool active, enum ode_act act,
                                  const struct ode_pixel_norm *m, const real *x,
                                  const real *dy, real *dx, double *dgain, double *dshift)
{
    for (int r = 0; r < m->h; r++)
        for (int p = 0; p < m->w; p += STRIP) {
            const ptrdiff_t at = (r + 1) * ROW(m->w) + (ptrdiff_t)(p + 1) * ODE_VEC;

            strip_adjoint(active, act, m, x + at, dy + at, strip_length(m, p), dx + at,
                          dgain, dshift);
        }
}

static void
pixel_norm_adjoint(const struct ode_pixel_norm *m, const real *x, const real *dy,
                   real *dx, double *dgain, double *dshift)
{
#define CALL(active, act) \
    pixel_norm_adjoint_image(active, act, m, x, dy, dx, dgain, dshift)
    FOR_EACH_AFTER(&m->after)
#undef CALL
}
