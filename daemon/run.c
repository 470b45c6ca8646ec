/* run.c - reading and saving the row of a run. */
#include "daemon/run.h"

#include <stdio.h>
#include <string.h>

void
run_text(char *to, size_t size, const char *text)
{
    size_t n = strlen(text);

    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    memmove(to, text, n);
    to[n] = '\0';
}

static void
read_row(sqlite3_stmt *query, struct run *run)
{
    int column = 0;

#define INT(class, name)  run->name = sqlite3_column_int64(query, column++);
#define REAL(class, name) run->name = sqlite3_column_double(query, column++);
#define TEXT(class, name, longest) \
    run_text(run->name, sizeof run->name, store_column_text(query, column++));
    RUN_ROW(INT, REAL, TEXT)
#undef INT
#undef REAL
#undef TEXT
}

enum ode_status
run_step(sqlite3_stmt *query, struct run *run, bool *found, struct ode_err *err)
{
    bool row;

    ODE_TRY(store_step(query, &row, err));
    if (row)
        read_row(query, run);
    *found = row;
    return ODE_OK;
}

enum ode_status
run_first(sqlite3_stmt *query, struct run *run, bool *found, struct ode_err *err)
{
    enum ode_status status = run_step(query, run, found, err);

    store_done(query);
    return status;
}

enum ode_status
run_load(struct store *store, const char *id, struct run *run, struct ode_err *err)
{
    bool found;

    ODE_TRY(
        run_first(store_query(store, STORE_RUN_GET, store_text(id)), run, &found, err));
    if (!found)
        return ode_fail(err, ODE_ENOENT, "", "there is no run %.40s", id);
    return ODE_OK;
}

enum ode_status
run_reload(struct store *store, struct run *run, struct ode_err *err)
{
    bool found;

    ODE_TRY(run_first(store_query(store, STORE_RUN_NUMBER, store_int(run->number)), run,
                      &found, err));
    if (!found)
        return ode_fail(err, ODE_ENOENT, "", "run %.40s has vanished from the database",
                        run->id);
    return ODE_OK;
}

#define KEEP_FIXED(value)
#define KEEP_STATE(value)
#define KEEP_SAVED(value)               value,
#define KEEP_INT(class, name)           KEEP_##class(store_int(run->name))
#define KEEP_REAL(class, name)          KEEP_##class(store_real(run->name))
#define KEEP_TEXT(class, name, longest) KEEP_##class(store_text(run->name))

enum ode_status
run_save(struct store *store, const struct run *run, struct ode_err *err)
{
    return store_exec(store, STORE_RUN_SAVE, err,
                      RUN_ROW(KEEP_INT, KEEP_REAL, KEEP_TEXT) store_int(run->number));
}

enum ode_status
run_event(struct store *store, int64_t number, int64_t at_ms, const char *kind,
          const char *text, const char *source, struct ode_err *err)
{
    return store_exec(store, STORE_EVENT_INSERT, err, store_int(number), store_int(at_ms),
                      store_text(kind), store_text(""), store_text(""), store_text(text),
                      store_text(source));
}
