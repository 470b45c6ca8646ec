/* junit.c - levels as test cases. */
#include "api/junit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What became of a level, as JUnit counts it. */
struct outcome {
    const char *element; /* "failure", "error", "skipped"; NULL: it has passed */
    const char *type;
    char text[400];
};

struct counts {
    int failures, errors, skipped;
};

/* Text of a document as the value of an attribute; control characters cannot be in XML.
 */
static void
print_value(FILE *to, const char *text)
{
    for (; text && *text; text++) {
        const unsigned char c = (unsigned char)*text;

        if (c == '&')
            fputs("&amp;", to);
        else if (c == '<')
            fputs("&lt;", to);
        else if (c == '"')
            fputs("&quot;", to);
        else
            fputc(c < 0x20 || c == 0x7f ? '?' : c, to);
    }
}

static void
print_attribute(FILE *to, const char *name, const char *text)
{
    fprintf(to, " %s=\"", name);
    print_value(to, text);
    fputc('"', to);
}

static const char *
text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "";
}

/* The floor that the spec has for a level; 0: none. */
static double
floor_of(const json_t *run, size_t k)
{
    const json_t *levels = json_object_get(json_object_get(run, "spec"), "levels");

    return json_number_value(
        json_object_get(json_array_get(levels, k), "accuracy_floor"));
}

/* Whether the transfer to the level was refused by its gate, or let through with a word.
 */
static bool
gate_failed(const json_t *level, struct outcome *o)
{
    const json_t *transfer = json_object_get(level, "transfer");
    const json_t *gate = json_object_get(transfer, "gate");

    if (!json_is_false(json_object_get(gate, "passed")))
        return false;
    *o = (struct outcome){ .element = "failure", .type = "gate" };
    snprintf(
        o->text, sizeof o->text,
        "the transfer took the probe's loss from %.4g to %.4g, more than max_jump %g "
        "allows",
        json_number_value(json_object_get(json_object_get(transfer, "before"), "loss")),
        json_number_value(json_object_get(json_object_get(transfer, "after"), "loss")),
        json_number_value(json_object_get(gate, "max_jump")));
    return true;
}

static bool
floor_failed(const json_t *run, const json_t *level, size_t k, struct outcome *o)
{
    const double least = floor_of(run, k);
    const json_t *accuracy =
        json_object_get(json_object_get(level, "metrics"), "test.accuracy");

    if (least <= 0 || json_number_value(accuracy) >= least)
        return false;
    *o = (struct outcome){ .element = "failure", .type = "accuracy_floor" };
    snprintf(o->text, sizeof o->text, "test accuracy %.4f is below the floor of %.4f",
             json_number_value(accuracy), least);
    return true;
}

static void
judge(const json_t *run, const json_t *level, size_t k, struct outcome *o)
{
    const json_t *error = json_object_get(run, "error");
    const char *state = text_of(level, "state");

    *o = (struct outcome){ .element = NULL };
    if (strcmp(state, "done") == 0) {
        if (!gate_failed(level, o))
            floor_failed(run, level, k, o);
    } else if (json_is_object(error) && strcmp(state, "running") == 0) {
        *o = (struct outcome){ .element = "error", .type = text_of(error, "code") };
        snprintf(o->text, sizeof o->text, "%s", text_of(error, "text"));
    } else if (!gate_failed(level, o)) {
        *o = (struct outcome){ .element = "skipped", .type = "" };
        snprintf(o->text, sizeof o->text, "the level is %s, the run %s", state,
                 text_of(run, "state"));
    }
}

static void
print_case(FILE *to, const json_t *run, const json_t *level, size_t k,
           struct counts *counts)
{
    const json_t *blocks = json_object_get(level, "blocks");
    const int r = (int)json_integer_value(json_object_get(level, "resolution"));
    struct outcome o;

    judge(run, level, k, &o);
    fputs("    <testcase", to);
    print_attribute(to, "classname", text_of(run, "name"));
    fprintf(to, " name=\"level %zu: %dx%d, blocks ", k, r, r);
    for (size_t b = 0; b < json_array_size(blocks); b++)
        fprintf(to, "%s%d", b ? "-" : "",
                (int)json_integer_value(json_array_get(blocks, b)));
    fprintf(to, "\" time=\"%.3f\"", json_number_value(json_object_get(level, "seconds")));
    if (!o.element) {
        fputs("/>\n", to);
        return;
    }
    fprintf(to, ">\n      <%s", o.element);
    if (*o.type)
        print_attribute(to, "type", o.type);
    print_attribute(to, "message", o.text);
    fputs("/>\n    </testcase>\n", to);
    counts->failures += strcmp(o.element, "failure") == 0;
    counts->errors += strcmp(o.element, "error") == 0;
    counts->skipped += strcmp(o.element, "skipped") == 0;
}

/* A run that failed outside its levels, as before the first one, is an error by itself.
 */
static bool
print_run_case(FILE *to, const json_t *run, struct counts *counts)
{
    const json_t *error = json_object_get(run, "error");

    if (!json_is_object(error) || counts->errors > 0)
        return false;
    fputs("    <testcase", to);
    print_attribute(to, "classname", text_of(run, "name"));
    fputs(" name=\"run\">\n      <error", to);
    print_attribute(to, "type", text_of(error, "code"));
    print_attribute(to, "message", text_of(error, "text"));
    fputs("/>\n    </testcase>\n", to);
    counts->errors++;
    return true;
}

static void
print_suite(FILE *to, const json_t *run, size_t tests, const struct counts *counts,
            const char *cases)
{
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite", to);
    print_attribute(to, "name", text_of(run, "name"));
    print_attribute(to, "id", text_of(run, "id"));
    print_attribute(to, "timestamp", text_of(run, "created_at"));
    fprintf(to, " tests=\"%zu\" failures=\"%d\" errors=\"%d\" skipped=\"%d\"", tests,
            counts->failures, counts->errors, counts->skipped);
    fprintf(to, " time=\"%.3f\">\n", json_number_value(json_object_get(run, "time")));
    fputs(cases, to);
    fputs("  </testsuite>\n</testsuites>\n", to);
}

char *
junit_text(const json_t *run, const json_t *levels, size_t *n)
{
    struct counts counts = { 0 };
    char *cases = NULL, *text = NULL;
    const json_t *level;
    size_t k, size, tests = json_array_size(levels);
    FILE *to = open_memstream(&cases, &size);

    if (!to)
        return NULL;
    json_array_foreach (levels, k, level)
        print_case(to, run, level, k, &counts);
    tests += print_run_case(to, run, &counts);
    if (fclose(to) != 0 || !(to = open_memstream(&text, n))) {
        free(cases);
        return NULL;
    }
    print_suite(to, run, tests, &counts, cases);
    free(cases);
    if (fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}
