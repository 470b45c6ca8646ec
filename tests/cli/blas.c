/* blas.c - tests cli/blas.c: the real program ends up with kernels that fit. */
#include "cli/blas.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/kernels/gemm.h"
#include "core/kernels/kernels.h"
#include "tests/test.h"

enum { LOCK_FD = 3 };

/* What the program is started with; NULL: unset. */
struct start {
    const char *asked, *was;
    const char *words[8]; /* after "odenet" */
};

static char dir[128], said[8192], complained[8192];

static void
variable(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void
redirect(int to, const char *name, int flags)
{
    char path[200];
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, flags, 0600);
    if (fd < 0 || (fd != to && dup2(fd, to) < 0))
        _exit(126);
    if (fd != to)
        close(fd);
}

/* As the daemon starts a worker: a locked file at descriptor 3. */
static void
become(const struct start *start)
{
    char *argv[10] = { strdup("odenet") };

    for (int i = 0; i < 8 && start->words[i]; i++)
        argv[i + 1] = strdup(start->words[i]);
    variable("OPENBLAS_CORETYPE", start->asked);
    variable("ODENET_BLAS_WAS", start->was);
    redirect(STDOUT_FILENO, "out", O_WRONLY | O_CREAT | O_TRUNC);
    redirect(STDERR_FILENO, "err", O_WRONLY | O_CREAT | O_TRUNC);
    redirect(LOCK_FD, "lock", O_RDWR | O_CREAT);
    if (flock(LOCK_FD, LOCK_EX | LOCK_NB) != 0)
        _exit(125);
    execv("./odenet", argv);
    _exit(127);
}

static void
slurp(const char *name, char *text, size_t size)
{
    char path[200];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* A zombie still has the name of its program. */
static void
assert_named(pid_t pid)
{
    char path[64], name[32] = "";
    siginfo_t info;
    FILE *file;

    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(name, sizeof name, file));
    fclose(file);
    ck_assert_str_eq(name, "odenet\n");
}

/* Runs the program to its good end; what it wrote is in `said` and `complained`. */
static pid_t
run(const struct start *start)
{
    const pid_t pid = fork();
    int status;

    if (pid == 0)
        become(start);
    ck_assert_int_gt(pid, 0);
    assert_named(pid);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    slurp("out", said, sizeof said);
    slurp("err", complained, sizeof complained);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d: %s", status,
                  complained);
    return pid;
}

/* The member "blas" of what `odenet system --json` says; to be released. */
static json_t *
blas_of(const char *asked, const char *was)
{
    json_t *facts, *blas;

    snprintf(dir, sizeof dir, "%s", test_dir());
    run(&(struct start){
        asked, was, {"system", "--json"}
    });
    facts = json_loads(said, 0, NULL);
    ck_assert_ptr_nonnull(facts);
    blas = json_incref(json_object_get(facts, "blas"));
    ck_assert_ptr_nonnull(blas);
    json_decref(facts);
    return blas;
}

static const char *
text(const json_t *blas, const char *member)
{
    return json_string_value(json_object_get(blas, member));
}

/* Whether there are faster kernels than Prescott's, and OpenBLAS lets itself be told. */
static bool
prescott_is_slow(void)
{
    json_t *blas = blas_of("PRESCOTT", NULL);
    const bool told = strcmp(text(blas, "core"), "Prescott") == 0;

    json_decref(blas);
    if (!told || !ode_blas_advice("Prescott", ode_blas_isa())) {
        printf("skipped: blas: Prescott is no wrong core here\n");
        return false;
    }
    return true;
}

START_TEST(verdicts_follow_from_what_is_seen)
{
    static const struct {
        struct blas_view view;
        enum blas_verdict verdict;
    } stories[] = {
        {{ "SkylakeX", ODE_ISA_ALL, NULL, NULL },              BLAS_FITS     },
        { { "SkylakeX", ODE_ISA_ALL, "SKYLAKEX", NULL },       BLAS_FITS     },
        { { "Haswell", ODE_ISA_ALL, "HASWELL", NULL },         BLAS_FITS     },
        { { "Prescott", ODE_ISA_PORTABLE, NULL, NULL },        BLAS_FITS     },
        { { "Prescott", ODE_ISA_ALL, NULL, NULL },             BLAS_WRONG    },
        { { "Prescott", ODE_ISA_ALL, "", "" },                 BLAS_WRONG    },
        { { "Prescott", ODE_ISA_AVX2, NULL, NULL },            BLAS_WRONG    },
        { { "Prescott", ODE_ISA_ALL, "PRESCOTT", NULL },       BLAS_ASKED    },
        { { "SkylakeX", ODE_ISA_ALL, "SKYLAKEX", "Prescott" }, BLAS_CORRECTED},
        { { "Prescott", ODE_ISA_ALL, "SKYLAKEX", "Prescott" }, BLAS_STUCK    },
        { { "Prescott", ODE_ISA_ALL, NULL, "Prescott" },       BLAS_STUCK    },
    };

    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++)
        ck_assert_msg(blas_judge(&stories[i].view) == stories[i].verdict, "story %zu", i);
}
END_TEST

/* Whether OpenBLAS chooses badly here, as it did for this program. */
static bool
trapped(void)
{
    return !getenv("OPENBLAS_CORETYPE")
           && ode_blas_advice(ode_blas_core(), ode_blas_isa());
}

START_TEST(left_alone_it_ends_up_right)
{
    json_t *blas = blas_of(NULL, NULL);

    ck_assert_msg(!ode_blas_advice(text(blas, "core"), ode_blas_isa()), "%s", said);
    ck_assert_msg(!text(blas, "warning"), "%s", said);
    if (trapped())
        ck_assert_pstr_eq(text(blas, "corrected_from"), ode_blas_core());
    json_decref(blas);
}
END_TEST

START_TEST(the_word_of_the_user_stands)
{
    json_t *blas;

    if (!prescott_is_slow())
        return;
    blas = blas_of("PRESCOTT", NULL);
    ck_assert_str_eq(text(blas, "core"), "Prescott");
    ck_assert_ptr_null(text(blas, "corrected_from"));
    ck_assert_ptr_nonnull(strstr(text(blas, "warning"), "PRESCOTT is slow"));
    json_decref(blas);
}
END_TEST

START_TEST(it_is_not_tried_twice)
{
    json_t *blas;

    if (!prescott_is_slow())
        return;
    blas = blas_of("PRESCOTT", "Prescott");
    ck_assert_str_eq(text(blas, "core"), "Prescott");
    ck_assert_ptr_null(text(blas, "corrected_from"));
    ck_assert_ptr_nonnull(strstr(text(blas, "warning"), "did not change that"));
    json_decref(blas);
}
END_TEST

/* --- a worker -------------------------------------------------------------------------
 */

static const char spec[] =
    "{\"data\": {\"set\": \"strokes\", \"train_size\": 50, \"test_size\": 10},"
    " \"model\": {\"units\": [{\"channels\": 4, \"blocks\": 2}]},"
    " \"train\": {\"batch\": 50}, \"levels\": [{\"resolution\": 8, \"epochs\": 1}]}";

/* Trains in a fresh folder; the journal's first record of the type, to be released, or
 * NULL. */
static json_t *
train(const char *asked, const char *type, pid_t *pid)
{
    char spec_path[200], run_dir[200], journal[16384];
    FILE *file;

    snprintf(dir, sizeof dir, "%s", test_dir());
    snprintf(spec_path, sizeof spec_path, "%s/spec.json", dir);
    snprintf(run_dir, sizeof run_dir, "%s/run", dir);
    file = fopen(spec_path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(spec, file);
    fclose(file);
    *pid = run(&(struct start){
        asked,
        NULL,
        {"train", spec_path, "--run-dir", run_dir, "--threads", "1", "--lock-fd=3"}
    });
    slurp("run/journal.ndjson", journal, sizeof journal);
    for (char *line = strtok(journal, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *record = json_loads(line, 0, NULL);

        ck_assert_msg(record != NULL, "%s", line);
        if (strcmp(text(record, "type"), type) == 0)
            return record;
        json_decref(record);
    }
    return NULL;
}

START_TEST(a_worker_stays_the_same_process_and_says_so)
{
    pid_t pid;
    json_t *hello = train(NULL, "hello", &pid);

    ck_assert_int_eq(json_integer_value(json_object_get(hello, "pid")), pid);
    ck_assert_int_eq(json_integer_value(json_object_get(hello, "threads")), 1);
    ck_assert_ptr_null(ode_blas_advice(text(hello, "blas"), ode_blas_isa()));
    if (trapped())
        ck_assert_msg(strstr(complained, "OpenBLAS took this machine for ") != NULL, "%s",
                      complained);
    ck_assert_ptr_null(strstr(complained, "warning"));
    json_decref(hello);
}
END_TEST

START_TEST(a_slow_worker_warns_in_log_and_journal)
{
    json_t *warning;
    pid_t pid;

    if (!prescott_is_slow())
        return;
    warning = train("PRESCOTT", "warning", &pid);
    ck_assert_ptr_nonnull(warning);
    ck_assert_ptr_nonnull(strstr(text(warning, "text"), "PRESCOTT is slow"));
    ck_assert_ptr_nonnull(
        strstr(complained, "warning: OPENBLAS_CORETYPE=PRESCOTT is slow"));
    json_decref(warning);
}
END_TEST

TEST_SUITE(blas, 60, verdicts_follow_from_what_is_seen, left_alone_it_ends_up_right,
           the_word_of_the_user_stands, it_is_not_tried_twice,
           a_worker_stays_the_same_process_and_says_so,
           a_slow_worker_warns_in_log_and_journal)
