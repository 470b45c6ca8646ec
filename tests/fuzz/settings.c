/* settings.c - fuzzes the daemon's settings file. */
#include "daemon/settings.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings;
    struct ode_err err = { 0 };

    settings_preset(&settings);
    if (settings_read(&settings, fuzz_file(data, size), &err) != ODE_OK)
        fuzz_require(err.text[0]);
    fuzz_require(settings.port >= 0 && settings.port <= 65535);
    fuzz_require(memchr(settings.listen, '\0', sizeof settings.listen));
    return 0;
}
