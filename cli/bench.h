/*
 * bench.h - what odenet bench measures, a function each.
 *
 * Each of them prints its table, line by line as it measures, or adds its members to a
 * JSON object. Speeds stand beside the peak of multiply-adds that was measured in between
 * them, as a processor's clock changes by the second.
 */
#ifndef ODE_CLI_BENCH_H
#define ODE_CLI_BENCH_H

#include <jansson.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/base/team.h"
#include "core/kernels/kernels.h"
#include "core/net/net.h"

struct bench {
    const struct ode_kernels *kernels;
    int threads;
    json_t *json; /* an object; NULL: tables on stdout */
};

/* --- what all of them use ---------------------------------------------------------- */

/* One short slice of multiply-adds on all threads of the team (NULL: the caller alone):
 * FLOP in a second / 1e9. */
double bench_peak(const struct ode_kernels *kernels, struct ode_team *team);

/* How often to repeat what once took so long, so that it takes `target` seconds. */
int bench_repeats(double once, double target);

/* --- the machine and the kernels --------------------------------------------------- */

/* The peak and the bandwidths of one to `threads` threads, and BLAS. */
enum ode_status bench_machine(const struct bench *bench, struct ode_err *err);

/* Every convolution of the papers' networks, on one thread. */
enum ode_status bench_kernels(const struct bench *bench, struct ode_err *err);

/* How a network's blocks are convolved: "direct", "winograd" or "mixed". */
const char *bench_method(const struct ode_net *net);

/* --- the training step ------------------------------------------------------------- */

struct bench_step {
    int preset, memory;
    int norm;   /* in blocks; -1: the preset's         */
    int blocks; /* of each unit; 0: the preset's       */
    int batch, resolution, steps, warmup;
    bool head; /* the head of the table comes first */
};

/* Training steps as `odenet train` makes them, on random images. */
enum ode_status bench_step(const struct bench *bench, const struct bench_step *step,
                           struct ode_err *err);
#endif
