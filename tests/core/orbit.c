/* orbit.c - one segment alone, and all the states it passes through. */
#include "tests/core/orbit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/net/segment.h"
#include "tests/core/toy.h"
#include "tests/test.h"

static void
recipe_fill(struct ode_recipe_spec *r, const struct orbit_options *o)
{
    memset(r, 0, sizeof *r);
    r->model.activation = o->act;
    r->model.block = o->block;
    r->model.layer = o->form;
    r->model.start = o->start;
    r->model.step = o->dt;
    r->model.stem_norm = r->model.head_norm = r->model.norm = ODE_NORM_NONE;
    r->model.units_n = r->levels_n = r->levels[0].blocks_n = 1;
    r->model.units[0].channels = o->channels;
    r->model.units[0].blocks = r->levels[0].blocks[0] = o->blocks;
    r->levels[0].resolution = o->size;
    r->train.memory = ODE_MEMORY_STORE;
}

static void
orbit_place(struct orbit *o, struct ode_arena *arena)
{
    o->theta = ode_arena_take(arena, o->net.params.theta_n, sizeof(real));
    o->gradient = ode_arena_take(arena, o->net.params.theta_n, sizeof(real));
    o->packed = ode_arena_take(arena, o->net.packed_n, sizeof(real));
    o->exec.packed = o->packed;
    ode_work_place(&o->work, &o->exec, arena);
    ode_result_place(&o->result, &o->net, arena);
}

void
orbit_init(struct orbit *o, const struct orbit_options *options)
{
    struct ode_recipe_spec recipe;
    struct ode_arena count = { 0 };
    struct ode_err err;

    *o = (struct orbit){ .channels = options->channels,
                         .size = options->size,
                         .images = options->images ? options->images : 1,
                         .blocks = options->blocks };
    o->n = (size_t)(o->images * o->channels * o->size * o->size);
    ck_assert_uint_le(o->n, ORBIT_MAX);
    recipe_fill(&recipe, options);
    test_ok(ode_net_init(&o->net, &recipe, 0, 1, 2, &err), &err);
    o->net.segment[0].grid = 0;
    o->exec = (struct ode_exec){ .net = &o->net,
                                 .kernels = ode_kernels_best(ODE_ISA_ALL),
                                 .micro = o->images };
    orbit_place(o, &count);
    test_ok(ode_arena_init(&o->arena, count.used, &err), &err);
    orbit_place(o, &o->arena);
    ode_net_initialise(&o->net, 3, o->theta, NULL);
    orbit_pack(o);
}

void
orbit_release(struct orbit *o)
{
    ode_arena_release(&o->arena);
    ode_net_release(&o->net);
}

/* --- weights ----------------------------------------------------------------------- */

real *
orbit_theta(const struct orbit *o, int block, int layer, enum ode_part part)
{
    for (int i = 0; i < o->net.params.trained_n; i++) {
        const struct ode_tensor *t = &o->net.params.tensor[i];

        if (t->segment == 0 && t->block == block && t->role == o->net.role[layer][part])
            return o->theta + t->offset;
    }
    ck_abort_msg("block %d has no such weight", block);
    return NULL;
}

void
orbit_pack(struct orbit *o)
{
    for (int i = 0; i < o->net.slot_n; i++)
        ode_net_prepare(&o->net, o->exec.kernels, i, o->theta, NULL, o->work.room,
                        o->packed);
}

void
orbit_freeze(struct orbit *o)
{
    for (int i = 0; i < o->net.params.trained_n; i++)
        for (int j = 0; j < i; j++) {
            const struct ode_tensor *to = &o->net.params.tensor[i];
            const struct ode_tensor *from = &o->net.params.tensor[j];

            if (to->segment == 0 && from->segment == 0 && from->block == 0
                && from->role == to->role)
                memcpy(o->theta + to->offset, o->theta + from->offset,
                       to->n * sizeof *o->theta);
        }
    orbit_pack(o);
}

void
orbit_matrix(struct orbit *o, int layer, const double *k, double b)
{
    const int c = o->net.segment[0].width;

    for (int block = 0; block < o->net.segment[0].nodes; block++) {
        real *kernel = orbit_theta(o, block, layer, ODE_PART_KERNEL);
        real *bias = orbit_theta(o, block, layer, ODE_PART_BIAS);

        memset(kernel, 0, (size_t)(c * c * 9) * sizeof *kernel);
        for (int i = 0; i < c * c; i++)
            kernel[i * 9 + 4] = (real)k[i];
        for (int i = 0; i < c; i++)
            bias[i] = (real)b;
    }
    orbit_pack(o);
}

/* --- states ------------------------------------------------------------------------ */

/* The image of part `part` of image i among states, and where it stands in a vector. */
static real *
part_image(const struct orbit *o, struct ode_pair p, int i, int part)
{
    return (part ? p.z : p.y) + (size_t)i * o->net.segment[0].image;
}

static size_t
part_at(const struct orbit *o, int i, int part)
{
    return (size_t)((i * o->channels + part * o->net.segment[0].width) * o->size
                    * o->size);
}

static void
pair_put(const struct orbit *o, const double *x, struct ode_pair p)
{
    for (int i = 0; i < o->images; i++)
        for (int part = 0; part < o->net.parts; part++)
            toy_blocked(o->net.segment[0].width, o->size, o->size,
                        x + part_at(o, i, part), part_image(o, p, i, part));
}

static void
pair_get(const struct orbit *o, struct ode_pair p, double *x)
{
    for (int i = 0; i < o->images; i++)
        for (int part = 0; part < o->net.parts; part++)
            toy_planes(o->net.segment[0].width, o->size, o->size,
                       part_image(o, p, i, part), x + part_at(o, i, part));
}

void
orbit_run(struct orbit *o, const double *x)
{
    pair_put(o, x, ode_segment_begin(&o->exec, &o->work, 0));
    ode_segment_forward(&o->exec, &o->work, 0, o->images, ODE_TRAIN, o->result.moment);
}

/* As every state is stored, state j is where a segment of j blocks ends. */
void
orbit_state(struct orbit *o, int j, double *x)
{
    struct ode_stretch *g = &o->net.segment[0];

    ck_assert(0 <= j && j <= o->blocks);
    g->blocks = j;
    pair_get(o, ode_segment_end(&o->exec, &o->work, 0), x);
    g->blocks = o->blocks;
}

void
orbit_adjoint(struct orbit *o, const double *w, double *d)
{
    struct ode_pair pair = o->work.cotangent[0];
    struct ode_lane lane = { .gradient = o->gradient, .room = o->work.share };

    pair_put(o, w, pair);
    memset(o->gradient, 0, o->net.params.theta_n * sizeof *o->gradient);
    ode_segment_backward(&o->exec, &o->work, 0, o->images, o->result.moment, &lane,
                         &pair);
    pair_get(o, pair, d);
}

/* --- vectors ----------------------------------------------------------------------- */

void
orbit_noise(const struct orbit *o, uint64_t seed, double scale, double *x)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_TEST, 9, 0);

    for (size_t i = 0; i < o->n; i++)
        x[i] = scale * ode_rng_normal(&rng);
}

double
orbit_dot(const double *x, const double *y, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

double
orbit_norm(const double *x, size_t n)
{
    return sqrt(orbit_dot(x, x, n));
}

double
orbit_distance(const double *x, const double *y, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (x[i] - y[i]) * (x[i] - y[i]);
    return sqrt(sum);
}

void
orbit_apply(const struct orbit *o, int block, int layer, const double *x, double *u)
{
    const int c = o->net.segment[0].width, pixels = o->size * o->size;
    const real *k = orbit_theta(o, block, layer, ODE_PART_KERNEL);
    const real *b = orbit_theta(o, block, layer, ODE_PART_BIAS);
    double *kernel = malloc((size_t)(c * c * 9) * sizeof *kernel);

    ck_assert_ptr_nonnull(kernel);
    for (int i = 0; i < c * c * 9; i++)
        kernel[i] = (double)k[i];
    reference_conv(c, c, o->size, o->size, x, kernel, u);
    for (int i = 0; i < c * pixels; i++)
        u[i] += (double)b[i / pixels];
    free(kernel);
}
