/* cmd_export.c - odenet export: a model for other programs. */
#include "cli/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/model.h"
#include "core/data/dataset.h"
#include "core/files/netgraph.h"
#include "core/files/npz.h"

static const char usage[] =
    "usage: odenet export MODEL.safetensors -o FILE [--format onnx|npz|safetensors]\n"
    "\n"
    "Writes a model or a checkpoint for other programs.\n"
    "\n"
    "  --format NAME  onnx: the whole network, from pixel values between 0 and 1 to\n"
    "                 probabilities; npz: the weights, for numpy; safetensors: the\n"
    "                 weights with the spec, as odenet reads them. Else as FILE ends\n"
    "  -o FILE        the file that is written\n"
    "  --help         this text\n";

struct options {
    const char *in, *out, *format;
    bool help;
};

typedef enum ode_status export_fn(const struct options *o, const struct model *model,
                                  struct ode_err *err);

/* --- formats -------------------------------------------------------------------- */

static enum ode_status
export_onnx(const struct options *o, const struct model *m, struct ode_err *err)
{
    const struct ode_netgraph net = { .recipe = &m->recipe,
                                      .params = &m->net.params,
                                      .theta = m->theta,
                                      .statistics = m->statistics };
    struct ode_onnx graph = { 0 };
    enum ode_status status = ode_netgraph_draw(&net, &graph, err);

    if (status == ODE_OK)
        status = ode_onnx_write(&graph, o->out,
                                *m->recipe.name ? m->recipe.name : "odenet", err);
    ode_onnx_release(&graph);
    return status;
}

static void
tensors_fill(const struct model *m, struct ode_npz_tensor *list)
{
    const struct ode_params *p = &m->net.params;

    for (int i = 0; i < p->tensor_n; i++) {
        const struct ode_tensor *t = &p->tensor[i];

        list[i] =
            (struct ode_npz_tensor){ .name = t->name,
                                     .dims = t->dims,
                                     .data = (i < p->trained_n ? m->theta : m->statistics)
                                             + t->offset };
        for (int d = 0; d < t->dims; d++)
            list[i].dim[d] = (size_t)t->dim[d];
    }
}

static enum ode_status
export_npz(const struct options *o, const struct model *m, struct ode_err *err)
{
    const size_t n = (size_t)m->net.params.tensor_n;
    struct ode_npz_tensor *list = calloc(n, sizeof *list);
    enum ode_status status;

    if (!list)
        return ode_fail(err, ODE_ENOMEM, o->out, "no memory for %zu tensors", n);
    tensors_fill(m, list);
    status = ode_npz_write(o->out, list, n, err);
    free(list);
    return status;
}

/* With the whole ladder of the spec, of which a model knows only its own level. */
static enum ode_status
export_safetensors(const struct options *o, const struct model *m, struct ode_err *err)
{
    struct weights w;
    enum ode_status status;

    ODE_TRY(weights_open(&w, o->in, err));
    status = weights_write(o->out,
                           &(struct weights_source){ .recipe = &w.recipe,
                                                     .level = w.level,
                                                     .step = m->step,
                                                     .net = &w.net,
                                                     .theta = m->theta,
                                                     .statistics = m->statistics },
                           NULL, err);
    weights_close(&w);
    return status;
}

static const struct format {
    const char *name; /* and what its files end in */
    export_fn *write;
} formats[] = {
    {"onnx",         export_onnx       },
    { "npz",         export_npz        },
    { "safetensors", export_safetensors},
};

static const struct format *
format_find(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

/* --- options -------------------------------------------------------------------- */

static bool
option_take(struct options *o, int c)
{
    switch (c) {
    case 'f':
        o->format = optarg;
        return true;
    case 'o':
        o->out = optarg;
        return true;
    case 'h':
        o->help = true;
        return true;
    default:
        return false;
    }
}

static bool
options_parse(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"format",  required_argument, NULL, 'f'},
        { "output", required_argument, NULL, 'o'},
        { "help",   no_argument,       NULL, 'h'},
        { NULL,     0,                 NULL, 0  }
    };
    int c;

    *o = (struct options){ 0 };
    optind = 0;
    while ((c = getopt_long(argc, argv, "o:h", known, NULL)) != -1)
        if (!option_take(o, c))
            return false;
    if (o->help)
        return true;
    if (optind + 1 != argc || !o->out) {
        fprintf(stderr, "odenet export: %s\n",
                o->out ? "give one file to read" : "give -o FILE");
        return false;
    }
    o->in = argv[optind];
    return true;
}

/* The format that was asked for, or that the file's name ends in. */
static enum ode_status
format_choose(const struct options *o, const struct format **format, struct ode_err *err)
{
    const char *slash = strrchr(o->out, '/'), *dot = strrchr(slash ? slash : o->out, '.');
    const char *name = o->format ? o->format : dot ? dot + 1 : "";

    *format = format_find(name);
    if (*format)
        return ODE_OK;
    return o->format
               ? ode_fail(err, ODE_EARG, "--format",
                          "\"%.40s\" is none; choose onnx, npz or safetensors", name)
               : ode_fail(err, ODE_EARG, o->out,
                          "does not end in .onnx, .npz or .safetensors; name it "
                          "so, or give --format");
}

static enum ode_status export(const struct options *o, struct model *model,
                              struct ode_err *err) {
    const struct format *format;

    ODE_TRY(format_choose(o, &format, err));
    ODE_TRY(model_load(model, o->in, err));
    return format->write(o, model, err);
}

static void
tell(const struct options *o, const struct model *m)
{
    struct stat st = { 0 };

    stat(o->out, &st);
    fprintf(stderr, "%s: %dx%d pixels, %d classes, %zu parameters, %lld bytes\n", o->out,
            m->net.resolution, m->net.resolution,
            ode_set_facts(m->recipe.data.set)->classes, m->net.params.theta_n,
            (long long)st.st_size);
}

int
cmd_export(int argc, char **argv)
{
    struct model model = { 0 };
    struct ode_err err = { 0 };
    struct options o;
    enum ode_status status;

    if (!options_parse(&o, argc, argv))
        return cmd_usage(usage);
    if (o.help)
        return cmd_help(usage);
    status = export(&o, &model, &err);
    if (status == ODE_OK)
        tell(&o, &model);
    else
        cmd_complain("export", &err, NULL);
    model_release(&model);
    return cmd_exit_code(status);
}
