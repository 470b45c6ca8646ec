/* onnx.c - tests of graphs in ONNX files: what was added is what is read back. */
#include "core/files/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/file.h"
#include "tests/core/graph.h"
#include "tests/test.h"

#ifdef __has_feature
#define TEST_SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define TEST_SANITIZED true
#else
#define TEST_SANITIZED false
#endif

static const float numbers[] = { 1.5f, -2, 0, 1e-30f, 3, 4 };
static const int64_t whole[] = { -1, INT64_MIN, INT64_MAX, 300 };

/* x [N][2] -> Foo(x, a, w) -> two outputs; Relu of the second is "y". */
static void
small(struct ode_onnx *o)
{
    const int64_t dim[] = { ODE_ONNX_ANY, 2 };
    const int x = ode_onnx_input(o, "x", 2, dim, "what goes in");
    const int a = ode_onnx_floats(o, "a", 2, (const int64_t[]){ 2, 3 }, numbers);
    const int w = ode_onnx_ints(o, "w", 4, whole);
    int y;

    ode_onnx_scope(o, "part.%d", 7);
    y = ode_onnx_add(
        o, &(struct ode_onnx_node){
               .op = "Foo",
               .outputs = 2,
               .in = {x,  a,                                                  w },
               .attribute = {
                      { .name = "real", .type = ODE_ONNX_FLOAT, .f = 0.25f },
                      { .name = "less", .type = ODE_ONNX_INT, .i = { -3 } },
                      { .name = "two", .type = ODE_ONNX_INTS, .n = 2, .i = { 1, 1000 } },
                      }
    });
    y = ode_onnx_add(
        o, &(struct ode_onnx_node){ .op = "Relu", .name = "y", .in = { y + 1 } });
    ode_onnx_output(o, y, 2, dim, "what comes out");
    ode_onnx_metadata(o, "key", "text");
}

static char path[128];

static void
written(struct graph *g)
{
    struct ode_onnx o = { 0 };
    struct ode_err err;

    snprintf(path, sizeof path, "%s/small.onnx", test_dir());
    small(&o);
    test_ok(ode_onnx_write(&o, path, "little", &err), &err);
    ode_onnx_release(&o);
    graph_read(g, path);
}

START_TEST(a_model_says_what_reads_it)
{
    struct graph_field f;
    struct graph g;

    written(&g);
    ck_assert(graph_find(g.model, 1, &f));
    ck_assert_uint_eq(f.value, 8);
    ck_assert(graph_find(g.model, 8, &f));
    ck_assert(graph_find((struct graph_span){ f.data, f.n }, 2, &f));
    ck_assert_uint_eq(f.value, 13);
    ck_assert_str_eq(graph_text(g.model, 2), "odenet");
    ck_assert_str_eq(graph_text(g.graph, 2), "little");
    ck_assert(graph_find(g.model, 14, &f));
    ck_assert_str_eq(graph_text((struct graph_span){ f.data, f.n }, 1), "key");
    ck_assert_str_eq(graph_text((struct graph_span){ f.data, f.n }, 2), "text");
    graph_release(&g);
}
END_TEST

START_TEST(nodes_are_joined_by_names)
{
    struct graph g;

    written(&g);
    ck_assert_int_eq(g.node_n, 2);
    ck_assert_str_eq(g.node[0].op, "Foo");
    ck_assert_int_eq(g.node[0].in_n, 3);
    ck_assert_str_eq(g.node[0].in[0], "x");
    ck_assert_str_eq(g.node[0].in[1], "a");
    ck_assert_str_eq(g.node[0].in[2], "w");
    ck_assert_int_eq(g.node[0].out_n, 2);
    ck_assert_ptr_nonnull(strstr(g.node[0].out[0], "part.7/Foo"));
    ck_assert_str_ne(g.node[0].out[0], g.node[0].out[1]);
    ck_assert_int_eq(g.node[1].in_n, 1);
    ck_assert_str_eq(g.node[1].in[0], g.node[0].out[1]);
    ck_assert_int_eq(g.node[1].out_n, 1);
    ck_assert_str_eq(g.node[1].out[0], "y");
    graph_release(&g);
}
END_TEST

START_TEST(constants_keep_shape_and_bits)
{
    const struct graph_constant *a, *w;
    struct graph g;

    written(&g);
    ck_assert_int_eq(g.constant_n, 2);
    a = graph_constant(&g, "a");
    w = graph_constant(&g, "w");
    ck_assert_int_eq(a->type, 1);
    ck_assert_int_eq(a->dims, 2);
    ck_assert_int_eq(a->dim[0], 2);
    ck_assert_int_eq(a->dim[1], 3);
    ck_assert_uint_eq(a->raw.n, sizeof numbers);
    ck_assert_mem_eq(a->raw.data, numbers, sizeof numbers);
    ck_assert_int_eq(w->type, 7);
    ck_assert_int_eq(w->dims, 1);
    ck_assert_int_eq(w->dim[0], 4);
    ck_assert_uint_eq(w->raw.n, sizeof whole);
    ck_assert_mem_eq(w->raw.data, whole, sizeof whole);
    graph_release(&g);
}
END_TEST

START_TEST(attributes_keep_type_and_value)
{
    struct graph_span s;
    struct graph_field f;
    struct graph g;
    int seen = 0;
    float x;

    written(&g);
    ck_assert(graph_attribute(&g.node[0], "real", &s));
    ck_assert(graph_find(s, 2, &f));
    memcpy(&x, f.data, sizeof x);
    ck_assert(f.wire == 5 && x == 0.25f);
    ck_assert(graph_find(s, 20, &f) && f.value == 1);
    ck_assert(graph_attribute(&g.node[0], "less", &s));
    ck_assert(graph_find(s, 3, &f) && (int64_t)f.value == -3);
    ck_assert(graph_find(s, 20, &f) && f.value == 2);
    ck_assert(graph_attribute(&g.node[0], "two", &s));
    ck_assert(graph_find(s, 20, &f) && f.value == 7);
    while (graph_next(&s, &f))
        if (f.number == 8)
            ck_assert_uint_eq(f.value, seen++ == 0 ? 1 : 1000);
    ck_assert_int_eq(seen, 2);
    graph_release(&g);
}
END_TEST

/* name, element type and the extents N, 2 of an input or output. */
static void
value_check(const struct graph *g, int field, const char *name, const char *doc)
{
    struct graph_field f, dim;
    struct graph_span s;

    ck_assert(graph_find(g->graph, field, &f));
    s = (struct graph_span){ f.data, f.n };
    ck_assert_str_eq(graph_text(s, 1), name);
    ck_assert_str_eq(graph_text(s, 3), doc);
    ck_assert(graph_find(s, 2, &f));
    ck_assert(graph_find((struct graph_span){ f.data, f.n }, 1, &f));
    s = (struct graph_span){ f.data, f.n };
    ck_assert(graph_find(s, 1, &f) && f.value == 1);
    ck_assert(graph_find(s, 2, &f));
    s = (struct graph_span){ f.data, f.n };
    ck_assert(graph_next(&s, &dim));
    ck_assert_str_eq(graph_text((struct graph_span){ dim.data, dim.n }, 2), "N");
    ck_assert(graph_next(&s, &dim));
    ck_assert(graph_find((struct graph_span){ dim.data, dim.n }, 1, &f) && f.value == 2);
    ck_assert(!graph_next(&s, &dim));
}

START_TEST(the_batch_is_open)
{
    struct graph g;

    written(&g);
    value_check(&g, 11, "x", "what goes in");
    value_check(&g, 12, "y", "what comes out");
    graph_release(&g);
}
END_TEST

START_TEST(only_constants_are_found)
{
    struct ode_onnx o = { 0 };

    small(&o);
    ck_assert_int_gt(ode_onnx_find(&o, "w"), ode_onnx_find(&o, "a"));
    ck_assert_int_gt(ode_onnx_find(&o, "a"), 0);
    ck_assert_int_eq(ode_onnx_find(&o, "x"), 0);
    ck_assert_int_eq(ode_onnx_find(&o, "b"), 0);
    ode_onnx_release(&o);
    ode_onnx_release(&o);
}
END_TEST

/* Lengths of one, two and three bytes stand in front of what they count. */
START_TEST(messages_of_any_length_nest)
{
    static const size_t lengths[] = { 0, 1, 127, 128, 16383, 16384, 100000 };
    struct ode_proto p = { 0 };
    struct graph_span s;
    struct graph_field f;
    char *bytes = calloc(1, 100000);

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const size_t outer = ode_proto_open(&p, 2000), inner = ode_proto_open(&p, 1);

        ode_proto_bytes(&p, 3, bytes, lengths[i]);
        ode_proto_close(&p, inner);
        ode_proto_int(&p, 4, 5);
        ode_proto_close(&p, outer);
    }
    s = (struct graph_span){ p.data, p.n };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct graph_span in;

        ck_assert(graph_next(&s, &f) && f.number == 2000);
        in = (struct graph_span){ f.data, f.n };
        ck_assert(graph_next(&in, &f) && f.number == 1);
        ck_assert(graph_find((struct graph_span){ f.data, f.n }, 3, &f));
        ck_assert_uint_eq(f.n, lengths[i]);
        ck_assert(graph_next(&in, &f) && f.number == 4 && f.value == 5);
        ck_assert(!graph_next(&in, &f));
    }
    ck_assert(!graph_next(&s, &f));
    ode_proto_release(&p);
    free(bytes);
}
END_TEST

START_TEST(equal_graphs_give_equal_bytes)
{
    struct graph one, two;

    written(&one);
    written(&two);
    ck_assert_uint_eq(one.size, two.size);
    ck_assert_mem_eq(one.data, two.data, one.size);
    graph_release(&one);
    graph_release(&two);
}
END_TEST

/* More than there are addresses: nothing of it is looked at, and nothing follows it. */
START_TEST(what_cannot_grow_stays_failed)
{
    struct ode_onnx o = { 0 };
    struct ode_err err;

    snprintf(path, sizeof path, "%s/large.onnx", test_dir());
    ode_proto_bytes(&o.node, 1, "", SIZE_MAX - 1000);
    ck_assert(o.node.failed);
    small(&o);
    ck_assert_int_eq(ode_onnx_write(&o, path, "large", &err), ODE_ENOMEM);
    ck_assert_ptr_nonnull(strstr(err.text, "memory"));
    ck_assert_str_eq(err.at, path);
    ode_onnx_release(&o);
}
END_TEST

/* A hundred times 4 MiB where there are 64 at most, and then a million names. */
START_TEST(short_memory_is_told_at_the_end)
{
    const struct rlimit limit = { 64 << 20, 64 << 20 };
    const int64_t dim[] = { 1 << 20 };
    float *data = calloc(1 << 20, sizeof *data);
    struct ode_onnx large = { 0 }, many = { 0 };
    struct ode_err err;

    snprintf(path, sizeof path, "%s/large.onnx", test_dir());
    if (TEST_SANITIZED) { /* the sanitizer itself would be out of memory */
        free(data);
        return;
    }
    ck_assert_int_eq(setrlimit(RLIMIT_DATA, &limit), 0);
    for (int i = 0; i < 100; i++)
        ode_onnx_floats(&large, "w", 1, dim, data);
    ck_assert_int_eq(ode_onnx_write(&large, path, "large", &err), ODE_ENOMEM);
    ode_onnx_release(&large);
    for (int i = 0; i < 1000000; i++)
        ode_onnx_floats(&many, "w", 0, dim, data);
    ck_assert_int_eq(ode_onnx_write(&many, path, "many", &err), ODE_ENOMEM);
    ode_onnx_release(&many);
    free(data);
}
END_TEST

TEST_SUITE(onnx, 10, a_model_says_what_reads_it, nodes_are_joined_by_names,
           constants_keep_shape_and_bits, attributes_keep_type_and_value,
           the_batch_is_open, only_constants_are_found, messages_of_any_length_nest,
           equal_graphs_give_equal_bytes, what_cannot_grow_stays_failed,
           short_memory_is_told_at_the_end)
