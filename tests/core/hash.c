/* hash.c - tests of SHA-256 against the published examples of FIPS 180-4. */
#include "core/base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static const struct {
    const char *text, *hex;
} known[] = {
    {"",                                                          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    { "abc",                                                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"                                                             },
};

/* One million times the letter a: the last of the published examples. */
static const char million[] =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

START_TEST(bytes_have_their_published_sums)
{
    char hex[ODE_HASH_HEX];

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ode_hash_bytes(known[i].text, strlen(known[i].text), hex);
        ck_assert_str_eq(hex, known[i].hex);
    }
}
END_TEST

START_TEST(files_have_the_sums_of_their_bytes)
{
    char path[256], hex[ODE_HASH_HEX] = "untouched";
    struct ode_err err;
    FILE *file;

    snprintf(path, sizeof path, "%s/file", test_dir());
    ck_assert_int_eq(ode_hash_file(path, hex, &err), ODE_ENOENT);
    ck_assert_int_eq(ode_hash_file("/tmp", hex, &err), ODE_EIO);
    ck_assert_str_eq(hex, "untouched");
    file = fopen(path, "w");
    for (int i = 0; i < 1000000; i++)
        putc('a', file);
    fclose(file);
    test_ok(ode_hash_file(path, hex, &err), &err);
    ck_assert_str_eq(hex, million);
}
END_TEST

TEST_SUITE(hash, 10, bytes_have_their_published_sums, files_have_the_sums_of_their_bytes)
