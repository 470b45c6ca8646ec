/*
 * training.h - short runs of odenet train, for tests of what they share.
 */
#ifndef ODE_TESTS_CLI_TRAINING_H
#define ODE_TESTS_CLI_TRAINING_H

#include <jansson.h>

/* A place for runs, all of whose folders lie beside each other. */
struct training {
    char dir[128], cache[160];
};

void training_open(struct training *training);

/* A ladder of three levels: 8x8, then 16x16, then twice the blocks. To be released. */
json_t *training_spec(void);

/* Sets the member at a JSON pointer, whose parent must be there; takes value. */
void training_set(json_t *spec, const char *pointer, json_t *value);

/* Trains the spec in DIR/name, with up to three further words (NULL ends them); returns
 * the exit code. What it said is in command_complaint. */
int training_run(const struct training *training, const json_t *spec, const char *name,
                 const char *first, const char *second, const char *third);

/* The same with the cache, which must succeed; returns the last level that was there, or
 * -1. */
int training_cached(const struct training *training, const json_t *spec,
                    const char *name);

/* A path below a run's folder; static, one at a time. */
const char *training_path(const struct training *training, const char *name,
                          const char *below);

/* The SHA-256 of the run's model; static, the last four stay. */
const char *training_model(const struct training *training, const char *name);

/* The n-th record of this type in the run's journal, from 0, or NULL; to be released. */
json_t *training_record(const struct training *training, const char *name,
                        const char *type, int n);

#endif
