/* loader.c - from stored bytes to the network's input: augment, restrict, standardise. */
#include "core/data/loader.h"

#include <assert.h>
#include <string.h>

#include "core/base/rng.h"

/* What happens to one image, the same in each channel. */
struct change {
    int down, right; /* the source's shift against the output, in pixels */
    bool mirror;
};

/* The mirror is drawn first, so that it does not depend on whether there is cropping. */
static struct change
change_draw(const struct ode_loader *l, size_t i, int epoch)
{
    struct change c = { 0 };
    struct ode_rng rng;
    uint32_t crop = (uint32_t)l->augment.crop;

    if (epoch < 0 || (crop == 0 && l->augment.flip == ODE_FLIP_NONE))
        return c;
    rng = ode_rng_at(l->seed, ODE_STREAM_AUGMENT,
                     (uint64_t)l->level << 32 | (uint32_t)epoch, i);
    c.mirror = ode_rng_bits(&rng) >> 63 && l->augment.flip == ODE_FLIP_RANDOM;
    if (crop > 0) {
        c.down = (int)ode_rng_below(&rng, 2 * crop + 1) - (int)crop;
        c.right = (int)ode_rng_below(&rng, 2 * crop + 1) - (int)crop;
    }
    return c;
}

static int
clamp(int x, int most)
{
    return x < 0 ? 0 : x > most ? most : x;
}

enum {
    BLOCK = 16,  /* pixels: loops of fixed length become vector instructions */
    WIDEST = 256 /* pixels in a row of any set */
};

/* y = scale x + shift for n pixels. */
static void
standardise(const uint8_t *restrict x, int n, float scale, float shift, float *restrict y)
{
    int j = 0;

    for (; j + BLOCK <= n; j += BLOCK)
        for (int k = 0; k < BLOCK; k++)
            y[j + k] = scale * (float)x[j + k] + shift;
    for (; j < n; j++)
        y[j] = scale * (float)x[j] + shift;
}

/* y = x backwards, n bytes. */
static void
reverse(const uint8_t *x, int n, uint8_t *y)
{
    int j = 0;

    for (; j + 8 <= n; j += 8) {
        uint64_t eight;

        memcpy(&eight, x + n - 8 - j, 8);
        eight = __builtin_bswap64(eight);
        memcpy(y + j, &eight, 8);
    }
    for (; j < n; j++)
        y[j] = x[n - 1 - j];
}

/* One row of standardised pixels; 0, the mean, where the source has none. */
static void
row_fill(const uint8_t *x, int width, struct change c, float scale, float shift, float *y)
{
    int from = clamp(-c.right, width), to = clamp(width - c.right, width);
    uint8_t turned[WIDEST];

    if (c.mirror) {
        reverse(x, width, turned);
        x = turned;
    }
    for (int j = 0; j < from; j++)
        y[j] = 0;
    if (from < to)
        standardise(x + from + c.right, to - from, scale, shift, y + from);
    for (int j = to; j < width; j++)
        y[j] = 0;
}

/* x [height][width] to y [height][width]. */
static void
plane_fill(const uint8_t *x, int height, int width, struct change c, float scale,
           float shift, float *y)
{
    for (int i = 0; i < height; i++, y += width) {
        int row = i + c.down;

        if (row < 0 || row >= height)
            memset(y, 0, (size_t)width * sizeof *y);
        else
            row_fill(x + (size_t)row * (size_t)width, width, c, scale, shift, y);
    }
}

/* y [n] = the means of 2x2 pixels of two rows [2n]. The sums are formed first and then
 * written, so y may be the first row. */
static void
row_halve(const float *x, const float *below, int n, float *y)
{
    float sum[BLOCK];
    int j = 0;

    for (; j + BLOCK <= n; j += BLOCK) {
        for (int k = 0; k < BLOCK; k++)
            sum[k] = (x[2 * (j + k)] + x[2 * (j + k) + 1])
                     + (below[2 * (j + k)] + below[2 * (j + k) + 1]);
        for (int k = 0; k < BLOCK; k++)
            y[j + k] = 0.25f * sum[k];
    }
    for (; j < n; j++)
        y[j] = 0.25f * ((x[2 * j] + x[2 * j + 1]) + (below[2 * j] + below[2 * j + 1]));
}

/* R: x [2n][2n] to y [n][n]; y may be x, as it never overtakes it. */
static void
plane_halve(const float *x, int n, float *y)
{
    for (int i = 0; i < n; i++)
        row_halve(x + 4 * n * i, x + 4 * n * i + 2 * n, n, y + n * i);
}

size_t
ode_loader_scratch(const struct ode_loader *loader)
{
    return (size_t)loader->set->height * (size_t)loader->set->width;
}

void
ode_loader_image(const struct ode_loader *loader, const struct ode_examples *examples,
                 size_t i, int epoch, float *scratch, float *out)
{
    const struct ode_dataset *set = loader->set;
    struct change change = change_draw(loader, i, epoch);
    const uint8_t *x = ode_example_image(examples, i);
    int full = set->height, n = loader->resolution;

    assert(set->width == full && full <= WIDEST && n > 0 && full % n == 0);
    assert((full / n & (full / n - 1)) == 0);
    for (int c = 0; c < set->channels; c++) {
        double deviation = set->facts->deviation[c];
        float scale = (float)(1 / (255 * deviation));
        float shift = (float)(-set->facts->mean[c] / deviation);

        plane_fill(x, full, full, change, scale, shift, n == full ? out : scratch);
        for (int size = full / 2; size >= n; size /= 2)
            plane_halve(scratch, size, size == n ? out : scratch);
        x += (size_t)full * (size_t)full;
        out += (size_t)n * (size_t)n;
    }
}

void
ode_loader_order(uint64_t seed, int level, int epoch, uint32_t *order, size_t n)
{
    struct ode_rng rng =
        ode_rng_at(seed, ODE_STREAM_ORDER, (uint64_t)level, (uint64_t)epoch);

    ode_rng_permute(&rng, order, n);
}
