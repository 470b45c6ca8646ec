/*
 * junit.h - a run as JUnit's XML, which CI systems show: a test case per level.
 */
#ifndef ODE_API_JUNIT_H
#define ODE_API_JUNIT_H

#include <jansson.h>
#include <stddef.h>

/*
 * run: as GET /v1/runs/{id} has it; levels: as its levels. A level passes when it is
 * done; it fails where its accuracy is below the spec's floor, or its transfer did not
 * pass its gate; it is an error where the run failed in it, and skipped where it never
 * came. The text is of malloc(), *n bytes; NULL: no memory.
 */
char *junit_text(const json_t *run, const json_t *levels, size_t *n);

#endif
