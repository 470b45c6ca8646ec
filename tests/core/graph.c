/* graph.c - reads ONNX files back. */
#include "tests/core/graph.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "tests/test.h"

/* --- messages ------------------------------------------------------------------- */

static uint64_t
varint(struct graph_span *s)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 64; shift += 7) {
        ck_assert_uint_gt(s->n, 0);
        s->n--;
        value |= (uint64_t)(*s->data & 0x7f) << shift;
        if (!(*s->data++ & 0x80))
            return value;
    }
    ck_abort_msg("a varint of more than ten bytes");
    return 0;
}

bool
graph_next(struct graph_span *s, struct graph_field *f)
{
    uint64_t tag;

    if (s->n == 0)
        return false;
    tag = varint(s);
    *f = (struct graph_field){ .number = (int)(tag >> 3), .wire = (int)(tag & 7) };
    ck_assert_int_gt(f->number, 0);
    if (f->wire == 0) {
        f->value = varint(s);
        return true;
    }
    ck_assert_msg(f->wire == 2 || f->wire == 5, "wire type %d", f->wire);
    f->n = f->wire == 5 ? 4 : (size_t)varint(s);
    ck_assert_uint_le(f->n, s->n);
    f->data = s->data;
    s->data += f->n;
    s->n -= f->n;
    return true;
}

bool
graph_find(struct graph_span s, int number, struct graph_field *f)
{
    while (graph_next(&s, f))
        if (f->number == number)
            return true;
    return false;
}

const char *
graph_text(struct graph_span s, int number)
{
    static char ring[4][256];
    static int turn;
    struct graph_field f = { 0 };
    char *text = ring[turn++ % 4];

    if (!graph_find(s, number, &f))
        f.n = 0;
    if (f.n > sizeof ring[0] - 1)
        f.n = sizeof ring[0] - 1;
    memset(text, 0, sizeof ring[0]);
    if (f.n > 0)
        memcpy(text, f.data, f.n);
    return text;
}

/* --- the graph ------------------------------------------------------------------ */

/* A copy that lives as long as the graph. All copies fit into as many bytes as the file
 * has, as each text stands there with its tag and its length. */
static const char *
text_keep(struct graph *g, const struct graph_field *f)
{
    char *text = g->text + g->text_n;

    ck_assert_uint_lt(g->text_n + f->n, g->size);
    memcpy(text, f->data, f->n);
    g->text_n += f->n + 1;
    return text;
}

static void
node_read(struct graph *g, struct graph_node *node, struct graph_span s)
{
    struct graph_field f;

    *node = (struct graph_node){ .span = s };
    while (graph_next(&s, &f)) {
        ck_assert_int_lt(node->in_n, GRAPH_NAMES);
        ck_assert_int_lt(node->out_n, GRAPH_NAMES);
        if (f.number == 1)
            node->in[node->in_n++] = text_keep(g, &f);
        else if (f.number == 2)
            node->out[node->out_n++] = text_keep(g, &f);
        else if (f.number == 4)
            node->op = text_keep(g, &f);
    }
    ck_assert_ptr_nonnull(node->op);
}

static void
constant_read(struct graph *g, struct graph_constant *c, struct graph_span s)
{
    struct graph_field f;

    *c = (struct graph_constant){ 0 };
    while (graph_next(&s, &f))
        if (f.number == 1)
            c->dim[c->dims++] = (int64_t)f.value;
        else if (f.number == 2)
            c->type = (int)f.value;
        else if (f.number == 8)
            c->name = text_keep(g, &f);
        else if (f.number == 9)
            c->raw = (struct graph_span){ f.data, f.n };
    ck_assert_ptr_nonnull(c->name);
}

void
graph_read(struct graph *g, const char *path)
{
    struct graph_span s;
    struct graph_field f;
    struct ode_err err;

    *g = (struct graph){ 0 };
    test_ok(ode_file_read(path, 1 << 28, &g->data, &g->size, &err), &err);
    g->node = calloc(GRAPH_MOST, sizeof *g->node);
    g->constant = calloc(GRAPH_MOST, sizeof *g->constant);
    g->text = calloc(1, g->size);
    ck_assert(g->node && g->constant && g->text);
    g->model = (struct graph_span){ g->data, g->size };
    ck_assert(graph_find(g->model, 7, &f));
    s = g->graph = (struct graph_span){ f.data, f.n };
    while (graph_next(&s, &f)) {
        ck_assert(g->node_n < GRAPH_MOST && g->constant_n < GRAPH_MOST);
        if (f.number == 1)
            node_read(g, &g->node[g->node_n++], (struct graph_span){ f.data, f.n });
        else if (f.number == 5)
            constant_read(g, &g->constant[g->constant_n++],
                          (struct graph_span){ f.data, f.n });
    }
}

void
graph_release(struct graph *g)
{
    free(g->data);
    free(g->text);
    free(g->node);
    free(g->constant);
}

const struct graph_constant *
graph_constant(const struct graph *g, const char *name)
{
    for (int i = 0; i < g->constant_n; i++)
        if (strcmp(g->constant[i].name, name) == 0)
            return &g->constant[i];
    return NULL;
}

int
graph_count(const struct graph *g, const char *op)
{
    int n = 0;

    for (int i = 0; i < g->node_n; i++)
        n += strcmp(g->node[i].op, op) == 0;
    return n;
}

bool
graph_attribute(const struct graph_node *node, const char *name, struct graph_span *span)
{
    struct graph_span s = node->span;
    struct graph_field f;

    while (graph_next(&s, &f))
        if (f.number == 5) {
            *span = (struct graph_span){ f.data, f.n };
            if (strcmp(graph_text(*span, 1), name) == 0)
                return true;
        }
    return false;
}
