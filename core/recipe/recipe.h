/*
 * recipe.h - everything that can be said about a run.
 *
 * The structs and choices are expanded from recipe.def: `struct ode_recipe`, `struct
 * ode_level_spec`, `enum ode_schedule` with ODE_SCHEDULE_COSINE, and so on. A recipe owns
 * nothing and may be copied.
 */
#ifndef ODE_CORE_RECIPE_RECIPE_H
#define ODE_CORE_RECIPE_RECIPE_H

#include "core/base/field.h"
#include "core/base/status.h"

#define ODE_FIELD_DEF "core/recipe/recipe.def"
#include "core/base/field_structs.inc"

/* Told once for each thing that is wrong; err->at is a JSON pointer. */
typedef void ode_complaint_fn(void *context, const struct ode_err *err);

/*
 * What bounds of single members cannot say: widths are even, resolutions fit the data set
 * and the number of units, neighbouring levels differ by powers of two, blocks match the
 * units, and so on. A level without blocks is given the finest depth first, and threads 0
 * stays 0. Complains about everything it finds; ODE_ESPEC if there was anything.
 * complain may be NULL; err gets the first complaint.
 */
enum ode_status ode_recipe_settle(struct ode_recipe_spec *recipe,
                                  ode_complaint_fn *complain, void *context,
                                  struct ode_err *err);

/*
 * Whether the first level of `to` can begin with the weights that level `level` of `from`
 * ended with. Both are settled. ODE_ESPEC, with a pointer into `to`, where their networks
 * differ in more than depth, step, initial values and what is kept in memory; where the
 * data have other channels or classes; or resolutions are not a power of two apart.
 */
enum ode_status ode_recipe_continues(const struct ode_recipe_spec *from, int level,
                                     const struct ode_recipe_spec *to,
                                     struct ode_err *err);

/* Pixels of the finest level that an automatic ladder has: the set's images', or for
 * drawn ones ODE_DRAWN_RESOLUTION. */
enum { ODE_DRAWN_RESOLUTION = 32, ODE_DRAWN_LEAST = 8, ODE_DRAWN_MOST = 256 };

/* Blocks that unit u needs at least, as its first may belong elsewhere. */
int ode_recipe_blocks_least(const struct ode_model_spec *model, size_t u);

/* The finest resolution of its levels; 0 where they are still to be made. */
int ode_recipe_resolution(const struct ode_recipe_spec *recipe);

#endif
