/* cmd_data.c - odenet data list|verify. */
#include "cli/cmd.h"

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "core/data/dataset.h"
#include "schema/sets.h"

static const char usage[] =
    "usage: odenet data list [--json] [--data-dir DIR]\n"
    "       odenet data verify NAME [--json] [--data-dir DIR]\n"
    "\n"
    "list      the data sets, and whether their files are there\n"
    "verify    read all files of a set and compare their SHA-256 with the originals'\n"
    "\n"
    "  --data-dir DIR  where the sets lie, a folder each; else $ODENET_DATA, else\n"
    "                  $XDG_DATA_HOME/odenet, else ~/.local/share/odenet\n"
    "  --json          machine-readable output\n"
    "  --help          this text\n";

struct options {
    char root[OPTIONS_PATH];
    bool json, help;
    const char *action, *name; /* NULL: not given */
};

static bool
options_parse(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"data-dir", required_argument, NULL, 'd'},
        { "json",    no_argument,       NULL, 'j'},
        { "help",    no_argument,       NULL, 'h'},
        { NULL,      0,                 NULL, 0  }
    };
    const char *given = NULL;
    int c;

    *o = (struct options){ 0 };
    optind = 0; /* begins anew, also after another command's parsing */
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (c) {
        case 'd':
            given = optarg;
            break;
        case 'j':
            o->json = true;
            break;
        case 'h':
            o->help = true;
            break;
        default:
            return false;
        }
    }
    o->action = optind < argc ? argv[optind++] : NULL;
    o->name = optind < argc ? argv[optind++] : NULL;
    options_data_root(o->root, given);
    return optind == argc;
}

static int
print_json(json_t *value)
{
    int failed = !value || json_dumpf(value, stdout, JSON_INDENT(2)) != 0;

    json_decref(value);
    if (failed || putchar('\n') == EOF || fflush(stdout) != 0) {
        fprintf(stderr, "odenet data: cannot write to standard output\n");
        return CMD_FAILED;
    }
    return CMD_OK;
}

/* --- list ----------------------------------------------------------------------- */

static void
list_row(const json_t *set)
{
    const json_t *resolution = json_object_get(set, "resolution");
    char pixels[16] = "any";

    if (json_is_integer(resolution))
        snprintf(pixels, sizeof pixels, "%d", (int)json_integer_value(resolution));
    printf("%-14s %7d %8d %10s %7d %7d  %s\n",
           json_string_value(json_object_get(set, "name")),
           (int)json_integer_value(json_object_get(set, "classes")),
           (int)json_integer_value(json_object_get(set, "channels")), pixels,
           (int)json_integer_value(json_object_get(set, "train")),
           (int)json_integer_value(json_object_get(set, "test")),
           json_is_true(json_object_get(set, "available")) ? "yes" : "no");
}

static int
list(const struct options *o)
{
    json_t *all = sets_json(o->root), *set;
    size_t i;

    if (o->json || !all)
        return print_json(all);
    printf("%-14s %7s %8s %10s %7s %7s  %s\n", "name", "classes", "channels",
           "resolution", "train", "test", "available");
    json_array_foreach (json_object_get(all, "datasets"), i, set)
        list_row(set);
    json_decref(all);
    fprintf(stderr, "data root: %s\n", *o->root ? o->root : "(none)");
    return CMD_OK;
}

/* --- verify --------------------------------------------------------------------- */

static void
report_print(void *context, const struct ode_file_report *r)
{
    (void)context;
    if (r->good)
        printf("good     %s\n", r->path);
    else
        printf("%-8s %s: found %s, expected %s\n", r->present ? "bad" : "missing",
               r->path, r->found, r->expected);
}

static void
report_collect(void *context, const struct ode_file_report *r)
{
    json_array_append_new(context, json_pack("{ss sb sb ss ss}", "path", r->path,
                                             "present", r->present, "good", r->good,
                                             "found", r->found, "expected", r->expected));
}

static int
verify_json(enum ode_set set, const struct options *o, struct ode_err *err)
{
    json_t *files = json_array();
    enum ode_status status =
        ode_dataset_verify(set, o->root, files ? report_collect : NULL, files, err);
    int code = print_json(json_pack("{ss sb so}", "name", o->name, "good",
                                    status == ODE_OK, "files", files));

    return code != CMD_OK ? code : status == ODE_OK ? CMD_OK : CMD_DATA;
}

static int
verify(const struct options *o)
{
    struct ode_err err;
    enum ode_set set;
    int code;

    if (ode_set_find(o->name, &set, &err) != ODE_OK) {
        fprintf(stderr, "odenet data: %s\n", err.text);
        return CMD_USAGE;
    }
    err = (struct ode_err){ 0 };
    if (o->json)
        code = verify_json(set, o, &err);
    else
        code = ode_dataset_verify(set, o->root, report_print, NULL, &err) == ODE_OK
                   ? CMD_OK
                   : CMD_DATA;
    if (code == CMD_DATA)
        fprintf(stderr, "odenet data: %s: %s\n", err.at, err.text);
    else if (set == ODE_SET_STROKES)
        fprintf(stderr, "strokes is drawn and has no files to verify\n");
    return code;
}

int
cmd_data(int argc, char **argv)
{
    struct options o;
    bool fits = options_parse(&o, argc, argv);

    if (fits && o.help) {
        fputs(usage, stdout);
        return CMD_OK;
    }
    if (fits && o.action && !o.name && strcmp(o.action, "list") == 0)
        return list(&o);
    if (fits && o.action && o.name && strcmp(o.action, "verify") == 0)
        return verify(&o);
    fputs(usage, stderr);
    return CMD_USAGE;
}
