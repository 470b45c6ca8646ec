/* options.c - what several commands take. */
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>

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
