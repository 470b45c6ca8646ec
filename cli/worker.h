/*
 * worker.h - a run in training: what becomes of all that core tells of it.
 *
 * cmd_train.c begins and ends it. What core tells in between (core/train/train.h) goes to
 * the journal, to stderr for people, and into checkpoints and the model.
 */
#ifndef ODE_CLI_WORKER_H
#define ODE_CLI_WORKER_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/cached.h"
#include "cli/checkpoint.h"
#include "cli/control.h"
#include "cli/forecast.h"
#include "cli/journal.h"
#include "cli/options.h"
#include "cli/prefix.h"
#include "cli/warm.h"
#include "core/train/train.h"

struct worker_options {
    const char *spec, *run_dir, *kernels, *cache, *runs;
    char root[OPTIONS_PATH], run_dir_made[512];
    int threads, lock_fd, cache_mib;
    bool resume, help;
};

struct worker {
    struct worker_options options;
    struct ode_recipe_spec recipe;
    struct ode_plan plan;
    struct ode_dataset set;
    const struct ode_kernels *kernels;
    struct journal journal;
    struct control control;
    bool held;                 /* it stopped at the end of a level, as it was asked to */
    struct weights checkpoint; /* that is resumed from */
    bool resumed;
    struct forecast forecast;
    json_t *reasons; /* of a ladder that was made; or NULL */
    struct checkpoint_origin origin;
    struct prefix prefix;
    struct prefix_hit cached; /* levels that another run has trained */
    struct warm warm;
    int threads;
    struct ode_progress at; /* newest */
    struct ode_score test;  /* newest */
};

/* Signals that end a run: SIGTERM and SIGINT, once; a second one ends the process. */
void worker_signals_take(void);

/* Whether such a signal has come; the context is not looked at. */
bool worker_stopped(void *context);

/* The functions that core calls, with the worker as their context. */
struct ode_train_ops worker_ops(struct worker *worker);

/* A warning to journal and stderr. */
enum ode_status worker_warn(struct worker *worker, const char *text, struct ode_err *err);

/* Writes the plan's record, with the reasons for its ladder. */
enum ode_status worker_plan_write(struct worker *worker, struct ode_err *err);

/* Where the run's model is. */
void worker_model_path(const struct worker *worker, char path[600]);

#endif
