/* follow.c - a stream of events that outlives its connections. */
#include "client/follow.h"

#include <stdio.h>
#include <string.h>

#define QUIET_S 45 /* three of the daemon's heartbeats */

void
follow_init(struct follow *f, struct ctl *ctl, const char *path, long long last,
            void (*tell)(void *context, const json_t *event), void *context)
{
    *f = (struct follow){
        .ctl = ctl, .path = path, .last = last, .tell = tell, .context = context
    };
}

void
follow_release(struct follow *f)
{
    if (f->stream)
        wire_drop(f->ctl->wire, f->stream);
    f->stream = NULL;
    lines_release(&f->lines);
}

/* --- what comes ----------------------------------------------------------------------
 */

/* A line: an event, the end, or an empty one, which only says that the daemon lives. */
static void
line_take(void *context, char *line)
{
    struct follow *f = context;
    json_t *event = json_loads(line, 0, NULL), *id = json_object_get(event, "id");
    const char *kind = json_string_value(json_object_get(event, "kind"));

    f->failures = 0;
    if (kind && strcmp(kind, "end") == 0)
        f->ended = true;
    else if (json_is_integer(id) && json_integer_value(id) <= f->last)
        kind = NULL; /* seen before */
    else if (json_is_integer(id))
        f->last = json_integer_value(id);
    if (kind)
        f->tell(f->context, event);
    json_decref(event);
}

static bool
bytes_take(void *context, const char *data, size_t n)
{
    struct follow *f = context;

    return lines_feed(&f->lines, data, n, line_take, f);
}

/* --- connections ---------------------------------------------------------------------
 */

static int
stream_begin(struct follow *f)
{
    char seen[60];

    snprintf(seen, sizeof seen, "Last-Event-ID: %lld", f->last);
    f->stream = wire_begin(f->ctl->wire, &(struct wire_request){
                                             .method = "GET",
                                             .path = f->path,
                                             .header = {"Accept: application/x-ndjson",
                                                        f->last >= 0 ? seen : NULL},
                                             .quiet_s = QUIET_S,
                                             .sink = bytes_take,
                                             .context = f
    });
    if (f->stream)
        return CTL_OK;
    ctl_say("out of memory");
    return CTL_ERROR;
}

/* The connection has ended, and the stream has not: when to ask again, or why not. */
static int
stream_lost(struct follow *f)
{
    const struct wire_answer *answer = wire_answer_of(f->stream);
    const bool over = answer->end == WIRE_ANSWERED && answer->status / 100 == 2;
    const int64_t now = ctl_now_ms();
    int code = CTL_OK, pause;

    lines_release(&f->lines); /* half an event will come again, whole */
    if (f->failures == 0)
        f->failing_ms = now;
    pause = call_pause_ms(f->failures++, answer->retry_after_s, call_random());
    f->again_ms = now + pause;
    if (!over
        && (!call_again(answer, true)
            || f->again_ms > f->failing_ms + f->ctl->patience_s * 1000))
        code = call_complain(f->ctl, answer);
    else if (f->failures == 1)
        ctl_say("the daemon's events broke off; trying again");
    wire_drop(f->ctl->wire, f->stream);
    f->stream = NULL;
    return code;
}

int
follow_pump(struct follow *f, int ms)
{
    const int64_t now = ctl_now_ms();
    int code = CTL_OK;

    if (f->ended)
        return call_sleep(f->ctl, ms);
    if (!f->stream && now >= f->again_ms)
        code = stream_begin(f);
    if (code != CTL_OK)
        return code;
    if (!f->stream && f->again_ms - now < ms)
        ms = (int)(f->again_ms - now);
    if (!f->stream || !wire_ended(f->stream))
        wire_pump(f->ctl->wire, ms);
    if (wire_interrupted(f->ctl->wire))
        return CTL_INTERRUPTED;
    if (f->ended || !f->stream || !wire_ended(f->stream))
        return CTL_OK;
    return stream_lost(f);
}
