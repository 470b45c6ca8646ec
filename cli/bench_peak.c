/* bench_peak.c - the peak of multiply-adds, and how long to measure. */
#include "cli/bench.h"
#include "cli/load.h"

#define WARM_S 0.1

enum {
    ROUNDS = 1 << 18, /* of a task: about a millisecond                        */
    TASKS = 8,        /* of a thread: as they are dealt out, none waits for long */
    REPEATS_MOST = 1 << 24
};

struct job {
    const struct ode_kernels *kernels;
    double flops[256]; /* of each thread */
};

static void
peak_task(void *context, int thread, int task)
{
    struct job *job = context;
    _Alignas(64) real sink[ODE_VEC];

    (void)task;
    job->flops[thread] += job->kernels->peak(ROUNDS, sink);
}

static double
peak_seconds(struct job *job, struct ode_team *team, int threads)
{
    const double from = load_seconds();

    for (int i = 0; i < threads; i++)
        job->flops[i] = 0;
    if (team)
        ode_team_run(team, peak_task, job, TASKS * threads);
    else
        for (int i = 0; i < TASKS; i++)
            peak_task(job, 0, i);
    return load_seconds() - from;
}

/* Whoever slept needs some time until he has a core of his own: it is not measured. */
double
bench_peak(const struct ode_kernels *kernels, struct ode_team *team)
{
    const int threads = team ? ode_team_threads(team) : 1;
    struct job job = { .kernels = kernels };
    double sum = 0, seconds, warm = threads > 1 ? WARM_S : 0;

    while (warm > 0)
        warm -= peak_seconds(&job, team, threads);
    seconds = peak_seconds(&job, team, threads);
    for (int i = 0; i < threads; i++)
        sum += job.flops[i];
    return sum / seconds / 1e9;
}

int
bench_repeats(double once, double target)
{
    const double n = once > 0 ? target / once : REPEATS_MOST;

    return n < 1 ? 1 : n > REPEATS_MOST ? REPEATS_MOST : (int)n;
}
