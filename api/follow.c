/*
 * follow.c - a log as it grows, to the run's end.
 *
 * An answer without an end (as stream.c's): what is there, from the last lines on, and
 * what the worker writes, looked for twice a second. It ends when the run has ended and
 * all of its log was sent. A run that has no log yet is waited for.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/log.h"
#include "api/request.h"

#define BLOCK   16384
#define LOOK_MS 500

struct follow {
    struct request *r;
    int fd; /* -1: there is no log yet */
    off_t offset;
    bool ended; /* the run had, when that was last looked at */
};

/* Opens the log where it is there; its last lines, or all, are what is sent first. */
static void
follow_open(struct follow *f, int tail)
{
    const struct backend *b = f->r->server->backend;
    size_t bytes = 0;
    int fd;

    if (b->run_log(b->self, f->r->match.id, &fd, &bytes, NULL) != ODE_OK)
        return;
    f->fd = fd;
    if (tail > 0 && !log_tail(fd, (off_t)bytes, tail, &f->offset))
        f->offset = 0;
}

/* Whether nothing will be written any more; a run that was deleted counts. */
static bool
has_ended(const struct follow *f)
{
    const struct backend *b = f->r->server->backend;
    json_t *run = NULL;
    enum ode_status status = b->run_get(b->self, f->r->match.id, &run, NULL);
    bool ended = status == ODE_OK ? run_is_final(run) : status == ODE_ENOENT;

    json_decref(run);
    return ended;
}

/* What was written since; 0: nothing, or -1. */
static ssize_t
news_take(struct follow *f, char *to, size_t most)
{
    ssize_t n = 0;

    if (f->fd < 0)
        follow_open(f, 0);
    if (f->fd >= 0)
        n = pread(f->fd, to, most, f->offset);
    f->offset += n > 0 ? n : 0;
    return n;
}

static ssize_t
follow_read(void *context, uint64_t position, char *to, size_t most)
{
    struct follow *f = context;
    struct request *r = f->r;
    ssize_t n;

    (void)position;
    if (r->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    n = news_take(f, to, most);
    if (n == 0 && !f->ended && (f->ended = has_ended(f)))
        n = news_take(f, to, most); /* what it wrote at last, while it was asked for */
    if (n != 0)
        return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
    if (f->ended || r->server->closing)
        return MHD_CONTENT_READER_END_OF_STREAM;
    r->wait_until_ms = uv_now(r->server->loop) + LOOK_MS;
    request_suspend(r);
    return 0;
}

static void
follow_release(void *context)
{
    struct follow *f = context;

    if (f->fd >= 0)
        close(f->fd);
    free(f);
}

enum MHD_Result
log_follow(struct request *r, int tail)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    json_t *run = NULL;
    struct follow *f;
    enum ode_status status = b->run_get(b->self, r->match.id, &run, &err);

    json_decref(run);
    if (status != ODE_OK)
        return reply_failure(r, status, &err, NULL);
    if (wait_full(r, &problem))
        return reply_problem(r, &problem);
    f = malloc(sizeof *f);
    if (!f)
        return reply_failure(r, ODE_ENOMEM, NULL, NULL);
    *f = (struct follow){ .r = r, .fd = -1 };
    follow_open(f, tail);
    return reply_stream(r, LOG_TYPE, BLOCK, follow_read, f, follow_release);
}
