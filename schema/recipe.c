/* recipe.c - the job spec: its JSON, read and checked. */
#include "schema/recipe.h"

#include <stdlib.h>

#include "core/base/file.h"
#include "schema/json.h"

/* Of a sweep the recipes are made before they are read (sweep.h). */
static enum ode_status
refuse_sweep(json_t *complaints, struct ode_err *err)
{
    struct ode_err why;

    ode_fail(&why, ODE_ESPEC, "/sweep",
             "a sweep is many runs, and this is to be one; submit it to odenetd, or take "
             "the sweep out");
    schema_json_complain(complaints, &why);
    if (err)
        *err = why;
    return ODE_ESPEC;
}

enum ode_status
schema_recipe_read(const json_t *spec, struct ode_recipe_spec *recipe,
                   json_t **complaints, struct ode_err *err)
{
    json_t *list = json_array();
    struct ode_recipe_spec copy;
    enum ode_status status;

    if (complaints)
        *complaints = NULL;
    if (!list)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory to read a job spec");
    status = json_object_get(spec, "sweep")
                 ? refuse_sweep(list, err)
                 : schema_json_read(&ode_recipe_object, spec, &copy, list, err);
    if (status == ODE_OK)
        status = ode_recipe_settle(&copy, schema_json_complain, list, err);
    if (status == ODE_OK)
        *recipe = copy;
    if (status == ODE_ESPEC && complaints)
        *complaints = list;
    else
        json_decref(list);
    return status;
}

enum ode_status
schema_recipe_parse(const char *text, size_t length, const char *name,
                    struct ode_recipe_spec *recipe, json_t **complaints,
                    struct ode_err *err)
{
    enum ode_status status;
    json_t *spec = NULL;

    if (complaints)
        *complaints = NULL;
    if (schema_json_parse(text, length, name, &spec, err) != ODE_OK) {
        if (err)
            err->code = ODE_ESPEC;
        return ODE_ESPEC;
    }
    status = schema_recipe_read(spec, recipe, complaints, err);
    json_decref(spec);
    return status;
}

enum ode_status
schema_recipe_load(const char *path, struct ode_recipe_spec *recipe, json_t **complaints,
                   struct ode_err *err)
{
    enum ode_status status;
    void *text;
    size_t length;

    if (complaints)
        *complaints = NULL;
    ODE_TRY(ode_file_read(path, SCHEMA_JSON_MAX, &text, &length, err));
    status = schema_recipe_parse(text, length, path, recipe, complaints, err);
    free(text);
    return status;
}

enum ode_status
schema_recipe_write(const struct ode_recipe_spec *recipe, json_t **spec,
                    struct ode_err *err)
{
    return schema_json_write(&ode_recipe_object, recipe, spec, err);
}
