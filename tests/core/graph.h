/*
 * graph.h - reads ONNX files back, as far as tests look at them; shares nothing with what
 * writes them.
 */
#ifndef ODE_TESTS_CORE_GRAPH_H
#define ODE_TESTS_CORE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A field of a message. */
struct graph_field {
    int number, wire;
    uint64_t value;            /* of a varint                     */
    const unsigned char *data; /* of bytes, or of a fixed float   */
    size_t n;
};

/* A part of a file. */
struct graph_span {
    const unsigned char *data;
    size_t n;
};

/* Takes the next field off the span; false at its end. The test fails where it is not a
 * message. */
bool graph_next(struct graph_span *span, struct graph_field *field);

/* The first field of this number in a message; false if there is none. */
bool graph_find(struct graph_span span, int number, struct graph_field *field);

/* The text of that field, cut to 255 bytes; "" if there is none. Valid for three more
 * calls. */
const char *graph_text(struct graph_span span, int number);

enum { GRAPH_MOST = 4000, GRAPH_NAMES = 8 };

struct graph_node {
    const char *op, *in[GRAPH_NAMES], *out[GRAPH_NAMES];
    int in_n, out_n;
    struct graph_span span;
};

struct graph_constant {
    const char *name;
    int type, dims;
    int64_t dim[8];
    struct graph_span raw;
};

struct graph {
    void *data; /* the file */
    size_t size;
    char *text; /* all names */
    size_t text_n;
    struct graph_span model, graph;
    struct graph_node *node;
    struct graph_constant *constant;
    int node_n, constant_n;
};

/* Reads a file; the test fails where it can't be. */
void graph_read(struct graph *graph, const char *path);
void graph_release(struct graph *graph);

/* NULL if there is none of this name. */
const struct graph_constant *graph_constant(const struct graph *graph, const char *name);

/* How many nodes of this operator there are. */
int graph_count(const struct graph *graph, const char *op);

/* The attribute's fields in a node; false if it has none of this name. */
bool graph_attribute(const struct graph_node *node, const char *name,
                     struct graph_span *span);

#endif
