/* ingest.c - from the bytes of a journal to complete lines, exactly once. */
#include "daemon/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/record.h"

enum { HEAD_BYTES = 256 };

struct batch {
    struct ingest *ingest;
    struct run run;
    int fd;
    const char *path;
    char *bytes; /* INGEST_LINE_BYTES */
    size_t n;
    uint64_t lines; /* that were stored */
};

static uint64_t
fingerprint(const char *bytes, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
    return hash;
}

/* Of the journal's first line, or as much of it as counts; false if it is not there yet.
 */
static bool
read_head(int fd, char head[32])
{
    char bytes[HEAD_BYTES];
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    const char *newline = n > 0 ? memchr(bytes, '\n', (size_t)n) : NULL;

    if (!newline && n < HEAD_BYTES)
        return false;
    snprintf(head, 32, "%016" PRIx64,
             fingerprint(bytes, newline ? (size_t)(newline - bytes) : sizeof bytes));
    return true;
}

/* Whether the file still begins with all that was read of it. */
static bool
continues(const struct batch *batch, int64_t size)
{
    const struct run *run = &batch->run;
    char head[32], last;

    if (run->journal_offset == 0)
        return true;
    if (size < run->journal_offset || !read_head(batch->fd, head)
        || strcmp(head, run->journal_head) != 0)
        return false;
    return run->journal_skip
           || (pread(batch->fd, &last, 1, run->journal_offset - 1) == 1 && last == '\n');
}

static enum ode_status
warn(struct batch *batch, int64_t offset, const char *text, const char *line, size_t n,
     struct ode_err *err)
{
    char source[64], event[320];

    snprintf(source, sizeof source, "%" PRId64 ":%016" PRIx64, offset,
             fingerprint(line, n));
    snprintf(event, sizeof event, "journal.ndjson:%" PRId64 ": %s", offset, text);
    log_event(batch->ingest->log, LOG_WARN, "ingest", "malformed",
              log_text("run", batch->run.id), log_int("offset", offset),
              log_text("text", text));
    return run_event(batch->ingest->store, batch->run.number, store_now_ms(), "warning",
                     event, source, err);
}

static enum ode_status
start_over(struct batch *batch, int64_t size, struct ode_err *err)
{
    char text[160];

    snprintf(text, sizeof text,
             "the journal was cut or replaced (%" PRId64
             " bytes were read, it has %" PRId64 "); it is read again from its beginning",
             batch->run.journal_offset, size);
    ODE_TRY(warn(batch, batch->run.journal_offset, text, batch->run.journal_head,
                 strlen(batch->run.journal_head), err));
    batch->run.journal_offset = 0;
    batch->run.journal_skip = 0;
    batch->run.journal_head[0] = '\0';
    return ODE_OK;
}

static enum ode_status
store_line(struct batch *batch, const char *line, size_t n, struct ode_err *err)
{
    struct ode_err why;
    enum ode_status status =
        record_store(batch->ingest->queue, &batch->run, line, n, &why);

    if (status == ODE_EFORMAT)
        return warn(batch, batch->run.journal_offset, why.text, line, n, err);
    if (status != ODE_OK && err)
        *err = why;
    return status;
}

/* A line that fills the buffer and goes on: its end is looked for, and nothing else. */
static enum ode_status
skip_overlong(struct batch *batch, struct ode_err *err)
{
    if (!batch->run.journal_skip)
        ODE_TRY(warn(batch, batch->run.journal_offset,
                     "a line of more than 65536 bytes was skipped", batch->bytes, 64,
                     err));
    batch->run.journal_skip = 1;
    batch->run.journal_offset += (int64_t)batch->n;
    return ODE_OK;
}

static enum ode_status
store_lines(struct batch *batch, struct ode_err *err)
{
    const char *at = batch->bytes, *end = batch->bytes + batch->n, *newline;

    for (; (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1) {
        if (!batch->run.journal_skip)
            ODE_TRY(store_line(batch, at, (size_t)(newline - at), err));
        batch->lines += !batch->run.journal_skip;
        batch->run.journal_skip = 0;
        batch->run.journal_offset += newline + 1 - at;
    }
    if (at == batch->bytes && batch->n == INGEST_LINE_BYTES)
        return skip_overlong(batch, err);
    return ODE_OK;
}

static enum ode_status
read_bytes(struct batch *batch, struct ode_err *err)
{
    ssize_t n;

    do
        n = pread(batch->fd, batch->bytes, INGEST_LINE_BYTES, batch->run.journal_offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return ode_fail_errno(err, ODE_EIO, batch->path, "cannot read the journal");
    batch->n = (size_t)n;
    return ODE_OK;
}

/* Within the transaction. */
static enum ode_status
store_batch(struct batch *batch, struct ode_err *err)
{
    struct run *run = &batch->run;
    struct stat st;

    ODE_TRY(run_reload(batch->ingest->store, run, err));
    if (fstat(batch->fd, &st) != 0)
        return ode_fail_errno(err, ODE_EIO, batch->path, "cannot look at the journal");
    if (!continues(batch, st.st_size))
        ODE_TRY(start_over(batch, st.st_size, err));
    ODE_TRY(read_bytes(batch, err));
    ODE_TRY(store_lines(batch, err));
    if (!run->journal_head[0] && run->journal_offset > 0)
        read_head(batch->fd, run->journal_head);
    return run_save(batch->ingest->store, run, err);
}

/* A cheap look before a transaction is begun for nothing. */
static enum ode_status
anything_new(struct batch *batch, bool *new, struct ode_err *err)
{
    struct stat st;

    ODE_TRY(run_reload(batch->ingest->store, &batch->run, err));
    if (fstat(batch->fd, &st) != 0)
        return ode_fail_errno(err, ODE_EIO, batch->path, "cannot look at the journal");
    *new = st.st_size != batch->run.journal_offset || !continues(batch, st.st_size);
    return ODE_OK;
}

static enum ode_status
transact(struct batch *batch, bool *more, struct ode_err *err)
{
    int64_t before;
    bool new = false;

    ODE_TRY(anything_new(batch, &new, err));
    before = batch->run.journal_offset;
    if (new) {
        ODE_TRY(store_begin(batch->ingest->store, err));
        ODE_TRY(store_end(batch->ingest->store, store_batch(batch, err), err));
        batch->ingest->records += batch->lines;
    }
    *more = new && batch->n == INGEST_LINE_BYTES && batch->run.journal_offset != before;
    return ODE_OK;
}

enum ode_status
ingest_batch(struct ingest *ingest, int64_t run, const char *journal, bool *more,
             struct ode_err *err)
{
    struct batch batch = { .ingest = ingest, .run = { .number = run }, .path = journal };
    enum ode_status status;

    *more = false;
    batch.fd = open(journal, O_RDONLY | O_CLOEXEC);
    if (batch.fd < 0 && errno == ENOENT)
        return ODE_OK;
    if (batch.fd < 0)
        return ode_fail_errno(err, ODE_EIO, journal, "cannot open the journal");
    batch.bytes = malloc(INGEST_LINE_BYTES);
    if (batch.bytes)
        status = transact(&batch, more, err);
    else
        status = ode_fail(err, ODE_ENOMEM, journal, "no memory to read the journal");
    free(batch.bytes);
    close(batch.fd);
    return status;
}
