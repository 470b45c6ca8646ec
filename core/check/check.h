/*
 * check.h - the tests of the engine, on a user's own network and data.
 *
 * A check builds private networks from the recipe and measures something that has to hold
 * there: a figure, with the tolerance that it is judged by. What each check is about is
 * in checks.def. A check that has no meaning for the network, as a reversal of steps that
 * cannot be undone, says so and why.
 *
 * The weights are the level's initial ones as a run that begins there draws them, with
 * one change: biases, shifts and scales, which begin at 0 and 1, are moved by 0.1 of a
 * normal number. At 0 they would leave activations on their kinks, and would hide what is
 * multiplied by them.
 *
 * Everything is in fp32, as in training. So what is compared with differences is held to
 * a tolerance of 2e-4 for an operator and 1e-3 for the loss (1e-5 is usual, 5e-5 the
 * worst of many networks); what is linear or needs no differences to 1e-5; what is
 * promised bit for bit to none at all. Derivatives are taken with GELU where the
 * activation has a kink.
 */
#ifndef ODE_CORE_CHECK_CHECK_H
#define ODE_CORE_CHECK_CHECK_H

#include "core/net/exec.h"

enum ode_verdict { ODE_VERDICT_PASSED, ODE_VERDICT_FAILED, ODE_VERDICT_NONE };

/* One line of the table. */
struct ode_check_row {
    const char *check;  /* its name, as in checks.def */
    char where[48];     /* "unit 1, states"; "" for the whole network */
    const char *figure; /* what is measured: "relative gap"; NULL if nothing was */
    double measured, tolerance;
    bool at_least; /* measured must reach the tolerance, not stay within it */
    enum ode_verdict verdict;
    char note[128]; /* why there is no verdict; or beside one, what else was seen */
};

/* Told each row as soon as it is known. */
typedef void ode_check_row_fn(void *context, const struct ode_check_row *row);

/* On what; all borrowed. */
struct ode_check {
    const struct ode_recipe_spec *recipe; /* settled */
    size_t level;
    int in, classes; /* of the data set */
    const struct ode_kernels *kernels;
    const struct ode_block_ops *block; /* in place of the recipe's integrator; or NULL */
    ode_fetch_fn *fetch;               /* examples 0..n - 1 */
    void *context;
    size_t scratch_n; /* floats that fetch needs */
    int n;            /* examples, 1 or more */
    int threads;      /* where their number is not what is checked */
    ode_check_row_fn *row;
    void *row_context;
};

/* All checks of one level, in the order of checks.def. A check that fails is a row, not a
 * failure of this call: ODE_ENOMEM and the like. */
enum ode_status ode_check_level(const struct ode_check *check, struct ode_err *err);

/* Each of them, ended by a NULL name. */
struct ode_check_about {
    const char *name, *doc;
    enum ode_status (*run)(const struct ode_check *check, struct ode_err *err);
};
extern const struct ode_check_about ode_check_list[];

#define CHECK(name, doc) \
    enum ode_status ode_check_##name(const struct ode_check *check, struct ode_err *err);
#include "core/check/checks.def"
#undef CHECK

#endif
