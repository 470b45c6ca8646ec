/*
 * winograd.h - convolutions by Winograd's F(2x2, 3x3), and their weights' gradients.
 *
 * Part of body.h. With d a tile of 4x4 inputs, g a 3x3 kernel and Y the 2x2 outputs
 * (Lavin and Gray, CVPR 2016):
 *
 *     Y = A' [ (G g G') . (B' d B) ] A        . entry by entry, summed over channels
 *
 *          1  0 -1  0          1   0   0           1  1  1  0
 *     B' = 0  1  1  0     G = 1/2 1/2 1/2     A' = 0  1 -1 -1
 *          0 -1  1  0         1/2-1/2 1/2
 *          0  1  0 -1          0   0   1
 *
 * The sums over channels are 16 matrix products, one for each of the 16 places xi in a
 * tile. The gradient with respect to g is the adjoint of the same lines:
 *
 *     dg = G' [ (A p A') . (B' d B) ] G       summed over tiles and images
 *
 * Tiles are taken in the order of their pixels, through all images; what belongs to one
 * tile does not depend on its neighbours. All that a chunk of tiles needs lies on the
 * stack, and so in the first- and second-level cache.
 */

/* WTILE1 tiles of one output block, WTILE2 of two (0: never) are summed in registers. */
enum {
    CHUNK = 16, /* tiles at once */
    WIDE = 8,   /* blocks of input channels at once */
    APART = 16  /* keeps the 16 planes from falling into the same cache sets */
};

/* One place xi of a chunk: [block of channels][tile][16]. */
#define PLANE(blocks) ((blocks)*CHUNK * ODE_VEC + APART)

/* Where tile k of n images lies. */
struct place {
    int image, down, across; /* in tiles */
};

ALWAYS struct place
place_of(const struct ode_conv *c, int k)
{
    const int wide = c->w / 2, all = wide * (c->h / 2), in = k % all;

    return (struct place){ k / all, in / wide, in % wide };
}

/* Tiles from k on that lie side by side, at most `most`. */
ALWAYS int
side_by_side(const struct ode_conv *c, struct place at, int most)
{
    const int left = c->w / 2 - at.across;

    return left < most ? left : most;
}

/* --- weights ----------------------------------------------------------------------- */

/* G g of three values. */
ALWAYS void
kernel_spread(const vec g[3], vec out[4])
{
    const vec half = v_all((real)0.5), ends = g[0] + g[2];

    out[0] = g[0];
    out[1] = half * (ends + g[1]);
    out[2] = half * (ends - g[1]);
    out[3] = g[2];
}

/* One vector of output channels: nine taps TAP apart become 16, `step` apart. */
ALWAYS void
kernel_transform(const real *w, ptrdiff_t step, real *u)
{
    vec column[3][4];

    UNROLL
    for (int kx = 0; kx < 3; kx++) {
        const vec g[3] = { v_load(w + kx * TAP), v_load(w + (3 + kx) * TAP),
                           v_load(w + (6 + kx) * TAP) };

        kernel_spread(g, column[kx]);
    }
    UNROLL
    for (int y = 0; y < 4; y++) {
        const vec g[3] = { column[0][y], column[1][y], column[2][y] };
        vec out[4];

        kernel_spread(g, out);
        UNROLL
        for (int x = 0; x < 4; x++)
            v_store(u + (y * 4 + x) * step, out[x]);
    }
}

/* Prepared weights: [out block][xi][in, padded][16 out]. */
static void
winograd_prepare(const struct ode_conv *c, const real *w, real *u)
{
    const int obs = ode_blocks(c->out), ibs = ode_blocks(c->in);
    const ptrdiff_t step = (ptrdiff_t)ibs * TAP;

    for (int ob = 0; ob < obs; ob++)
        for (int ib = 0; ib < ibs; ib++)
            for (int i = 0; i < TAP; i += VW)
                kernel_transform(w + (ptrdiff_t)(ob * ibs + ib) * 9 * TAP + i, step,
                                 u + ob * 16 * step + ib * TAP + i);
}

/* --- inputs ------------------------------------------------------------------------ */

/* B' of a column of four pixels. */
ALWAYS void
input_column(const real *x, ptrdiff_t row, vec out[4])
{
    const vec d0 = v_load(x), d1 = v_load(x + row), d2 = v_load(x + 2 * row);
    const vec d3 = v_load(x + 3 * row);

    out[0] = d0 - d2;
    out[1] = d1 + d2;
    out[2] = d2 - d1;
    out[3] = d1 - d3;
}

/* n tiles side by side, the first one's corner at x, 16 places `plane` apart. */
ALWAYS void
input_run(const real *x, ptrdiff_t row, int n, ptrdiff_t plane, real *v)
{
    vec a[4], b[4], c[4], d[4];

    input_column(x, row, a);
    input_column(x + ODE_VEC, row, b);
    for (int t = 0; t < n; t++, v += ODE_VEC) {
        x += 2 * ODE_VEC;
        input_column(x, row, c);
        input_column(x + ODE_VEC, row, d);
        UNROLL
        for (int y = 0; y < 4; y++) {
            v_store(v + y * 4 * plane, a[y] - c[y]);
            v_store(v + (y * 4 + 1) * plane, b[y] + c[y]);
            v_store(v + (y * 4 + 2) * plane, c[y] - b[y]);
            v_store(v + (y * 4 + 3) * plane, b[y] - d[y]);
            a[y] = c[y];
            b[y] = d[y];
        }
    }
}

/* Tiles [first, first + n) of blocks [ib, ib + ibs). */
static void
input_transform(const struct ode_conv *c, const real *x, int first, int n, int ib,
                int ibs, real *v)
{
    const ptrdiff_t row = ROW(c->w), plane = row * (c->h + 2);
    const ptrdiff_t image = (ptrdiff_t)ode_image(c->in, c->h, c->w);

    for (int t = 0, run; t < n; t += run) {
        const struct place at = place_of(c, first + t);
        const real *corner =
            x + at.image * image + 2 * at.down * row + 2 * at.across * ODE_VEC;

        run = side_by_side(c, at, n - t);
        for (int b = 0; b < ibs; b++)
            for (int i = 0; i < ODE_VEC; i += VW)
                input_run(corner + (ib + b) * plane + i, row, run, PLANE(ibs),
                          v + (b * CHUNK + t) * ODE_VEC + i);
    }
}

/* --- products ---------------------------------------------------------------------- */

/* m[o][t] (+)= sum over i < in of v[t][i] u[i][o], for t tiles and ob blocks. The tiles
 * of a block of channels lie CHUNK side by side, so their addresses differ by constants.
 */
ALWAYS void
product_tile(int in, const real *v, const real *u, ptrdiff_t next, bool more, int ob,
             int t, real *m)
{
    vec acc[2][TILE_MAX][VN];

    if (more)
        outer_load(ob, t, m, CHUNK * ODE_VEC, ODE_VEC, acc);
    else
        outer_zero(ob, t, acc);
    for (int left = in; left > 0; left -= ODE_VEC, v += CHUNK * ODE_VEC)
        for (int i = 0; i < (left < ODE_VEC ? left : ODE_VEC); i++, u += ODE_VEC)
            outer_add(ob, t, v + i, ODE_VEC, u, next, acc);
    outer_store(ob, t, acc, m, CHUNK * ODE_VEC, ODE_VEC);
}

/* The same for n tiles, an even number, `most` at once. */
ALWAYS void
product_run(int in, const real *v, const real *u, ptrdiff_t next, bool more, int ob,
            int most, int n, real *m)
{
    int t = 0;

    for (; most >= 16 && t + 16 <= n; t += 16)
        product_tile(in, v + t * ODE_VEC, u, next, more, ob, 16, m + t * ODE_VEC);
    for (; most >= 8 && t + 8 <= n; t += 8)
        product_tile(in, v + t * ODE_VEC, u, next, more, ob, 8, m + t * ODE_VEC);
    for (; most >= 4 && t + 4 <= n; t += 4)
        product_tile(in, v + t * ODE_VEC, u, next, more, ob, 4, m + t * ODE_VEC);
    for (; t + 2 <= n; t += 2)
        product_tile(in, v + t * ODE_VEC, u, next, more, ob, 2, m + t * ODE_VEC);
}

/* All 16 places of ibs blocks. u: of the first output block, from the first input
 * channel on. */
ALWAYS void
products(int in, int ibs, const real *v, const real *u, ptrdiff_t u_plane, bool more,
         int ob, int most, int n, real *m)
{
    for (int xi = 0; xi < 16; xi++)
        product_run(in, v + xi * PLANE(ibs), u + xi * u_plane, 16 * u_plane, more, ob,
                    most, n, m + xi * PLANE(ob));
}

/* --- outputs ----------------------------------------------------------------------- */

/* A' m A + b of one tile: two rows of two pixels. */
ALWAYS void
output_tile(const real *m, ptrdiff_t plane, const vec b, real *upper, real *lower)
{
    vec s[2][4];

    UNROLL
    for (int x = 0; x < 4; x++) {
        const vec m0 = v_load(m + x * plane), m1 = v_load(m + (4 + x) * plane);
        const vec m2 = v_load(m + (8 + x) * plane), m3 = v_load(m + (12 + x) * plane);

        s[0][x] = (m0 + m1) + m2;
        s[1][x] = (m1 - m2) - m3;
    }
    v_store(upper, ((s[0][0] + s[0][1]) + s[0][2]) + b);
    v_store(upper + ODE_VEC, ((s[0][1] - s[0][2]) - s[0][3]) + b);
    v_store(lower, ((s[1][0] + s[1][1]) + s[1][2]) + b);
    v_store(lower + ODE_VEC, ((s[1][1] - s[1][2]) - s[1][3]) + b);
}

/* Tiles [first, first + n) of output block `block`; m: of that block, places `apart`. */
static void
output_transform(const struct ode_conv *c, int first, int n, int block, const real *m,
                 ptrdiff_t apart, struct ode_finish *f)
{
    const ptrdiff_t row = ROW(c->w), plane = row * (c->h + 2);
    const ptrdiff_t image = (ptrdiff_t)ode_image(c->out, c->h, c->w);
    real raw[2][CHUNK * 2 * ODE_VEC] __attribute__((aligned(64)));

    for (int t = 0, run; t < n; t += run) {
        const struct place at = place_of(c, first + t);
        const ptrdiff_t to = at.image * image + block * plane + (2 * at.down + 1) * row
                             + (2 * at.across + 1) * ODE_VEC;

        run = side_by_side(c, at, n - t);
        for (int k = 0; k < ODE_VEC; k += VW) {
            const vec b = f->b ? v_load(f->b + block * ODE_VEC + k) : v_all(0);

            for (int i = 0; i < run; i++)
                output_tile(m + (t + i) * ODE_VEC + k, apart, b,
                            raw[0] + i * 2 * ODE_VEC + k, raw[1] + i * 2 * ODE_VEC + k);
        }
        finish_run(c, f, block, raw[0], to, (ptrdiff_t)run * 2 * ODE_VEC);
        finish_run(c, f, block, raw[1], to + row, (ptrdiff_t)run * 2 * ODE_VEC);
    }
}

/* --- the convolution --------------------------------------------------------------- */

/* Scratch of one call. */
struct chunk {
    real v[16 * PLANE(WIDE)], m[16 * PLANE(2)];
};

/* Tiles beyond the last one, up to an even number: zero. */
static void
chunk_pad(real *v, int ibs, int n)
{
    for (int xi = 0; n % 2 && xi < 16; xi++)
        for (int b = 0; b < ibs; b++)
            for (int i = 0; i < ODE_VEC; i++)
                v[xi * PLANE(ibs) + (b * CHUNK + n) * ODE_VEC + i] = 0;
}

/* Output blocks [first_block, + ob) of a chunk; wide inputs in several goes. */
ALWAYS void
chunk_blocks(const struct ode_conv *c, const real *x, const real *u, int first, int n,
             int block, int ob, int most, struct chunk *k, struct ode_finish *f)
{
    const int ibs = ode_blocks(c->in);
    const ptrdiff_t u_plane = (ptrdiff_t)ibs * TAP;
    /* where inputs and outputs are alike, outputs replace the inputs of their tiles */
    real *m = block + ob == ode_blocks(c->out) && ob == ibs ? k->v : k->m;

    for (int ib = 0; ib < ibs; ib += WIDE) {
        const int some = ibs - ib < WIDE ? ibs - ib : WIDE, left = c->in - ib * ODE_VEC;
        const int in = left < some * ODE_VEC ? left : some * ODE_VEC;

        if (block == 0 || ibs > WIDE) {
            input_transform(c, x, first, n, ib, some, k->v);
            chunk_pad(k->v, some, n);
        }
        products(in, some, k->v, u + block * 16 * u_plane + ib * TAP, u_plane, ib > 0, ob,
                 most, n + n % 2, m);
    }
    for (int o = 0; o < ob; o++)
        output_transform(c, first, n, block + o, m + o * CHUNK * ODE_VEC, PLANE(ob), f);
}

static void
winograd_conv(const struct ode_conv *c, int n, const real *x, const real *u,
              struct ode_finish *f)
{
    const int tiles = n * (c->h / 2) * (c->w / 2), obs = ode_blocks(c->out);
    struct chunk k __attribute__((aligned(64)));

    for (int first = 0; first < tiles; first += CHUNK) {
        const int some = tiles - first < CHUNK ? tiles - first : CHUNK;
        int block = 0;

#if WTILE2
        for (; block + 2 <= obs; block += 2)
            chunk_blocks(c, x, u, first, some, block, 2, WTILE2, &k, f);
#endif
        for (; block < obs; block++)
            chunk_blocks(c, x, u, first, some, block, 1, WTILE1, &k, f);
    }
}

/* --- the gradient of the weights --------------------------------------------------- */

/*
 * Row y of the 16 places at a time: 4 products of all channels of a square of blocks.
 * Images are read once for each row. Where a row's products are large, all tiles go
 * through one row before the next, as the products are then read and written least; where
 * they are small, few tiles go through all rows, as the images are then.
 */
enum {
    SQUARE = 64, /* channels of p and of x at once */
    LONG = 64,   /* tiles at once */
    FEW = 32     /* tiles for all rows, if there is but one block of channels each */
};

#define LPLANE(step) (LONG * (step) + APART)

struct square {
    real v[4 * LPLANE(SQUARE)], p[4 * LPLANE(SQUARE)], d[16 * SQUARE * SQUARE];
};

/* Row y of B' d for one column. */
ALWAYS vec
input_row(const real *x, ptrdiff_t row, int y)
{
    switch (y) {
    case 0:
        return v_load(x) - v_load(x + 2 * row);
    case 1:
        return v_load(x + row) + v_load(x + 2 * row);
    case 2:
        return v_load(x + 2 * row) - v_load(x + row);
    default:
        return v_load(x + row) - v_load(x + 3 * row);
    }
}

/* Row y of B' d B of n tiles side by side. */
ALWAYS void
square_input(const real *x, ptrdiff_t row, int y, int n, ptrdiff_t step, real *v)
{
    vec a = input_row(x, row, y), b = input_row(x + ODE_VEC, row, y);

    for (int t = 0; t < n; t++, v += step) {
        const vec c = input_row(x + (2 * t + 2) * ODE_VEC, row, y);
        const vec d = input_row(x + (2 * t + 3) * ODE_VEC, row, y);

        v_store(v, a - c);
        v_store(v + LPLANE(step), b + c);
        v_store(v + 2 * LPLANE(step), c - b);
        v_store(v + 3 * LPLANE(step), b - d);
        a = c;
        b = d;
    }
}

/* Row y of A p for one column. */
ALWAYS vec
cotangent_row(const real *p, ptrdiff_t row, int y)
{
    switch (y) {
    case 0:
        return v_load(p);
    case 1:
        return v_load(p) + v_load(p + row);
    case 2:
        return v_load(p) - v_load(p + row);
    default:
        return -v_load(p + row);
    }
}

/* Row y of A p A' of n tiles side by side. */
ALWAYS void
square_cotangent(const real *p, ptrdiff_t row, int y, int n, ptrdiff_t step, real *v)
{
    for (int t = 0; t < n; t++, v += step) {
        const vec a = cotangent_row(p + 2 * t * ODE_VEC, row, y);
        const vec b = cotangent_row(p + (2 * t + 1) * ODE_VEC, row, y);

        v_store(v, a);
        v_store(v + LPLANE(step), a + b);
        v_store(v + 2 * LPLANE(step), a - b);
        v_store(v + 3 * LPLANE(step), -b);
    }
}

/* Tiles [first, first + n) of blocks [block, block + blocks): v[x][tile][channel]. */
ALWAYS void
square_fill(const struct ode_conv *c, const real *x, int channels, bool cotangent, int y,
            int first, int n, int block, int blocks, real *v)
{
    const ptrdiff_t row = ROW(c->w), plane = row * (c->h + 2);
    const ptrdiff_t image = (ptrdiff_t)ode_image(channels, c->h, c->w);
    const ptrdiff_t step = (ptrdiff_t)blocks * ODE_VEC;

    for (int t = 0, run; t < n; t += run) {
        const struct place at = place_of(c, first + t);
        const real *corner = x + at.image * image + block * plane
                             + (2 * at.down + cotangent) * row
                             + (2 * at.across + cotangent) * ODE_VEC;

        run = side_by_side(c, at, n - t);
        for (int b = 0; b < blocks; b++)
            for (int i = 0; i < ODE_VEC; i += VW) {
                const real *from = corner + b * plane + i;
                real *to = v + t * step + b * ODE_VEC + i;

                if (cotangent)
                    square_cotangent(from, row, y, run, step, to);
                else
                    square_input(from, row, y, run, step, to);
            }
    }
}

/* d[i][o] += sum over n tiles of v[t][i] p[t][o], for g channels i and ob blocks o. */
ALWAYS void
square_tile(int n, const real *v, ptrdiff_t v_step, const real *p, ptrdiff_t p_step,
            int ob, int g, ptrdiff_t d_step, real *d)
{
    vec acc[2][TILE_MAX][VN];

    outer_load(ob, g, d, ODE_VEC, d_step, acc);
    for (int t = 0; t < n; t++)
        outer_add(ob, g, v + t * v_step, 1, p + t * p_step, ODE_VEC, acc);
    outer_store(ob, g, acc, d, ODE_VEC, d_step);
}

/* The product of one place: `in` channels, a multiple of WTILEG, and obs blocks. */
ALWAYS void
square_product(int n, int in, int obs, const real *v, ptrdiff_t v_step, const real *p,
               real *d)
{
    const ptrdiff_t step = (ptrdiff_t)obs * ODE_VEC;
    int ob = 0;

#if WTILE2
    for (; ob + 2 <= obs; ob += 2)
        for (int i = 0; i < in; i += WTILEG)
            square_tile(n, v + i, v_step, p + ob * ODE_VEC, step, 2, WTILEG, step,
                        d + i * step + ob * ODE_VEC);
#endif
    for (; ob < obs; ob++) {
        int i = 0;

#if WTILE2
        for (; i + 2 * WTILEG <= in; i += 2 * WTILEG)
            square_tile(n, v + i, v_step, p + ob * ODE_VEC, step, 1, 2 * WTILEG, step,
                        d + i * step + ob * ODE_VEC);
#endif
        for (; i < in; i += WTILEG)
            square_tile(n, v + i, v_step, p + ob * ODE_VEC, step, 1, WTILEG, step,
                        d + i * step + ob * ODE_VEC);
    }
}

/* G' of four values. */
ALWAYS void
kernel_gather(const vec d[4], vec out[3])
{
    const vec half = v_all((real)0.5), even = half * (d[1] + d[2]);

    out[0] = d[0] + even;
    out[1] = half * (d[1] - d[2]);
    out[2] = even + d[3];
}

/* dw += G' d G for the nine taps of one vector of output channels. */
ALWAYS void
taps_add(const real *d, ptrdiff_t plane, real *dw)
{
    vec row[4][3];

    UNROLL
    for (int y = 0; y < 4; y++) {
        const vec four[4] = { v_load(d + y * 4 * plane), v_load(d + (y * 4 + 1) * plane),
                              v_load(d + (y * 4 + 2) * plane),
                              v_load(d + (y * 4 + 3) * plane) };

        kernel_gather(four, row[y]);
    }
    UNROLL
    for (int x = 0; x < 3; x++) {
        const vec four[4] = { row[0][x], row[1][x], row[2][x], row[3][x] };
        vec tap[3];

        kernel_gather(four, tap);
        UNROLL
        for (int y = 0; y < 3; y++) {
            real *to = dw + (y * 3 + x) * TAP;

            v_store(to, v_load(to) + tap[y]);
        }
    }
}

/* A square of channels: `in` of them from block ib on, obs blocks from ob on. */
struct corner {
    int ib, ibs, in, ob, obs;
};

/* Row y of the products of tiles [first, end) is added to s->d. */
ALWAYS void
square_row(const struct ode_conv *c, int pairs, const real *const *p,
           const real *const *x, const struct corner *at, int y, int first, int end,
           struct square *s)
{
    const ptrdiff_t v_step = (ptrdiff_t)at->ibs * ODE_VEC;
    const ptrdiff_t p_step = (ptrdiff_t)at->obs * ODE_VEC;
    const ptrdiff_t plane = at->in * p_step;

    for (int q = 0; q < pairs; q++)
        for (int t = first; t < end; t += LONG) {
            const int n = end - t < LONG ? end - t : LONG;

            square_fill(c, x[q], c->in, false, y, t, n, at->ib, at->ibs, s->v);
            square_fill(c, p[q], c->out, true, y, t, n, at->ob, at->obs, s->p);
            for (int k = 0; k < 4; k++)
                square_product(n, at->in, at->obs, s->v + k * LPLANE(v_step), v_step,
                               s->p + k * LPLANE(p_step), s->d + (y * 4 + k) * plane);
        }
}

static void
square_rows(const struct ode_conv *c, int pairs, const real *const *p,
            const real *const *x, const struct corner *at, int first, int end,
            struct square *s)
{
    square_row(c, pairs, p, x, at, 0, first, end, s);
    square_row(c, pairs, p, x, at, 1, first, end, s);
    square_row(c, pairs, p, x, at, 2, first, end, s);
    square_row(c, pairs, p, x, at, 3, first, end, s);
}

/* dw += G' d G. */
static void
square_end(const struct ode_conv *c, const struct corner *at, const real *d, real *dw)
{
    const ptrdiff_t step = (ptrdiff_t)at->obs * ODE_VEC, plane = at->in * step;
    const int ibs = ode_blocks(c->in);

    for (int o = 0; o < at->obs; o++)
        for (int i = 0; i < at->in; i++)
            for (int k = 0; k < ODE_VEC; k += VW)
                taps_add(
                    d + i * step + o * ODE_VEC + k, plane,
                    dw + ((ptrdiff_t)(at->ob + o) * ibs + at->ib + i / ODE_VEC) * 9 * TAP
                        + i % ODE_VEC * ODE_VEC + k);
}

static void
square_weights(const struct ode_conv *c, int n, int pairs, const real *const *p,
               const real *const *x, const struct corner *at, real *dw)
{
    const int tiles = n * (c->h / 2) * (c->w / 2);
    const int some = at->ibs == 1 && at->obs == 1 ? FEW : tiles;
    struct square s __attribute__((aligned(64)));

    for (ptrdiff_t i = 0; i < 16 * at->in * at->obs * ODE_VEC; i += VW)
        v_store(s.d + i, v_all(0));
    for (int first = 0; first < tiles; first += some)
        square_rows(c, pairs, p, x, at, first,
                    tiles - first < some ? tiles : first + some, &s);
    square_end(c, at, s.d, dw);
}

static void
winograd_weights(const struct ode_conv *c, int n, int pairs, const real *const *p,
                 const real *const *x, real *dw)
{
    enum { SIDE = SQUARE / ODE_VEC };
    const int obs = ode_blocks(c->out), ibs = ode_blocks(c->in);

    for (int ob = 0; ob < obs; ob += SIDE)
        for (int ib = 0; ib < ibs; ib += SIDE) {
            const int left = c->in - ib * ODE_VEC;
            const struct corner at = {
                .ib = ib,
                .ibs = ibs - ib < SIDE ? ibs - ib : SIDE,
                .in = ((left < SQUARE ? left : SQUARE) + WTILEG - 1) / WTILEG * WTILEG,
                .ob = ob,
                .obs = obs - ob < SIDE ? obs - ob : SIDE,
            };

            square_weights(c, n, pairs, p, x, &at, dw);
        }
}
