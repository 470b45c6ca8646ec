/* near.h - what a misspelt name was probably meant to be. */
#ifndef ODE_SCHEMA_NEAR_H
#define ODE_SCHEMA_NEAR_H

#include "core/base/field.h"

/* The field of the object whose name is nearest to `name`, or NULL where none is near: at
 * most one letter in three may be missing, wrong, swapped or too many. */
const char *near_field(const struct ode_object *object, const char *name);

#endif
