/* artifacts.c - /v1/runs/{id}/artifacts: what a run leaves behind. */
#include <string.h>

#include "api/junit.h"
#include "api/metrics.h"
#include "api/request.h"

static const struct {
    const char *name, *type;
} artifact_kinds[] = {
    {"junit.xml",          "application/xml"         },
    { "metrics.csv",       "text/csv; charset=utf-8" },
    { "model.safetensors", "application/octet-stream"},
    { "spec.json",         "application/json"        },
};

static const char *
artifact_type(const char *name)
{
    for (size_t i = 0; i < sizeof artifact_kinds / sizeof *artifact_kinds; i++)
        if (strcmp(artifact_kinds[i].name, name) == 0)
            return artifact_kinds[i].type;
    return NULL;
}

static enum MHD_Result
table_reply(struct request *r, const char *type)
{
    static const struct backend_series all = { .after_level = -1, .after_step = -1 };
    const struct backend *b = r->server->backend;
    struct ode_err err = { 0 };
    json_t *series = NULL;
    size_t n = 0;
    char *text;
    enum ode_status status = b->run_metrics(b->self, r->match.id, &all, &series, &err);

    if (status != ODE_OK)
        return reply_failure(r, status, &err, NULL);
    text = metrics_csv(series, &n);
    json_decref(series);
    reply_header(r, "Content-Disposition", "attachment; filename=\"metrics.csv\"");
    return reply_text(r, type, text, n);
}

static enum MHD_Result
junit_reply(struct request *r, const char *type)
{
    const struct backend *b = r->server->backend;
    json_t *run = NULL, *levels = NULL;
    struct ode_err err = { 0 };
    char *text = NULL;
    size_t n = 0;
    enum ode_status status = b->run_get(b->self, r->match.id, &run, &err);

    if (status == ODE_OK)
        status = b->run_levels(b->self, r->match.id, &levels, &err);
    if (status == ODE_OK)
        text = junit_text(run, json_object_get(levels, "levels"), &n);
    json_decref(run);
    json_decref(levels);
    return status == ODE_OK ? reply_text(r, type, text, n)
                            : reply_failure(r, status, &err, NULL);
}

enum MHD_Result
run_artifact(struct request *r)
{
    const struct backend *b = r->server->backend;
    const char *name = r->match.name, *type = artifact_type(name);
    struct ode_err err = { 0 };
    size_t bytes = 0;
    int fd = -1;
    enum ode_status status;

    if (!type) {
        ode_fail(&err, ODE_ENOENT, NULL,
                 "artifacts are spec.json, model.safetensors, metrics.csv and "
                 "junit.xml");
        return reply_failure(r, ODE_ENOENT, &err, NULL);
    }
    if (strcmp(name, "metrics.csv") == 0)
        return table_reply(r, type);
    if (strcmp(name, "junit.xml") == 0)
        return junit_reply(r, type);
    status = b->run_artifact(b->self, r->match.id, name, &fd, &bytes, &err);
    if (status != ODE_OK)
        return reply_failure(r, status, &err, NULL);
    reply_header(r, "Content-Disposition", "attachment; filename=\"%s\"", name);
    return reply_file(r, type, fd, 0, bytes, "no-store");
}
