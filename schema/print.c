/* print.c - the program schema-print: the JSON Schema of the job spec, to stdout. */
#include <stdio.h>

#include "schema/sweep.h"

int
main(void)
{
    struct ode_err err;
    json_t *schema;
    int failed;

    if (sweep_job_schema(&schema, &err) != ODE_OK) {
        fprintf(stderr, "schema-print: %s\n", err.text);
        return 1;
    }
    failed = json_dumpf(schema, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    json_decref(schema);
    return failed || putchar('\n') == EOF || fflush(stdout) != 0 ? 1 : 0;
}
