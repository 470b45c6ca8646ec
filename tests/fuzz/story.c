/* story.c - fuzzes the journal as those who compare and resume runs by hand read it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/journal.h"
#include "cli/story.h"
#include "tests/fuzz/fuzz.h"

static void
journal_make(const char *folder, const void *data, size_t size)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/journal.ndjson", folder);
    file = fopen(path, "w");
    fuzz_require(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void
compared(const struct story *story)
{
    struct compare_run runs[2] = { story->run, story->run };
    json_t *answer = NULL;
    struct ode_err err;
    char *text;

    fuzz_require(schema_compare(runs, 2, NULL, 0, &answer, &err) == ODE_OK);
    text = json_dumps(answer, JSON_COMPACT);
    fuzz_require(text);
    free(text);
    json_decref(answer);
}

/* A journal that is continued ends with a whole line. */
static void
continued(const char *folder)
{
    struct journal journal;
    struct ode_err err;
    off_t end;
    char last = '\n';

    fuzz_require(journal_open(&journal, folder, false, &err) == ODE_OK);
    end = lseek(journal.fd, 0, SEEK_END);
    fuzz_require(end == 0 || (pread(journal.fd, &last, 1, end - 1) == 1 && last == '\n'));
    fuzz_require(journal_write(&journal, "warning", json_object(), &err) == ODE_OK);
    journal_close(&journal);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *folder = fuzz_folder();
    struct story story;
    struct ode_err err;

    journal_make(folder, data, size);
    if (story_read(&story, folder, &err) == ODE_OK) {
        compared(&story);
        story_release(&story);
    }
    continued(folder);
    return 0;
}
