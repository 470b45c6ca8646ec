/* worker.c - a run in training: what becomes of all that core tells of it. */
#include "cli/worker.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/load.h"
#include "schema/plan.h"

static volatile sig_atomic_t stop_signal;

static void
on_stop(int number)
{
    stop_signal = number;
}

void
worker_signals_take(void)
{
    struct sigaction stop = { .sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND };

    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    signal(SIGHUP, SIG_IGN); /* the end of a terminal is no reason */
    signal(SIGPIPE, SIG_IGN);
}

/* --- records
 * -------------------------------------------------------------------------------- */

static json_t *
progress_members(const struct ode_progress *at)
{
    return json_pack("{s:i, s:I, s:f, s:f}", "level", at->level, "step",
                     (json_int_t)at->step, "work", at->work, "time", at->time);
}

/* Whether another run has trained the level, and all is said of it. */
static bool
is_cached(const struct worker *w, int level)
{
    return level <= w->cached.level;
}

static enum ode_status
on_level_begins(void *context, const struct ode_progress *at, struct ode_err *err)
{
    struct worker *w = context;
    const struct ode_level_plan *p = &w->plan.levels[at->level];
    json_t *m = progress_members(at);

    fprintf(stderr,
            "level %d of %zu: %" PRId64 "x%" PRId64 " pixels, %" PRId64
            " epochs of %" PRId64 " steps, %zu parameters\n",
            at->level + 1, w->plan.levels_n, p->resolution, p->resolution, p->epochs,
            p->epoch_steps, p->parameters);
    w->at = *at;
    if (m)
        json_object_set_new(m, "state", json_string("running"));
    return journal_write(&w->journal, "level", m, err);
}

static const char *const end_names[] = { [ODE_END_NOT] = "not",
                                         [ODE_END_BUDGET] = "budget",
                                         [ODE_END_PLATEAU] = "plateau",
                                         [ODE_END_REQUEST] = "request",
                                         [ODE_END_DEADLINE] = "deadline" };

static enum ode_status
on_level_done(void *context, const struct ode_progress *at, enum ode_end end,
              const struct ode_score *test, struct ode_err *err)
{
    struct worker *w = context;
    json_t *m;

    w->at = *at;
    w->test = *test;
    if (is_cached(w, at->level))
        return forecast_level_done(&w->forecast, at, end, err);
    m = progress_members(at);
    fprintf(stderr, "level %d done%s: test accuracy %.2f%%, %.1f s\n", at->level + 1,
            end == ODE_END_PLATEAU    ? " early, as its loss no longer fell"
            : end == ODE_END_REQUEST  ? " early, on request"
            : end == ODE_END_DEADLINE ? " early, as time was up"
                                      : "",
            100 * test->accuracy, at->time);
    if (m) {
        json_object_set_new(m, "state", json_string("done"));
        json_object_set_new(m, "ended", json_string(end_names[end]));
        json_object_set_new(m, "metrics", schema_test(test));
    }
    ODE_TRY(journal_write(&w->journal, "level", m, err));
    return forecast_level_done(&w->forecast, at, end, err);
}

static enum ode_status
on_level_skipped(void *context, const struct ode_progress *at, int level,
                 struct ode_err *err)
{
    struct worker *w = context;
    json_t *m = progress_members(at);

    fprintf(stderr, "level %d skipped\n", level + 1);
    if (m) {
        json_object_set_new(m, "level", json_integer(level));
        json_object_set_new(m, "state", json_string("skipped"));
    }
    ODE_TRY(journal_write(&w->journal, "level", m, err));
    return forecast_level_skipped(&w->forecast, at, level, err);
}

/* "gauge.unit.0.growth" and so on, where they are known. */
static void
gauge_values(json_t *values, const struct ode_gauge *gauge)
{
    for (int s = 0; s < gauge->segments; s++) {
        const struct ode_gauge_segment *g = &gauge->segment[s];
        const struct {
            const char *name;
            double value;
        } row[] = {
            {"growth",     g->growth   },
            { "error",     g->error    },
            { "stability", g->stability}
        };

        for (int i = 0; i < 3; i++) {
            char name[40];

            snprintf(name, sizeof name, "gauge.unit.%d.%s", s, row[i].name);
            if (!isnan(row[i].value))
                json_object_set_new(values, name, schema_number(row[i].value));
        }
    }
}

/* The values of a record that are in it: "train.loss" and so on. */
static json_t *
metric_values(const struct ode_metrics *m)
{
    json_t *values = json_object();

    if (!isnan(m->lr)) {
        json_object_set_new(values, "train.loss", schema_number(m->train_loss));
        json_object_set_new(values, "train.accuracy", schema_number(m->train_accuracy));
        json_object_set_new(values, "lr", schema_number(m->lr));
        json_object_set_new(values, "gauge.state_max", schema_number(m->state_max));
    } else {
        json_object_set_new(values, "test.loss", schema_number(m->test_loss));
        json_object_set_new(values, "test.accuracy", schema_number(m->test_accuracy));
        gauge_values(values, &m->gauge);
    }
    return values;
}

static void
metric_print(const struct ode_progress *at, const struct ode_metrics *m)
{
    if (isnan(m->lr))
        fprintf(stderr,
                "%7.1f s  level %d  epoch %6.2f  test loss %.4f  accuracy %.2f%%\n",
                at->time, at->level + 1, at->epoch, m->test_loss, 100 * m->test_accuracy);
    else if (isatty(STDERR_FILENO))
        fprintf(stderr, "%7.1f s  level %d  epoch %6.2f  loss %.4f  accuracy %.2f%%  \r",
                at->time, at->level + 1, at->epoch, m->train_loss,
                100 * m->train_accuracy);
}

static enum ode_status
on_metrics(void *context, const struct ode_progress *at, const struct ode_metrics *m,
           struct ode_err *err)
{
    struct worker *w = context;
    json_t *members = progress_members(at);

    metric_print(at, m);
    w->at = *at;
    if (members) {
        json_object_set_new(members, "epoch", json_real(at->epoch));
        json_object_set_new(members, "values", metric_values(m));
    }
    return journal_write(&w->journal, "metric", members, err);
}

static enum ode_status
on_transfer(void *context, const struct ode_progress *at,
            const struct ode_transfer_record *r, struct ode_err *err)
{
    struct worker *w = context;
    json_t *m = progress_members(at), *own = schema_transfer(r);

    fprintf(stderr,
            "transfer to level %d: on the first %zu training examples loss %.4f -> %.4f, "
            "accuracy %.2f%% -> %.2f%%\n",
            at->level + 1, r->probe_n, r->before.loss, r->after.loss,
            100 * r->before.accuracy, 100 * r->after.accuracy);
    w->at = *at;
    if (m && json_object_update(m, own) != 0) {
        json_decref(m);
        m = NULL;
    }
    json_decref(own);
    return journal_write(&w->journal, "transfer", m, err);
}

static enum ode_status
on_warning(void *context, const struct ode_progress *at, const char *text,
           struct ode_err *err)
{
    struct worker *w = context;

    fprintf(stderr, "warning: %s\n", text);
    return journal_write(&w->journal, "warning",
                         json_pack("{s:s, s:i, s:I}", "text", text, "level", at->level,
                                   "step", (json_int_t)at->step),
                         err);
}

void
worker_model_path(const struct worker *w, char path[600])
{
    snprintf(path, 600, "%s/model.safetensors", w->options.run_dir);
}

static enum ode_status
model_write(const struct worker *w, const struct ode_state *s, struct ode_err *err)
{
    char path[600];
    const struct weights_source source = { .recipe = &w->recipe,
                                           .level = s->at.level,
                                           .step = s->at.step,
                                           .net = s->net,
                                           .theta = s->average ? s->average : s->theta,
                                           .statistics = s->average
                                                             ? s->average_statistics
                                                             : s->statistics };

    worker_model_path(w, path);
    return weights_write(path, &source, NULL, err);
}

/* A level's last one is a model, too: whatever becomes of the run, it can be used. */
static enum ode_status
on_checkpoint(void *context, const struct ode_state *state, bool last,
              struct ode_err *err)
{
    struct worker *w = context;
    char name[CHECKPOINT_NAME];
    size_t bytes;

    ODE_TRY(checkpoint_write(w->options.run_dir, &w->recipe, &w->origin, state, last,
                             name, &bytes, err));
    if (last)
        ODE_TRY(model_write(w, state, err));
    ODE_TRY(journal_write(&w->journal, "checkpoint",
                          json_pack("{s:i, s:I, s:s, s:I}", "level", state->at.level,
                                    "step", (json_int_t)state->at.step, "file", name,
                                    "bytes", (json_int_t)bytes),
                          err));
    ODE_TRY(journal_sync(&w->journal, err));
    if (last)
        prefix_put(&w->prefix, state, w->options.run_dir, name);
    return ODE_OK;
}

static enum ode_status
on_restore(void *context, struct ode_state *state, struct ode_err *err)
{
    struct worker *w = context;

    ODE_TRY(checkpoint_restore(&w->checkpoint, state, err));
    if (state->base_step == w->plan.levels[state->at.level].first_step)
        state->base_work = ode_plan_work(&w->plan, state->at.level, 0); /* in own units */
    return ODE_OK;
}

bool
worker_stopped(void *context)
{
    (void)context;
    return stop_signal != 0;
}

static void
control_read(struct worker *w)
{
    const char *why;
    char text[700];

    control_look(&w->control, &why);
    if (!why)
        return;
    snprintf(text, sizeof text, "%s was passed over: %s", w->control.path, why);
    on_warning(w, &w->at, text, NULL);
}

static enum ode_end
on_advance_asked(void *context, const struct ode_progress *at)
{
    struct worker *w = context;
    const double deadline = w->recipe.budget.deadline_s;

    control_read(w);
    return w->control.advance == at->level        ? ODE_END_REQUEST
           : deadline > 0 && at->time >= deadline ? ODE_END_DEADLINE
                                                  : ODE_END_NOT;
}

enum ode_status
worker_plan_write(struct worker *w, struct ode_err *err)
{
    json_t *plan = schema_plan(&w->plan);

    json_object_set_new(plan, "dataset",
                        json_string(ode_set_facts(w->recipe.data.set)->name));
    if (w->reasons)
        json_object_set(plan, "reasons", w->reasons);
    return journal_write(&w->journal, "plan", plan, err);
}

/* With a deadline, the levels to come are fitted into what is left of it. */
static enum ode_status
on_replan(void *context, const struct ode_progress *at, int level, bool *changed,
          struct ode_err *err)
{
    struct worker *w = context;
    const struct ode_recipe_spec before = w->recipe;

    if (w->recipe.budget.deadline_s <= 0)
        return ODE_OK;
    forecast_replan(&w->forecast, &w->recipe, level,
                    w->recipe.budget.deadline_s - at->time);
    *changed = memcmp(before.levels, w->recipe.levels, sizeof before.levels) != 0;
    if (!*changed)
        return ODE_OK;
    ODE_TRY(ode_plan_make(&w->plan, &w->recipe, w->set.train.n, w->set.test.n, w->threads,
                          err));
    ODE_TRY(worker_plan_write(w, err));
    return forecast_again(&w->forecast, at, level, err);
}

static bool
on_hold_asked(void *context, int level)
{
    struct worker *w = context;

    control_read(w);
    w->held = control_holds(&w->control, level);
    return w->held;
}

static double
on_seconds(void *context)
{
    (void)context;
    return load_seconds();
}

enum ode_status
worker_warn(struct worker *w, const char *text, struct ode_err *err)
{
    return on_warning(w, &w->at, text, err);
}

struct ode_train_ops
worker_ops(struct worker *w)
{
    return (struct ode_train_ops){ .level_begins = on_level_begins,
                                   .level_done = on_level_done,
                                   .level_skipped = on_level_skipped,
                                   .metrics = on_metrics,
                                   .transfer = on_transfer,
                                   .warning = on_warning,
                                   .checkpoint = on_checkpoint,
                                   .restore = on_restore,
                                   .stop = worker_stopped,
                                   .advance = on_advance_asked,
                                   .replan = on_replan,
                                   .hold = on_hold_asked,
                                   .seconds = on_seconds,
                                   .context = w };
}
