/* log.c - /v1/runs/{id}/log: all of it, or the last lines. */
#include "api/log.h"

#include <string.h>
#include <unistd.h>

#include "api/request.h"

#define TAIL_MAX 100000
#define BLOCK    16384

bool
log_tail(int fd, off_t bytes, int lines, off_t *offset)
{
    char block[BLOCK];
    off_t end = bytes;

    while (end > 0) {
        size_t n = end < BLOCK ? (size_t)end : BLOCK;

        if (pread(fd, block, n, end - (off_t)n) != (ssize_t)n)
            return false;
        for (size_t i = n; i-- > 0;) {
            off_t at = end - (off_t)n + (off_t)i;

            /* the newline that ends the last line begins none */
            if (block[i] == '\n' && at != bytes - 1 && --lines == 0) {
                *offset = at + 1;
                return true;
            }
        }
        end -= (off_t)n;
    }
    *offset = 0;
    return true;
}

enum MHD_Result
run_log(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    const char *follow = NULL;
    int tail, fd = -1;
    size_t bytes = 0;
    off_t offset = 0;
    enum ode_status status;

    if (!query_int(&r->query, "tail", 0, 1, TAIL_MAX, &tail, &problem)
        || !query_choice(&r->query, "follow", "true,false", &follow, &problem))
        return reply_problem(r, &problem);
    if (follow && strcmp(follow, "true") == 0)
        return log_follow(r, tail);
    status = b->run_log(b->self, r->match.id, &fd, &bytes, &err);
    if (status != ODE_OK)
        return reply_failure(r, status, &err, NULL);
    if (tail > 0 && !log_tail(fd, (off_t)bytes, tail, &offset)) {
        close(fd);
        ode_fail_errno(&err, ODE_EIO, NULL, "the log cannot be read");
        return reply_failure(r, ODE_EIO, &err, NULL);
    }
    if (tail == 0)
        return reply_file_range(r, LOG_TYPE, fd, bytes, "no-store");
    return reply_file(r, LOG_TYPE, fd, offset, bytes - (size_t)offset, "no-store");
}
