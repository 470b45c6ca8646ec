/* watch.c - files that are looked at now and then. */
#include "api/watch.h"

#include <stddef.h>

bool
watch_changed(struct watch *watch)
{
    struct watch now = { .path = watch->path };
    struct stat st;
    bool same;

    if (!watch->path || stat(watch->path, &st) != 0)
        return false;
    now.device = st.st_dev;
    now.number = st.st_ino;
    now.size = st.st_size;
    now.changed = st.st_mtim;
    same = now.device == watch->device && now.number == watch->number
           && now.size == watch->size && now.changed.tv_sec == watch->changed.tv_sec
           && now.changed.tv_nsec == watch->changed.tv_nsec;
    *watch = now;
    return !same;
}
