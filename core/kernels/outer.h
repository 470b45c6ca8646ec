/*
 * outer.h - sums of outer products in registers: what all convolutions are made of.
 *
 * Part of body.h. ob blocks of 16 channels times t numbers are summed; ob, t and TILE_MAX
 * are constants, so that acc becomes registers. The order of a sum is the callers' loop.
 */

/* acc[o][p] = what lies at from + o * block + p * apart. */
ALWAYS void
outer_load(int ob, int t, const real *from, ptrdiff_t block, ptrdiff_t apart,
           vec acc[2][TILE_MAX][VN])
{
    UNROLL
    for (int o = 0; o < ob; o++)
        UNROLL
    for (int p = 0; p < t; p++)
        UNROLL
    for (int v = 0; v < VN; v++)
        acc[o][p][v] = v_load(from + o * block + p * apart + v * VW);
}

ALWAYS void
outer_zero(int ob, int t, vec acc[2][TILE_MAX][VN])
{
    UNROLL
    for (int o = 0; o < ob; o++)
        UNROLL
    for (int p = 0; p < t; p++)
        UNROLL
    for (int v = 0; v < VN; v++)
        acc[o][p][v] = v_all(0);
}

ALWAYS void
outer_store(int ob, int t, vec acc[2][TILE_MAX][VN], real *to, ptrdiff_t block,
            ptrdiff_t apart)
{
    UNROLL
    for (int o = 0; o < ob; o++)
        UNROLL
    for (int p = 0; p < t; p++)
        UNROLL
    for (int v = 0; v < VN; v++)
        v_store(to + o * block + p * apart + v * VW, acc[o][p][v]);
}

/* acc[o][p] += a[p * apart] b[o], b[o] being 16 numbers at b + o * block. */
ALWAYS void
outer_add(int ob, int t, const real *a, ptrdiff_t apart, const real *b, ptrdiff_t block,
          vec acc[2][TILE_MAX][VN])
{
    vec w[2][VN];

    UNROLL
    for (int o = 0; o < ob; o++)
        UNROLL
    for (int v = 0; v < VN; v++)
        w[o][v] = v_load(b + o * block + v * VW);
    UNROLL
    for (int p = 0; p < t; p++) {
        const vec one = v_all(a[p * apart]);

        UNROLL
        for (int o = 0; o < ob; o++)
            UNROLL
        for (int v = 0; v < VN; v++)
            acc[o][p][v] = v_fma(one, w[o][v], acc[o][p][v]);
    }
}
