/* prefix.c - the last checkpoints of levels, for runs that begin alike. */
#include "cli/prefix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/numbers.h"
#include "core/base/file.h"

enum {
    PATH_BYTES = 2 * CHECKPOINT_PATH,
    ABANDONED_S = 3600,     /* a copy that is older has lost its writer */
    COPY_MOST_MIB = 1 << 20 /* of a file that cannot be linked          */
};

static const char suffix[] = ".safetensors";

static void
warn(const struct prefix *p, const char *what, const struct ode_err *why)
{
    char text[500];

    snprintf(text, sizeof text, "%s: %s: %s", what, why->at, why->text);
    p->warn(p->context, text);
}

/* --- keys ------------------------------------------------------------------------ */

enum ode_status
prefix_key(const struct prefix *p, int level, char key[ODE_HASH_HEX], struct ode_err *err)
{
    json_t *warm = p->origin->warm[0] ? json_string(p->origin->warm) : json_null();
    json_t *all =
        json_pack("{s:s, s:o, s:I, s:I, s:o}", "engine", p->engine, "warm_start", warm,
                  "train_examples", (json_int_t)p->plan->train_n, "test_examples",
                  (json_int_t)p->plan->test_n, "numbers", numbers_spec(p->recipe, level));
    char *text = all ? json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    json_decref(all);
    if (!text)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for a key of the cache");
    ode_hash_bytes(text, strlen(text), key);
    free(text);
    return ODE_OK;
}

/* false: the path is too long, or memory short. */
static bool
entry_path(const struct prefix *p, int level, char key[ODE_HASH_HEX],
           char path[CHECKPOINT_PATH])
{
    return prefix_key(p, level, key, NULL) == ODE_OK
           && snprintf(path, CHECKPOINT_PATH, "%s/%s%s", p->dir, key, suffix)
                  < CHECKPOINT_PATH;
}

static int64_t
last_step(const struct ode_plan *plan, int level)
{
    return plan->levels[level].first_step + plan->levels[level].steps;
}

/* --- files ----------------------------------------------------------------------- */

/* A copy that is there whole or not at all, whoever else makes the same one. */
static enum ode_status
file_copy(const char *from, const char *to, struct ode_err *err)
{
    char temporary[PATH_BYTES];
    const char *slash = strrchr(to, '/');
    struct timespec now;
    enum ode_status status;
    void *data;
    size_t size;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(temporary, sizeof temporary, "%.*s.copy-%d-%lld-%ld",
             slash ? (int)(slash - to) + 1 : 0, to, (int)getpid(), (long long)now.tv_sec,
             now.tv_nsec);
    ODE_TRY(ode_file_read(from, (size_t)COPY_MOST_MIB << 20, &data, &size, err));
    status = ode_file_write_atomic(temporary, &(struct iovec){ data, size }, 1, err);
    free(data);
    if (status == ODE_OK && rename(temporary, to) != 0) {
        status = ode_fail_errno(err, ODE_EIO, to, "the copy cannot be renamed");
        unlink(temporary);
    }
    return status;
}

/* One more name for the file, or a copy where that cannot be. A file that is there is
 * replaced. */
static enum ode_status
file_share(const char *from, const char *to, struct ode_err *err)
{
    if (link(from, to) == 0)
        return ODE_OK;
    if (errno == EEXIST && unlink(to) == 0 && link(from, to) == 0)
        return ODE_OK;
    if (errno == ENOENT)
        return ode_fail_errno(err, ODE_ENOENT, from, "it cannot be linked");
    return file_copy(from, to, err);
}

/* It was used just now. */
static void
touch(const char *path)
{
    utimensat(AT_FDCWD, path, NULL, 0);
}

/* --- finding --------------------------------------------------------------------- */

static enum ode_status
foreign(const struct weights *w, struct ode_err *err)
{
    return ode_fail(err, ODE_EFORMAT, w->file.path,
                    "it is not the checkpoint that its name says");
}

/* Whether the checkpoint is the one that the key stands for. */
static enum ode_status
entry_check(const struct prefix *p, int level, const struct weights *w,
            struct prefix_level *out, struct ode_err *err)
{
    struct prefix_level l = { .known = true };
    struct checkpoint_origin origin;
    int64_t steps;

    ODE_TRY(checkpoint_origin(w, &origin, err));
    ODE_TRY(weights_integer(w, "step", &l.step, err));
    ODE_TRY(weights_integer(w, "level_step", &steps, err));
    ODE_TRY(weights_real(w, "time", &l.time, err));
    ODE_TRY(weights_real(w, "test_loss", &l.test.loss, err));
    ODE_TRY(weights_real(w, "test_accuracy", &l.test.accuracy, err));
    if (w->level != level || l.step != last_step(p->plan, level)
        || steps != p->plan->levels[level].steps || strcmp(origin.engine, p->engine) != 0
        || strcmp(origin.warm, p->origin->warm) != 0
        || !numbers_same(p->recipe, &w->recipe, level))
        return foreign(w, err);
    snprintf(l.path, sizeof l.path, "%s", w->file.path);
    *out = l;
    return ODE_OK;
}

/* Opens what is there for a level. What is no good is removed. */
static bool
entry_open(const struct prefix *p, int level, char key[ODE_HASH_HEX],
           struct prefix_level *out, struct weights *w)
{
    char path[CHECKPOINT_PATH];
    enum ode_status status;
    struct ode_err why;

    if (!entry_path(p, level, key, path) || access(path, F_OK) != 0)
        return false;
    status = checkpoint_open(path, w, &why);
    if (status == ODE_OK) {
        status = entry_check(p, level, w, out, &why);
        if (status != ODE_OK)
            weights_close(w);
    }
    if (status == ODE_OK) {
        touch(path);
        return true;
    }
    if (status == ODE_ENOENT) /* another worker was faster to remove it */
        return false;
    if (status != ODE_ENOMEM && status != ODE_EIO && unlink(path) == 0)
        warn(p, "removed from the cache", &why);
    else
        warn(p, "passed over in the cache", &why);
    return false;
}

void
prefix_find(const struct prefix *p, struct prefix_hit *hit, struct weights *weights)
{
    *hit = (struct prefix_hit){ .level = -1 };
    if (!p->dir)
        return;
    for (int k = (int)p->plan->levels_n - 1; k >= 0; k--) {
        char key[ODE_HASH_HEX];
        struct weights w = { 0 };

        if (!entry_open(p, k, key, &hit->levels[k], &w))
            continue;
        if (hit->level >= 0) {
            weights_close(&w);
            continue;
        }
        hit->level = k;
        memcpy(hit->key, key, sizeof key);
        *weights = w;
    }
}

enum ode_status
prefix_take(const struct prefix_hit *hit, int level, const char *dir,
            char name[CHECKPOINT_NAME], size_t *bytes, struct ode_err *err)
{
    const struct prefix_level *l = &hit->levels[level];
    char path[PATH_BYTES];
    struct stat st;

    checkpoint_name(level, l->step, true, name);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    ODE_TRY(file_share(l->path, path, err));
    *bytes = stat(path, &st) == 0 ? (size_t)st.st_size : 0;
    return ODE_OK;
}

/* --- keeping --------------------------------------------------------------------- */

struct entry {
    char name[ODE_HASH_HEX + sizeof suffix];
    struct timespec used;
    int64_t bytes;
};

static bool
is_entry(const char *name)
{
    return strlen(name) == ODE_HASH_HEX - 1 + sizeof suffix - 1
           && strspn(name, "0123456789abcdef") == ODE_HASH_HEX - 1
           && strcmp(name + ODE_HASH_HEX - 1, suffix) == 0;
}

static int
by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct entry *)a)->used,
                          *y = &((const struct entry *)b)->used;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Removes a copy that a worker was killed over. */
static void
sweep(const char *path, const char *name)
{
    struct stat st;

    if (strncmp(name, ".copy-", 6) == 0 && stat(path, &st) == 0
        && time(NULL) - st.st_mtime > ABANDONED_S)
        unlink(path);
}

/* What the folder holds, in no order; *list is the caller's to free(). */
static size_t
entries_read(const struct prefix *p, struct entry **list)
{
    DIR *dir = opendir(p->dir);
    struct dirent *one;
    size_t n = 0, room = 0;

    *list = NULL;
    while (dir && (one = readdir(dir))) {
        char path[PATH_BYTES];
        struct stat st;

        snprintf(path, sizeof path, "%s/%s", p->dir, one->d_name);
        if (!is_entry(one->d_name)) {
            sweep(path, one->d_name);
            continue;
        }
        if (stat(path, &st) != 0)
            continue;
        if (n == room) {
            struct entry *more = realloc(*list, (room = 2 * room + 16) * sizeof *more);

            if (!more)
                break;
            *list = more;
        }
        (*list)[n] = (struct entry){ .used = st.st_mtim, .bytes = st.st_size };
        snprintf((*list)[n++].name, sizeof(*list)->name, "%s", one->d_name);
    }
    if (dir)
        closedir(dir);
    return n;
}

/* Keeps the folder within its bounds. */
static void
trim(const struct prefix *p)
{
    struct entry *list;
    const size_t n = entries_read(p, &list);
    int64_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += list[i].bytes;
    if (n > 0)
        qsort(list, n, sizeof *list, by_use);
    for (size_t i = 0; i < n && p->most_bytes && bytes > p->most_bytes; i++) {
        char path[PATH_BYTES];

        snprintf(path, sizeof path, "%s/%s", p->dir, list[i].name);
        unlink(path);
        bytes -= list[i].bytes;
    }
    free(list);
}

/* A level that has had all of its steps, after levels that had all of theirs, in the
 * hands of one engine. */
static bool
is_pure(const struct prefix *p, const struct ode_state *s)
{
    return s->level_step == p->plan->levels[s->at.level].steps
           && s->at.step == last_step(p->plan, s->at.level)
           && strcmp(p->origin->engine, p->engine) == 0;
}

void
prefix_put(const struct prefix *p, const struct ode_state *state, const char *dir,
           const char *name)
{
    char from[PATH_BYTES], to[CHECKPOINT_PATH], key[ODE_HASH_HEX];
    enum ode_status status = ODE_OK;
    struct ode_err why = { 0 };

    if (!p->dir || !is_pure(p, state) || !entry_path(p, state->at.level, key, to))
        return;
    snprintf(from, sizeof from, "%s/%s", dir, name);
    if (mkdir(p->dir, 0777) != 0 && errno != EEXIST)
        status = ode_fail_errno(&why, ODE_EIO, p->dir, "the folder cannot be made");
    else if (access(to, F_OK) != 0)
        status = file_share(from, to, &why);
    if (status != ODE_OK) {
        warn(p, "the cache does not keep this level", &why);
        return;
    }
    touch(to);
    trim(p);
}
