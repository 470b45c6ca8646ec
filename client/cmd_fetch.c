/* cmd_fetch.c - odenetctl fetch: a run's files, each whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/call.h"
#include "client/names.h"
#include "client/words.h"
#include "core/base/hash.h"

enum { PATH = 4096 };

static const struct ctl_usage usage = {
    "fetch RUN [NAME...] [-o DIR|FILE]",
    "Writes files of a run: model.safetensors, metrics.csv, spec.json, all of them that\n"
    "there are where none is named; or junit.xml. A file is there when it is complete,\n"
    "and not before; the model of a run that succeeded is compared with its checksum.\n"
    "Prints the paths.\n"
};

/* A file that grows beside the one that it will be. */
struct part {
    char path[PATH], temporary[PATH + 8];
    int fd;
    int error; /* errno of what failed: nothing more is taken */
};

/* --- one file ------------------------------------------------------------------------
 */

static bool
part_take(void *context, const char *data, size_t n)
{
    struct part *part = context;
    ssize_t wrote;

    if (part->error)
        return false;
    for (; n > 0; data += wrote, n -= (size_t)wrote) {
        wrote = write(part->fd, data, n);
        if (wrote < 0 && errno == EINTR)
            wrote = 0;
        if (wrote < 0) {
            part->error = errno;
            ctl_say("%s: %s", part->temporary, strerror(errno));
            return false;
        }
    }
    return true;
}

static void
part_again(void *context)
{
    struct part *part = context;

    if (ftruncate(part->fd, 0) == 0 && lseek(part->fd, 0, SEEK_SET) == 0)
        return;
    part->error = errno;
    ctl_say("%s: %s", part->temporary, strerror(part->error));
}

static int
part_open(struct part *part, const char *path)
{
    const mode_t mask = umask(0);

    umask(mask);
    snprintf(part->path, sizeof part->path, "%s", path);
    snprintf(part->temporary, sizeof part->temporary, "%s.XXXXXX", path);
    part->error = 0;
    part->fd = mkstemp(part->temporary);
    if (part->fd < 0) {
        ctl_say("%s: %s", path, strerror(errno));
        return CTL_ERROR;
    }
    fchmod(part->fd, 0666 & ~mask);
    return CTL_OK;
}

/* The model is the one that the run's document names; others have no checksum. */
static int
part_check(const struct part *part, const char *sha256)
{
    char hex[ODE_HASH_HEX];
    struct ode_err err = { 0 };

    if (!sha256)
        return CTL_OK;
    if (ode_hash_file(part->temporary, hex, &err) != ODE_OK) {
        ctl_say("%s: %s", err.at, err.text);
        return CTL_ERROR;
    }
    if (strcmp(hex, sha256) == 0)
        return CTL_OK;
    ctl_say(
        "%s: what came has the checksum %.12s..., the run's model has %.12s...; it is "
        "not kept",
        part->path, hex, sha256);
    return CTL_ERROR;
}

/* Makes the file what it was to be, or leaves nothing of it. */
static int
part_close(struct part *part, int code)
{
    if (code == CTL_OK
        && (fsync(part->fd) != 0 || rename(part->temporary, part->path) != 0)) {
        ctl_say("%s: %s", part->path, strerror(errno));
        code = CTL_ERROR;
    }
    if (code != CTL_OK)
        unlink(part->temporary);
    close(part->fd);
    return code;
}

static int
fetch_one(struct ctl *ctl, const char *id, const char *name, const char *path,
          const char *sha256)
{
    struct wire_answer answer;
    struct part part;
    char from[256];
    int code = part_open(&part, path);

    if (code != CTL_OK)
        return code;
    snprintf(from, sizeof from, "/v1/runs/%s/artifacts/%s", id, name);
    code = call(ctl,
                &(struct wire_request){
                    .method = "GET", .path = from, .sink = part_take, .context = &part },
                true, part_again, &answer);
    wire_answer_release(&answer);
    if (code == CTL_OK)
        code = part_check(&part, sha256);
    code = part_close(&part, code);
    if (code == CTL_OK)
        printf("%s\n", path);
    return code;
}

/* --- which files, and where ----------------------------------------------------------
 */

static bool
is_folder(const char *path)
{
    struct stat st;
    const size_t n = strlen(path);

    return (n > 0 && path[n - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

/* A name is a path's last part, and no way out of the folder. */
static bool
is_plain(const char *name)
{
    return *name && *name != '.' && strlen(name) < 100
           && strspn(name,
                     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                     "._-")
                  == strlen(name);
}

/* The names of all files of a run; the table of metrics is made when it is asked for, and
 * so not among its artifacts. */
static json_t *
names_of(const json_t *run)
{
    json_t *names = json_pack("[s]", "metrics.csv");
    const json_t *artifact;
    const char *name;
    size_t i;

    json_array_foreach (json_object_get(run, "artifacts"), i, artifact) {
        name = json_string_value(json_object_get(artifact, "name"));
        if (name && strcmp(name, "metrics.csv") != 0)
            json_array_append_new(names, json_string(name));
    }
    return names;
}

/* The checksum that the file must have, or NULL. */
static const char *
checksum_of(const json_t *run, const char *name)
{
    const char *state = json_string_value(json_object_get(run, "state"));

    if (strcmp(name, "model.safetensors") != 0 || !state
        || strcmp(state, "succeeded") != 0)
        return NULL;
    return json_string_value(json_object_get(run, "model_sha256"));
}

static int
fetch_all(struct ctl *ctl, const char *id, const json_t *run, const json_t *names,
          const char *to)
{
    const bool folder = !to || is_folder(to);
    const json_t *each;
    const char *name;
    char path[PATH];
    size_t i;
    int code;

    json_array_foreach (names, i, each) {
        name = json_string_value(each);
        if (!is_plain(name))
            return ctl_misused("\"%s\" is no file of a run", name);
        if (!folder)
            snprintf(path, sizeof path, "%s", to);
        else
            snprintf(path, sizeof path, "%s%s%s", to ? to : "",
                     !to || to[strlen(to) - 1] == '/' ? "" : "/", name);
        code = fetch_one(ctl, id, name, path, checksum_of(run, name));
        if (code != CTL_OK)
            return code;
    }
    return CTL_OK;
}

static int
fetch(struct ctl *ctl, const char *typed, int names_n, char **typed_names, const char *to)
{
    char id[NAMES_ID];
    json_t *run, *names;
    int code = names_find(ctl, typed, NAMES_RUN, id);

    if (code == CTL_OK)
        code = ctl_catch_signals(ctl); /* half a file goes away */
    if (code == CTL_OK)
        code = call_get(ctl, &run, "/v1/runs/%s", id);
    if (code != CTL_OK)
        return code;
    names = names_n > 0 ? json_array() : names_of(run);
    for (int i = 0; i < names_n; i++)
        json_array_append_new(names, json_string(typed_names[i]));
    code = fetch_all(ctl, id, run, names, to);
    json_decref(names);
    json_decref(run);
    return code;
}

int
cmd_fetch(struct ctl *ctl, int argc, char **argv)
{
    const char *to = NULL;
    const struct ctl_option own[] = {
        CTL_OPTION_TEXT("output", 'o', "PATH", "a folder, or of one file its path (.)",
                        &to),
        CTL_OPTION_END,
    };
    int first, code;

    if (!ctl_options(ctl, &usage, own, argc, argv, &first, &code))
        return code;
    if (first == argc)
        return ctl_misused("fetch from which run?");
    if (to && (!*to || strlen(to) > PATH - 128))
        return ctl_misused("-o wants a path");
    if (to && argc - first != 2 && !is_folder(to))
        return ctl_misused("%s is no folder; several files go into one", to);
    code = ctl_open(ctl);
    return code == CTL_OK
               ? fetch(ctl, argv[first], argc - first - 1, argv + first + 1, to)
               : code;
}
