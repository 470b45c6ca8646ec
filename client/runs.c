/* runs.c - runs until they have ended. */
#include "client/runs.h"

#include <stdio.h>
#include <string.h>

#include "client/follow.h"
#include "client/progress.h"
#include "client/words.h"

#define ASK_S                                                                \
    20 /* a question of this length tells when the way to the daemon is dead \
        */
#define LIVE_MS 500  /* between two looks at a run, on a terminal */
#define PACE_MS 1000 /* elsewhere */
#define REST_MS 2000 /* for the events of a run that has ended */

int
runs_exit(const char *state)
{
    if (state && strcmp(state, "succeeded") == 0)
        return CTL_OK;
    return state && strcmp(state, "cancelled") == 0 ? CTL_CANCELLED : CTL_FAILED;
}

int
runs_worse(int a, int b)
{
    static const int order[] = { CTL_OK, CTL_CANCELLED, CTL_FAILED };

    for (size_t i = sizeof order / sizeof *order; i-- > 0;)
        if (a == order[i] || b == order[i])
            return order[i];
    return a;
}

static const char *
state_of(const json_t *run)
{
    return json_string_value(json_object_get(run, "state"));
}

/* Seconds to wait in one question: until the deadline, at most. */
static int
ask_s(const struct ctl *ctl)
{
    const int64_t left_ms = ctl->deadline_ms - ctl_now_ms();

    if (!ctl->deadline_ms || left_ms > ASK_S * 1000)
        return ASK_S;
    return left_ms > 0 ? (int)(left_ms / 1000) : 0;
}

int
runs_wait(struct ctl *ctl, const char *id, json_t **run)
{
    int code;

    for (;;) {
        code = call_get(ctl, run, "/v1/runs/%s?wait=%d", id, ask_s(ctl));
        if (code != CTL_OK || words_is_final(state_of(*run)))
            return code;
        json_decref(*run);
        *run = NULL;
        if (ctl->deadline_ms && ctl_now_ms() >= ctl->deadline_ms)
            return CTL_TIMEOUT;
        /* a daemon that stops answers at once, as does one asked for less than a second
         */
        code = call_sleep(ctl, 100);
        if (code != CTL_OK)
            return code;
    }
}

/* --- watching ------------------------------------------------------------------------
 */

struct watch {
    struct ctl *ctl;
    const char *id;
    struct progress progress;
    json_t *run, *levels; /* owned: as last seen, or NULL */
    bool stirred;         /* something happened since */
};

/* Checkpoints come all the time, and say nothing that the bar does not. */
static void
event_show(void *context, const json_t *event)
{
    struct watch *w = context;
    const char *kind = json_string_value(json_object_get(event, "kind"));
    char text[WORDS_LINE];

    w->stirred = true;
    if (strcmp(kind, "end") != 0 && strcmp(kind, "checkpoint") != 0)
        progress_line(&w->progress, words_event(event, false, text));
}

static json_int_t
level_of(const json_t *run)
{
    const json_t *level = json_object_get(run, "level");

    return json_is_integer(level) ? json_integer_value(level) : -1;
}

static int
levels_look(struct watch *w)
{
    json_t *page;
    int code = call_get(w->ctl, &page, "/v1/runs/%s/levels", w->id);

    if (code != CTL_OK)
        return code;
    json_decref(w->levels);
    w->levels = json_incref(json_object_get(page, "levels"));
    json_decref(page);
    return CTL_OK;
}

/* Looks at the run, and at its levels when another one trains. */
static int
look(struct watch *w)
{
    const json_int_t before = w->run ? level_of(w->run) : -2;
    json_t *run;
    int code = call_get(w->ctl, &run, "/v1/runs/%s", w->id);

    if (code != CTL_OK)
        return code;
    json_decref(w->run);
    w->run = run;
    w->stirred = false;
    if (level_of(run) != before || words_is_final(state_of(run)))
        code = levels_look(w);
    if (code == CTL_OK)
        progress_show(&w->progress, run, w->levels);
    return code;
}

/* Until the run has ended: things that happen, and a look at it now and then. */
static int
watch_loop(struct watch *w, struct follow *f)
{
    const int pace = w->progress.columns > 0 ? LIVE_MS : PACE_MS;
    int64_t due = 0, now;
    int code;

    while (!words_is_final(state_of(w->run))) {
        now = ctl_now_ms();
        code = now < due && !w->stirred ? follow_pump(f, (int)(due - now)) : CTL_OK;
        if (code != CTL_OK)
            return code;
        if (w->ctl->deadline_ms && ctl_now_ms() >= w->ctl->deadline_ms)
            return CTL_TIMEOUT;
        if (!w->stirred && ctl_now_ms() < due)
            continue;
        code = look(w);
        if (code != CTL_OK)
            return code;
        due = ctl_now_ms() + pace;
    }
    for (due = ctl_now_ms() + REST_MS; !f->ended && ctl_now_ms() < due;)
        if (follow_pump(f, 100) != CTL_OK)
            break; /* its end is known, and what went before is only missed here */
    return CTL_OK;
}

int
runs_watch(struct ctl *ctl, const char *id, json_t **run)
{
    struct watch w = { .ctl = ctl, .id = id };
    struct follow f;
    char path[64];
    int code;

    snprintf(path, sizeof path, "/v1/runs/%s/events", id);
    progress_init(&w.progress, stderr);
    follow_init(&f, ctl, path, -1, event_show, &w);
    code = watch_loop(&w, &f);
    follow_release(&f);
    progress_end(&w.progress);
    json_decref(w.levels);
    if (code == CTL_OK)
        *run = w.run;
    else
        json_decref(w.run);
    return code;
}

/* --- how it ended --------------------------------------------------------------------
 */

int
runs_left(const char *id, int code)
{
    if (code == CTL_INTERRUPTED)
        ctl_say("interrupted; the run goes on: odenetctl watch %s", id);
    else if (code == CTL_TIMEOUT)
        ctl_say("time is up; the run goes on: odenetctl watch %s", id);
    return code;
}

int
runs_print(const struct ctl *ctl, const json_t *run)
{
    const char *id = json_string_value(json_object_get(run, "id"));
    char text[WORDS_LINE], name[64], state[64];

    ctl_say("run %s %s", words_clean(id, name, sizeof name), words_end(run, text));
    if (ctl->json)
        json_dumpf(run, stdout, JSON_COMPACT);
    else
        printf("%s %s", name, words_clean(state_of(run), state, sizeof state));
    putchar('\n');
    fflush(stdout);
    return runs_exit(state_of(run));
}
