/* forecast.c - costs and forecasts of a run as JSON. */
#include "schema/forecast.h"

#include "schema/plan.h"

json_t *
schema_span(const struct ode_span *span)
{
    return json_pack("{s:o, s:o, s:o}", "expected", schema_number(span->expected), "low",
                     schema_number(span->low), "high", schema_number(span->high));
}

static json_t *
sample(const struct ode_sample *s)
{
    return json_pack("{s:o, s:o, s:o, s:i}", "median", schema_number(s->median), "least",
                     schema_number(s->least), "most", schema_number(s->most), "samples",
                     s->n);
}

json_t *
schema_level_cost(const struct ode_level_cost *cost)
{
    return json_pack("{s:o, s:o, s:o}", "step_s", sample(&cost->step), "image_s",
                     sample(&cost->image), "epoch_s", schema_number(cost->epoch));
}
