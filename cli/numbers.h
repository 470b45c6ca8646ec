/*
 * numbers.h - what the numbers of a run follow from.
 *
 * Name, resources, priority and what is kept in memory change no bit of them; neither do
 * levels that are still to come, but for the finest resolution of all, at which initial
 * weights and drawn images are made.
 */
#ifndef ODE_CLI_NUMBERS_H
#define ODE_CLI_NUMBERS_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/hash.h"
#include "core/kernels/kernels.h"
#include "core/recipe/recipe.h"

/*
 * All that a spec says of the numbers up to the end of a level, as a new JSON object, or
 * NULL where memory is short. Which run it starts from is left out: the name says nothing
 * of what is in it.
 */
json_t *numbers_spec(const struct ode_recipe_spec *recipe, int level);

/* Whether two specs ask for the same numbers up to the end of a level that both have. */
bool numbers_same(const struct ode_recipe_spec *a, const struct ode_recipe_spec *b,
                  int level);

/*
 * Who computes: a hash of this program's bytes and version, the kernels in use, and
 * OpenBLAS's version and core type. The same spec, seed and data give the same bits where
 * it is the same. ODE_EIO where the program cannot read itself.
 */
enum ode_status numbers_engine(const struct ode_kernels *kernels, char hex[ODE_HASH_HEX],
                               struct ode_err *err);

#endif
