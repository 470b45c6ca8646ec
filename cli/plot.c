/* plot.c - accuracy over work or time as a picture. */
#include "cli/plot.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Pixels. */
enum {
    WIDTH = 760,
    HEIGHT = 440,
    LEFT = 56,
    RIGHT = 16,
    TOP = 16,
    BOTTOM = 48,
    LEGEND = 20, /* a line of it */
    COLOURS = 8
};

/* Okabe and Ito's, which colour-blind people can tell apart; the first one follows the
 * text's. */
static const char *const colours[COLOURS] = { "currentColor", "#0072b2", "#d55e00",
                                              "#009e73",      "#cc79a7", "#e69f00",
                                              "#56b4e9",      "#8c8c00" };

struct plot {
    FILE *file;
    const struct compare_run *runs;
    size_t n;
    enum plot_axis axis;
    double x_most, y_least, y_most; /* of the axes */
    double x_tick, y_tick;
};

/* --- scales */

static double
x_of(const struct plot *p, const struct compare_run *run,
     const struct ode_curve_point *at)
{
    if (p->axis == PLOT_TIME)
        return at->time;
    return run->flops > 0 && p->runs[0].flops > 0
               ? at->work * run->flops / p->runs[0].flops
               : at->work;
}

static double
to_x(const struct plot *p, double x)
{
    return LEFT + x / p->x_most * (WIDTH - LEFT - RIGHT);
}

static double
to_y(const struct plot *p, double accuracy)
{
    return TOP
           + (p->y_most - accuracy) / (p->y_most - p->y_least) * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten, so that some `ticks` of them span the range. */
static double
tick_of(double range, int ticks)
{
    const double least = range / ticks, power = pow(10, floor(log10(least)));
    const double part = least / power;

    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void
scales_fit(struct plot *p)
{
    double x = 0, low = 1, high = 0;

    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->runs[i].curve.n; k++) {
            const struct ode_curve_point *at = &p->runs[i].curve.point[k];

            x = fmax(x, x_of(p, &p->runs[i], at));
            low = fmin(low, at->accuracy);
            high = fmax(high, at->accuracy);
        }
    x = x > 0 ? x : 1;
    p->y_tick = tick_of(fmax(high - low, 0.01), 6);
    p->y_least = floor(low / p->y_tick) * p->y_tick;
    p->y_most = ceil(high / p->y_tick) * p->y_tick;
    if (p->y_most <= p->y_least)
        p->y_most = p->y_least + p->y_tick;
    p->x_tick = tick_of(x, 6);
    p->x_most = x * 1.02;
}

/* --- groups of runs */

/* Length of a name without the seed. */
static size_t
stem(const char *name)
{
    size_t n = strlen(name), digits = n;

    while (n > 0 && name[n - 1] == '/')
        n--;
    for (digits = n; digits > 0 && isdigit((unsigned char)name[digits - 1]);)
        digits--;
    return digits < n && digits > 2 && name[digits - 1] == 's' && name[digits - 2] == '-'
               ? digits - 2
               : n;
}

static bool
same_group(const struct plot *p, size_t a, size_t b)
{
    const char *x = p->runs[a].name, *y = p->runs[b].name;

    return stem(x) == stem(y) && strncmp(x, y, stem(x)) == 0;
}

/* The group of run i: how many others began before it. */
static size_t
group_of(const struct plot *p, size_t i)
{
    size_t first = 0, groups = 0;

    while (!same_group(p, first, i))
        first++;
    for (size_t k = 0; k < first; k++) {
        size_t before = 0;

        while (!same_group(p, before, k))
            before++;
        groups += before == k;
    }
    return groups;
}

/* --- the file */

/* Characters that mean something in XML, and the folders before the name. */
static void
text_write(const struct plot *p, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '<')
            fputs("&lt;", p->file);
        else if (text[i] == '&')
            fputs("&amp;", p->file);
        else if ((unsigned char)text[i] >= ' ')
            fputc(text[i], p->file);
}

static void
name_write(const struct plot *p, const char *name)
{
    size_t n = stem(name), first = n;

    while (first > 0 && name[first - 1] != '/')
        first--;
    text_write(p, name + first, n - first);
}

static void
head_write(const struct plot *p)
{
    fprintf(p->file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "role=\"img\">\n<title>Test accuracy over %s</title>\n<style>\n"
            "svg { color: #1b1f24; background: #fff; font: 13px sans-serif }\n"
            "text { fill: currentColor }\n.grid { stroke: #8886; stroke-width: 1 }\n"
            "polyline { fill: none; stroke-width: 2; stroke-linejoin: round }\n"
            "@media (prefers-color-scheme: dark) { svg { color: #e6e9ee; "
            "background: #14171c } }\n</style>\n",
            WIDTH, HEIGHT, p->axis == PLOT_TIME ? "seconds" : "work");
}

static void
axes_write(const struct plot *p)
{
    for (double y = p->y_least; y <= p->y_most + p->y_tick / 2; y += p->y_tick) {
        fprintf(p->file,
                "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                LEFT, WIDTH - RIGHT, to_y(p, y), to_y(p, y));
        fprintf(p->file, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g%%</text>\n",
                LEFT - 8, to_y(p, y) + 4, 100 * y);
    }
    for (double x = 0; x <= p->x_most; x += p->x_tick)
        fprintf(p->file, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.6g</text>\n",
                to_x(p, x), HEIGHT - BOTTOM + 20, x);
    fprintf(p->file, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8,
            p->axis == PLOT_TIME
                ? "seconds of training"
                : "work: images at the finest level, or others for the FLOPs of one");
}

static void
curve_write(const struct plot *p, size_t i)
{
    const struct compare_run *run = &p->runs[i];
    const char *colour = colours[group_of(p, i) % COLOURS];

    fprintf(p->file, "<polyline stroke=\"%s\" points=\"", colour);
    for (size_t k = 0; k < run->curve.n; k++)
        fprintf(p->file, "%.1f,%.1f ", to_x(p, x_of(p, run, &run->curve.point[k])),
                to_y(p, run->curve.point[k].accuracy));
    fputs("\"/>\n", p->file);
    for (size_t k = 0; k < run->curve.n; k++)
        if (k + 1 == run->curve.n
            || run->curve.point[k + 1].level != run->curve.point[k].level)
            fprintf(p->file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n",
                    to_x(p, x_of(p, run, &run->curve.point[k])),
                    to_y(p, run->curve.point[k].accuracy), colour);
}

/* In the lower right, where curves that rise leave room. */
static void
legend_write(const struct plot *p)
{
    size_t groups = 0;

    for (size_t i = 0; i < p->n; i++)
        if (group_of(p, i) + 1 > groups)
            groups = group_of(p, i) + 1;
    for (size_t g = 0; g < groups; g++) {
        const double y = HEIGHT - BOTTOM - 12 - (double)(groups - 1 - g) * LEGEND;
        size_t first = 0;

        while (group_of(p, first) != g)
            first++;
        fprintf(p->file,
                "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                "stroke-width=\"3\"/>\n<text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">",
                WIDTH - RIGHT - 28, WIDTH - RIGHT - 8, y, y, colours[g % COLOURS],
                WIDTH - RIGHT - 36, y + 4);
        name_write(p, p->runs[first].name);
        fputs("</text>\n", p->file);
    }
}

enum ode_status
plot_write(const char *path, const struct compare_run *runs, size_t n,
           enum plot_axis axis, struct ode_err *err)
{
    struct plot p = { .file = fopen(path, "w"), .runs = runs, .n = n, .axis = axis };
    bool bad;

    if (!p.file)
        return ode_fail_errno(err, ODE_EIO, path, "the picture cannot be written");
    scales_fit(&p);
    head_write(&p);
    axes_write(&p);
    for (size_t i = 0; i < n; i++)
        curve_write(&p, i);
    legend_write(&p);
    fputs("</svg>\n", p.file);
    bad = ferror(p.file) != 0;
    if (fclose(p.file) != 0 || bad)
        return ode_fail_errno(err, ODE_EIO, path, "the picture cannot be written");
    return ODE_OK;
}
