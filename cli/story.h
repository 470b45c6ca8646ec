/*
 * story.h - what the journal of a run tells of its test accuracy, time and work.
 */
#ifndef ODE_CLI_STORY_H
#define ODE_CLI_STORY_H

#include "schema/compare.h"

struct story {
    struct compare_run run; /* its curve and set are the story's own */
    char set[32];
    struct ode_curve_point *point;
    size_t room;
};

/*
 * Reads DIR/journal.ndjson; dir is borrowed as the run's name. Of a record that a resumed
 * worker wrote again the first one counts. A last line without its newline is not there
 * yet. ODE_EARG for a name that is too long or not UTF-8; ODE_ENOENT without a journal;
 * ODE_EFORMAT with "journal:LINE" for a line that is broken; ODE_EDATA where no test
 * accuracy was recorded.
 */
enum ode_status story_read(struct story *story, const char *dir, struct ode_err *err);
void story_release(struct story *story); /* safe on zeros and twice */

#endif
