/* journal.c - the worker's append-only record file. */
#include "cli/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/file.h"

enum { JOURNAL_MOST = 1 << 30 };

/* Counts what a journal holds; *length is where its last whole line ends. */
static void
journal_scan(struct journal *j, char *text, size_t size, size_t *length)
{
    size_t at = 0;

    for (;;) {
        char *end = memchr(text + at, '\n', size - at);
        json_t *record;

        if (!end)
            break;
        record = json_loadb(text + at, (size_t)(end - text) - at, 0, NULL);
        if (record) {
            const json_t *seq = json_object_get(record, "seq");
            const char *type = json_string_value(json_object_get(record, "type"));

            j->seq = json_is_integer(seq) ? json_integer_value(seq) : j->seq;
            j->attempt += type && strcmp(type, "hello") == 0;
            json_decref(record);
        }
        at = (size_t)(end - text) + 1;
    }
    *length = at;
}

/* Reads what is there, cuts the torn tail off and goes to the end. */
static enum ode_status
journal_continue(struct journal *j, bool fresh, struct ode_err *err)
{
    size_t size, length;
    void *text;

    ODE_TRY(ode_file_read(j->path, JOURNAL_MOST, &text, &size, err));
    journal_scan(j, text, size, &length);
    free(text);
    if (fresh && length > 0)
        return ode_fail(err, ODE_EEXIST, j->path,
                        "the folder holds a run already; go on with --resume, or choose "
                        "another --run-dir");
    if (ftruncate(j->fd, (off_t)length) != 0 || lseek(j->fd, 0, SEEK_END) < 0)
        return ode_fail_errno(err, ODE_EIO, j->path, "the journal cannot be continued");
    return ODE_OK;
}

enum ode_status
journal_open(struct journal *out, const char *dir, bool fresh, struct ode_err *err)
{
    struct journal j = { .attempt = 1 };
    enum ode_status status;

    if (snprintf(j.path, sizeof j.path, "%s/journal.ndjson", dir) >= (int)sizeof j.path)
        return ode_fail(err, ODE_EARG, NULL, "the path of the run folder is too long");
    j.fd = open(j.path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (j.fd < 0)
        return ode_fail_errno(err, ODE_EIO, j.path, "the journal cannot be opened");
    status = journal_continue(&j, fresh, err);
    if (status != ODE_OK) {
        close(j.fd);
        return status;
    }
    *out = j;
    return ODE_OK;
}

void
journal_close(struct journal *j)
{
    close(j->fd);
    j->fd = -1;
}

/* RFC 3339 with milliseconds, UTC. */
static void
stamp(char text[32])
{
    struct timespec now;
    struct tm utc;
    char seconds[24];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, 32, "%s.%03dZ", seconds, (int)(now.tv_nsec / 1000000));
}

/* A line is written whole or, where the disk is full, not at all. */
static enum ode_status
line_write(struct journal *j, const char *line, size_t n, struct ode_err *err)
{
    const off_t before = lseek(j->fd, 0, SEEK_END);
    ssize_t done;

    do
        done = write(j->fd, line, n);
    while (done < 0 && errno == EINTR);
    if (done == (ssize_t)n)
        return ODE_OK;
    if (done >= 0)
        errno = ENOSPC;
    ode_fail_errno(err, ODE_EIO, j->path, "a record could not be written");
    if (done > 0 && ftruncate(j->fd, before) != 0)
        return ODE_EIO; /* the torn line is cut off by the next attempt */
    return ODE_EIO;
}

enum ode_status
journal_write(struct journal *j, const char *type, json_t *members, struct ode_err *err)
{
    char at[32], *text = NULL;
    json_t *record;
    enum ode_status status;
    size_t n;

    stamp(at);
    record = json_pack("{s:s, s:I, s:s}", "type", type, "seq", (json_int_t)(j->seq + 1),
                       "at", at);
    if (record && members && json_object_update(record, members) == 0)
        text = json_dumps(record, JSON_COMPACT);
    json_decref(record);
    json_decref(members);
    if (!text)
        return ode_fail(err, ODE_ENOMEM, j->path, "no memory for a %s record", type);
    n = strlen(text);
    text[n++] = '\n'; /* over the zero byte */
    status = line_write(j, text, n, err);
    free(text);
    if (status == ODE_OK)
        j->seq++;
    return status;
}

enum ode_status
journal_sync(struct journal *j, struct ode_err *err)
{
    if (fdatasync(j->fd) != 0)
        return ode_fail_errno(err, ODE_EIO, j->path, "the journal could not be synced");
    return ODE_OK;
}
