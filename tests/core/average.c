/* average.c - tests what core/train/engine.c makes of the average of the weights. */
#include <stdlib.h>
#include <string.h>

#include "core/train/engine.h"
#include "tests/core/toy.h"
#include "tests/test.h"

static const struct toy_options options = {
    .units = 3,
    .channels = {6,  10, 18},
    .blocks = { 3, 1,  3 },
    .resolution = 12,
    .in = 3,
    .classes = 7,
    .step = 0.1,
    .tanh = true,
    .norm = ODE_NORM_BATCH,
    .average = true
};

static uint64_t seed = 11;

/* An average of weights that move fast has moments of its own: those that a network with
 * just these weights would make. */
START_TEST(an_average_is_evaluated_with_moments_of_its_own)
{
    const struct ode_optimizer_spec sgd = { .type = ODE_OPTIMIZER_SGD, .momentum = 0.9 };
    const struct ode_update update = {
        .optimizer = &sgd, .rate = 0.1, .scale = 1, .ema = 0.9
    };
    struct ode_batch_report report, seen, alone;
    struct toy t, same;
    const size_t n = 16;
    real *own;

    toy_init(&t, &options, ODE_ISA_ALL, 2, (int)n, true);
    toy_init(&same, &options, ODE_ISA_ALL, 1, (int)n, true);
    own = malloc(t.net.params.statistic_n * sizeof *own);
    for (int i = 0; i < 8; i++) {
        ode_engine_gradient(&t.engine, toy_fetch, &seed, (int)n, NULL, &report);
        ode_engine_follow(&t.engine, 0.5);
        ode_engine_update(&t.engine, &update);
    }
    memcpy(own, t.engine.statistics, t.net.params.statistic_n * sizeof *own);
    for (int again = 0; again < 2; again++) { /* they are made once */
        ode_engine_see_average(&t.engine, toy_fetch, &seed, n);
        ode_engine_evaluate(&t.engine, toy_fetch, &seed, n, NULL, NULL, &seen);
        ode_engine_see_own(&t.engine);
    }
    ck_assert_mem_eq(own, t.engine.statistics, t.net.params.statistic_n * sizeof *own);
    memcpy(same.engine.theta, t.engine.average, t.net.params.theta_n * sizeof(real));
    ode_engine_pack(&same.engine);
    ode_engine_reestimate(&same.engine, toy_fetch, &seed, n);
    ode_engine_evaluate(&same.engine, toy_fetch, &seed, n, NULL, NULL, &alone);
    ck_assert(seen.loss == alone.loss);
    ck_assert_mem_eq(t.engine.average_statistics, same.engine.statistics,
                     t.net.params.statistic_n * sizeof *own);
    ck_assert_mem_ne(own, same.engine.statistics, t.net.params.statistic_n * sizeof *own);
    free(own);
    toy_release(&t);
    toy_release(&same);
}
END_TEST

TEST_SUITE(average, 60, an_average_is_evaluated_with_moments_of_its_own)
