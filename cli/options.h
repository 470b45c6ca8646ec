/* options.h - what several commands take. */
#ifndef ODE_CLI_OPTIONS_H
#define ODE_CLI_OPTIONS_H

#include <stdbool.h>

#include "core/base/field.h"
#include "core/base/status.h"
#include "core/kernels/kernels.h"

enum { OPTIONS_PATH = 512 };

/*
 * The data root: `given` (--data-dir) if not NULL, else $ODENET_DATA, else
 * $XDG_DATA_HOME/odenet, else $HOME/.local/share/odenet. Empty values count as absent,
 * and so does a relative XDG_DATA_HOME, as the XDG base directory specification has it.
 * The root is "" where there is none of these, or where it would be longer than fits: no
 * data set is there then.
 */
void options_data_root(char root[OPTIONS_PATH], const char *given);

/* The number that text says, from least to most; else a line on stderr that begins with
 * `flag`, and false. */
bool options_number(const char *flag, const char *text, int least, int most, int *value);

/* The number of the choice that text names; else a line on stderr that begins with `flag`
 * and lists them, and false. */
bool options_choice(const char *flag, const char *text, const struct ode_choice *choices,
                    int *value);

/* Processors that this process may use, at least 1. */
int options_cores(void);

/* The table of kernels that `given` (--kernels) names if not NULL, else $ODENET_ISA, else
 * the fastest. NULL, and ODE_EARG in err, where it is not to be had on this machine. */
const struct ode_kernels *options_kernels(const char *given, struct ode_err *err);

#endif
