/* call.c - questions to the daemon, asked again where that makes sense. */
#include "client/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "client/words.h"

#define PAUSE_FIRST_MS   100
#define PAUSE_MOST_MS    5000
#define RETRY_AFTER_MOST 60

/* --- when to ask again ---------------------------------------------------------------
 */

int
call_pause_ms(int n, long retry_after_s, uint32_t random)
{
    const long asked = retry_after_s < 0                  ? 0
                       : retry_after_s > RETRY_AFTER_MOST ? RETRY_AFTER_MOST
                                                          : retry_after_s;
    int ms = n < 6 ? PAUSE_FIRST_MS << n : PAUSE_MOST_MS;

    ms = ms / 2 + (int)(random % (uint32_t)(ms / 2 + 1));
    return (int)asked * 1000 > ms ? (int)asked * 1000 : ms;
}

bool
call_again(const struct wire_answer *answer, bool repeatable)
{
    if (answer->end == WIRE_ANSWERED)
        return answer->status == 503 || answer->status == 429;
    return answer->end == WIRE_UNREACHABLE || (answer->end == WIRE_LOST && repeatable);
}

uint32_t
call_random(void)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint32_t)ctl_now_ms();
    return random;
}

int
call_sleep(struct ctl *ctl, int ms)
{
    const int64_t end = ctl_now_ms() + ms;
    int64_t now;

    while (!wire_interrupted(ctl->wire) && (now = ctl_now_ms()) < end) {
        if (ctl->deadline_ms && now >= ctl->deadline_ms)
            return CTL_TIMEOUT;
        wire_pump(ctl->wire, (int)(end - now));
    }
    return wire_interrupted(ctl->wire) ? CTL_INTERRUPTED : CTL_OK;
}

/* --- what went wrong -----------------------------------------------------------------
 */

static const char *
where(const struct ctl *ctl)
{
    return ctl->place.socket[0] ? ctl->place.socket : ctl->place.base;
}

static const char *
text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void
places_tell(const json_t *errors)
{
    const json_t *error;
    const char *at;
    char place[200], detail[400];
    size_t i;

    json_array_foreach (errors, i, error) {
        at = text_of(error, "pointer");
        if (!at)
            at = text_of(error, "parameter");
        ctl_say("  %s: %s", words_clean(at && *at ? at : "/", place, sizeof place),
                words_clean(text_of(error, "detail"), detail, sizeof detail));
    }
}

/* An answer that is no problem document, as one of a proxy, or a page of the library. */
static void
status_tell(const struct ctl *ctl, const struct wire_answer *answer)
{
    ctl_say("%s answered with status %ld, and does not say why", where(ctl),
            answer->status);
}

static void
problem_tell(const struct ctl *ctl, const struct wire_answer *answer, const json_t *doc)
{
    const char *title = text_of(doc, "title"), *detail = text_of(doc, "detail");
    const char *instance = text_of(doc, "instance");
    char first[200], more[500], request[60];

    if (!title) {
        status_tell(ctl, answer);
        return;
    }
    words_clean(title, first, sizeof first);
    if (detail)
        ctl_say("%s: %s", first, words_clean(detail, more, sizeof more));
    else
        ctl_say("%s", first);
    places_tell(json_object_get(doc, "errors"));
    if (answer->status >= 500 && instance)
        ctl_say("  the daemon's log has it as request %s",
                words_clean(instance, request, sizeof request));
    if (answer->status == 401 && !ctl->place.token[0])
        ctl_say("  name the file of your token with --token-file or $ODENET_TOKEN_FILE");
}

int
call_complain(const struct ctl *ctl, const struct wire_answer *answer)
{
    json_t *doc;

    switch (answer->end) {
    case WIRE_INTERRUPTED:
        return CTL_INTERRUPTED;
    case WIRE_LATE:
        return CTL_TIMEOUT;
    case WIRE_REFUSED:
        return CTL_ERROR; /* whoever refused has said why */
    case WIRE_UNREACHABLE:
        ctl_say("no connection to %s: %s; does odenetd run there?", where(ctl),
                answer->text);
        return CTL_UNREACHABLE;
    case WIRE_LOST:
    case WIRE_BROKEN:
        ctl_say("no answer from %s: %s", where(ctl), answer->text);
        return CTL_UNREACHABLE;
    case WIRE_ANSWERED:
        break;
    }
    doc = answer->body ? json_loadb(answer->body, answer->body_n, 0, NULL) : NULL;
    problem_tell(ctl, answer, doc);
    json_decref(doc);
    return answer->status == 400 || answer->status == 422 ? CTL_USAGE : CTL_ERROR;
}

/* --- asking --------------------------------------------------------------------------
 */

/* missing: so is that there is nothing. */
static bool
is_good(const struct wire_answer *answer, bool missing)
{
    return answer->end == WIRE_ANSWERED
           && (answer->status < 400 || (missing && answer->status == 404));
}

/* Once for each time of trouble, that it will be tried again. */
static void
trouble_tell(const struct ctl *ctl, const struct wire_answer *answer, long patience_s)
{
    char span[WORDS_SPAN];

    words_span((double)patience_s, span);
    if (answer->end == WIRE_ANSWERED)
        ctl_say("%s is busy (status %ld); trying for %s", where(ctl), answer->status,
                span);
    else
        ctl_say("no connection to %s: %s; trying for %s", where(ctl), answer->text, span);
}

/* call(), with what is_good() has to know. */
static int
ask(struct ctl *ctl, const struct wire_request *request, bool missing, bool repeatable,
    void (*again)(void *context), struct wire_answer *answer)
{
    const long patience_s = ctl->patience_s >= 0 ? ctl->patience_s : CTL_PATIENCE_S;
    int64_t give_up_ms = 0;
    int code, pause;

    for (int n = 0;; n++) {
        wire_ask(ctl->wire, request, ctl->deadline_ms, answer);
        if (is_good(answer, missing))
            return CTL_OK;
        pause = call_pause_ms(n, answer->retry_after_s, call_random());
        if (n == 0)
            give_up_ms = ctl_now_ms() + patience_s * 1000;
        if (!call_again(answer, repeatable) || ctl_now_ms() + pause > give_up_ms)
            return call_complain(ctl, answer);
        if (n == 0)
            trouble_tell(ctl, answer, patience_s);
        wire_answer_release(answer);
        code = call_sleep(ctl, pause);
        if (code != CTL_OK)
            return code;
        if (again)
            again(request->context);
    }
}

int
call(struct ctl *ctl, const struct wire_request *request, bool repeatable,
     void (*again)(void *context), struct wire_answer *answer)
{
    return ask(ctl, request, false, repeatable, again, answer);
}

int
call_json(const struct ctl *ctl, const struct wire_answer *answer, json_t **doc)
{
    json_error_t error;

    *doc = answer->body ? json_loadb(answer->body, answer->body_n, 0, &error) : NULL;
    if (*doc)
        return CTL_OK;
    ctl_say("%s answered with something that is not JSON; is it an odenetd?", where(ctl));
    return CTL_ERROR;
}

static int get(struct ctl *ctl, bool missing, json_t **doc, const char *path,
               va_list args) __attribute__((format(printf, 4, 0)));

static int
get(struct ctl *ctl, bool missing, json_t **doc, const char *path, va_list args)
{
    struct wire_answer answer;
    char text[1024];
    int code;

    vsnprintf(text, sizeof text, path, args);
    *doc = NULL;
    code = ask(ctl, &(struct wire_request){ .method = "GET", .path = text }, missing,
               true, NULL, &answer);
    if (code == CTL_OK && answer.status != 404)
        code = call_json(ctl, &answer, doc);
    wire_answer_release(&answer);
    return code;
}

int
call_get(struct ctl *ctl, json_t **doc, const char *path, ...)
{
    va_list args;
    int code;

    va_start(args, path);
    code = get(ctl, false, doc, path, args);
    va_end(args);
    return code;
}

int
call_find(struct ctl *ctl, json_t **doc, const char *path, ...)
{
    va_list args;
    int code;

    va_start(args, path);
    code = get(ctl, true, doc, path, args);
    va_end(args);
    return code;
}
