/*
 * recipe.h - everything that can be said about a run.
 *
 * The structs and choices are expanded from recipe.def: `struct ode_recipe`, `struct
 * ode_level_spec`, `enum ode_schedule` with ODE_SCHEDULE_COSINE, and so on. A recipe owns
 * nothing and may be copied.
 */
#ifndef ODE_CORE_RECIPE_RECIPE_H
#define ODE_CORE_RECIPE_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/field.h"
#include "core/base/status.h"

#define CHOICES(set) \
    enum ode_##set   \
    {
#define CHOICE(set, name, json, doc) ODE_##name,
#define CHOICES_END(set) \
    }                    \
    ;
#define OBJECT(object, doc)                               struct ode_##object##_spec {
#define INT(object, member, preset, min, max, unit, doc)  int64_t member;
#define NEED_INT(object, member, min, max, unit, doc)     int64_t member;
#define REAL(object, member, preset, min, max, unit, doc) double member;
#define BOOL(object, member, preset, doc)                 bool member;
#define TEXT(object, member, longest, doc)                char member[(longest) + 1];
#define PICK(object, member, choices, preset, doc)        enum ode_##choices member;
#define INTS(object, member, most, min, max, doc) \
    size_t member##_n;                            \
    int64_t member[most];
#define NEST(object, member, child, doc) struct ode_##child##_spec member;
#define LIST(object, member, child, least, most, doc) \
    size_t member##_n;                                \
    struct ode_##child##_spec member[most];
#define OBJECT_END(object) \
    }                      \
    ;
#include "core/recipe/recipe.def"
#undef CHOICES
#undef CHOICE
#undef CHOICES_END
#undef OBJECT
#undef INT
#undef NEED_INT
#undef REAL
#undef BOOL
#undef TEXT
#undef PICK
#undef INTS
#undef NEST
#undef LIST
#undef OBJECT_END

/* Names of the choices, ended by a NULL name; the index is the enumerator. */
#define CHOICES(set) extern const struct ode_choice ode_##set##_choices[];
#define CHOICE(set, name, json, doc)
#define CHOICES_END(set)
#define OBJECT(object, doc) extern const struct ode_object ode_##object##_object;
#define INT(object, member, preset, min, max, unit, doc)
#define NEED_INT(object, member, min, max, unit, doc)
#define REAL(object, member, preset, min, max, unit, doc)
#define BOOL(object, member, preset, doc)
#define TEXT(object, member, longest, doc)
#define PICK(object, member, choices, preset, doc)
#define INTS(object, member, most, min, max, doc)
#define NEST(object, member, child, doc)
#define LIST(object, member, child, least, most, doc)
#define OBJECT_END(object)
#include "core/recipe/recipe.def"
#undef CHOICES
#undef CHOICE
#undef CHOICES_END
#undef OBJECT
#undef INT
#undef NEED_INT
#undef REAL
#undef BOOL
#undef TEXT
#undef PICK
#undef INTS
#undef NEST
#undef LIST
#undef OBJECT_END

/* Fills *spec, a struct described by object, with its presets. */
void ode_object_preset(const struct ode_object *object, void *spec);

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

#endif
