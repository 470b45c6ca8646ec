/* recipe.c - the tables that describe a recipe. */
#include "core/recipe/recipe.h"

#define ODE_FIELD_DEF "core/recipe/recipe.def"
#include "core/base/field_tables.inc"
