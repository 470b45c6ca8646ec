/*
 * judge.c - the program schema-judge: what the reader of job specs says to many of them.
 *
 *     schema-judge < specs.ndjson
 *
 * A JSON value a line; of each a line is printed, the pointers of its complaints:
 *
 *     ["/levels/0/epochs", "/seed"]
 *
 * This is the verdict on each member alone, which the printed JSON Schema gives, too: an
 * empty list is a spec of the right form. What ties members together is settled later
 * (core/recipe/settle.c), and no schema says it. So a sweep is looked at by itself, not
 * with the spec that it changes, and what its combinations come to is not looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/recipe/recipe.h"
#include "schema/json.h"
#include "schema/sweep.h"

static json_t *
pointers_of(const json_t *complaints)
{
    json_t *list = json_array(), *one;
    size_t i;

    json_array_foreach (complaints, i, one)
        json_array_append(list, json_object_get(one, "pointer"));
    return list;
}

/* Takes the sweep, if there is one, off the spec. */
static void
judge_sweep(json_t *spec, json_t *complaints)
{
    json_t *alone = json_object(), *found = NULL;
    struct sweep sweep;

    json_object_set(alone, "sweep", json_object_get(spec, "sweep"));
    json_object_del(spec, "sweep");
    if (sweep_read(alone, &sweep, &found, NULL) == ODE_OK)
        sweep_release(&sweep);
    json_array_extend(complaints, found);
    json_decref(found);
    json_decref(alone);
}

/* false: the line is no JSON; *why tells more. */
static bool
judge(const char *line, size_t n, json_error_t *why)
{
    json_t *spec = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, why);
    json_t *complaints = json_array(), *pointers;
    struct ode_recipe_spec recipe;

    if (!spec)
        return false;
    judge_sweep(spec, complaints);
    schema_json_read(&ode_recipe_object, spec, &recipe, complaints, NULL);
    pointers = pointers_of(complaints);
    json_dumpf(pointers, stdout, 0);
    putchar('\n');
    json_decref(pointers);
    json_decref(complaints);
    json_decref(spec);
    return true;
}

int
main(void)
{
    char *line = NULL;
    json_error_t why;
    size_t room = 0;
    ssize_t n;
    long count = 0;

    while ((n = getline(&line, &room, stdin)) > 0) {
        count++;
        if (!judge(line, (size_t)n, &why)) {
            fprintf(stderr, "schema-judge: line %ld: %s\n", count, why.text);
            return 1;
        }
    }
    free(line);
    return fflush(stdout) != 0;
}
