/* weights.c - a network's weights in a safetensors file. */
#include "cli/weights.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/dataset.h"
#include "schema/recipe.h"

#define FORMAT "odenet 1"

/* --- writing
 * ------------------------------------------------------------------------------ */

static json_t *
integer_text(int64_t x)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, x);
    return json_string(text);
}

static json_t *
metadata_make(const struct weights_source *s, const json_t *extra, struct ode_err *err)
{
    json_t *spec = NULL, *all = NULL;
    char *text = NULL;

    if (schema_recipe_write(s->recipe, &spec, err) != ODE_OK)
        return NULL;
    text = json_dumps(spec, JSON_COMPACT);
    json_decref(spec);
    if (text)
        all = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "format", FORMAT, "kind",
                        s->momentum ? "checkpoint" : "model", "spec", text, "level",
                        integer_text(s->level), "step", integer_text(s->step), "seed",
                        integer_text(s->recipe->seed));
    free(text);
    if (all && extra && json_object_update(all, (json_t *)(uintptr_t)extra) != 0) {
        json_decref(all);
        all = NULL;
    }
    if (!all)
        ode_fail(err, ODE_ENOMEM, NULL, "no memory for a file's metadata");
    return all;
}

static void
tensor_fill(struct safetensors_tensor *out, const struct ode_tensor *t, const char *name,
            const float *data)
{
    *out = (struct safetensors_tensor){
        .name = name, .dtype = SAFETENSORS_F32, .dims = t->dims, .data = data + t->offset
    };
    for (int d = 0; d < t->dims; d++)
        out->dim[d] = (size_t)t->dim[d];
}

/* What goes with each trained tensor of a checkpoint, as "momentum.<name>". */
enum { COMPANIONS = 3 };
static const char *const companions[COMPANIONS] = { "momentum", "second", "average" };

struct companion_name {
    char text[64];
};

static const char *
companion_name(int which, const struct ode_tensor *t, struct companion_name *name)
{
    snprintf(name->text, sizeof name->text, "%s.%s", companions[which], t->name);
    return name->text;
}

static size_t
tensors_list(const struct weights_source *s, struct safetensors_tensor *list,
             struct companion_name *name)
{
    const struct ode_params *p = &s->net->params;
    const float *const arrays[COMPANIONS] = { s->momentum, s->second, s->average };
    size_t n = 0;

    for (int i = 0; i < p->tensor_n; i++)
        tensor_fill(&list[n++], &p->tensor[i], p->tensor[i].name,
                    i < p->trained_n ? s->theta : s->statistics);
    for (int k = 0; k < COMPANIONS; k++)
        for (int i = 0; arrays[k] && i < p->trained_n; i++)
            tensor_fill(&list[n++], &p->tensor[i],
                        companion_name(k, &p->tensor[i], name++), arrays[k]);
    return n;
}

enum ode_status
weights_write(const char *path, const struct weights_source *s, const json_t *extra,
              struct ode_err *err)
{
    const size_t most = (size_t)s->net->params.tensor_n;
    struct safetensors_tensor *list = calloc((1 + COMPANIONS) * most, sizeof *list);
    struct companion_name *name = calloc(COMPANIONS * most, sizeof *name);
    json_t *metadata = metadata_make(s, extra, err);
    enum ode_status status = ODE_ENOMEM;

    if (!list || !name)
        ode_fail(err, ODE_ENOMEM, path, "no memory for %zu tensors", most);
    else if (metadata)
        status =
            safetensors_write(path, list, tensors_list(s, list, name), metadata, err);
    json_decref(metadata);
    free(list);
    free(name);
    return status;
}

/* --- reading
 * ------------------------------------------------------------------------------ */

static const char *
text_of(const struct weights *w, const char *key, struct ode_err *err)
{
    const char *text = safetensors_text(&w->file, key);

    if (!text)
        ode_fail(err, ODE_EFORMAT, w->file.path,
                 "no \"%s\" in the metadata: this is not a file that odenet wrote", key);
    return text;
}

enum ode_status
weights_integer(const struct weights *w, const char *key, int64_t *value,
                struct ode_err *err)
{
    const char *text = text_of(w, key, err);
    char *end;
    long long x;

    if (!text)
        return ODE_EFORMAT;
    errno = 0;
    x = strtoll(text, &end, 10);
    if (errno || end == text || *end)
        return ode_fail(err, ODE_EFORMAT, w->file.path,
                        "\"%s\" in the metadata is \"%.40s\", not a whole number", key,
                        text);
    *value = x;
    return ODE_OK;
}

enum ode_status
weights_real(const struct weights *w, const char *key, double *value, struct ode_err *err)
{
    const char *text = text_of(w, key, err);
    char *end;
    double x;

    if (!text)
        return ODE_EFORMAT;
    x = strtod(text, &end);
    if (end == text || *end)
        return ode_fail(err, ODE_EFORMAT, w->file.path,
                        "\"%s\" in the metadata is \"%.40s\", not a number", key, text);
    *value = x;
    return ODE_OK;
}

/* Spec, level and network from the metadata. */
static enum ode_status
network_read(struct weights *w, struct ode_err *err)
{
    const char *format = text_of(w, "format", err), *spec;
    const struct ode_set_facts *facts;
    int64_t level;

    if (!format || !(spec = text_of(w, "spec", err)))
        return ODE_EFORMAT;
    if (strcmp(format, FORMAT) != 0)
        return ode_fail(err, ODE_EFORMAT, w->file.path,
                        "the format is \"%.40s\"; this odenet reads \"" FORMAT "\"",
                        format);
    ODE_TRY(schema_recipe_parse(spec, strlen(spec), w->file.path, &w->recipe, NULL, err));
    ODE_TRY(weights_integer(w, "level", &level, err));
    if (level < 0 || level >= (int64_t)w->recipe.levels_n)
        return ode_fail(err, ODE_EFORMAT, w->file.path,
                        "it is of level %" PRId64 ", but its spec has %zu levels", level,
                        w->recipe.levels_n);
    w->level = (int)level;
    facts = ode_set_facts(w->recipe.data.set);
    return ode_net_init(&w->net, &w->recipe, (size_t)level, facts->channels,
                        facts->classes, err);
}

enum ode_status
weights_open(struct weights *out, const char *path, struct ode_err *err)
{
    struct weights w = { 0 };
    enum ode_status status = safetensors_open(&w.file, path, err);

    if (status == ODE_OK)
        status = network_read(&w, err);
    if (status != ODE_OK) {
        weights_close(&w);
        return status;
    }
    *out = w;
    return ODE_OK;
}

void
weights_close(struct weights *w)
{
    ode_net_release(&w->net);
    safetensors_close(&w->file);
}

/* A kernel of another size than the network's deserves more than two shapes. */
static enum ode_status
kernel_check(const struct weights *w, const struct ode_tensor *t, const char *name,
             struct ode_err *err)
{
    const struct safetensors_tensor *found = safetensors_find(&w->file, name);

    if (t->kind != ODE_TENSOR_CONV || !found || found->dims != 4
        || (found->dim[2] == (size_t)t->dim[2] && found->dim[3] == (size_t)t->dim[3]))
        return ODE_OK;
    return ode_fail(err, ODE_EFORMAT, w->file.path,
                    "tensor %.60s has kernels of %zux%zu, the network's are %dx%d; only "
                    "3x3 and 1x1 exist here, so train it with these",
                    name, found->dim[2], found->dim[3], t->dim[2], t->dim[3]);
}

static enum ode_status
tensor_get(const struct weights *w, const struct ode_tensor *t, const char *name,
           float *into, struct ode_err *err)
{
    size_t dim[4];
    const void *data;

    for (int d = 0; d < t->dims; d++)
        dim[d] = (size_t)t->dim[d];
    ODE_TRY(kernel_check(w, t, name, err));
    ODE_TRY(safetensors_get(&w->file, name, SAFETENSORS_F32, t->dims, dim, &data, err));
    memcpy(into + t->offset, data, t->n * sizeof *into);
    return ODE_OK;
}

enum ode_status
weights_get(const struct weights *w, const struct weights_room *room, struct ode_err *err)
{
    const struct ode_params *p = &w->net.params;
    float *const arrays[COMPANIONS] = { room->momentum, room->second, room->average };

    for (int i = 0; i < p->tensor_n; i++) {
        const struct ode_tensor *t = &p->tensor[i];
        struct companion_name name;

        ODE_TRY(tensor_get(w, t, t->name,
                           i < p->trained_n ? room->theta : room->statistics, err));
        for (int k = 0; k < COMPANIONS && i < p->trained_n; k++)
            if (arrays[k])
                ODE_TRY(tensor_get(w, t, companion_name(k, t, &name), arrays[k], err));
    }
    return ODE_OK;
}
