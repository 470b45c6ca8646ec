/* check.c - tests core/check/: good networks pass every check, and what is broken on
 * purpose fails the one that is meant for it. */
#include "core/check/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/blocks/coupling.h"
#include "core/check/potential.h"
#include "tests/core/toy.h"
#include "tests/test.h"

enum { SIZE = 8, IN = 2, CLASSES = 4, IMAGES = 6 };

static uint64_t seed = 21;

/* --- a small network, and what is said of it --------------------------------------- */

struct findings {
    int count[3];        /* by verdict */
    char failed[64][48]; /* "adjoint: unit 0, blocks" and so on */
    bool show;
};

static void
on_row(void *context, const struct ode_check_row *r)
{
    struct findings *f = context;

    ck_assert_ptr_nonnull(r->check);
    ck_assert(r->verdict == ODE_VERDICT_NONE ? *r->note && !r->figure
                                             : r->figure && *r->figure);
    if (r->verdict == ODE_VERDICT_FAILED && f->count[ODE_VERDICT_FAILED] < 64)
        snprintf(f->failed[f->count[ODE_VERDICT_FAILED]], sizeof *f->failed, "%s: %.30s",
                 r->check, r->where);
    if (r->verdict == ODE_VERDICT_FAILED && f->show)
        printf("%s, %s: %s %g, tolerance %g %s\n", r->check, r->where, r->figure,
               r->measured, r->tolerance, r->note);
    f->count[r->verdict]++;
}

/* Whether a row that begins like this failed. */
static bool
failed(const struct findings *f, const char *begin)
{
    for (int i = 0; i < f->count[ODE_VERDICT_FAILED]; i++)
        if (strncmp(f->failed[i], begin, strlen(begin)) == 0)
            return true;
    return false;
}

static struct ode_recipe_spec
recipe_of(enum ode_block block, enum ode_norm norm, enum ode_link link,
          enum ode_activation act)
{
    struct ode_recipe_spec r;

    memset(&r, 0, sizeof r);
    r.seed = 5;
    r.model.block = block;
    r.model.norm = norm;
    r.model.connector = link;
    r.model.activation = act;
    r.model.step = 0.1;
    r.model.stem_norm = r.model.head_norm = ODE_NORM_BATCH;
    r.model.units_n = 2;
    r.model.units[0].channels = 6;
    r.model.units[1].channels = 20;
    r.model.units[0].blocks = r.model.units[1].blocks = 3;
    r.train.weight_decay = r.train.smoothness = 1e-3;
    r.levels_n = 1;
    r.levels[0].resolution = SIZE;
    r.levels[0].blocks_n = 2;
    r.levels[0].blocks[0] = r.levels[0].blocks[1] = 3;
    return r;
}

static struct ode_check
check_of(const struct ode_recipe_spec *recipe, struct findings *f)
{
    *f = (struct findings){ 0 };
    toy_fetch_shape(IN, SIZE, CLASSES);
    return (struct ode_check){ .recipe = recipe,
                               .in = IN,
                               .classes = CLASSES,
                               .kernels = ode_kernels_best(ODE_ISA_ALL),
                               .fetch = toy_fetch,
                               .context = &seed,
                               .n = IMAGES,
                               .threads = 1,
                               .row = on_row,
                               .row_context = f };
}

static void
all_pass(const struct ode_recipe_spec *recipe, int least)
{
    struct findings f;
    struct ode_check check = check_of(recipe, &f);
    struct ode_err err;

    f.show = true;
    test_ok(ode_check_level(&check, &err), &err);
    ck_assert_int_eq(f.count[ODE_VERDICT_FAILED], 0);
    ck_assert_int_ge(f.count[ODE_VERDICT_PASSED], least);
}

START_TEST(every_integrator_passes)
{
    for (int b = ODE_BLOCK_HAMILTONIAN; b <= ODE_BLOCK_RK4; b++) {
        const struct ode_recipe_spec r = recipe_of((enum ode_block)b, ODE_NORM_NONE,
                                                   ODE_LINK_ZERO, ODE_ACTIVATION_TANH);

        all_pass(&r, 15);
    }
}
END_TEST

START_TEST(every_normalisation_and_connector_passes)
{
    for (int norm = ODE_NORM_NONE; norm <= ODE_NORM_TV; norm++)
        for (int link = ODE_LINK_ZERO; link <= ODE_LINK_RESIDUAL; link++) {
            struct ode_recipe_spec r =
                recipe_of(ODE_BLOCK_REVNET, (enum ode_norm)norm, (enum ode_link)link,
                          ODE_ACTIVATION_RELU);

            r.model.closing = 24;
            all_pass(&r, 15);
        }
}
END_TEST

START_TEST(whitening_and_bare_ends_pass)
{
    struct ode_recipe_spec r = recipe_of(ODE_BLOCK_LEAPFROG, ODE_NORM_NONE, ODE_LINK_ZERO,
                                         ODE_ACTIVATION_SOFTPLUS);

    r.model.opening = ODE_OPENING_WHITENING;
    r.model.stem_norm = r.model.head_norm = ODE_NORM_NONE;
    r.train.memory = ODE_MEMORY_REVERSE_INEXACT;
    all_pass(&r, 15);
}
END_TEST

/* Also a coarse level's, and with a closing. */
START_TEST(flat_heads_pass)
{
    struct ode_recipe_spec r = recipe_of(ODE_BLOCK_HAMILTONIAN, ODE_NORM_NONE,
                                         ODE_LINK_ZERO, ODE_ACTIVATION_TANH);

    r.model.head = ODE_READOUT_FLAT;
    all_pass(&r, 15);
    r.model.closing = 24;
    r.levels_n = 2;
    r.levels[1] = r.levels[0];
    r.levels[1].resolution = 2 * SIZE;
    all_pass(&r, 15);
}
END_TEST

/* A coarse level, whose kernels are restrictions of the finest ones. */
START_TEST(coarse_levels_pass)
{
    struct ode_recipe_spec r = recipe_of(ODE_BLOCK_HAMILTONIAN, ODE_NORM_NONE,
                                         ODE_LINK_POINTWISE, ODE_ACTIVATION_RELU);

    r.levels_n = 2;
    r.levels[1] = r.levels[0];
    r.levels[1].resolution = 4 * SIZE;
    all_pass(&r, 20);
}
END_TEST

/* --- what is broken ---------------------------------------------------------------- */

static const struct ode_block_ops *
broken_from(const struct ode_block_ops *change)
{
    static struct ode_block_ops ops;

    ops = ode_hamiltonian_ops;
    if (change->forward)
        ops.forward = change->forward;
    if (change->inverse)
        ops.inverse = change->inverse;
    if (change->adjoint)
        ops.adjoint = change->adjoint;
    return &ops;
}

/* One check of a Hamiltonian network, a part of whose integrator was exchanged. */
static struct findings
broken(const struct ode_block_ops *change,
       enum ode_status (*run)(const struct ode_check *, struct ode_err *))
{
    const struct ode_recipe_spec r = recipe_of(ODE_BLOCK_HAMILTONIAN, ODE_NORM_NONE,
                                               ODE_LINK_ZERO, ODE_ACTIVATION_TANH);
    struct findings f;
    struct ode_check check = check_of(&r, &f);
    struct ode_err err;

    check.block = broken_from(change);
    test_ok(run(&check, &err), &err);
    return f;
}

/* As if it were Z' = Z + h f2(Y'). */
static void
adjoint_of_other_sign(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                      real *const *keep, struct ode_pair d)
{
    ode_coupling_adjoint(s, 1, from, to, keep, d);
}

static real
forward_of_other_sign(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                      real *const *keep)
{
    return ode_coupling_forward(s, 1, from, to, keep);
}

static void
inverse_of_other_sign(const struct ode_step *s, struct ode_pair from, struct ode_pair to)
{
    ode_coupling_inverse(s, 1, from, to);
}

static void
stretch(const struct ode_step *s, double by, struct ode_pair d)
{
    const struct ode_conv *c = &s->shape.conv;

    for (size_t i = 0; i < (size_t)s->shape.n * ode_image(c->in, c->h, c->w); i++)
        d.y[i] *= (real)by;
}

static void
adjoint_too_long(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                 real *const *keep, struct ode_pair d)
{
    ode_coupling_adjoint(s, -1, from, to, keep, d);
    stretch(s, 1.001, d);
}

static void
adjoint_too_long_reversed(const struct ode_step *s, struct ode_pair from,
                          struct ode_pair to, real *const *keep, struct ode_pair d)
{
    ode_coupling_adjoint(s, -1, from, to, keep, d);
    if (s->reverse)
        stretch(s, 1.00001, d);
}

/* Something that remembers, as a race would: no two passes are alike. */
static void
adjoint_that_counts(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                    real *const *keep, struct ode_pair d)
{
    static int calls;

    ode_coupling_adjoint(s, -1, from, to, keep, d);
    stretch(s, 1 + 1e-5 * __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED), d);
}

START_TEST(a_wrong_adjoint_is_found)
{
    const struct ode_block_ops change = { .adjoint = adjoint_of_other_sign };
    const struct findings f = broken(&change, ode_check_adjoint);
    const struct findings t = broken(&change, ode_check_taylor);

    ck_assert(failed(&f, "adjoint: unit 0, blocks"));
    ck_assert(failed(&f, "adjoint: unit 1, weights of blocks"));
    ck_assert(!failed(&f, "adjoint: head") && !failed(&f, "adjoint: connector"));
    ck_assert(failed(&t, "taylor: loss less its gradient"));
    ck_assert(failed(&t, "taylor: slope"));
}
END_TEST

START_TEST(an_adjoint_off_by_a_thousandth_is_found)
{
    const struct ode_block_ops change = { .adjoint = adjoint_too_long };
    const struct findings f = broken(&change, ode_check_adjoint);
    const struct findings s = broken(&change, ode_check_symplecticity);

    ck_assert(failed(&f, "adjoint: unit 0, blocks"));
    ck_assert(failed(&s, "symplecticity: unit 0"));
    ck_assert(failed(&s, "symplecticity: unit 1"));
}
END_TEST

START_TEST(a_wrong_inverse_is_found)
{
    const struct ode_block_ops change = { .inverse = inverse_of_other_sign };
    const struct findings f = broken(&change, ode_check_inverse);

    ck_assert(failed(&f, "inverse: unit 0") && failed(&f, "inverse: unit 1"));
}
END_TEST

START_TEST(a_reversal_of_other_bits_is_found)
{
    const struct ode_block_ops change = { .adjoint = adjoint_too_long_reversed };
    const struct findings f = broken(&change, ode_check_memory);

    ck_assert(failed(&f, "memory: store, reverse"));
    ck_assert(!failed(&f, "memory: store, checkpoint"));
}
END_TEST

START_TEST(gradients_that_change_are_found)
{
    const struct ode_block_ops change = { .adjoint = adjoint_that_counts };
    const struct findings f = broken(&change, ode_check_threads);

    ck_assert(failed(&f, "threads: 1 and 2") && failed(&f, "threads: 1 and 3"));
}
END_TEST

START_TEST(a_loss_of_energy_is_found)
{
    const struct ode_block_ops change = { .forward = forward_of_other_sign };
    const struct findings f = broken(&change, ode_check_energy);

    ck_assert(failed(&f, "energy: unit 0") && failed(&f, "energy: unit 1"));
}
END_TEST

static void
weights_twice(const struct ode_conv *c, int n, int pairs, const real *const *p,
              const real *const *x, real *dw)
{
    const struct ode_kernels *k = ode_kernels_best(ODE_ISA_ALL);

    k->conv_weights(c, n, pairs, p, x, dw);
    k->conv_weights(c, n, pairs, p, x, dw);
}

START_TEST(a_wrong_kernel_is_found)
{
    const struct ode_recipe_spec r = recipe_of(ODE_BLOCK_HAMILTONIAN, ODE_NORM_NONE,
                                               ODE_LINK_ZERO, ODE_ACTIVATION_TANH);
    struct ode_kernels kernels = *ode_kernels_best(ODE_ISA_ALL);
    struct findings f;
    struct ode_check check = check_of(&r, &f);
    struct ode_err err;

    kernels.conv_weights = weights_twice;
    check.kernels = &kernels;
    test_ok(ode_check_adjoint(&check, &err), &err);
    ck_assert(failed(&f, "adjoint: unit 0, weights of a con"));
    ck_assert(failed(&f, "adjoint: weights of the opening"));
    ck_assert(!failed(&f, "adjoint: unit 0, convolution"));
    ck_assert(!failed(&f, "adjoint: unit 0, blocks"));
}
END_TEST

/* --- potentials -------------------------------------------------------------------- */

/* Central differences of each potential are the activation. */
START_TEST(potentials_are_integrals_of_activations)
{
    const struct ode_kernels *k = ode_kernels_best(ODE_ISA_PORTABLE);
    const double e = 1e-4;

    for (int act = ODE_ACT_RELU; act <= ODE_ACT_SOFTPLUS; act++)
        for (double x = -6.05; x < 6.5; x += 0.1) {
            static real u[9 * ODE_VEC], a[9 * ODE_VEC];
            const enum ode_act which = (enum ode_act)act;
            const double slope =
                (ode_potential(which, x + e) - ode_potential(which, x - e)) / (2 * e);

            u[4 * ODE_VEC] = (real)x;
            k->act(which, 1, 1, 1, 1, u, a);
            ck_assert_double_eq_tol(slope, (double)a[4 * ODE_VEC], 2e-6);
        }
}
END_TEST

TEST_SUITE(check, 300, every_integrator_passes, every_normalisation_and_connector_passes,
           whitening_and_bare_ends_pass, coarse_levels_pass, flat_heads_pass,
           a_wrong_adjoint_is_found, an_adjoint_off_by_a_thousandth_is_found,
           a_wrong_inverse_is_found, a_reversal_of_other_bits_is_found,
           gradients_that_change_are_found, a_loss_of_energy_is_found,
           a_wrong_kernel_is_found, potentials_are_integrals_of_activations)
