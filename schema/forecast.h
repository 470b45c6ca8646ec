/* forecast.h - costs and forecasts of a run as JSON, as ARCHITECTURE.md 2.2 shapes them.
 * New references; NULL without memory. */
#ifndef ODE_SCHEMA_FORECAST_H
#define ODE_SCHEMA_FORECAST_H

#include <jansson.h>

#include "core/train/cost.h"

/* {"expected", "low", "high"}: seconds. */
json_t *schema_span(const struct ode_span *span);

/* {"step_s": {"median", "least", "most", "samples"}, "image_s": {..}, "epoch_s"} */
json_t *schema_level_cost(const struct ode_level_cost *cost);

#endif
