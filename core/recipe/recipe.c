/* recipe.c - the tables that describe a recipe, its presets, and what ties members. */
#include "core/recipe/recipe.h"
