/* sched.c - what runs next. */
#include "daemon/sched.h"

enum ode_status
sched_next(struct store *store, int64_t now_ms, struct run *run, bool *found,
           struct ode_err *err)
{
    return run_first(store_query(store, STORE_RUN_NEXT, store_int(now_ms)), run, found,
                     err);
}

int
sched_threads(const struct run *run, int64_t settings_threads)
{
    return (int)(run->threads > 0 ? run->threads : settings_threads);
}
