/* options.c - what several commands take. */
#include "cli/options.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

void
options_data_root(char root[OPTIONS_PATH], const char *given)
{
    const char *data = given ? given : variable("ODENET_DATA");
    const char *xdg = variable("XDG_DATA_HOME"), *home = variable("HOME");
    int length = 0;

    root[0] = '\0';
    if (data)
        length = snprintf(root, OPTIONS_PATH, "%s", data);
    else if (xdg && xdg[0] == '/')
        length = snprintf(root, OPTIONS_PATH, "%s/odenet", xdg);
    else if (home)
        length = snprintf(root, OPTIONS_PATH, "%s/.local/share/odenet", home);
    if (length >= OPTIONS_PATH)
        root[0] = '\0';
}

bool
options_number(const char *flag, const char *text, int least, int most, int *value)
{
    char *end;
    long x;

    errno = 0;
    x = strtol(text, &end, 10);
    if (!errno && end != text && !*end && x >= least && x <= most) {
        *value = (int)x;
        return true;
    }
    fprintf(stderr, "%s is \"%s\", not a whole number from %d to %d\n", flag, text, least,
            most);
    return false;
}

bool
options_choice(const char *flag, const char *text, const struct ode_choice *choices,
               int *value)
{
    for (int i = 0; choices[i].name; i++)
        if (strcmp(choices[i].name, text) == 0) {
            *value = i;
            return true;
        }
    fprintf(stderr, "%s is \"%s\"; choose", flag, text);
    for (int i = 0; choices[i].name; i++)
        fprintf(stderr, "%s %s", i ? "," : "", choices[i].name);
    fputc('\n', stderr);
    return false;
}

int
options_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

const struct ode_kernels *
options_kernels(const char *given, struct ode_err *err)
{
    const char *name = given ? given : variable("ODENET_ISA");
    const struct ode_kernels *k;

    if (!name || !*name)
        return ode_kernels_best(ODE_ISA_ALL);
    k = ode_kernels_named(name);
    if (!k)
        ode_fail(err, ODE_EARG, given ? "--kernels" : "ODENET_ISA",
                 "\"%s\" is not to be had on this machine; portable always is", name);
    return k;
}
