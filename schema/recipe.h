/*
 * recipe.h - the job spec: its JSON, read and checked.
 *
 * complaints: NULL, or set to a new array of {"pointer", "detail"} (the caller's) when
 * the spec is refused with ODE_ESPEC, and to NULL otherwise; err has the first of them.
 */
#ifndef ODE_SCHEMA_RECIPE_H
#define ODE_SCHEMA_RECIPE_H

#include <jansson.h>

#include "core/base/status.h"
#include "core/recipe/recipe.h"

/* $id of the printed JSON Schema. */
#define SCHEMA_RECIPE_ID "https://odenet.example/schemas/job.json"

/* Reads a parsed spec and settles it. On failure *recipe is untouched. */
enum ode_status schema_recipe_read(const json_t *spec, struct ode_recipe_spec *recipe,
                                   json_t **complaints, struct ode_err *err);

/* The same from a text, called `name` in errors. A text that is not JSON is ODE_ESPEC at
 * "name:line:column", without complaints. */
enum ode_status schema_recipe_parse(const char *text, size_t length, const char *name,
                                    struct ode_recipe_spec *recipe, json_t **complaints,
                                    struct ode_err *err);

/* The same from a file; also ODE_ENOENT and ODE_EIO. */
enum ode_status schema_recipe_load(const char *path, struct ode_recipe_spec *recipe,
                                   json_t **complaints, struct ode_err *err);

/* The resolved spec, every member said; reading it gives the same recipe. */
enum ode_status schema_recipe_write(const struct ode_recipe_spec *recipe, json_t **spec,
                                    struct ode_err *err);

#endif
