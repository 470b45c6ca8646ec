/*
 * journal.c - fuzzes what a worker's journal becomes: records, rows, and the documents
 * that the API makes of them.
 *
 * A database in memory has one run. An input is its journal, and is undone afterwards.
 * Nothing that a worker writes may make the daemon fail: that would be repeated for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "daemon/documents.h"
#include "daemon/ingest.h"
#include "daemon/submit.h"
#include "daemon/versus.h"
#include "tests/fuzz/fuzz.h"

static const char spec_text[] =
    "{\"data\": {\"set\": \"strokes\"}, \"model\": {\"units\": [{\"channels\": 2, "
    "\"blocks\": 2}]}, \"levels\": [{\"resolution\": 8, \"epochs\": 1}, {\"resolution\": "
    "16, \"epochs\": 1}]}";

static struct stage {
    struct store store;
    struct queue queue;
    struct submit submit;
    struct log log; /* says nothing, but is asked to */
    struct run run;
} stage;

static void
run_open(struct stage *s)
{
    const struct sched_room room = { .slots = 1 };
    const struct order_rules rules = {
        .store = &s->store, .data_dir = "", .room = &room, .threads = 1
    };
    json_t *spec = json_loads(spec_text, 0, NULL), *answer = NULL, *runs;
    struct order order;
    struct ode_err err;

    fuzz_require(order_read(&rules, spec, &order, NULL, &err) == ODE_OK);
    fuzz_require(submit_job(&s->submit, &order, NULL, &answer, &err) == ODE_OK);
    order_release(&order);
    runs = json_array_get(json_object_get(answer, "runs"), 0);
    fuzz_require(
        run_load(&s->store, json_string_value(json_object_get(runs, "id")), &s->run, &err)
        == ODE_OK);
    fuzz_require(queue_move(&s->queue, &s->run, RUN_STARTING, "", &err) == ODE_OK);
    json_decref(answer);
    json_decref(spec);
}

static struct stage *
stage_open(void)
{
    struct ode_err err;
    char runs[128];

    if (stage.store.db)
        return &stage;
    fuzz_require(store_open(&stage.store, ":memory:", &err) == ODE_OK);
    stage.queue = (struct queue){ .store = &stage.store };
    stage.submit = (struct submit){ .store = &stage.store, .state_dir = fuzz_folder() };
    snprintf(runs, sizeof runs, "%s/runs", fuzz_folder());
    fuzz_require(mkdir(runs, 0700) == 0);
    run_open(&stage);
    return &stage;
}

static void
take_in(struct stage *s, const char *journal)
{
    struct ingest ingest = { .store = &s->store, .queue = &s->queue, .log = &s->log };
    struct ode_err err;
    bool more = true;

    while (more)
        fuzz_require(ingest_batch(&ingest, s->run.number, journal, &more, &err)
                     == ODE_OK);
}

/* A document that was made, and can be sent; it is released. */
static void
is_whole(enum ode_status status, json_t **document)
{
    char *text;

    fuzz_require(status == ODE_OK);
    text = json_dumps(*document, JSON_COMPACT);
    fuzz_require(text);
    free(text);
    json_decref(*document);
    *document = NULL;
}

static void
documents_are_whole(struct stage *s, const struct run *run)
{
    static const struct backend_page page = { .limit = 10 };
    static const struct backend_series all = { .after_level = -1, .after_step = -1 },
                                       few = { .points = 3 };
    struct ode_err err;
    json_t *d = NULL;

    is_whole(document_run_whole(&s->store, NULL, run, s->submit.state_dir, &d, &err), &d);
    is_whole(document_runs(&s->store, NULL, &page, &d, &err), &d);
    is_whole(document_levels(&s->store, run, &d, &err), &d);
    is_whole(document_metrics(&s->store, run, &all, &d, &err), &d);
    is_whole(document_metrics(&s->store, run, &few, &d, &err), &d);
    is_whole(document_events(&s->store, run, 0, 500, &d, &err), &d);
}

/* Beside itself; a run without test accuracy cannot be. */
static void
compared(struct stage *s)
{
    const char *const ids[] = { s->run.id, s->run.id };
    struct ode_err err;
    json_t *d = NULL;
    const enum ode_status status = versus_make(&s->store, ids, 2, NULL, 0, &d, &err);

    if (status != ODE_ESTATE)
        is_whole(status, &d);
}

static void
judged(const struct run *run)
{
    const struct worker_end end = { .observed = true, .code = 1 };
    struct verdict verdict;

    queue_judge(run, &end, &verdict);
    fuzz_require(verdict.state < RUN_STATES);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage *s = stage_open();
    struct run run = s->run;
    struct ode_err err;

    fuzz_require(store_begin(&s->store, &err) == ODE_OK);
    take_in(s, fuzz_file(data, size));
    fuzz_require(run_reload(&s->store, &run, &err) == ODE_OK);
    documents_are_whole(s, &run);
    compared(s);
    judged(&run);
    store_rollback(&s->store);
    return 0;
}
