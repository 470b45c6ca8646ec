/* hash.c - tests of SHA-256 against the published examples of FIPS 180-4, of HMAC against
 * those of RFC 4231. */
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

/* RFC 4231, section 4: cases 1, 2, 3, 6 and 7; a number for each byte of a run of them.
 */
static const struct {
    int key_byte, key_n; /* or the text */
    const char *key;
    int byte, n;
    const char *text, *hex;
} signed_ones[] = {
    {0x0b,  20,  NULL,   0,    0,  "Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"                                                                                        },
    { 0,    4,   "Jefe", 0,    0,  "what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"                                                                                        },
    { 0xaa, 20,  NULL,   0xdd, 50, NULL,
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"                                                                                        },
    { 0xaa, 131, NULL,   0,    0,  "Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"                                                                                        },
    { 0xaa, 131, NULL,   0,    0,
     "This is a test using a larger than block-size key and a larger than block-size "
      "data. The key needs to be hashed before being used by the HMAC algorithm.",           "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

START_TEST(signatures_are_the_published_ones)
{
    for (size_t i = 0; i < sizeof signed_ones / sizeof *signed_ones; i++) {
        char key[200], data[200], hex[ODE_HASH_HEX];
        size_t n = (size_t)signed_ones[i].n;

        memset(key, signed_ones[i].key_byte, sizeof key);
        memset(data, signed_ones[i].byte, sizeof data);
        if (signed_ones[i].key)
            memcpy(key, signed_ones[i].key, (size_t)signed_ones[i].key_n);
        if (signed_ones[i].text) {
            n = strlen(signed_ones[i].text);
            memcpy(data, signed_ones[i].text, n);
        }
        ode_hash_sign(key, (size_t)signed_ones[i].key_n, data, n, hex);
        ck_assert_str_eq(hex, signed_ones[i].hex);
    }
}
END_TEST

TEST_SUITE(hash, 10, bytes_have_their_published_sums, files_have_the_sums_of_their_bytes,
           signatures_are_the_published_ones)
