/*
 * compare.h - runs beside a control: what they reached, and what it took them, as JSON.
 *
 * The command line has its numbers from journals, the daemon from its database; both make
 * the same document of them (ARCHITECTURE.md section 3).
 */
#ifndef ODE_SCHEMA_COMPARE_H
#define ODE_SCHEMA_COMPARE_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/curve.h"
#include "core/base/status.h"

enum { COMPARE_RUNS = 16, COMPARE_TARGETS = 16 };

struct compare_run {
    const char *name; /* borrowed                                                    */
    const char *set;  /* the data set, borrowed; "": not known                       */
    bool finished;    /* no evaluation will follow                                   */
    int64_t test_n;   /* test examples; 0: not known                                 */
    double flops; /* of an image at the finest level, its unit of work; 0: not known */
    double time, work; /* of all of the run, in its own units                         */
    struct ode_curve curve; /* in its own units; one point at the least               */
};

/* One accuracy, from above 0 to 1; false if text is none. */
bool compare_accuracy(const char *text, double *accuracy);

/*
 * *out becomes the document, a new reference. The first run is the control; accuracy_n 0:
 * the control's last accuracy is the target. Work is converted to the control's units.
 * Fails with ODE_ENOMEM.
 */
enum ode_status schema_compare(const struct compare_run *runs, size_t n,
                               const double *accuracy, size_t accuracy_n, json_t **out,
                               struct ode_err *err);

#endif
