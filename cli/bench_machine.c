/* bench_machine.c - odenet bench machine: peak, bandwidths, BLAS. */
#include <stdio.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/spread.h"
#include "core/base/arena.h"
#include "core/kernels/gemm.h"
#include "schema/plan.h"

enum {
    SAMPLES = 9,
    PASSES = 5,      /* samples of a bandwidth                 */
    GRAIN = 4 << 10, /* bytes that a thread's share is cut to  */
    GEMM = 512       /* rows and columns of the dense product  */
};

#define MIB ((size_t)1 << 20)

/* Where data lies, and how much of it is passed over. */
struct place {
    const char *name;
    size_t bytes;
    bool shared; /* by all threads: each has its part */
};

struct traffic {
    const struct ode_kernels *kernels;
    enum ode_traffic way;
    real *base;   /* of all shares */
    size_t share; /* bytes of a thread */
    int repeats;
};

static const char *const ways[] = { [ODE_TRAFFIC_READ] = "read",
                                    [ODE_TRAFFIC_WRITE] = "write",
                                    [ODE_TRAFFIC_COPY] = "copy" };

/* --- how much ---------------------------------------------------------------------- */

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t
cache_size(int name, size_t otherwise)
{
    const long bytes = sysconf(name);

    return bytes > 0 ? (size_t)bytes : otherwise;
}

/* Half of a cache; of the last at most 16 MiB. Twice the last one for memory itself, but
 * at most 1 GiB and an eighth of it. */
static void
places_fill(struct place place[4])
{
    const size_t l3 = cache_size(_SC_LEVEL3_CACHE_SIZE, 16 * MIB);
    const size_t all = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    const size_t twice = 2 * l3 > 256 * MIB ? 2 * l3 : 256 * MIB;

    place[0] =
        (struct place){ "L1", cache_size(_SC_LEVEL1_DCACHE_SIZE, 32 << 10) / 2, false };
    place[1] = (struct place){ "L2", cache_size(_SC_LEVEL2_CACHE_SIZE, MIB) / 2, false };
    place[2] = (struct place){ "L3", least(l3 / 2, 16 * MIB), true };
    place[3] = (struct place){ "memory", least(least(twice, 1024 * MIB), all / 8), true };
}

static size_t
share_of(const struct place *p, int threads)
{
    const size_t share = p->shared ? p->bytes / (size_t)threads : p->bytes;

    return share < GRAIN ? GRAIN : share / GRAIN * GRAIN;
}

/* --- bandwidth --------------------------------------------------------------------- */

/* A copy goes from one half of the share to the other. */
static void
traffic_task(void *context, int thread, int task)
{
    const struct traffic *t = context;
    const size_t n = t->share / sizeof(real);
    _Alignas(64) real sink[ODE_VEC];
    real *x = t->base + (size_t)thread * n;

    (void)task;
    for (int i = 0; i < t->repeats; i++)
        if (t->way == ODE_TRAFFIC_COPY)
            t->kernels->traffic(t->way, n / 2, x, x + n / 2);
        else
            t->kernels->traffic(t->way, n, x, t->way == ODE_TRAFFIC_READ ? sink : x);
}

static double
traffic_seconds(struct traffic *t, struct ode_team *team)
{
    const double from = load_seconds();

    ode_team_run(team, traffic_task, t, ode_team_threads(team));
    return load_seconds() - from;
}

/* GB/s, those read and those written; the median. */
static double
traffic_measure(struct traffic *t, struct ode_team *team)
{
    double rate[PASSES];

    t->repeats = 1;
    traffic_seconds(t, team);
    t->repeats = bench_repeats(traffic_seconds(t, team), 0.01);
    for (int i = 0; i < PASSES; i++)
        rate[i] = (double)t->share * ode_team_threads(team) * t->repeats
                  / traffic_seconds(t, team) / 1e9;
    return spread_of(rate, PASSES).median;
}

static void
traffic_show(const struct bench *b, const struct place *p, int threads, size_t bytes,
             const double rate[3])
{
    if (b->json) {
        json_t *row = json_pack("{s:s, s:i, s:I}", "place", p->name, "threads", threads,
                                "bytes", (json_int_t)bytes);

        for (int w = 0; w < 3; w++)
            json_object_set_new(row, ways[w], schema_number(rate[w]));
        json_array_append_new(json_object_get(b->json, "bandwidth"), row);
    } else {
        printf("%-8s %12.2f MiB %8d %9.1f %9.1f %9.1f\n", p->name,
               (double)bytes / (double)MIB, threads, rate[0], rate[1], rate[2]);
        fflush(stdout);
    }
}

static void
bandwidths(const struct bench *b, const struct place place[4], struct ode_team *team,
           real *base)
{
    const int threads = ode_team_threads(team);

    for (int p = 0; p < 4; p++) {
        struct traffic t = { .kernels = b->kernels,
                             .base = base,
                             .share = share_of(&place[p], threads) };
        double rate[3];

        for (t.way = ODE_TRAFFIC_READ; t.way <= ODE_TRAFFIC_COPY; t.way++)
            rate[t.way] = traffic_measure(&t, team);
        traffic_show(b, &place[p], threads, t.share * (size_t)threads, rate);
    }
}

/* --- multiply-adds ----------------------------------------------------------------- */

static void
peak_show(const struct bench *b, int threads, struct spread s)
{
    if (b->json)
        json_array_append_new(json_object_get(b->json, "peak"),
                              json_pack("{s:i, s:f, s:f, s:f}", "threads", threads,
                                        "gflops", s.median, "least", s.least, "most",
                                        s.most));
    else
        printf("multiply-adds, %d thread%s: %.0f GFLOP/s (%.0f to %.0f)\n", threads,
               threads == 1 ? "" : "s", s.median, s.least, s.most);
}

static struct spread
peak_measure(const struct bench *b, struct ode_team *team)
{
    double rate[SAMPLES];

    for (int i = 0; i < SAMPLES; i++)
        rate[i] = bench_peak(b->kernels, team);
    return spread_of(rate, SAMPLES);
}

/* One team after the other: of one thread, of two, ... */
static enum ode_status
peaks(const struct bench *b, struct ode_err *err)
{
    for (int n = 1; n <= b->threads; n++) {
        struct ode_team *team;

        ODE_TRY(ode_team_new(&team, n, err));
        peak_show(b, n, peak_measure(b, team));
        ode_team_free(team);
    }
    return ODE_OK;
}

static double
gemm_seconds(real *a, int repeats)
{
    const size_t n = (size_t)GEMM * GEMM;
    const double from = load_seconds();

    for (int i = 0; i < repeats; i++)
        ode_gemm(false, false, GEMM, GEMM, GEMM, a, a + n, 0, a + 2 * n);
    return load_seconds() - from;
}

static enum ode_status
gemm_measure(const struct bench *b, struct ode_err *err)
{
    const double flops = 2.0 * GEMM * GEMM * GEMM;
    struct ode_arena arena;
    double rate[SAMPLES];
    struct spread s;
    int repeats;

    ODE_TRY(ode_arena_init(&arena, 3 * sizeof(real) * GEMM * GEMM, err));
    gemm_seconds((real *)(void *)arena.base, 1);
    repeats = bench_repeats(gemm_seconds((real *)(void *)arena.base, 1), 0.01);
    for (int i = 0; i < SAMPLES; i++)
        rate[i] =
            flops * repeats / gemm_seconds((real *)(void *)arena.base, repeats) / 1e9;
    ode_arena_release(&arena);
    s = spread_of(rate, SAMPLES);
    if (b->json)
        json_object_set_new(b->json, "blas",
                            json_pack("{s:s, s:i, s:f}", "core", ode_blas_core(), "n",
                                      GEMM, "gflops", s.median));
    else
        printf("OpenBLAS for %s, product of %d x %d, 1 thread: %.0f GFLOP/s\n",
               ode_blas_core(), GEMM, GEMM, s.median);
    return ODE_OK;
}

/* --- all of it --------------------------------------------------------------------- */

static void
machine_begin(const struct bench *b)
{
    char name[96];

    load_processor(name);
    if (b->json) {
        json_object_set_new(b->json, "processor", json_string(name));
        json_object_set_new(b->json, "cores", json_integer(options_cores()));
        json_object_set_new(b->json, "isa", json_string(b->kernels->name));
        json_object_set_new(b->json, "peak", json_array());
        json_object_set_new(b->json, "bandwidth", json_array());
    } else {
        printf("%s, %d of its processors, kernels %s\n", name, options_cores(),
               b->kernels->name);
    }
}

/* Bandwidths of one thread, and of all. */
static enum ode_status
bandwidths_of_teams(const struct bench *b, const struct place place[4], real *base,
                    struct ode_err *err)
{
    if (!b->json)
        printf("\n%-8s %16s %8s %9s %9s %9s\n", "GB/s", "", "threads", "read", "write",
               "copy");
    for (int n = 1; n <= b->threads; n += b->threads > 1 ? b->threads - 1 : 1) {
        struct ode_team *team;

        ODE_TRY(ode_team_new(&team, n, err));
        bandwidths(b, place, team, base);
        ode_team_free(team);
    }
    return ODE_OK;
}

enum ode_status
bench_machine(const struct bench *b, struct ode_err *err)
{
    struct ode_arena arena;
    enum ode_status status;
    struct place place[4];
    size_t bytes = 0;

    places_fill(place);
    for (int p = 0; p < 4; p++)
        for (int n = 1; n <= b->threads; n++) {
            const size_t need = share_of(&place[p], n) * (size_t)n;

            bytes = need > bytes ? need : bytes;
        }
    machine_begin(b);
    ODE_TRY(peaks(b, err));
    ODE_TRY(gemm_measure(b, err));
    ODE_TRY(ode_arena_init(&arena, bytes, err));
    status = bandwidths_of_teams(b, place, (real *)(void *)arena.base, err);
    ode_arena_release(&arena);
    return status;
}
