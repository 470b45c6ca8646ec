/* watch.h - whether a file has become another one. */
#ifndef ODE_API_WATCH_H
#define ODE_API_WATCH_H

#include <stdbool.h>
#include <sys/stat.h>

struct watch {
    const char *path; /* borrowed; NULL: no file */
    dev_t device;
    ino_t number;
    off_t size;
    struct timespec changed;
};

/* Whether the file at the path is another one than at the last call, or was written. A
 * file that is not there has not changed: it is perhaps being replaced. */
bool watch_changed(struct watch *watch);

#endif
