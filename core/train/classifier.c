/* classifier.c - the classifier solved for, while the rest follows its gradient. */
#include "core/train/classifier.h"

void
ode_classifier_place(struct ode_classifier *c, const struct ode_net *net,
                     const struct ode_train_spec *train, size_t examples,
                     struct ode_arena *arena)
{
    *c = (struct ode_classifier){
        .problem = {.n = (int)examples,
                    .features = net->features,
                    .classes = net->classes,
                    .smoothing = train->label_smoothing,
                    .decay = train->weight_decay}
    };
    c->features = ode_arena_take(arena, examples * (size_t)net->features, sizeof(real));
    c->labels = ode_arena_take(arena, examples, sizeof(int));
    ode_newton_place(&c->problem, arena);
}

/* Where a slot's tensor lies in theta. */
static real *
weights_of(const struct ode_engine *e, int slot)
{
    const struct ode_net *net = e->exec.net;

    return e->theta + net->params.tensor[net->slot[slot].tensor].offset;
}

enum ode_status
ode_classifier_solve(struct ode_classifier *c, const struct ode_classifier_spec *spec,
                     struct ode_engine *e, ode_fetch_fn *fetch, void *context, int n,
                     struct ode_newton_report *report, struct ode_err *err)
{
    const struct ode_net *net = e->exec.net;

    ode_engine_features(e, fetch, context, n, c->features, c->labels);
    c->problem.n = n;
    ode_newton_load(&c->problem, c->features, c->labels);
    ODE_TRY(ode_newton_solve(&c->problem, (int)spec->iterations, (int)spec->cg,
                             weights_of(e, net->head_weight),
                             weights_of(e, net->head_bias), report, err));
    ode_engine_pack(e);
    return ODE_OK;
}
