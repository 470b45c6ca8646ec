/* toy.c - small networks for tests, and the same network written down naively. */
#include "tests/core/toy.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/kernels/gemm.h"
#include "tests/test.h"

static struct {
    int channels, size, classes;
} fetch_shape;

void
toy_fetch_shape(int channels, int size, int classes)
{
    fetch_shape.channels = channels;
    fetch_shape.size = size;
    fetch_shape.classes = classes;
}

int
toy_fetch(void *seed, size_t i, float *scratch, float *pixels)
{
    struct ode_rng rng = ode_rng_at(*(uint64_t *)seed, ODE_STREAM_TEST, 1, i);
    const int label = (int)ode_rng_below(&rng, (uint32_t)fetch_shape.classes);
    const int n = fetch_shape.size;

    (void)scratch;
    for (int c = 0; c < fetch_shape.channels; c++) {
        const double fx = 2 * ode_rng_uniform(&rng), fy = 1 + 0.3 * label;
        const double phase = 6 * ode_rng_uniform(&rng);

        for (int y = 0; y < n; y++)
            for (int x = 0; x < n; x++)
                *pixels++ =
                    (float)(sin(phase + fx * x + fy * y) + 0.3 * ode_rng_normal(&rng));
    }
    return label;
}

static void
recipe_fill(struct ode_recipe_spec *r, const struct toy_options *o)
{
    memset(r, 0, sizeof *r);
    r->model.activation = o->tanh ? ODE_ACTIVATION_TANH : o->activation;
    r->model.block = o->block;
    r->model.layer = o->layer;
    r->model.start = o->start;
    r->model.norm = o->norm;
    r->model.norm_before = o->before;
    r->model.stem_norm = r->model.head_norm =
        o->plain_ends ? ODE_NORM_NONE : ODE_NORM_BATCH;
    r->model.connector = o->connector;
    r->model.placement = o->placement;
    r->model.closing = o->closing;
    r->model.head = o->head;
    r->train.memory = o->memory;
    r->train.convolution = o->convolution;
    r->model.step = o->step;
    r->model.units_n = (size_t)o->units;
    r->levels_n = 1;
    r->levels[0].resolution = o->resolution;
    r->levels[0].blocks_n = (size_t)o->units;
    for (int u = 0; u < o->units; u++) {
        r->model.units[u].channels = o->channels[u];
        r->model.units[u].blocks = r->levels[0].blocks[u] = o->blocks[u];
        r->model.units[u].weights = o->weights;
    }
}

void
toy_init(struct toy *t, const struct toy_options *o, unsigned isa, int threads, int batch,
         bool reverse)
{
    struct ode_rng rng = ode_rng_at(5, ODE_STREAM_TEST, 2, 0);
    struct ode_engine_config config;
    struct ode_err err;

    memset(t, 0, sizeof *t);
    ode_gemm_single_thread();
    recipe_fill(&t->recipe, o);
    if (reverse)
        t->recipe.train.memory = ODE_MEMORY_REVERSE;
    test_ok(ode_net_init(&t->net, &t->recipe, 0, o->in, o->classes, &err), &err);
    for (int i = 0; i < t->net.segment_n && !o->rounded; i++)
        t->net.segment[i].grid = 0;
    test_ok(ode_team_new(&t->team, threads, &err), &err);
    t->kernels = ode_kernels_best(isa);
    config = (struct ode_engine_config){ .net = &t->net,
                                         .kernels = t->kernels,
                                         .team = t->team,
                                         .threads = threads,
                                         .batch = batch,
                                         .average = o->average };
    test_ok(ode_engine_init(&t->engine, &config, &err), &err);
    ode_net_initialise(&t->net, 3, t->engine.theta, t->engine.statistics);
    for (int i = 0; i < t->net.params.trained_n; i++) {
        const struct ode_tensor *x = &t->net.params.tensor[i];

        if (x->kind != ODE_TENSOR_CONV && x->kind != ODE_TENSOR_DENSE)
            for (size_t j = 0; j < x->n; j++)
                t->engine.theta[x->offset + j] += (real)(0.2 * ode_rng_normal(&rng));
    }
    ode_engine_pack(&t->engine);
    toy_fetch_shape(o->in, o->resolution, o->classes);
}

void
toy_release(struct toy *t)
{
    ode_engine_release(&t->engine);
    ode_team_free(t->team);
    ode_net_release(&t->net);
}

const struct ode_kernels *
toy_table(int i)
{
    static const unsigned masks[] = { ODE_ISA_PORTABLE, ODE_ISA_AVX2, ODE_ISA_AVX512 };

    return ode_isa_available() & masks[i] ? ode_kernels_best(masks[i]) : NULL;
}

double
toy_activation(enum ode_act act, double x)
{
    switch (act) {
    case ODE_ACT_TANH:
        return tanh(x);
    case ODE_ACT_LEAKY_RELU:
        return x > 0 ? x : 0.01 * x;
    case ODE_ACT_GELU:
        return x * 0.5 * erfc(-x / sqrt(2));
    case ODE_ACT_CELU:
        return x > 0 ? x : expm1(x);
    case ODE_ACT_SOFTPLUS:
        return log1p(exp(x));
    default:
        return fmax(x, 0);
    }
}

void
toy_noise(uint64_t seed, real *x, size_t n)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_TEST, 3, 0);

    for (size_t i = 0; i < n; i++)
        x[i] = (real)ode_rng_normal(&rng);
}

static size_t
blocked_at(int c, int y, int x, int h, int w)
{
    return (size_t)(c / 16) * ode_plane(h, w) + (size_t)((y + 1) * (w + 2) + x + 1) * 16
           + (size_t)(c % 16);
}

void
toy_blocked(int channels, int h, int w, const double *planes, real *image)
{
    memset(image, 0, ode_image(channels, h, w) * sizeof *image);
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                image[blocked_at(c, y, x, h, w)] = (real)planes[(c * h + y) * w + x];
}

void
toy_planes(int channels, int h, int w, const real *image, double *planes)
{
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                planes[(c * h + y) * w + x] = (double)image[blocked_at(c, y, x, h, w)];
}

void
toy_noise_image(uint64_t seed, int channels, int h, int w, real *image)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_TEST, 4, 0);

    memset(image, 0, ode_image(channels, h, w) * sizeof *image);
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                image[blocked_at(c, y, x, h, w)] = (real)ode_rng_normal(&rng);
}

double
toy_dot(const real *x, const real *y, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

/* --- the reference
 * ---------------------------------------------------------------------- */

void
reference_conv(int in, int out, int h, int w, const double *x, const double *k, double *y)
{
    for (int o = 0; o < out; o++)
        for (int r = 0; r < h; r++)
            for (int p = 0; p < w; p++) {
                double sum = 0;

                for (int i = 0; i < in; i++)
                    for (int a = -1; a <= 1; a++)
                        for (int b = -1; b <= 1; b++)
                            if (r + a >= 0 && r + a < h && p + b >= 0 && p + b < w)
                                sum += k[((o * in + i) * 3 + a + 1) * 3 + b + 1]
                                       * x[(i * h + r + a) * w + p + b];
                y[(o * h + r) * w + p] = sum;
            }
}

/* The kernel of K^T: channels swapped, taps flipped. */
static void
transpose(int c, const double *k, double *kt)
{
    for (int o = 0; o < c; o++)
        for (int i = 0; i < c; i++)
            for (int t = 0; t < 9; t++)
                kt[(i * c + o) * 9 + 8 - t] = k[(o * c + i) * 9 + t];
}

struct walk {
    const struct ode_net *net;
    const double *theta, *untied;
    int n;
    int tensor; /* the next to be read */
};

static const double *
next(struct walk *w)
{
    return w->theta + w->net->params.tensor[w->tensor++].offset;
}

static double
activate(const struct ode_net *net, double x)
{
    return net->act == ODE_ACT_TANH ? tanh(x) : x > 0 ? x : 0;
}

/* Batch normalisation over n images [channels][pixels], then the activation. */
static void
normal(struct walk *w, int channels, int pixels, double *x)
{
    const double *scale = next(w), *shift = next(w), count = (double)w->n * pixels;

    for (int c = 0; c < channels; c++) {
        double mean = 0, variance = 0;

        for (int i = 0; i < w->n; i++)
            for (int p = 0; p < pixels; p++)
                mean += x[(i * channels + c) * pixels + p] / count;
        for (int i = 0; i < w->n; i++)
            for (int p = 0; p < pixels; p++) {
                const double d = x[(i * channels + c) * pixels + p] - mean;

                variance += d * d / count;
            }
        for (int i = 0; i < w->n; i++)
            for (int p = 0; p < pixels; p++) {
                double *v = &x[(i * channels + c) * pixels + p];

                *v = activate(w->net,
                              (*v - mean) / sqrt(variance + 1e-3) * scale[c] + shift[c]);
            }
    }
}

/* to += sign h K^T s(K from + b) for n images of c channels. */
static void
layer(struct walk *w, int c, int size, double sign_h, const double *from, double *to,
      size_t stride)
{
    const size_t image = (size_t)(c * size * size);
    const ptrdiff_t k_at = (ptrdiff_t)w->net->params.tensor[w->tensor].offset;
    const double *k = next(w), *b = next(w);
    double *kt = malloc((size_t)(c * c * 9) * sizeof *kt);
    double *u = malloc(image * sizeof *u), *f = malloc(image * sizeof *f);

    transpose(c, w->untied ? w->untied + k_at : k, kt);
    for (int i = 0; i < w->n; i++) {
        reference_conv(c, c, size, size, from + (size_t)i * stride, k, u);
        for (size_t j = 0; j < image; j++)
            u[j] = activate(w->net, u[j] + b[j / (size_t)(size * size)]);
        reference_conv(c, c, size, size, u, kt, f);
        for (size_t j = 0; j < image; j++)
            to[(size_t)i * stride + j] += sign_h * f[j];
    }
    free(kt);
    free(u);
    free(f);
}

/* 2x2 means and zero channels on both sides of each half: x is replaced. */
static double *
connect(const struct walk *w, int from, int to, int size, double *x)
{
    const int s = size / 2, before = (to - from) / 2;
    double *y = calloc((size_t)(w->n * 2 * to * s * s), sizeof *y);

    for (int i = 0; i < w->n; i++)
        for (int half = 0; half < 2; half++)
            for (int c = 0; c < from; c++)
                for (int r = 0; r < s; r++)
                    for (int p = 0; p < s; p++) {
                        const double *q = x + ((i * 2 + half) * from + c) * size * size;

                        y[(((i * 2 + half) * to + c + before) * s + r) * s + p] =
                            (q[2 * r * size + 2 * p] + q[2 * r * size + 2 * p + 1]
                             + q[(2 * r + 1) * size + 2 * p]
                             + q[(2 * r + 1) * size + 2 * p + 1])
                            / 4;
                    }
    free(x);
    return y;
}

static double
classify(struct walk *w, int channels, int pixels, const double *x, const int *label)
{
    const double *weight = next(w), *bias = next(w);
    const int columns = w->net->params.tensor[w->tensor - 2].dims == 4 ? pixels : 1;
    double loss = 0;

    for (int i = 0; i < w->n; i++) {
        double logit[16], sum = 0;

        for (int k = 0; k < w->net->classes; k++) {
            logit[k] = bias[k];
            for (int c = 0; c < channels; c++)
                for (int p = 0; p < pixels; p++)
                    logit[k] += weight[(k * channels + c) * columns + p % columns]
                                * x[(i * channels + c) * pixels + p] * columns / pixels;
            sum += exp(logit[k]);
        }
        loss += (log(sum) - logit[label[i]]) / w->n;
    }
    return loss;
}

double
reference_loss(const struct ode_net *net, const double *theta, const double *untied,
               void *seed, size_t first, int n)
{
    struct walk w = { .net = net, .theta = theta, .untied = untied, .n = n };
    int size = net->resolution, half = net->segment[0].width;
    const size_t input = (size_t)(net->in * size * size);
    float *pixels = malloc(input * sizeof *pixels);
    double *in = malloc(input * sizeof *in);
    double *x = malloc((size_t)(n * 2 * half * size * size) * sizeof *x), loss;
    const double *opening = next(&w);
    int label[64];

    for (int i = 0; i < n; i++) {
        label[i] = toy_fetch(seed, first + (size_t)i, NULL, pixels);
        for (size_t j = 0; j < input; j++)
            in[j] = (double)pixels[j];
        reference_conv(net->in, 2 * half, size, size, in, opening,
                       x + (size_t)(i * 2 * half * size * size));
    }
    normal(&w, 2 * half, size * size, x);
    for (int s = 0; s < net->segment_n; s++) {
        const size_t stride = (size_t)(2 * half * size * size);
        double *y = x, *z = x + stride / 2;

        for (int b = 0; b < net->segment[s].blocks; b++) {
            layer(&w, half, size, net->params.segment[s].dt, z, y, stride);
            layer(&w, half, size, -net->params.segment[s].dt, y, z, stride);
        }
        if (s + 1 < net->segment_n) {
            x = connect(&w, half, net->segment[s + 1].width, size, x);
            half = net->segment[s + 1].width;
            size /= 2;
        }
    }
    normal(&w, 2 * half, size * size, x);
    loss = classify(&w, 2 * half, size * size, x, label);
    free(x);
    free(in);
    free(pixels);
    return loss;
}
