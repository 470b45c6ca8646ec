/* openmetrics.c - families, samples, escapes. */
#include "api/openmetrics.h"

#include <inttypes.h>
#include <math.h>

/* Within quotes and in a help text the same three are escaped. */
static void
put_escaped(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
}

void
openmetrics_head(FILE *out, const char *name, const char *type, const char *unit,
                 const char *help)
{
    fprintf(out, "# TYPE %s %s\n", name, type);
    if (*unit)
        fprintf(out, "# UNIT %s %s\n", name, unit);
    fprintf(out, "# HELP %s ", name);
    put_escaped(out, help);
    fputc('\n', out);
}

static void
put_name(FILE *out, const char *name, const char *label, const char *of)
{
    fputs(name, out);
    if (label) {
        fprintf(out, "{%s=\"", label);
        put_escaped(out, of);
        fputs("\"}", out);
    }
    fputc(' ', out);
}

void
openmetrics_int(FILE *out, const char *name, const char *label, const char *of,
                int64_t value)
{
    put_name(out, name, label, of);
    fprintf(out, "%" PRId64 "\n", value);
}

void
openmetrics_real(FILE *out, const char *name, const char *label, const char *of,
                 double value)
{
    put_name(out, name, label, of);
    if (isfinite(value)) /* whole numbers with all of their digits */
        fprintf(out, value == trunc(value) && fabs(value) < 1e18 ? "%.0f\n" : "%.9g\n",
                value);
    else
        fputs(isnan(value) ? "NaN\n" : value > 0 ? "+Inf\n" : "-Inf\n", out);
}

void
openmetrics_gauge(FILE *out, const char *name, const char *unit, double value,
                  const char *help)
{
    openmetrics_head(out, name, "gauge", unit, help);
    openmetrics_real(out, name, NULL, NULL, value);
}

void
openmetrics_counter(FILE *out, const char *name, const char *unit, double value,
                    const char *help)
{
    char sample[128];

    snprintf(sample, sizeof sample, "%s_total", name);
    openmetrics_head(out, name, "counter", unit, help);
    openmetrics_real(out, sample, NULL, NULL, value);
}

void
openmetrics_end(FILE *out)
{
    fputs("# EOF\n", out);
}
