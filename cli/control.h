/*
 * control.h - what is asked of a run while it trains: RUN/control.json.
 *
 *     {"hold": true, "advance": 2, "hold_at": 0}
 *
 * hold     the run stops at the end of the level it is in, with code 75, and does so
 *          again until this is false
 * hold_at  the number of a level, from 0: the run stops so at the end of that level, or
 *          of a later one if it is further already
 * advance  the number of a level, from 0, that is to end at its next step
 *
 * Whoever asks writes the file anew and renames it into place. It is looked at after
 * every step; only a file that has changed is read.
 */
#ifndef ODE_CLI_CONTROL_H
#define ODE_CLI_CONTROL_H

#include <stdbool.h>
#include <sys/stat.h>

struct control {
    char path[600];
    struct stat seen; /* of the file when it was read; zeros: there was none */
    bool hold;
    int advance, hold_at; /* -1: none */
};

/* Whether the run is to stop at the end of this level. */
bool control_holds(const struct control *control, int level);

void control_open(struct control *control, const char *run_dir);

/* Reads the file again if it has changed. A file that makes no sense asks for nothing;
 * *why (may be NULL) becomes what is wrong with it, once, and is NULL otherwise. */
void control_look(struct control *control, const char **why);

#endif
