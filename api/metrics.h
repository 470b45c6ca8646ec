/* metrics.h - series of numbers as text. */
#ifndef ODE_API_METRICS_H
#define ODE_API_METRICS_H

#include <jansson.h>
#include <stddef.h>

/* A table "name,level,step,work,time,value" of the document that backend.run_metrics()
 * makes, lines ended by \r\n (RFC 4180), an empty field for null; of malloc(). NULL when
 * memory is short. */
char *metrics_csv(const json_t *series, size_t *n);

#endif
