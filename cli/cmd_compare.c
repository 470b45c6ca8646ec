/* cmd_compare.c - odenet compare: what runs reached, and what it took them. */
#include "cli/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/plot.h"
#include "cli/story.h"

static const char usage[] =
    "usage: odenet compare RUN RUN... [--accuracy A]... [--json]\n"
    "                            [--svg FILE] [--over work|time]\n"
    "\n"
    "Compares runs with the first of them, the control. A RUN is a folder with a\n"
    "journal.ndjson, also of a run that is still under way. Shows the test accuracy of\n"
    "each, the seconds of training and the work that it took, and when it first reached\n"
    "an accuracy. Test accuracy is known after epochs only: it was reached after the\n"
    "evaluation at step \"after\" and by that at step \"by\", whose seconds and work "
    "count.\n"
    "A speed-up is the control's seconds or work divided by the run's. Work is in units "
    "of\n"
    "one training image at the control's finest level.\n"
    "\n"
    "  --accuracy A  from above 0 to 1, may be repeated; else the control's last\n"
    "  --json        one JSON object\n"
    "  --svg FILE    a picture of test accuracy over work, too; runs whose names differ\n"
    "                only by \"-s\" and a number at their end share a colour\n"
    "  --over AXIS   work (the default) or time: what the picture's accuracy is over\n"
    "  --help        this text\n"
    "\n"
    "Exit: 0 done, 2 bad usage, 3 no journal, a broken one, or one without test "
    "accuracy.\n";

struct options {
    double accuracy[COMPARE_TARGETS];
    size_t accuracy_n;
    const char *svg;
    enum plot_axis axis;
    bool json, help;
};

/* --- the table ---------------------------------------------------------------------- */

static double
real_of(const json_t *object, const char *member)
{
    return json_number_value(json_object_get(object, member));
}

static const char *
name_of(const json_t *object)
{
    return json_string_value(json_object_get(object, "run"));
}

static int
name_width(const json_t *runs)
{
    const json_t *run;
    size_t i, most = 7;

    json_array_foreach (runs, i, run)
        if (strlen(name_of(run)) > most)
            most = strlen(name_of(run));
    return (int)most;
}

static void
runs_print(const json_t *runs, int width)
{
    const json_t *run;
    size_t i;

    printf("%-*s %8s %8s %9s %11s %12s\n", width, "run", "accuracy", "best", "steps",
           "seconds", "work");
    json_array_foreach (runs, i, run)
        printf("%-*s %8.4f %8.4f %9.0f %11.1f %12.0f%s%s\n", width, name_of(run),
               real_of(run, "accuracy"), real_of(run, "best_accuracy"),
               real_of(run, "step"), real_of(run, "time"), real_of(run, "work"),
               i ? "" : "  control",
               json_is_true(json_object_get(run, "finished")) ? "" : "  not finished");
}

static void
speedup_print(const json_t *speedup, const char *member)
{
    const json_t *x = json_object_get(speedup, member);

    if (json_is_number(x))
        printf(" %8.2fx", json_number_value(x));
    else
        printf(" %9s", "-");
}

static void
reach_print(const json_t *reach, double accuracy, int width)
{
    const json_t *by = json_object_get(reach, "reached");
    const json_t *after = json_object_get(reach, "after");
    const json_t *speedup = json_object_get(reach, "speedup");

    printf("%8.4f %-*s", accuracy, width, name_of(reach));
    if (!json_is_object(by)) {
        puts(" not reached");
        return;
    }
    printf(" %9.0f %9.0f %11.1f %12.0f", real_of(after, "step"), real_of(by, "step"),
           real_of(by, "time"), real_of(by, "work"));
    speedup_print(speedup, "time");
    speedup_print(speedup, "work");
    putchar('\n');
}

static void
table_print(const json_t *document)
{
    const json_t *runs = json_object_get(document, "runs"), *target, *reach;
    const int width = name_width(runs);
    size_t t, i;

    runs_print(runs, width);
    printf("\n%8s %-*s %9s %9s %11s %12s %9s %9s\n", "reached", width, "run", "after",
           "by step", "seconds", "work", "in time", "in work");
    json_array_foreach (json_object_get(document, "targets"), t, target)
        json_array_foreach (json_object_get(target, "runs"), i, reach)
            reach_print(reach, real_of(target, "accuracy"), width);
}

static int
document_print(const json_t *document, bool json)
{
    const json_t *warning;
    size_t i;

    json_array_foreach (json_object_get(document, "warnings"), i, warning)
        fprintf(stderr, "odenet compare: warning: %s\n", json_string_value(warning));
    if (!json) {
        table_print(document);
        return CMD_OK;
    }
    if (json_dumpf(document, stdout, JSON_INDENT(2)) != 0)
        return CMD_FAILED;
    putchar('\n');
    return CMD_OK;
}

/* --- the command -------------------------------------------------------------------- */

static enum ode_status
compare(char **dirs, size_t n, const struct options *o, json_t **document,
        struct ode_err *err)
{
    struct story story[COMPARE_RUNS] = { 0 };
    struct compare_run run[COMPARE_RUNS];
    enum ode_status status = ODE_OK;

    for (size_t i = 0; i < n && status == ODE_OK; i++) {
        status = story_read(&story[i], dirs[i], err);
        run[i] = story[i].run;
    }
    if (status == ODE_OK)
        status = schema_compare(run, n, o->accuracy, o->accuracy_n, document, err);
    if (status == ODE_OK && o->svg)
        status = plot_write(o->svg, run, n, o->axis, err);
    for (size_t i = 0; i < n; i++)
        story_release(&story[i]);
    return status;
}

static bool
accuracy_take(struct options *o, const char *text)
{
    if (o->accuracy_n == COMPARE_TARGETS)
        fprintf(stderr, "odenet compare: more than %d times --accuracy\n",
                COMPARE_TARGETS);
    else if (!compare_accuracy(text, &o->accuracy[o->accuracy_n]))
        fprintf(stderr,
                "odenet compare: --accuracy is \"%s\", not a number above 0, up to 1\n",
                text);
    else
        return ++o->accuracy_n > 0;
    return false;
}

static bool
axis_take(struct options *o, const char *text)
{
    o->axis = strcmp(text, "time") == 0 ? PLOT_TIME : PLOT_WORK;
    if (o->axis == PLOT_TIME || strcmp(text, "work") == 0)
        return true;
    fprintf(stderr, "odenet compare: --over is \"%s\", not work or time\n", text);
    return false;
}

static bool
option_take(struct options *o, int c)
{
    switch (c) {
    case 'h':
        o->help = true;
        return true;
    case 'j':
        o->json = true;
        return true;
    case 's':
        o->svg = optarg;
        return true;
    case 'o':
        return axis_take(o, optarg);
    case 'a':
        return accuracy_take(o, optarg);
    default:
        return false;
    }
}

static bool
options_take(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"accuracy", required_argument, NULL, 'a'},
        { "json",    no_argument,       NULL, 'j'},
        { "svg",     required_argument, NULL, 's'},
        { "over",    required_argument, NULL, 'o'},
        { "help",    no_argument,       NULL, 'h'},
        { NULL,      0,                 NULL, 0  }
    };
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        if (!option_take(o, c))
            return false;
    return true;
}

int
cmd_compare(int argc, char **argv)
{
    struct options o = { 0 };
    struct ode_err err = { 0 };
    json_t *document = NULL;
    enum ode_status status;
    int code;

    if (!options_take(&o, argc, argv))
        return cmd_usage(usage);
    if (o.help)
        return cmd_help(usage);
    if (argc - optind < 2 || argc - optind > COMPARE_RUNS) {
        fprintf(stderr, "odenet compare: name 2 to %d runs, the control first\n\n",
                COMPARE_RUNS);
        return cmd_usage(usage);
    }
    status = compare(argv + optind, (size_t)(argc - optind), &o, &document, &err);
    if (status != ODE_OK) {
        json_decref(document);
        cmd_complain("compare", &err, NULL);
        return cmd_exit_code(status);
    }
    code = document_print(document, o.json);
    json_decref(document);
    return code;
}
