/* bench_kernels.c - odenet bench kernels: the convolutions of the papers' networks. */
#include <stdio.h>

#include "cli/bench.h"
#include "cli/load.h"
#include "cli/spread.h"
#include "core/base/arena.h"
#include "core/base/rng.h"
#include "schema/plan.h"

enum {
    SAMPLES = 9,
    IMAGES_MOST = 16,
    IMAGES_BYTES = 512 << 10 /* of input, as a micro-batch has */
};

#define SAMPLE_SECONDS 0.003

/* What a network of the papers convolves. */
static const struct shape {
    const char *name;
    int in, out, size;
    bool point;
} shapes[] = {
    {"unit 1, halves",  16,  16,  32, false},
    { "unit 2, halves", 32,  32,  16, false},
    { "unit 3, halves", 56,  56,  8,  false},
    { "unit 1, full",   32,  32,  32, false},
    { "unit 2, full",   64,  64,  16, false},
    { "unit 3, full",   112, 112, 8,  false},
    { "opening",        3,   32,  32, false},
    { "connector",      32,  64,  32, true },
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

/* One convolution and all that it reads and writes. */
struct subject {
    const struct ode_kernels *kernels;
    struct ode_conv conv;
    int n; /* images */
    real *x, *y, *w, *prepared, *b, *dw;
};

typedef void pass_fn(struct subject *s);

/* --- one convolution --------------------------------------------------------------- */

static void
forward(struct subject *s)
{
    struct ode_finish finish = { .kind = ODE_FINISH_SUM, .y = s->y, .b = s->b };

    s->kernels->conv(&s->conv, s->n, s->x, s->prepared, &finish);
}

static void
weights(struct subject *s)
{
    const real *const p[] = { s->y }, *const x[] = { s->x };

    s->kernels->conv_weights(&s->conv, s->n, 1, p, x, s->dw);
}

static const struct pass {
    const char *name;
    pass_fn *run;
} passes[] = {
    {"forward",  forward},
    { "weights", weights},
};

enum { PASSES = sizeof passes / sizeof *passes };

/* Multiply-adds of the direct way, each two. */
static double
flops(const struct subject *s)
{
    const struct ode_conv *c = &s->conv;

    return (c->point ? 2.0 : 18.0) * c->in * c->out * c->h * c->w * s->n;
}

static double
run_seconds(struct subject *s, pass_fn *pass, int repeats)
{
    const double from = load_seconds();

    for (int i = 0; i < repeats; i++)
        pass(s);
    return load_seconds() - from;
}

/* --- what it works on -------------------------------------------------------------- */

static void
subject_place(struct subject *s, struct ode_arena *arena)
{
    const struct ode_conv *c = &s->conv;
    const size_t n = (size_t)s->n;

    s->x = ode_arena_take(arena, n * ode_image(c->in, c->h, c->w), sizeof(real));
    s->y = ode_arena_take(arena, n * ode_image(c->out, c->h, c->w), sizeof(real));
    s->w = ode_arena_take(arena, ode_packed(c->in, c->out), sizeof(real));
    s->prepared = ode_arena_take(arena, ode_prepared(c), sizeof(real));
    s->b = ode_arena_take(arena, (size_t)ode_blocks(c->out) * ODE_VEC, sizeof(real));
    s->dw = ode_arena_take(arena, ode_packed(c->in, c->out), sizeof(real));
}

/* Noise inside the halo of n images of c channels. */
static void
image_fill(struct ode_rng *rng, int c, int h, int w, int n, real *x)
{
    const size_t image = ode_image(c, h, w), plane = ode_plane(h, w);

    for (int i = 0; i < n; i++)
        for (int k = 0; k < c; k++)
            for (int at = 0; at < h * w; at++) {
                const int row = at / w + 1, column = at % w + 1;
                const size_t pixel =
                    ((size_t)row * (size_t)(w + 2) + (size_t)column) * ODE_VEC;

                x[(size_t)i * image + (size_t)(k / ODE_VEC) * plane + pixel
                  + (size_t)(k % ODE_VEC)] = (real)ode_rng_normal(rng);
            }
}

static void
subject_fill(struct subject *s)
{
    const struct ode_conv *c = &s->conv;
    struct ode_rng rng = ode_rng_at(1, ODE_STREAM_BENCH, 0, 0);

    image_fill(&rng, c->in, c->h, c->w, s->n, s->x);
    for (size_t i = 0; i < ode_packed(c->in, c->out); i++) {
        const size_t in =
            i / ODE_VEC % ODE_VEC
            + i / (9 * ODE_VEC * ODE_VEC) % (size_t)ode_blocks(c->in) * ODE_VEC;
        const size_t out =
            i % ODE_VEC
            + i / (9 * ODE_VEC * ODE_VEC) / (size_t)ode_blocks(c->in) * ODE_VEC;

        if (in < (size_t)c->in && out < (size_t)c->out)
            s->w[i] = (real)(0.05 * ode_rng_normal(&rng));
    }
    s->kernels->conv_prepare(c, s->w, s->prepared);
    forward(s);
}

/* --- measured and shown ------------------------------------------------------------ */

static void
row_show(const struct bench *b, const struct subject *s, const char *name,
         const char *pass, double rate, double peak, double part)
{
    const struct ode_conv *c = &s->conv;
    const char *method = c->winograd ? "winograd" : "direct";

    if (b->json)
        json_array_append_new(
            json_object_get(b->json, "kernels"),
            json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:i, s:o, s:o, s:o}", "name",
                      name, "pass", pass, "method", method, "in", c->in, "out", c->out,
                      "resolution", c->h, "point", c->point, "images", s->n, "gflops",
                      schema_number(rate), "peak_gflops", schema_number(peak), "fraction",
                      schema_number(part)));
    else
        printf("%-16s %s %4d ->%4d  %2dx%-2d  %-8s  %-8s %6d %9.1f %8.0f%%\n", name,
               c->point ? "1x1" : "3x3", c->in, c->out, c->h, c->w, pass, method, s->n,
               rate, 100 * part);
    fflush(stdout);
}

/* All passes take turns, and the peak between them. */
static void
subject_measure(const struct bench *b, struct subject *s, const char *name)
{
    double rate[PASSES][SAMPLES], part[PASSES][SAMPLES], peak[SAMPLES], most;
    int repeats[PASSES];

    for (int p = 0; p < PASSES; p++)
        repeats[p] = bench_repeats(run_seconds(s, passes[p].run, 1), SAMPLE_SECONDS);
    for (int i = 0; i < SAMPLES; i++) {
        peak[i] = bench_peak(b->kernels, NULL);
        for (int p = 0; p < PASSES; p++) {
            const double seconds = run_seconds(s, passes[p].run, repeats[p]);

            rate[p][i] = flops(s) * repeats[p] / seconds / 1e9;
            part[p][i] = rate[p][i] / peak[i];
        }
    }
    most = spread_of(peak, SAMPLES).median;
    for (int p = 0; p < PASSES; p++)
        row_show(b, s, name, passes[p].name, spread_of(rate[p], SAMPLES).median, most,
                 spread_of(part[p], SAMPLES).median);
}

static enum ode_status
shape_measure(const struct bench *b, const struct shape *shape, bool winograd,
              struct ode_err *err)
{
    const size_t image = ode_image(shape->in, shape->size, shape->size) * sizeof(real);
    const int n = (int)(IMAGES_BYTES / image);
    struct subject s = {
        .kernels = b->kernels,
        .conv = {.in = shape->in,
                 .out = shape->out,
                 .h = shape->size,
                 .w = shape->size,
                 .point = shape->point,
                 .winograd = winograd},
        .n = n < 1             ? 1
             : n > IMAGES_MOST ? IMAGES_MOST
                               : n
    };
    struct ode_arena count = { 0 }, arena;

    subject_place(&s, &count);
    ODE_TRY(ode_arena_init(&arena, count.used, err));
    subject_place(&s, &arena);
    subject_fill(&s);
    subject_measure(b, &s, shape->name);
    ode_arena_release(&arena);
    return ODE_OK;
}

enum ode_status
bench_kernels(const struct bench *b, struct ode_err *err)
{
    if (b->json) {
        json_object_set_new(b->json, "isa", json_string(b->kernels->name));
        json_object_set_new(b->json, "kernels", json_array());
    } else {
        printf("%-16s %-3s %-13s %-6s %-9s %-8s %6s %9s %9s\n", "convolution", "", "", "",
               "pass", "method", "images", "GFLOP/s", "of peak");
    }
    for (int i = 0; i < SHAPES; i++) {
        ODE_TRY(shape_measure(b, &shapes[i], false, err));
        if (!shapes[i].point)
            ODE_TRY(shape_measure(b, &shapes[i], true, err));
    }
    return ODE_OK;
}

const char *
bench_method(const struct ode_net *net)
{
    int n = 0;

    for (int s = 0; s < net->segment_n; s++)
        n += net->segment[s].conv.winograd;
    return n == 0 ? "direct" : n == net->segment_n ? "winograd" : "mixed";
}
