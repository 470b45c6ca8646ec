/* cmd_transfer.c - odenet transfer: one transfer by hand. */
#include "cli/cmd.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/model.h"
#include "cli/options.h"
#include "core/scales/transfer.h"

static const char usage[] =
    "usage: odenet transfer IN.safetensors -o OUT.safetensors\n"
    "                       [--resolution-factor 2|0.5] [--depth-factor 2|0.5]\n"
    "                       [--space bilinear|constant|rediscretise|none]\n"
    "                       [--damping C] [--time linear|nodal|cell|constant]\n"
    "\n"
    "Takes a model or a checkpoint to images of twice or half the size, or to twice or "
    "half\n"
    "the blocks at the same end time. A factor may be any power of two.\n"
    "\n"
    "  --space NAME  kernels between resolutions; else as IN's spec says. Weights of a\n"
    "                flat head are summed up or shared out by pixels with any of them\n"
    "  --damping C   to finer images no term of a kernel grows by more than C a "
    "doubling,\n"
    "                1 to 16; 0: no limit; bilinear only; else as IN's spec says\n"
    "  --time NAME   parameters between depths; else as IN's spec says\n"
    "  -o FILE       the model that is written\n"
    "  --help        this text\n"
    "\n"
    "Normalisation statistics are carried over; `odenet eval` estimates them again "
    "where\n"
    "the resolution differs from the one a model was trained at.\n";

struct options {
    const char *in, *out;
    int halvings;       /* of the resolution; negative: doublings */
    int depth_halvings; /* of the blocks */
    int space, time;    /* -1: IN's */
    double damping;     /* -1: IN's */
    bool help;
};

/* "2" is -1 halvings, "0.5" is 1, "4" is -2. */
static bool
factor_parse(const char *flag, const char *text, int *halvings)
{
    double x = 0;
    char rest;

    if (sscanf(text, "%lf%c", &x, &rest) == 1)
        for (int k = -10; k <= 10; k++)
            if (x == (k < 0 ? (double)(1 << -k) : 1.0 / (1 << k))) {
                *halvings = k;
                return true;
            }
    fprintf(stderr, "odenet transfer: %s is \"%s\"; give a power of two, as 2 or 0.5\n",
            flag, text);
    return false;
}

/* The damping's number, 0 or from 1 to 16. */
static bool
damping_parse(const char *text, double *damping)
{
    double x;
    char rest;

    if (sscanf(text, "%lf%c", &x, &rest) == 1 && (x == 0 || (x >= 1 && x <= 16))) {
        *damping = x;
        return true;
    }
    fprintf(stderr, "odenet transfer: --damping is \"%s\"; give 1 to 16, or 0 for none\n",
            text);
    return false;
}

static bool
option_take(struct options *o, int c)
{
    switch (c) {
    case 'r':
        return factor_parse("--resolution-factor", optarg, &o->halvings);
    case 'd':
        return factor_parse("--depth-factor", optarg, &o->depth_halvings);
    case 's':
        return options_choice("odenet transfer: --space", optarg, ode_space_choices,
                              &o->space);
    case 'c':
        return damping_parse(optarg, &o->damping);
    case 't':
        return options_choice("odenet transfer: --time", optarg, ode_time_choices,
                              &o->time);
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
        {"resolution-factor", required_argument, NULL, 'r'},
        { "depth-factor",     required_argument, NULL, 'd'},
        { "space",            required_argument, NULL, 's'},
        { "damping",          required_argument, NULL, 'c'},
        { "time",             required_argument, NULL, 't'},
        { "output",           required_argument, NULL, 'o'},
        { "help",             no_argument,       NULL, 'h'},
        { NULL,               0,                 NULL, 0  }
    };
    int c;

    *o = (struct options){ .space = -1, .time = -1, .damping = -1 };
    optind = 0;
    while ((c = getopt_long(argc, argv, "o:h", known, NULL)) != -1)
        if (!option_take(o, c))
            return false;
    if (o->help)
        return true;
    if (optind + 1 != argc || !o->out) {
        fprintf(stderr, "odenet transfer: %s\n",
                o->out ? "give one file to read" : "give -o FILE");
        return false;
    }
    o->in = argv[optind];
    return true;
}

/* n halved `halvings` times; fails where it can't be. */
static enum ode_status
scale(int64_t n, int halvings, const char *what, int64_t *scaled, struct ode_err *err)
{
    if (halvings <= 0) {
        *scaled = n << -halvings;
        return ODE_OK;
    }
    if (n % (1ll << halvings) != 0 || n >> halvings < 1)
        return ode_fail(err, ODE_ESHAPE, what,
                        "%lld cannot be halved %d times without a remainder",
                        (long long)n, halvings);
    *scaled = n >> halvings;
    return ODE_OK;
}

static enum ode_status
damping_set(struct model *m, double damping, struct ode_err *err)
{
    struct ode_transfer_spec *t = &m->recipe.transfer;

    if (damping > 0 && t->space != ODE_SPACE_BILINEAR)
        return ode_fail(
            err, ODE_ESPEC, "--damping",
            "only goes with the space \"bilinear\", and this is \"%s\"; leave "
            "it out, or give --space bilinear",
            ode_space_choices[t->space].name);
    t->damping = damping;
    return ODE_OK;
}

static enum ode_status
transfer(const struct options *o, struct model *from, struct model *to,
         struct ode_err *err)
{
    const struct ode_level_spec *level;
    int64_t resolution = 0, blocks[8] = { 0 };

    ODE_TRY(model_load(from, o->in, err));
    if (o->space >= 0)
        model_set_space(from, (enum ode_space)o->space);
    if (o->damping >= 0)
        ODE_TRY(damping_set(from, o->damping, err));
    if (o->time >= 0)
        from->recipe.transfer.time = (enum ode_time)o->time;
    level = &from->recipe.levels[0];
    ODE_TRY(
        scale(level->resolution, o->halvings, "--resolution-factor", &resolution, err));
    for (size_t u = 0; u < level->blocks_n; u++)
        ODE_TRY(scale(level->blocks[u], o->depth_halvings, "--depth-factor", &blocks[u],
                      err));
    return model_transfer(from, resolution, blocks, to, err);
}

static enum ode_status
output(const struct options *o, const struct model *from, const struct model *to,
       struct ode_err *err)
{
    const struct weights_source source = { .recipe = &to->recipe,
                                           .step = to->step,
                                           .net = &to->net,
                                           .theta = to->theta,
                                           .statistics = to->statistics };

    ODE_TRY(weights_write(o->out, &source, NULL, err));
    fprintf(stderr,
            "%dx%d pixels, %zu parameters -> %dx%d pixels, %zu parameters; kernel norm "
            "%.4g -> %.4g\n",
            from->net.resolution, from->net.resolution, from->net.params.theta_n,
            to->net.resolution, to->net.resolution, to->net.params.theta_n,
            ode_transfer_norm(&from->net.params, from->theta),
            ode_transfer_norm(&to->net.params, to->theta));
    return ODE_OK;
}

int
cmd_transfer(int argc, char **argv)
{
    struct model from = { 0 }, to = { 0 };
    struct ode_err err = { 0 };
    struct options o;
    enum ode_status status;

    if (!options_parse(&o, argc, argv))
        return cmd_usage(usage);
    if (o.help)
        return cmd_help(usage);
    status = transfer(&o, &from, &to, &err);
    if (status == ODE_OK)
        status = output(&o, &from, &to, &err);
    if (status != ODE_OK)
        cmd_complain("transfer", &err, NULL);
    model_release(&from);
    model_release(&to);
    return cmd_exit_code(status);
}
