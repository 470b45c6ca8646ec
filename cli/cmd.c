/* cmd.c - what the commands share: exit codes, usage, complaints. */
#include "cli/cmd.h"

#include <stdio.h>
#include <string.h>

int
cmd_exit_code(enum ode_status status)
{
    switch (status) {
    case ODE_OK:
        return CMD_OK;
    case ODE_EARG:
    case ODE_ESPEC:
    case ODE_ESHAPE:
    case ODE_EEXIST:
        return CMD_USAGE;
    case ODE_EDATA:
    case ODE_EFORMAT:
    case ODE_ENOENT:
        return CMD_DATA;
    case ODE_EDIVERGE:
    case ODE_ERANGE:
        return CMD_DIVERGED;
    case ODE_EBUSY:
        return CMD_BUSY;
    case ODE_EIO:
        return CMD_IO;
    case ODE_ESTOPPED:
        return CMD_STOPPED;
    default:
        return CMD_FAILED;
    }
}

int
cmd_usage(const char *text)
{
    fputs(text, stderr);
    return CMD_USAGE;
}

int
cmd_help(const char *text)
{
    fputs(text, stdout);
    return CMD_OK;
}

void
cmd_complain(const char *command, const struct ode_err *err, const json_t *complaints)
{
    const json_t *one;
    size_t i;

    fprintf(stderr, "odenet %s: %s%s%s\n", command, err->at, *err->at ? ": " : "",
            err->text);
    json_array_foreach (complaints, i, one)
        if (i > 0)
            fprintf(stderr, "odenet %s: %s: %s\n", command,
                    json_string_value(json_object_get(one, "pointer")),
                    json_string_value(json_object_get(one, "detail")));
}
