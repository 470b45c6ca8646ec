/* plan.c - a run's plan and its records as JSON. */
#include "schema/plan.h"

#include <math.h>

json_t *
schema_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *
integers(const int64_t *x, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_integer(x[i]));
    return list;
}

/* What each unit keeps for the backward pass. */
static json_t *
memories(const struct ode_level_plan *p)
{
    json_t *list = json_array();

    for (size_t u = 0; u < p->blocks_n; u++)
        json_array_append_new(list, json_string(ode_memory_choices[p->memory[u]].name));
    return list;
}

static json_t *
level_json(const struct ode_level_plan *p, size_t k)
{
    return json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:f, s:I, s:o, s:f, s:f}", "level",
                     (json_int_t)k, "resolution", (json_int_t)p->resolution, "blocks",
                     integers(p->blocks, p->blocks_n), "epochs", (json_int_t)p->epochs,
                     "steps", (json_int_t)p->steps, "parameters",
                     (json_int_t)p->parameters, "flops_per_image", p->flops,
                     "memory_bytes", (json_int_t)p->memory_bytes, "memory", memories(p),
                     "work_per_image", p->work_image, "work", p->work);
}

json_t *
schema_plan(const struct ode_plan *plan)
{
    json_t *levels = json_array();

    for (size_t k = 0; k < plan->levels_n; k++)
        json_array_append_new(levels, level_json(&plan->levels[k], k));
    return json_pack("{s:o, s:I, s:I, s:i, s:I, s:f, s:I}", "levels", levels,
                     "train_examples", (json_int_t)plan->train_n, "test_examples",
                     (json_int_t)plan->test_n, "classes", plan->classes, "steps",
                     (json_int_t)plan->steps, "work", plan->work, "memory_bytes",
                     (json_int_t)plan->memory_bytes);
}

json_t *
schema_test(const struct ode_score *test)
{
    return json_pack("{s:o, s:o}", "test.loss", schema_number(test->loss),
                     "test.accuracy", schema_number(test->accuracy));
}

static json_t *
score(const struct ode_score *s)
{
    return json_pack("{s:o, s:o}", "loss", schema_number(s->loss), "accuracy",
                     schema_number(s->accuracy));
}

/* What the gauge says of each unit, where it is known. */
static json_t *
gauges(const struct ode_gauge *gauge)
{
    json_t *list = json_array();

    for (int s = 0; s < gauge->segments; s++)
        json_array_append_new(
            list, json_pack("{s:i, s:o, s:o}", "unit", s, "growth",
                            schema_number(gauge->segment[s].growth), "stability",
                            schema_number(gauge->segment[s].stability)));
    return list;
}

static json_t *
adjustments(const struct ode_transfer_record *r)
{
    json_t *list = json_array();

    for (int i = 0; i < r->adjusted; i++) {
        const struct ode_adjustment *a = &r->adjustment[i];

        json_array_append_new(list, json_pack("{s:i, s:f, s:[o,o], s:[o,o]}", "unit",
                                              a->unit, "cap", a->cap, "growth",
                                              schema_number(a->growth[0]),
                                              schema_number(a->growth[1]), "stability",
                                              schema_number(a->stability[0]),
                                              schema_number(a->stability[1])));
    }
    return list;
}

/* null: there is none. */
static json_t *
gate(const struct ode_transfer_record *r)
{
    if (r->max_jump == 0)
        return json_null();
    return json_pack("{s:f, s:b, s:s}", "max_jump", r->max_jump, "passed", !r->jumped,
                     "on_jump", ode_on_jump_choices[r->on_jump].name);
}

json_t *
schema_transfer(const struct ode_transfer_record *r)
{
    return json_pack(
        "{s:s, s:s, s:f, s:o, s:[o,o], s:o, s:o, s:o, s:I, s:o, s:o, s:{s:o, s:o}, s:o, "
        "s:o}",
        "space", ode_space_choices[r->space].name, "time_operator",
        ode_time_choices[r->time].name, "damping", r->damping, "resolution",
        integers(r->resolution, 2), "blocks", integers(r->blocks[0], r->blocks_n),
        integers(r->blocks[1], r->blocks_n), "before", score(&r->before), "after",
        score(&r->after), "undamped", r->adjusted ? score(&r->undamped) : json_null(),
        "probe_examples", (json_int_t)r->probe_n, "norm_before",
        schema_number(r->norm_before), "norm_after", schema_number(r->norm_after),
        "gauge", "before", gauges(&r->gauge[0]), "after", gauges(&r->gauge[1]),
        "adjusted", adjustments(r), "gate", gate(r));
}
