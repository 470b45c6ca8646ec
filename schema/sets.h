/* sets.h - the data sets as the API and the command line write them down. */
#ifndef ODE_SCHEMA_SETS_H
#define ODE_SCHEMA_SETS_H

#include <jansson.h>

/*
 * {"datasets": [{"name", "classes", "channels", "resolution" | null, "train", "test",
 * "available"}]}: resolution null is any, train and test are what a spec that asks for no
 * number gets, available is whether all files lie below root. A new reference; NULL when
 * out of memory.
 */
json_t *sets_json(const char *root);

#endif
