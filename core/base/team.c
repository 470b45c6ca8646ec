/* team.c - a few threads that work through numbered tasks together. */
#include "core/base/team.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

struct member {
    struct ode_team *team;
    int number;
    pthread_t thread;
};

struct ode_team {
    int threads;
    pthread_mutex_t lock; /* what is waited for changes under it */
    pthread_cond_t begin, done;
    atomic_ulong round; /* counts the calls of run, and the end of all */
    atomic_int busy;    /* members still at work in this round */
    bool over;
    ode_task_fn *fn;
    void *context;
    int n;
    atomic_int next;
    struct member member[];
};

/* Numbers too small to be normal are taken and given as 0: they would cost a hundred
 * times as much as others. Bits 15 and 6 of the control register of SSE and AVX. */
static unsigned
denormals_flush(void)
{
#ifdef __SSE__
    const unsigned before = _mm_getcsr();

    _mm_setcsr(before | 1u << 15 | 1u << 6);
    return before;
#else
    return 0;
#endif
}

static void
denormals_restore(unsigned before)
{
#ifdef __SSE__
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

static void
tasks_do(struct ode_team *team, int thread)
{
    const unsigned before = denormals_flush();
    int task;

    while ((task = atomic_fetch_add(&team->next, 1)) < team->n)
        team->fn(team->context, thread, task);
    denormals_restore(before);
}

/*
 * Who waits looks again for a tenth of a millisecond before it sleeps: a step calls the
 * team several times in a row, and a system may wake a sleeper on the core of the one who
 * wakes it, where the two work in turns until it notices.
 */
enum { LOOKS = 2000 };

static void
breath(void)
{
#ifdef __SSE__
    _mm_pause();
#endif
}

/* The next round. */
static unsigned long
round_wait(struct ode_team *team, unsigned long seen)
{
    unsigned long now = seen;

    for (int i = 0; i < LOOKS && now == seen; i++, breath())
        now = atomic_load(&team->round);
    if (now != seen)
        return now;
    pthread_mutex_lock(&team->lock);
    while ((now = atomic_load(&team->round)) == seen)
        pthread_cond_wait(&team->begin, &team->lock);
    pthread_mutex_unlock(&team->lock);
    return now;
}

static void
done_tell(struct ode_team *team)
{
    pthread_mutex_lock(&team->lock);
    if (atomic_fetch_sub(&team->busy, 1) == 1)
        pthread_cond_signal(&team->done);
    pthread_mutex_unlock(&team->lock);
}

static void
done_wait(struct ode_team *team)
{
    for (int i = 0; i < LOOKS && atomic_load(&team->busy) > 0; i++)
        breath();
    pthread_mutex_lock(&team->lock);
    while (atomic_load(&team->busy) > 0)
        pthread_cond_wait(&team->done, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

/* What is written before is seen by all who see the new round. */
static void
round_begin(struct ode_team *team)
{
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->round, 1);
    pthread_cond_broadcast(&team->begin);
    pthread_mutex_unlock(&team->lock);
}

static void *
member_main(void *self)
{
    struct member *me = self;
    struct ode_team *team = me->team;
    unsigned long seen = 0;

    for (;;) {
        seen = round_wait(team, seen);
        if (team->over)
            return NULL;
        tasks_do(team, me->number);
        done_tell(team);
    }
}

enum ode_status
ode_team_new(struct ode_team **out, int threads, struct ode_err *err)
{
    struct ode_team *team =
        calloc(1, sizeof *team + (size_t)threads * sizeof *team->member);

    if (!team)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for a team of %d", threads);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->begin, NULL);
    pthread_cond_init(&team->done, NULL);
    team->threads = 1;
    for (int i = 1; i < threads; i++) {
        team->member[i] = (struct member){ .team = team, .number = i };
        if (pthread_create(&team->member[i].thread, NULL, member_main, &team->member[i])
            != 0) {
            ode_team_free(team);
            return ode_fail(err, ODE_EINTERNAL, "/resources/threads",
                            "thread %d of %d could not be started", i + 1, threads);
        }
        team->threads++;
    }
    *out = team;
    return ODE_OK;
}

void
ode_team_free(struct ode_team *team)
{
    if (!team)
        return;
    team->over = true;
    round_begin(team);
    for (int i = 1; i < team->threads; i++)
        pthread_join(team->member[i].thread, NULL);
    pthread_cond_destroy(&team->begin);
    pthread_cond_destroy(&team->done);
    pthread_mutex_destroy(&team->lock);
    free(team);
}

int
ode_team_threads(const struct ode_team *team)
{
    return team->threads;
}

void
ode_team_run(struct ode_team *team, ode_task_fn *fn, void *context, int n)
{
    team->fn = fn;
    team->context = context;
    team->n = n;
    atomic_store(&team->next, 0);
    atomic_store(&team->busy, team->threads - 1);
    round_begin(team);
    tasks_do(team, 0);
    done_wait(team);
}
