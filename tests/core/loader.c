/* loader.c - tests core/data/loader.c */
#include "core/data/loader.h"
#include "core/base/rng.h"
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, AREA = SIDE * SIDE, CHANNELS = 3, BYTES = CHANNELS * AREA, N = 4 };

static uint8_t pixels[N][BYTES], labels[N];
static float scratch[AREA], out[BYTES], other[BYTES];

/* A set of random colour images in memory. */
static struct ode_dataset
set_make(void)
{
    struct ode_rng rng = ode_rng_at(1, ODE_STREAM_TEST, 0, 0);
    struct ode_dataset set = { .facts = ode_set_facts(ODE_SET_CIFAR10),
                               .channels = CHANNELS,
                               .height = SIDE,
                               .width = SIDE,
                               .classes = 10 };

    for (int i = 0; i < N; i++)
        for (int k = 0; k < BYTES; k++)
            pixels[i][k] = (uint8_t)ode_rng_bits(&rng);
    set.train = (struct ode_examples){ .n = N,
                                       .part_n = N,
                                       .image = { pixels[0] },
                                       .label = { labels },
                                       .image_stride = BYTES,
                                       .label_stride = 1 };
    return set;
}

static struct ode_loader
loader_make(const struct ode_dataset *set, int resolution, int crop, enum ode_flip flip)
{
    struct ode_loader loader = {
        .set = set,
        .augment = {.crop = crop, .flip = flip},
        .resolution = resolution,
        .seed = 9
    };

    ck_assert_uint_le(ode_loader_scratch(&loader), AREA);
    return loader;
}

static double
standard(const struct ode_dataset *set, int channel, double x)
{
    return (x / 255 - set->facts->mean[channel]) / set->facts->deviation[channel];
}

/* Where the output pixel (y, x) lies in the source, for a shift and a mirror. */
static bool
shows(const float *image, const struct ode_dataset *set, size_t i, int down, int right,
      bool mirror)
{
    for (int c = 0; c < CHANNELS; c++) {
        for (int k = 0; k < AREA; k++) {
            int y = k / SIDE + down, x = k % SIDE + right;
            bool inside = y >= 0 && y < SIDE && x >= 0 && x < SIDE;
            int from = mirror ? SIDE - 1 - x : x;
            double want =
                inside ? standard(set, c, pixels[i][c * AREA + y * SIDE + from]) : 0;

            if (fabs(image[c * AREA + k] - want) > 1e-5)
                return false;
        }
    }
    return true;
}

/* Finds the only shift up to `crop` and mirror that explains the image. */
static bool
explain(const float *image, const struct ode_dataset *set, size_t i, int crop, int *down,
        int *right, bool *mirror)
{
    int found = 0;

    for (int y = -crop; y <= crop; y++)
        for (int x = -crop; x <= crop; x++)
            for (int m = 0; m < 2; m++)
                if (shows(image, set, i, y, x, m))
                    *down = y, *right = x, *mirror = m, found++;
    return found == 1;
}

START_TEST(standardises_each_channel)
{
    struct ode_dataset set = set_make();
    struct ode_loader loader = loader_make(&set, SIDE, 4, ODE_FLIP_RANDOM);

    for (size_t i = 0; i < N; i++) {
        ode_loader_image(&loader, &set.train, i, -1, scratch, out);
        ck_assert(shows(out, &set, i, 0, 0, false)); /* no augmentation either */
    }
}
END_TEST

START_TEST(restricts_by_plain_means)
{
    struct ode_dataset set = set_make();

    for (int side = SIDE / 2; side >= 1; side /= 2) {
        struct ode_loader loader = loader_make(&set, side, 0, ODE_FLIP_NONE);
        int size = SIDE / side;

        ode_loader_image(&loader, &set.train, 2, 0, scratch, out);
        for (int k = 0; k < CHANNELS * side * side; k++) {
            int c = k / (side * side), y = k / side % side, x = k % side;
            double mean = 0;

            for (int q = 0; q < size * size; q++)
                mean += pixels[2][c * AREA + (y * size + q / size) * SIDE + x * size
                                  + q % size];
            mean /= size * size;
            ck_assert_float_eq_tol(out[k], standard(&set, c, mean), 1e-5);
        }
    }
}
END_TEST

START_TEST(restriction_follows_augmentation)
{
    struct ode_dataset set = set_make();
    struct ode_loader fine = loader_make(&set, SIDE, 4, ODE_FLIP_RANDOM);
    struct ode_loader coarse = loader_make(&set, SIDE / 2, 4, ODE_FLIP_RANDOM);

    ode_loader_image(&fine, &set.train, 1, 5, scratch, out);
    ode_loader_image(&coarse, &set.train, 1, 5, scratch, other);
    for (int k = 0; k < AREA / 4; k++) {
        const float *p = out + k / 16 * 2 * SIDE + k % 16 * 2;

        ck_assert_float_eq_tol(other[k], (p[0] + p[1] + p[SIDE] + p[SIDE + 1]) / 4, 1e-6);
    }
}
END_TEST

START_TEST(the_same_place_gives_the_same_image)
{
    struct ode_dataset set = set_make();
    struct ode_loader loader = loader_make(&set, SIDE, 4, ODE_FLIP_RANDOM);
    int same_epoch = 0, same_level = 0, same_seed = 0;

    for (int epoch = 0; epoch < 50; epoch++) {
        struct ode_loader level = loader, seed = loader;

        level.level = 1;
        seed.seed = 10;
        ode_loader_image(&loader, &set.train, 3, epoch, scratch, out);
        ode_loader_image(&loader, &set.train, 0, epoch + 1, scratch, other);
        ode_loader_image(&loader, &set.train, 3, epoch, scratch, other);
        ck_assert_mem_eq(out, other, sizeof out);
        ode_loader_image(&loader, &set.train, 3, epoch + 1, scratch, other);
        same_epoch += memcmp(out, other, sizeof out) == 0;
        ode_loader_image(&level, &set.train, 3, epoch, scratch, other);
        same_level += memcmp(out, other, sizeof out) == 0;
        ode_loader_image(&seed, &set.train, 3, epoch, scratch, other);
        same_seed += memcmp(out, other, sizeof out) == 0;
    }
    /* By chance 1 in 162 each. */
    ck_assert_int_le(same_epoch, 5);
    ck_assert_int_le(same_level, 5);
    ck_assert_int_le(same_seed, 5);
}
END_TEST

START_TEST(crops_and_mirrors_are_evenly_spread)
{
    enum { CROP = 2, WIDTH = 2 * CROP + 1, EPOCHS = 2000 };
    struct ode_dataset set = set_make();
    struct ode_loader loader = loader_make(&set, SIDE, CROP, ODE_FLIP_RANDOM);
    int places[WIDTH][WIDTH] = { 0 }, mirrored = 0, down = 0, right = 0;
    bool mirror = false;

    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        ode_loader_image(&loader, &set.train, 1, epoch, scratch, out);
        ck_assert(explain(out, &set, 1, CROP, &down, &right, &mirror));
        places[down + CROP][right + CROP]++;
        mirrored += mirror;
    }
    ck_assert_int_lt(abs(mirrored - EPOCHS / 2), 112); /* 5 standard deviations */
    for (int k = 0; k < WIDTH * WIDTH; k++)
        ck_assert_int_lt(abs(places[k / WIDTH][k % WIDTH] - EPOCHS / 25), 44);
}
END_TEST

START_TEST(each_change_can_be_had_alone)
{
    struct ode_dataset set = set_make();
    struct ode_loader crop = loader_make(&set, SIDE, 3, ODE_FLIP_NONE);
    struct ode_loader flip = loader_make(&set, SIDE, 0, ODE_FLIP_RANDOM);
    int down = 0, right = 0, moved = 0, mirrored = 0;
    bool mirror = false;

    for (int epoch = 0; epoch < 64; epoch++) {
        ode_loader_image(&crop, &set.train, 0, epoch, scratch, out);
        ck_assert(explain(out, &set, 0, 3, &down, &right, &mirror));
        ck_assert(!mirror);
        moved += down != 0 || right != 0;
        ode_loader_image(&flip, &set.train, 0, epoch, scratch, out);
        ck_assert(explain(out, &set, 0, 0, &down, &right, &mirror));
        mirrored += mirror;
    }
    ck_assert_int_gt(moved, 48);
    ck_assert_int_gt(mirrored, 8);
    ck_assert_int_lt(mirrored, 56);
}
END_TEST

START_TEST(a_crop_wider_than_the_image_stays_inside)
{
    struct ode_dataset set = set_make();
    struct ode_loader loader = loader_make(&set, SIDE, 64, ODE_FLIP_RANDOM);
    int empty = 0;

    for (int epoch = 0; epoch < 200; epoch++) {
        bool zero = true;

        ode_loader_image(&loader, &set.train, 0, epoch, scratch, out);
        for (int k = 0; k < BYTES; k++)
            zero = zero && out[k] == 0;
        empty += zero;
    }
    ck_assert_int_gt(empty, 60); /* 1 - (63/129)^2 = 0.76 of them show padding only */
    ck_assert_int_lt(empty, 190);
}
END_TEST

START_TEST(an_order_holds_each_example_once)
{
    enum { M = 1000 };
    uint32_t order[M];
    int seen[M] = { 0 };

    ode_loader_order(1, 2, 3, order, M);
    for (int i = 0; i < M; i++)
        seen[order[i]]++;
    for (int i = 0; i < M; i++)
        ck_assert_int_eq(seen[i], 1);
}
END_TEST

START_TEST(an_order_follows_from_its_place)
{
    enum { M = 100 };
    const struct {
        uint64_t seed;
        int level, epoch;
    } places[] = {
        {2,  2, 3},
        { 1, 3, 3},
        { 1, 2, 4},
        { 1, 3, 2}
    };
    uint32_t order[M], again[M];

    ode_loader_order(1, 2, 3, order, M);
    ode_loader_order(1, 2, 3, again, M);
    ck_assert_mem_eq(order, again, sizeof order);
    for (int k = 0; k < 4; k++) {
        ode_loader_order(places[k].seed, places[k].level, places[k].epoch, again, M);
        ck_assert_mem_ne(order, again, sizeof order);
    }
}
END_TEST

/* Bits of images that existed before the other kinds of changes did. */
START_TEST(known_images_keep_their_bits)
{
    struct ode_dataset set = set_make();
    struct ode_loader loader = loader_make(&set, SIDE / 2, 4, ODE_FLIP_RANDOM);
    uint64_t sum = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < N; i++)
        for (int epoch = 0; epoch < 5; epoch++) {
            uint32_t bits;

            ode_loader_image(&loader, &set.train, i, epoch, scratch, out);
            for (int k = 0; k < BYTES / 4; k++) {
                memcpy(&bits, out + k, sizeof bits);
                sum = (sum ^ bits) * 1099511628211u;
            }
        }
    ck_assert_uint_eq(sum, 0xa0a051dc3d8a184bu);
}
END_TEST

START_TEST(alternating_mirrors_show_each_side_in_turn)
{
    enum { LEVELS = 40 };
    struct ode_dataset set = set_make();
    struct ode_loader loader = loader_make(&set, SIDE, 0, ODE_FLIP_ALTERNATING);
    int even = 0;

    for (loader.level = 0; loader.level < LEVELS; loader.level++)
        for (size_t i = 0; i < N; i++) {
            bool first = false, mirror = false;
            int down = 0, right = 0;

            for (int epoch = 0; epoch < 4; epoch++) {
                ode_loader_image(&loader, &set.train, i, epoch, scratch, out);
                ck_assert(explain(out, &set, i, 0, &down, &right, &mirror));
                first = epoch ? first : mirror;
                ck_assert_int_eq(mirror, first ^ (epoch & 1));
            }
            even += first;
            ode_loader_image(&loader, &set.train, i, -1, scratch, out);
            ck_assert(shows(out, &set, i, 0, 0, false));
        }
    ck_assert_int_lt(abs(even - LEVELS * N / 2), 32); /* 5 standard deviations */
}
END_TEST

START_TEST(alternating_mirrors_leave_crops_alone)
{
    struct ode_dataset set = set_make();
    struct ode_loader turns = loader_make(&set, SIDE, 3, ODE_FLIP_ALTERNATING);
    struct ode_loader never = loader_make(&set, SIDE, 3, ODE_FLIP_NONE);
    int down[2] = { 0 }, right[2] = { 0 };
    bool mirror = false;

    for (int epoch = 0; epoch < 20; epoch++) {
        ode_loader_image(&turns, &set.train, 1, epoch, scratch, out);
        ode_loader_image(&never, &set.train, 1, epoch, scratch, other);
        ck_assert(explain(out, &set, 1, 3, &down[0], &right[0], &mirror));
        ck_assert(explain(other, &set, 1, 3, &down[1], &right[1], &mirror));
        ck_assert_int_eq(down[0], down[1]);
        ck_assert_int_eq(right[0], right[1]);
    }
}
END_TEST

/* Walks from pixel to pixel, and turns round at the outermost ones. */
static int
bounce(int at)
{
    int seen = 0, step = at < 0 ? -1 : 1;

    for (int i = 0; i != at; i += at < 0 ? -1 : 1) {
        if (seen + step < 0 || seen + step >= SIDE)
            step = -step;
        seen += step;
    }
    return seen;
}

/* Whether the image is the source seen through mirrors, where this crop shows it. */
static bool
reflects(const float *image, const struct ode_dataset *set, size_t i, int down, int right,
         bool mirror)
{
    for (int k = 0; k < BYTES; k++) {
        const int c = k / AREA, y = bounce(k % AREA / SIDE + down);
        const int x = bounce(k % SIDE + right), from = mirror ? SIDE - 1 - x : x;
        const double want = standard(set, c, pixels[i][c * AREA + y * SIDE + from]);

        if (fabs((double)image[k] - want) > 1e-5)
            return false;
    }
    return true;
}

START_TEST(reflected_padding_is_the_image_mirrored_at_its_edge)
{
    struct ode_dataset set = set_make();
    struct ode_loader loader = loader_make(&set, SIDE, 4, ODE_FLIP_RANDOM);
    int moved = 0;

    for (int epoch = 0; epoch < 20; epoch++) {
        int down = 0, right = 0;
        bool mirror = false;

        loader.augment.padding = ODE_PADDING_MEAN;
        ode_loader_image(&loader, &set.train, 0, epoch, scratch, out);
        ck_assert(explain(out, &set, 0, 4, &down, &right, &mirror));
        loader.augment.padding = ODE_PADDING_REFLECT; /* changes the padding alone */
        ode_loader_image(&loader, &set.train, 0, epoch, scratch, out);
        ck_assert(reflects(out, &set, 0, down, right, mirror));
        moved += down != 0 && right != 0;
    }
    ck_assert_int_gt(moved, 5);
}
END_TEST

START_TEST(reflections_go_on_beyond_the_image)
{
    struct ode_dataset set = set_make();
    struct ode_loader loader = loader_make(&set, SIDE, 64, ODE_FLIP_NONE);

    loader.augment.padding = ODE_PADDING_REFLECT;
    for (int epoch = 0; epoch < 8; epoch++) {
        int found = 0;

        ode_loader_image(&loader, &set.train, 0, epoch, scratch, out);
        for (int k = 0; k < 129 * 129 && !found; k++)
            found = reflects(out, &set, 0, k / 129 - 64, k % 129 - 64, false);
        ck_assert_int_eq(found, 1);
    }
}
END_TEST

/* The rows and columns where `image` differs from `whole`, which is nowhere 0: inside all
 * is 0. Returns whether that is so. */
static bool
hole_find(const float *image, const float *whole, int at[4])
{
    int holes = 0;

    at[0] = at[1] = SIDE, at[2] = at[3] = -1;
    for (int k = 0; k < AREA; k++) {
        const int y = k / SIDE, x = k % SIDE;

        if (image[k] == whole[k])
            continue;
        at[0] = y < at[0] ? y : at[0], at[2] = y > at[2] ? y : at[2];
        at[1] = x < at[1] ? x : at[1], at[3] = x > at[3] ? x : at[3];
        if (image[k] != 0 || image[AREA + k] != 0 || image[2 * AREA + k] != 0)
            return false;
        holes++;
    }
    return holes == (at[2] - at[0] + 1) * (at[3] - at[1] + 1);
}

START_TEST(a_cutout_is_a_square_about_any_pixel)
{
    enum { EPOCHS = 4000 };
    struct ode_dataset set = set_make();
    struct ode_loader loader = loader_make(&set, SIDE, 2, ODE_FLIP_RANDOM);
    struct ode_loader whole = loader;

    loader.augment.padding = whole.augment.padding = ODE_PADDING_REFLECT;
    for (int side = 5; side <= 8; side += 3) {
        int corner = 0, inside = 0;

        loader.augment.cutout = side;
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
            int at[4], height, width;

            ode_loader_image(&whole, &set.train, 0, epoch, scratch, other);
            ode_loader_image(&loader, &set.train, 0, epoch, scratch, out);
            ck_assert(hole_find(out, other, at));
            height = at[2] - at[0] + 1, width = at[3] - at[1] + 1;
            ck_assert_int_ge(height, (side + 1) / 2);
            ck_assert_int_ge(width, (side + 1) / 2);
            ck_assert(height == side || at[0] == 0 || at[2] == SIDE - 1);
            ck_assert(width == side || at[1] == 0 || at[3] == SIDE - 1);
            ck_assert(height <= side && width <= side);
            corner += height < side && width < side;
            inside += height == side && width == side;
        }
        /* side - 1 of 32 centres are too near an edge: (28 / 32)^2 or (25 / 32)^2 of the
         * squares are whole. 5 standard deviations. */
        ck_assert_int_lt(abs(inside - EPOCHS * (33 - side) * (33 - side) / AREA), 160);
        ck_assert_int_lt(abs(corner - EPOCHS * (side - 1) * (side - 1) / AREA), 75);
    }
}
END_TEST

START_TEST(a_cutout_alone_comes_before_the_restriction)
{
    struct ode_dataset set = set_make();
    struct ode_loader fine = loader_make(&set, SIDE, 0, ODE_FLIP_NONE);
    struct ode_loader coarse = loader_make(&set, SIDE / 2, 0, ODE_FLIP_NONE);

    fine.augment.cutout = coarse.augment.cutout = 7;
    ode_loader_image(&fine, &set.train, 1, 5, scratch, out);
    ck_assert(!shows(out, &set, 1, 0, 0, false));
    ode_loader_image(&coarse, &set.train, 1, 5, scratch, other);
    for (int k = 0; k < AREA / 4; k++) {
        const float *p = out + k / 16 * 2 * SIDE + k % 16 * 2;

        ck_assert_float_eq_tol(other[k], (p[0] + p[1] + p[SIDE] + p[SIDE + 1]) / 4, 1e-6);
    }
    ode_loader_image(&fine, &set.train, 1, -1, scratch, out); /* not when evaluating */
    ck_assert(shows(out, &set, 1, 0, 0, false));
}
END_TEST

START_TEST(a_cutout_may_cover_all)
{
    struct ode_dataset set = set_make();
    struct ode_loader loader = loader_make(&set, SIDE, 0, ODE_FLIP_NONE);

    loader.augment.cutout = 64;
    ode_loader_image(&loader, &set.train, 1, 0, scratch, out);
    for (int k = 0; k < BYTES; k++)
        ck_assert_float_eq(out[k], 0);
}
END_TEST

TEST_SUITE(loader, 60, standardises_each_channel, restricts_by_plain_means,
           restriction_follows_augmentation, the_same_place_gives_the_same_image,
           crops_and_mirrors_are_evenly_spread, each_change_can_be_had_alone,
           a_crop_wider_than_the_image_stays_inside, an_order_holds_each_example_once,
           an_order_follows_from_its_place, known_images_keep_their_bits,
           alternating_mirrors_show_each_side_in_turn,
           alternating_mirrors_leave_crops_alone,
           reflected_padding_is_the_image_mirrored_at_its_edge,
           reflections_go_on_beyond_the_image, a_cutout_is_a_square_about_any_pixel,
           a_cutout_alone_comes_before_the_restriction, a_cutout_may_cover_all)
