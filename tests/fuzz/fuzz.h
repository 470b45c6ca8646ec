/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is a function that takes any bytes, and must come back whatever they are.
 * Built with clang (--enable-fuzzing, scripts/fuzz) libFuzzer makes up the bytes;
 * otherwise replay.c is the main program, and gives it those of its corpus, and make
 * check runs it.
 *
 * What an input must not do is checked with fuzz_require(), as assert() may be off.
 */
#ifndef ODE_TESTS_FUZZ_FUZZ_H
#define ODE_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The target; libFuzzer's name for it. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, with the line, unless the condition holds. */
#define fuzz_require(condition) \
    ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
void fuzz_fail(const char *file, int line, const char *condition)
    __attribute__((noreturn));

/* Reads each of the bytes, which must be there. */
void fuzz_look(const void *data, size_t size);

/* A path that leads to these bytes; they are in memory, and gone with the next call. */
const char *fuzz_file(const void *data, size_t size);

/* A folder that is removed with all in it when the program ends. */
const char *fuzz_folder(void);

#endif
