/* log.h - the end of a file. */
#ifndef ODE_API_LOG_H
#define ODE_API_LOG_H

#include <microhttpd.h>
#include <stdbool.h>
#include <sys/types.h>

/* *offset becomes where the last `lines` lines (1 or more) of the first `bytes` bytes of
 * a file begin; the last line may lack its newline. Reads backwards, no more than it
 * needs. False with errno where that fails. */
bool log_tail(int fd, off_t bytes, int lines, off_t *offset);

#define LOG_TYPE "text/plain; charset=utf-8"

struct request;

/* follow.c: answers with the log as it grows, from the last lines on; 0: all of it. */
enum MHD_Result log_follow(struct request *r, int tail);

#endif
