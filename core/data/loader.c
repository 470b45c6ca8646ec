/* loader.c - from stored bytes to the network's input: augment, restrict, standardise. */
#include "core/data/loader.h"

#include <assert.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/data/resize.h"

/* Rows and columns [top, bottom) x [left, right) of the output. */
struct square {
    int top, left, bottom, right;
};

/* What happens to one image, the same in each channel. */
struct change {
    int down, right; /* the source's shift against the output, in pixels */
    bool mirror;
    bool reflect;       /* what is beside the source: it in a mirror, or its mean */
    struct square hole; /* is the mean                                            */
};

static int
clamp(int x, int most)
{
    return x < 0 ? 0 : x > most ? most : x;
}

/* Of `side` pixels, about any pixel, less what lies outside. */
static struct square
hole_draw(struct ode_rng *rng, int side, int height, int width)
{
    const int y = (int)ode_rng_below(rng, (uint32_t)height) - side / 2;
    const int x = (int)ode_rng_below(rng, (uint32_t)width) - side / 2;

    return (struct square){ .top = clamp(y, height),
                            .left = clamp(x, width),
                            .bottom = clamp(y + side, height),
                            .right = clamp(x + side, width) };
}

/* Half of the examples, the same in each epoch, in turn with the other half. */
static bool
alternates(const struct ode_loader *l, size_t i, int epoch)
{
    struct ode_rng rng =
        ode_rng_at(l->seed, ODE_STREAM_FLIP, (uint64_t)(uint32_t)l->level, i);

    return (ode_rng_bits(&rng) >> 63 ^ (uint64_t)epoch) & 1;
}

/* The mirror is drawn first, so that it does not depend on whether there is cropping; the
 * hole last, so that neither depends on it. */
static struct change
change_draw(const struct ode_loader *l, size_t i, int epoch)
{
    const struct ode_augment_spec *augment = &l->augment;
    const uint32_t crop = (uint32_t)augment->crop;
    struct change c = { .reflect = augment->padding == ODE_PADDING_REFLECT };
    struct ode_rng rng;

    if (epoch < 0)
        return c;
    rng = ode_rng_at(l->seed, ODE_STREAM_AUGMENT,
                     (uint64_t)l->level << 32 | (uint32_t)epoch, i);
    c.mirror = ode_rng_bits(&rng) >> 63 && augment->flip == ODE_FLIP_RANDOM;
    if (augment->flip == ODE_FLIP_ALTERNATING)
        c.mirror = alternates(l, i, epoch);
    if (crop > 0) {
        c.down = (int)ode_rng_below(&rng, 2 * crop + 1) - (int)crop;
        c.right = (int)ode_rng_below(&rng, 2 * crop + 1) - (int)crop;
    }
    if (augment->cutout > 0)
        c.hole = hole_draw(&rng, augment->cutout, l->set->height, l->set->width);
    return c;
}

/* The pixel of 0 to n - 1 seen at i by two mirrors at the outermost ones. */
static int
reflection(int i, int n)
{
    const int period = n > 1 ? 2 * (n - 1) : 1;
    const int at = (i % period + period) % period;

    return at < n ? at : period - at;
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

/* Columns [from, to), which lie beside the source. */
static void
margin_fill(const uint8_t *x, int width, struct change c, int from, int to, float scale,
            float shift, float *y)
{
    for (int j = from; j < to; j++)
        y[j] = c.reflect ? scale * (float)x[reflection(j + c.right, width)] + shift : 0;
}

/* One row of standardised pixels. */
static void
row_fill(const uint8_t *x, int width, struct change c, float scale, float shift, float *y)
{
    int from = clamp(-c.right, width), to = clamp(width - c.right, width);
    uint8_t turned[WIDEST];

    if (c.mirror) {
        reverse(x, width, turned);
        x = turned;
    }
    margin_fill(x, width, c, 0, from, scale, shift, y);
    if (from < to)
        standardise(x + from + c.right, to - from, scale, shift, y + from);
    margin_fill(x, width, c, to, width, scale, shift, y);
}

/* A hole is the mean, 0. */
static void
hole_fill(struct square hole, int width, float *y)
{
    const size_t n = (size_t)(hole.right - hole.left);

    for (int i = hole.top; i < hole.bottom; i++)
        memset(y + i * width + hole.left, 0, n * sizeof *y);
}

/* x [height][width] to y [height][width]. */
static void
plane_fill(const uint8_t *x, int height, int width, struct change c, float scale,
           float shift, float *y)
{
    for (int i = 0; i < height; i++) {
        int row = i + c.down;

        if (c.reflect)
            row = reflection(row, height);
        if (row < 0 || row >= height)
            memset(y + i * width, 0, (size_t)width * sizeof *y);
        else
            row_fill(x + row * width, width, c, scale, shift, y + i * width);
    }
    hole_fill(c.hole, width, y);
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
            ode_resize_halve(scratch, size, size == n ? out : scratch);
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
