/* safetensors.c - tests of tensors in files: bytes, round trips, damage. */
#include "schema/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "tests/test.h"

static const float weight[2][3] = {
    {1,   -2, 3.5f },
    { -0, 5,  6e-9f}
};
static const uint8_t flags[5] = { 1, 2, 3, 4, 5 };
static const int64_t step = 123456789012345;
static const double wide[2] = { 0.1, -1e300 };

/* The odd length of flags puts what follows at an odd place in the file. */
static const struct safetensors_tensor tensors[] = {
    {.name = "opening.weight",
     .dtype = SAFETENSORS_F32,
     .dims = 2,
     .dim = { 2, 3 },
     .data = weight                                                                                   },
    { .name = "flags",          .dtype = SAFETENSORS_U8,  .dims = 1,    .dim = { 5 },    .data = flags},
    { .name = "empty",          .dtype = SAFETENSORS_F32, .dims = 2,    .dim = { 0, 7 }, .data = ""   },
    { .name = "step",           .dtype = SAFETENSORS_I64, .dims = 0,    .data = &step  },
    { .name = "wide", .dtype = SAFETENSORS_F64,                .dims = 1, .dim = { 2 },    .data = wide             },
};
enum { TENSORS = sizeof tensors / sizeof *tensors };

static const char *
fresh(char path[256], const char *name)
{
    snprintf(path, 256, "%s/%s", test_dir(), name);
    return path;
}

static void
write_good(const char *path)
{
    json_t *metadata = json_pack("{s:s, s:s}", "level", "2", "format", "odenet");
    struct ode_err err;

    test_ok(safetensors_write(path, tensors, TENSORS, metadata, &err), &err);
    json_decref(metadata);
}

static void
write_bytes(const char *path, const void *bytes, size_t n)
{
    struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = n };
    struct ode_err err;

    test_ok(ode_file_write_atomic(path, &piece, 1, &err), &err);
}

START_TEST(what_is_written_is_read)
{
    struct safetensors file;
    struct ode_err err;
    char path[256];

    write_good(fresh(path, "m"));
    test_ok(safetensors_open(&file, path, &err), &err);
    ck_assert_uint_eq(file.n, TENSORS);
    for (size_t i = 0; i < TENSORS; i++) {
        const struct safetensors_tensor *t = safetensors_find(&file, tensors[i].name);
        const void *data;

        ck_assert_ptr_nonnull(t);
        ck_assert_int_eq(t->dtype, tensors[i].dtype);
        test_ok(safetensors_get(&file, t->name, tensors[i].dtype, tensors[i].dims,
                                tensors[i].dim, &data, &err),
                &err);
        ck_assert_uint_eq((uintptr_t)data % 64, 0);
        ck_assert(memcmp(data, tensors[i].data, safetensors_bytes(&tensors[i])) == 0);
    }
    ck_assert_str_eq(safetensors_text(&file, "level"), "2");
    ck_assert_ptr_null(safetensors_text(&file, "levels"));
    ck_assert_ptr_null(safetensors_find(&file, "opening"));
    safetensors_close(&file);
    safetensors_close(&file);
}
END_TEST

/* Byte for byte what the format's description says. */
START_TEST(the_bytes_are_those_of_the_format)
{
    static const char header[] =
        "{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\"},\"x\":{\"dtype\":"
        "\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}";
    struct safetensors_tensor x = {
        .name = "x", .dtype = SAFETENSORS_U8, .dims = 1, .dim = { 3 }, .data = "abc"
    };
    json_t *metadata = json_pack("{s:s, s:s}", "b", "2", "a", "1");
    struct ode_err err;
    char path[256], *bytes;
    void *read;
    size_t n;

    test_ok(safetensors_write(fresh(path, "x"), &x, 1, metadata, &err), &err);
    test_ok(ode_file_read(path, 1000, &read, &n, &err), &err);
    bytes = read;
    ck_assert_uint_eq(n, 128 + 3);
    ck_assert_mem_eq(bytes, "\x78\0\0\0\0\0\0\0", 8);
    ck_assert_mem_eq(bytes + 8, header, strlen(header));
    for (size_t i = 8 + strlen(header); i < 128; i++)
        ck_assert_int_eq(bytes[i], ' ');
    ck_assert_mem_eq(bytes + 128, "abc", 3);
    free(read);
    json_decref(metadata);
}
END_TEST

START_TEST(every_truncation_and_extension_is_refused)
{
    struct safetensors file;
    struct ode_err err;
    char path[256], cut[256], *longer;
    void *bytes;
    size_t n;

    write_good(fresh(path, "m"));
    fresh(cut, "cut");
    test_ok(ode_file_read(path, 1 << 20, &bytes, &n, &err), &err);
    for (size_t k = 0; k < n; k++) {
        FILE *f = fopen(cut, "wb");

        ck_assert_uint_eq(fwrite(bytes, 1, k, f), k);
        fclose(f);
        ck_assert_msg(safetensors_open(&file, cut, &err) == ODE_EFORMAT,
                      "%zu of %zu bytes", k, n);
        ck_assert_str_eq(err.at, cut);
    }
    longer = calloc(1, n + 1);
    memcpy(longer, bytes, n);
    write_bytes(cut, longer, n + 1);
    ck_assert_int_eq(safetensors_open(&file, cut, &err), ODE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "bytes of data"));
    free(longer);
    free(bytes);
}
END_TEST

/* A flipped bit in the header gives a refusal or a file whose tensors still lie within it
 * (as when a letter of a name has changed); the sanitizers watch. */
START_TEST(no_flipped_bit_of_the_header_leads_out_of_the_file)
{
    struct safetensors file;
    size_t n, refused = 0, header;
    struct ode_err err;
    char path[256], bent[256], *at;
    void *bytes;

    write_good(fresh(path, "m"));
    fresh(bent, "bent");
    test_ok(ode_file_read(path, 1 << 20, &bytes, &n, &err), &err);
    at = bytes;
    header = 8 + (unsigned char)at[0] + 256u * (unsigned char)at[1];
    for (size_t bit = 0; bit < 8 * header; bit++) {
        FILE *f = fopen(bent, "wb");

        at[bit / 8] = (char)(at[bit / 8] ^ 1 << bit % 8);
        ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
        fclose(f);
        at[bit / 8] = (char)(at[bit / 8] ^ 1 << bit % 8);
        if (safetensors_open(&file, bent, &err) != ODE_OK) {
            refused++;
            continue;
        }
        for (size_t i = 0; i < file.n; i++) {
            size_t size = safetensors_bytes(&file.tensor[i]);
            unsigned char sum = 0;

            for (size_t k = 0; k < size; k++)
                sum ^= ((const unsigned char *)file.tensor[i].data)[k];
            ck_assert_uint_le(size, n + sum % 1);
        }
        safetensors_close(&file);
    }
    ck_assert_uint_gt(refused, 4 * header);
    free(bytes);
}
END_TEST

static void
write_header(const char *path, const char *header, const char *data)
{
    size_t n = strlen(header), m = strlen(data);
    char *bytes = calloc(1, 8 + n + m);

    bytes[0] = (char)(n & 0xff);
    bytes[1] = (char)(n >> 8);
    memcpy(bytes + 8, header, n);
    memcpy(bytes + 8 + n, data, m);
    write_bytes(path, bytes, 8 + n + m);
    free(bytes);
}

#define U8(name, shape, begin, end)                                                \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":" shape ",\"data_offsets\":[" #begin \
    "," #end "]}"

START_TEST(headers_that_lie_are_refused_by_name)
{
    static const struct {
        const char *header, *data, *word;
    } rows[] = {
        {"[]",           "",    "not a JSON object"},
        { "{\"a\":1}",   "",    "tensor a: "       },
        { "{" U8("a",    "[2]", 0,                   2) "," U8("a", "[2]", 0, 2) "}", "ab", "duplicate" },
        { "{" U8("a",         "[2]",             0,                          2) "," U8("b", "[2]", 1, 3) "}", "abc", "tensor b: " },
        { "{" U8("a",   "[2]",       0,                2) "," U8("b", "[2]", 3, 5) "}", "abcde", "begins at 3" },
        { "{" U8("a",             "[2]",1,3) "}", "abc", "begins at 1" },
        { "{" U8("a",        "[2]",        0,               2) "}", "abc", "need 2 bytes" },
        { "{" U8("a",    "[3]",  0,              2) "}", "ab", "need 3 bytes" },
        { "{" U8("a",         "[-2]",             0,                          2) "}", "ab", "not a size" },
        { "{" U8("a", "[2.0]",     0,              2) "}", "ab", "not a size" },
        { "{" U8("a",             "2",                    0,                                                     2) "}", "ab", "not a list" },
        { "{" U8("a",             "[1,1,1,1,1,1,1,1,2]",        0,               2) "}", "ab", "at most 8" },
        { "{" U8("a",        "[4294967296,4294967296]",        0,0) "}", "",
         "need 18446744073709551615" },
        { "{" U8("a",    "[2]", 2,                  0) "}", "ab", "data_offsets" },
        { "{\"a\":{\"dtype\":\"F33\",\"shape\":[],\"data_offsets\":[0,4]}}",          "abcd",
         "F33"                  },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"x\":0}}",
         "abcd","alone"},
        { "{\"__metadata__\":{\"k\":1}}",  "",      "\"k\""              },
        { "{\"__metadata__\":[]}",             "",        "__metadata__"         },
        { "{\"a\xff\":1}",             "",        "not JSON"           },
    };
    struct safetensors file;
    char path[256];

    fresh(path, "bad");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ode_err err;

        write_header(path, rows[i].header, rows[i].data);
        ck_assert_msg(safetensors_open(&file, path, &err) == ODE_EFORMAT, "%s is taken",
                      rows[i].header);
        ck_assert_msg(strstr(err.text, rows[i].word), "%s: %s", rows[i].header, err.text);
    }
}
END_TEST

START_TEST(other_writers_files_are_read)
{
    struct safetensors file;
    struct ode_err err;
    char path[256];

    /* Out of order, without metadata, without padding; then nothing at all. */
    fresh(path, "foreign");
    write_header(path, "{" U8("b", "[1]", 2, 3) "," U8("a", "[2,1]", 0, 2) "}", "abc");
    test_ok(safetensors_open(&file, path, &err), &err);
    ck_assert_str_eq(file.tensor[0].name, "a");
    ck_assert_mem_eq(file.tensor[1].data, "c", 1);
    ck_assert_uint_eq(json_object_size(file.metadata), 0);
    safetensors_close(&file);
    write_header(path, "{}", "");
    test_ok(safetensors_open(&file, path, &err), &err);
    ck_assert_uint_eq(file.n, 0);
    safetensors_close(&file);
}
END_TEST

START_TEST(another_shape_or_dtype_is_told_with_both)
{
    struct safetensors file;
    struct ode_err err;
    const void *data = NULL;
    char path[256];
    size_t dim[2] = { 3, 2 };

    write_good(fresh(path, "m"));
    test_ok(safetensors_open(&file, path, &err), &err);
    ck_assert_int_eq(
        safetensors_get(&file, "opening.weight", SAFETENSORS_F32, 2, dim, &data, &err),
        ODE_EFORMAT);
    ck_assert_str_eq(err.text,
                     "tensor opening.weight: found F32[2,3], expected F32[3,2]");
    ck_assert_str_eq(err.at, path);
    ck_assert_int_eq(safetensors_get(&file, "flags", SAFETENSORS_BOOL, 1, (size_t[]){ 5 },
                                     &data, &err),
                     ODE_EFORMAT);
    ck_assert_int_eq(safetensors_get(&file, "head", SAFETENSORS_F32, 2, dim, &data, &err),
                     ODE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "missing"));
    ck_assert_ptr_null(data);
    safetensors_close(&file);
}
END_TEST

START_TEST(what_cannot_be_written_is_refused_and_the_old_file_stays)
{
    struct safetensors_tensor two[2] = { tensors[1], tensors[1] };
    json_t *metadata = json_pack("{s:i}", "level", 2);
    struct safetensors file;
    struct ode_err err;
    char path[256];

    write_good(fresh(path, "m"));
    ck_assert_int_eq(safetensors_write(path, two, 2, NULL, &err), ODE_EARG);
    ck_assert_ptr_nonnull(strstr(err.text, "flags"));
    ck_assert_int_eq(safetensors_write(path, two, 1, metadata, &err), ODE_EARG);
    two[0].name = "\xff";
    ck_assert_int_eq(safetensors_write(path, two, 1, NULL, &err), ODE_EARG);
    two[0].name = "__metadata__";
    ck_assert_int_eq(safetensors_write(path, two, 1, NULL, &err), ODE_EARG);
    ck_assert_int_eq(safetensors_write("/nowhere/m", tensors, 1, NULL, &err), ODE_EIO);
    test_ok(safetensors_open(&file, path, &err), &err);
    ck_assert_uint_eq(file.n, TENSORS);
    safetensors_close(&file);
    json_decref(metadata);
}
END_TEST

TEST_SUITE(safetensors, 60, what_is_written_is_read, the_bytes_are_those_of_the_format,
           every_truncation_and_extension_is_refused,
           no_flipped_bit_of_the_header_leads_out_of_the_file,
           headers_that_lie_are_refused_by_name, other_writers_files_are_read,
           another_shape_or_dtype_is_told_with_both,
           what_cannot_be_written_is_refused_and_the_old_file_stays)
