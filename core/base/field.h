/*
 * field.h - structs that describe themselves.
 *
 * A table of fields is expanded from a .def file; a JSON reader, a JSON Schema printer, a
 * manual page and a form can all be made by walking it, so that nothing about a member is
 * said twice. field_structs.inc makes the structs from the .def file and field_tables.inc
 * the tables; recipe.def lists the kinds of rows.
 */
#ifndef ODE_CORE_BASE_FIELD_H
#define ODE_CORE_BASE_FIELD_H

#include <stdbool.h>
#include <stddef.h>

enum ode_field_kind {
    ODE_FIELD_INT,    /* int64_t                                             */
    ODE_FIELD_REAL,   /* double                                              */
    ODE_FIELD_BOOL,   /* bool                                                */
    ODE_FIELD_TEXT,   /* char[4 * max + 1], at most max characters in UTF-8  */
    ODE_FIELD_CHOICE, /* int: an index into choices                          */
    ODE_FIELD_OBJECT, /* a struct described by object                        */
    ODE_FIELD_LIST,   /* size_t <name>_n, then an array of such structs; before both
                       * bool <name>_auto where it may be the word "auto" instead */
    ODE_FIELD_INTS    /* size_t <name>_n, then an array of int64_t           */
};

struct ode_choice {
    const char *name, *doc;
};

struct ode_field {
    const char *name; /* as in JSON                                            */
    enum ode_field_kind kind;
    bool required;
    size_t offset, offset_n; /* of the member; of its count, for LIST and INTS        */
    bool may_be_auto;        /* LIST: or the word "auto", which leaves it empty       */
    size_t offset_auto;      /* of the member that says so                            */
    double preset, min, max; /* numbers; for LIST, INTS and TEXT the bounds of the size */
    const char *preset_text; /* TEXT                                         */
    double item_min, item_max;        /* INTS: bounds of each item                    */
    const char *unit, *doc;           /* "" where there is no unit                    */
    const struct ode_choice *choices; /* CHOICE: ended by a NULL name                 */
    const struct ode_object *object;  /* OBJECT, LIST                                 */
    void (*decide)(void *spec); /* CHOICE: if not NULL, sets the presets of all others */
};

/* `member` may only be given where the CHOICE `pick` is `value`, or the LIST `pick` is
 * "auto"; one rule a member. */
struct ode_rule {
    const char *member, *pick;
    int value;
};

struct ode_object {
    const char *name, *doc;
    size_t size;                    /* bytes of the struct    */
    const struct ode_field *fields; /* ended by a NULL name   */
    const struct ode_rule *rules;   /* ended by a NULL member */
};

/* Fills *spec, a struct described by object, with its presets. */
void ode_object_preset(const struct ode_object *object, void *spec);

/* The field of this name, or NULL. */
const struct ode_field *ode_object_field(const struct ode_object *object,
                                         const char *name);

/* Whether a list of this description is the word "auto". */
bool ode_object_is_auto(const struct ode_field *field, const void *spec);

/* The rule that `spec` breaks if `field` is given, or NULL if it may be. */
const struct ode_rule *ode_object_forbids(const struct ode_object *object,
                                          const struct ode_field *field,
                                          const void *spec);

#endif
