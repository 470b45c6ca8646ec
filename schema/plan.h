/* plan.h - a run's plan and its records as JSON, as ARCHITECTURE.md 2.2 shapes them. */
#ifndef ODE_SCHEMA_PLAN_H
#define ODE_SCHEMA_PLAN_H

#include <jansson.h>

#include "core/train/train.h"

/* A finite number, else null. New reference; NULL without memory. */
json_t *schema_number(double x);

/* {"test.loss", "test.accuracy"}. New reference; NULL without memory. */
json_t *schema_test(const struct ode_score *test);

/* {"levels": [...], "train_examples", "test_examples", "classes", "steps", "work",
 * "memory_bytes"}. New reference; NULL without memory. */
json_t *schema_plan(const struct ode_plan *plan);

/* A transfer record's own members. New reference; NULL without memory. */
json_t *schema_transfer(const struct ode_transfer_record *r);

#endif
