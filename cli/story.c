/* story.c - what the journal of a run tells of its test accuracy, time and work. */
#include "cli/story.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"

enum { JOURNAL_MOST = 1 << 30, PATH_BYTES = 512 };

/* No run takes so many seconds or units of work; what is multiplied with such stays
 * finite. */
static const double number_most = 1e30;

/* Where the reading is. */
struct place {
    const char *path;
    long line;
};

static enum ode_status
broken(const struct place *place, const char *what, struct ode_err *err)
{
    char at[sizeof err->at];

    snprintf(at, sizeof at, "%.100s:%ld", place->path, place->line);
    return ode_fail(err, ODE_EFORMAT, at, "%s", what);
}

/* Whether the point is past all that is known: a resumed worker repeats itself. */
static bool
is_new(const struct ode_curve *c, const struct ode_curve_point *p)
{
    const struct ode_curve_point *last = c->n ? &c->point[c->n - 1] : NULL;

    return !last || p->level > last->level
           || (p->level == last->level && p->step > last->step);
}

static enum ode_status
point_add(struct story *s, const struct ode_curve_point *p, struct ode_err *err)
{
    struct ode_curve *c = &s->run.curve;

    if (!is_new(c, p))
        return ODE_OK;
    if (c->n == s->room) {
        const size_t room = s->room ? 2 * s->room : 64;
        struct ode_curve_point *more = realloc(s->point, room * sizeof *more);

        if (!more)
            return ode_fail(err, ODE_ENOMEM, NULL, "no memory for a curve");
        c->point = s->point = more;
        s->room = room;
    }
    s->point[c->n++] = *p;
    return ODE_OK;
}

/* --- records ------------------------------------------------------------------------ */

static void
plan_read(struct story *s, const json_t *record)
{
    const char *set = json_string_value(json_object_get(record, "dataset"));
    const json_t *levels = json_object_get(record, "levels"), *level;
    size_t k;

    s->run.test_n = json_integer_value(json_object_get(record, "test_examples"));
    snprintf(s->set, sizeof s->set, "%s", set ? set : "");
    json_array_foreach (levels, k, level)
        s->run.flops = fmax(s->run.flops,
                            json_number_value(json_object_get(level, "flops_per_image")));
}

static enum ode_status
metric_read(struct story *s, const json_t *record, const struct place *place,
            struct ode_err *err)
{
    const json_t *values = json_object_get(record, "values");
    const json_t *accuracy = json_object_get(values, "test.accuracy");
    json_int_t level, step;
    struct ode_curve_point p;

    if (!json_is_number(accuracy))
        return ODE_OK; /* of other things, or not finite */
    if (json_unpack((json_t *)(uintptr_t)record, "{s:I, s:I, s:F, s:F}", "level", &level,
                    "step", &step, "time", &p.time, "work", &p.work)
        != 0)
        return broken(place, "a test accuracy without level, step, time and work", err);
    p.level = level;
    p.step = step;
    p.accuracy = json_number_value(accuracy);
    return point_add(s, &p, err);
}

static enum ode_status
record_read(struct story *s, const json_t *record, const struct place *place,
            struct ode_err *err)
{
    const char *type = json_string_value(json_object_get(record, "type"));
    const char *state = json_string_value(json_object_get(record, "state"));
    const double time = json_number_value(json_object_get(record, "time"));
    const double work = json_number_value(json_object_get(record, "work"));

    if (!type)
        return broken(place, "the line is no record: it has no type", err);
    if (fabs(time) > number_most || fabs(work) > number_most)
        return broken(place, "a time or work that no run has", err);
    s->run.time = fmax(s->run.time, time);
    s->run.work = fmax(s->run.work, work);
    if (strcmp(type, "hello") == 0)
        s->run.finished = false;
    else if (strcmp(type, "plan") == 0)
        plan_read(s, record);
    else if (strcmp(type, "final") == 0)
        s->run.finished = state && strcmp(state, "stopped") != 0;
    else if (strcmp(type, "metric") == 0)
        return metric_read(s, record, place, err);
    return ODE_OK;
}

static enum ode_status
line_read(struct story *s, const char *line, size_t n, const struct place *place,
          struct ode_err *err)
{
    json_t *record = json_loadb(line, n, 0, NULL);
    enum ode_status status;

    if (!record)
        return broken(place, "the line is no JSON: the journal is damaged there", err);
    status = record_read(s, record, place, err);
    json_decref(record);
    return status;
}

static enum ode_status
lines_read(struct story *s, const char *text, size_t size, struct place *place,
           struct ode_err *err)
{
    const char *end;

    for (; (end = memchr(text, '\n', size)); text = end + 1) {
        place->line++;
        ODE_TRY(line_read(s, text, (size_t)(end - text), place, err));
        size -= (size_t)(end + 1 - text);
    }
    return ODE_OK;
}

/* JSON has no room for other names. */
static enum ode_status
name_check(const char *dir, struct ode_err *err)
{
    json_t *name = json_string(dir);

    json_decref(name);
    return name ? ODE_OK
                : ode_fail(err, ODE_EARG, NULL, "the run folder's name is not UTF-8");
}

enum ode_status
story_read(struct story *out, const char *dir, struct ode_err *err)
{
    struct story s = { .run.name = dir };
    char path[PATH_BYTES];
    struct place place = { .path = path };
    enum ode_status status;
    size_t size;
    void *text;

    if (snprintf(path, sizeof path, "%s/journal.ndjson", dir) >= (int)sizeof path)
        return ode_fail(err, ODE_EARG, NULL, "the path of the run folder is too long");
    ODE_TRY(name_check(dir, err));
    ODE_TRY(ode_file_read(path, JOURNAL_MOST, &text, &size, err));
    status = lines_read(&s, text, size, &place, err);
    free(text);
    if (status == ODE_OK && s.run.curve.n == 0)
        status = ode_fail(err, ODE_EDATA, path,
                          "the run has no test accuracy yet; it is measured after each "
                          "epoch");
    if (status != ODE_OK) {
        story_release(&s);
        return status;
    }
    *out = s;
    out->run.set = out->set;
    return ODE_OK;
}

void
story_release(struct story *s)
{
    free(s->point);
    s->point = NULL;
    s->run.curve = (struct ode_curve){ 0 };
    s->room = 0;
}
