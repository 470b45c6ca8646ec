/*
 * fake_worker.c - a worker that trains nothing, for tests of the daemon.
 *
 *     fake-worker system --json
 *     fake-worker train SPEC --run-dir DIR --threads N --lock-fd 3 --resume [--data-dir
 * D]
 *
 * It keeps ARCHITECTURE.md section 2: journal, checkpoints, lock, signals, exit codes.
 * Its "metrics" are functions of the step. The spec's name says how it behaves, as in
 * "steps=40 pause=5 crash=7 crashes=2"; see the table of settings.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LIFE_S = 120,
    CHECKPOINT_EVERY = 5,
    EXIT_LOCKED = 73,
    EXIT_INPUT_OUTPUT = 74,
    EXIT_STOPPED = 75
};

static struct settings {
    long steps;   /* of each level                                             */
    long pause;   /* ms between two steps                                      */
    long crash;   /* the step after which it is killed; 0: none                */
    long crashes; /* in so many attempts                                       */
    long mute;    /* 1: leaves before its hello, with code 1                   */
    long deaf;    /* 1: ignores SIGTERM                                        */
    long hang;    /* the step at which it stands still; 0: none                */
    long fail;    /* the exit code that it ends with after its first step      */
    long silent;  /* 1: with fail: no final record                             */
    long locked;  /* 1: leaves with code 73 at once in its first attempt       */
} settings = { .steps = 10, .crashes = 1000 };

static const struct {
    const char *name;
    long *value;
} knobs[] = {
    {"steps",    &settings.steps  },
    { "pause",   &settings.pause  },
    { "crash",   &settings.crash  },
    { "crashes", &settings.crashes},
    { "mute",    &settings.mute   },
    { "deaf",    &settings.deaf   },
    { "hang",    &settings.hang   },
    { "fail",    &settings.fail   },
    { "silent",  &settings.silent },
    { "locked",  &settings.locked },
};

static volatile sig_atomic_t stop;
static int journal;
static long seq, attempt, resumed_level = -1, resumed_step = -1;

static void
on_signal(int signal)
{
    (void)signal;
    stop = 1;
}

static void
leave(const char *what)
{
    fprintf(stderr, "fake worker: %s: %s\n", what, strerror(errno));
    exit(EXIT_INPUT_OUTPUT);
}

static void
read_settings(const json_t *spec)
{
    const char *name = json_string_value(json_object_get(spec, "name"));
    char text[128], *rest = text, *word;

    snprintf(text, sizeof text, "%s", name ? name : "");
    while ((word = strsep(&rest, " ")))
        for (size_t i = 0; i < sizeof knobs / sizeof *knobs; i++) {
            size_t n = strlen(knobs[i].name);

            if (strncmp(word, knobs[i].name, n) == 0 && word[n] == '=')
                *knobs[i].value = strtol(word + n + 1, NULL, 10);
        }
}

/* Takes over the record, adds seq and at, and writes the line at once. */
static void
tell(json_t *record)
{
    char at[40], whole[24];
    struct timespec now;
    struct tm utc;
    char *line;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(at, sizeof at, "%s.%03ldZ", whole, now.tv_nsec / 1000000);
    json_object_set_new(record, "seq", json_integer(++seq));
    json_object_set_new(record, "at", json_string(at));
    line = json_dumps(record, JSON_COMPACT);
    n = strlen(line);
    line[n] = '\n';
    if (write(journal, line, n + 1) != (ssize_t)(n + 1))
        leave("cannot write the journal");
    free(line);
    json_decref(record);
}

/* Counts what earlier attempts wrote, and cuts a torn last line off. */
static void
open_journal(void)
{
    FILE *file = fopen("journal.ndjson", "a+");
    char line[65536];
    long whole = 0;

    if (!file)
        leave("cannot open the journal");
    rewind(file);
    while (fgets(line, sizeof line, file) && strchr(line, '\n')) {
        seq++;
        attempt += strstr(line, "\"hello\"") != NULL;
        whole = ftell(file);
    }
    if (ftruncate(fileno(file), whole) != 0)
        leave("cannot cut the journal");
    fclose(file);
    attempt++;
    journal = open("journal.ndjson", O_WRONLY | O_APPEND | O_CLOEXEC);
}

static void
find_checkpoint(void)
{
    FILE *file = fopen("checkpoints/newest", "r");

    if (file && fscanf(file, "%ld %ld", &resumed_level, &resumed_step) != 2)
        leave("bad checkpoint");
    if (file)
        fclose(file);
}

static void
write_checkpoint(long level, long step)
{
    FILE *file = fopen("checkpoints/new", "w");

    if (!file || fprintf(file, "%ld %ld\n", level, step) < 0 || fclose(file) != 0
        || rename("checkpoints/new", "checkpoints/newest") != 0)
        leave("cannot write a checkpoint");
    tell(json_pack("{ss sI sI ss sI}", "type", "checkpoint", "level", (json_int_t)level,
                   "step", (json_int_t)step, "file", "checkpoints/newest", "bytes",
                   (json_int_t)8));
}

static void
tell_plan(const json_t *levels)
{
    json_t *rungs = json_array();

    for (size_t i = 0; i < json_array_size(levels); i++)
        json_array_append_new(
            rungs,
            json_pack("{sI sO s[i] si sI si si si sf}", "level", (json_int_t)i,
                      "resolution",
                      json_object_get(json_array_get(levels, i), "resolution"), "blocks",
                      2, "epochs", 1, "steps", (json_int_t)settings.steps, "parameters",
                      1000, "flops_per_image", 5000, "memory_bytes", 4096, "work",
                      (double)settings.steps));
    tell(json_pack("{ss so si si si}", "type", "plan", "levels", rungs, "train_examples",
                   100, "test_examples", 10, "classes", 10));
}

static void
tell_final(const char *state, long step, int code)
{
    json_t *record =
        json_pack("{ss ss sI sf sf}", "type", "final", "state", state, "step",
                  (json_int_t)step, "time", step * 0.25, "work", (double)step);

    if (code)
        json_object_set_new(record, "error",
                            json_pack("{ss ss ss}", "code",
                                      code == 4   ? "EDIVERGE"
                                      : code == 3 ? "EDATA"
                                      : code == 2 ? "ESPEC"
                                                  : "EIO",
                                      "at", "/levels/0", "text", "it failed as told"));
    if (strcmp(state, "succeeded") == 0)
        json_object_set_new(record, "model_sha256", json_string("00ff"));
    tell(record);
}

static void
stop_now(long level, long step)
{
    write_checkpoint(level, step);
    tell_final("stopped", step, 0);
    exit(EXIT_STOPPED);
}

/* What the control file asks for: member "hold", or one that names this level. */
static bool
asked(const char *what, long level)
{
    json_t *control = json_load_file("control.json", 0, NULL);
    const json_t *value = json_object_get(control, what);
    const bool yes = json_is_true(value)
                     || (json_is_integer(value) && json_integer_value(value) == level);

    json_decref(control);
    return yes;
}

/* At the end of a level that is not the last. */
static void
hold_now(long level)
{
    const long step = (level + 1) * settings.steps;

    write_checkpoint(level, step);
    tell(json_pack("{ss ss sI sf sf sb}", "type", "final", "state", "stopped", "step",
                   (json_int_t)step, "time", (double)step * 0.25, "work", (double)step,
                   "held", 1));
    exit(EXIT_STOPPED);
}

static void
wait_ms(long ms)
{
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&pause, NULL); /* a signal cuts it short */
}

static void
take_step(long level, long step)
{
    wait_ms(settings.pause);
    if (stop)
        stop_now(level, step - 1);
    tell(json_pack("{ss sI sI sf sf sf s{sf so}}", "type", "metric", "level",
                   (json_int_t)level, "step", (json_int_t)step, "epoch",
                   (double)(step - level * settings.steps) / (double)settings.steps,
                   "work", (double)step, "time", (double)step * 0.25, "values",
                   "train.loss", 1.0 / (double)step, "gauge.state_max",
                   step % 3 ? json_real((double)step) : json_null()));
    if (step % CHECKPOINT_EVERY == 0)
        write_checkpoint(level, step);
    if (settings.fail) {
        if (!settings.silent)
            tell_final("failed", step, (int)settings.fail);
        exit((int)settings.fail);
    }
    if (settings.crash == step && attempt <= settings.crashes)
        raise(SIGKILL);
    while (settings.hang == step && !stop && !asked("advance", level))
        wait_ms(20);
}

static void
train_level(long level)
{
    long first = level * settings.steps;

    if (resumed_step <= first) {
        tell(json_pack("{ss sI ss sI sf sf}", "type", "level", "level", (json_int_t)level,
                       "state", "running", "step", (json_int_t)first, "time",
                       (double)first * 0.25, "work", (double)first));
        if (level > 0)
            tell(json_pack("{ss sI sI sf sf s{sf} s{sf}}", "type", "transfer", "level",
                           (json_int_t)level, "step", (json_int_t)first, "time",
                           (double)first * 0.25, "work", (double)first, "before", "loss",
                           1.0, "after", "loss", 1.5));
    }
    for (long step = first + 1; step <= first + settings.steps; step++)
        if (step > resumed_step && !asked("advance", level))
            take_step(level, step);
    tell(json_pack("{ss sI ss ss sI sf sf s{sf}}", "type", "level", "level",
                   (json_int_t)level, "state", "done", "ended",
                   asked("advance", level) ? "request" : "budget", "step",
                   (json_int_t)(first + settings.steps), "time",
                   (double)(first + settings.steps) * 0.25, "work",
                   (double)(first + settings.steps), "metrics", "test.accuracy", 0.5));
}

static void
write_model(void)
{
    FILE *file = fopen("model.safetensors", "w");

    if (!file || fputs("a model", file) < 0 || fclose(file) != 0)
        leave("cannot write the model");
}

static void
take_orders(char **argv, const char **spec, const char **dir, int *lock)
{
    for (char **a = argv + 1; *a; a++)
        if (strcmp(*a, "--run-dir") == 0 && a[1])
            *dir = *++a;
        else if (strcmp(*a, "--lock-fd") == 0 && a[1])
            *lock = (int)strtol(*++a, NULL, 10);
        else if ((strcmp(*a, "--threads") == 0 || strcmp(*a, "--data-dir") == 0
                  || strncmp(*a, "--cache", 7) == 0)
                 && a[1])
            a++;
        else if (**a != '-' && strcmp(*a, "train") != 0)
            *spec = *a;
}

/* A descriptor that was handed over is locked already; else the file is locked here. */
static void
hold_lock(int lock)
{
    if (lock < 0)
        lock = open("worker.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0)
        exit(EXIT_LOCKED);
}

static json_t *
begin(const char *spec_path, const char *dir, int lock)
{
    json_t *spec = spec_path ? json_load_file(spec_path, 0, NULL) : NULL;
    struct sigaction action = { .sa_handler = on_signal };

    if (!spec || !dir || chdir(dir) != 0)
        leave("bad arguments");
    read_settings(spec);
    if (settings.deaf)
        action.sa_handler = SIG_IGN;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    hold_lock(lock);
    if (settings.mute)
        exit(1);
    if (settings.locked && mkdir("was-here", 0700) == 0)
        exit(EXIT_LOCKED);
    mkdir("checkpoints", 0755);
    open_journal();
    find_checkpoint();
    return spec;
}

static const char system_facts[] =
    "{\"version\": \"fake\", \"cores\": 3, \"memory_bytes\": 4096, \"kernels\": \"none\","
    " \"blas\": {\"config\": \"\", \"core\": \"Fake\", \"corrected_from\": null,"
    " \"warning\": \"slow\"}}";

/* `odenet plan --json --resolve -`: plans nothing; a spec named "hang" for ever. */
static int
tell_of_plan(void)
{
    json_t *spec = json_loadf(stdin, 0, NULL);
    const char *name = json_string_value(json_object_get(spec, "name"));
    json_t *answer = json_pack("{s:{s:[]}, s:o}", "plan", "levels", "spec", spec);

    if (name && strcmp(name, "hang") == 0)
        sleep(LIFE_S);
    json_dumpf(answer, stdout, 0);
    json_decref(answer);
    return 0;
}

int
main(int argc, char **argv)
{
    const char *spec_path = NULL, *dir = NULL;
    json_t *spec, *levels;
    int lock = -1;

    alarm(LIFE_S); /* whatever becomes of the test */
    if (argc > 1 && strcmp(argv[1], "system") == 0)
        return puts(system_facts) < 0;
    if (argc > 1 && strcmp(argv[1], "plan") == 0)
        return tell_of_plan();
    take_orders(argv, &spec_path, &dir, &lock);
    spec = begin(spec_path, dir, lock);
    levels = json_object_get(spec, "levels");
    tell(json_pack("{ss sI sI ss si ss si}", "type", "hello", "attempt",
                   (json_int_t)attempt, "pid", (json_int_t)getpid(), "version", "fake",
                   "format", 1, "kernels", "none", "threads", 1));
    tell_plan(levels);
    for (size_t i = 0; i < json_array_size(levels); i++) {
        if (resumed_step < (long)(i + 1) * settings.steps)
            train_level((long)i);
        if (i + 1 < json_array_size(levels)
            && (asked("hold", -1) || asked("hold_at", (long)i))
            && resumed_step <= (long)(i + 1) * settings.steps)
            hold_now((long)i);
    }
    write_model();
    tell_final("succeeded", (long)json_array_size(levels) * settings.steps, 0);
    json_decref(spec);
    return 0;
}
