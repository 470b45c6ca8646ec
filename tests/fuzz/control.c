/* control.c - fuzzes control.json, which a worker reads while it trains. */
#include <stdio.h>
#include <string.h>

#include "cli/control.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control control;
    const char *why = NULL;

    control_open(&control, "");
    snprintf(control.path, sizeof control.path, "%s", fuzz_file(data, size));
    control_look(&control, &why);
    fuzz_require(control.advance >= -1);
    fuzz_require(!why || (!control.hold && control.advance == -1));
    return 0;
}
