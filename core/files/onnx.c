/* onnx.c - a computation as a graph in an ONNX file. */
#include "core/files/onnx.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"

enum { IR_VERSION = 8, OPSET = 13, FILE_MOST = INT_MAX };

/* Fields of onnx.proto. */
enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_METADATA = 14,
    OPSET_VERSION = 2,
    ENTRY_KEY = 1,
    ENTRY_VALUE = 2,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_FLOAT = 2,
    ATTRIBUTE_INT = 3,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_TYPE = 20,
    TYPE_IS_FLOAT = 1, /* values of ATTRIBUTE_TYPE */
    TYPE_IS_INT = 2,
    TYPE_IS_INTS = 7,
    TENSOR_DIM = 1,
    TENSOR_TYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    OF_FLOAT = 1, /* values of TENSOR_TYPE and ELEMENT_TYPE */
    OF_INT64 = 7,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    VALUE_DOC = 3,
    TYPE_TENSOR = 1,
    ELEMENT_TYPE = 1,
    ELEMENT_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
    DIM_PARAM = 2
};

struct ode_onnx_name {
    char text[ODE_ONNX_NAME];
    bool constant;
};

void
ode_onnx_release(struct ode_onnx *o)
{
    ode_proto_release(&o->node);
    ode_proto_release(&o->initializer);
    ode_proto_release(&o->input);
    ode_proto_release(&o->output);
    ode_proto_release(&o->metadata);
    free(o->name);
    *o = (struct ode_onnx){ 0 };
}

/* --- values --------------------------------------------------------------------- */

static const char *
name_of(const struct ode_onnx *o, int value)
{
    return value > 0 && (size_t)value <= o->name_n ? o->name[value - 1].text : "";
}

static bool
names_grow(struct ode_onnx *o)
{
    const size_t room = o->name_room ? 2 * o->name_room : 64;
    struct ode_onnx_name *name = realloc(o->name, room * sizeof *name);

    if (!name)
        return false;
    o->name = name;
    o->name_room = room;
    return true;
}

/* A new value; 0 where memory is short. */
static int
value_new(struct ode_onnx *o, bool constant, const char *name)
{
    struct ode_onnx_name *new;

    o->failed = o->failed || (o->name_n == o->name_room && !names_grow(o));
    if (o->failed)
        return 0;
    new = &o->name[o->name_n++];
    new->constant = constant;
    snprintf(new->text, sizeof new->text, "%s", name);
    return (int)o->name_n;
}

int
ode_onnx_find(const struct ode_onnx *o, const char *name)
{
    for (size_t i = 0; i < o->name_n; i++)
        if (o->name[i].constant && strcmp(o->name[i].text, name) == 0)
            return (int)i + 1;
    return 0;
}

static void
shape_write(struct ode_proto *p, int dims, const int64_t *dim)
{
    const size_t shape = ode_proto_open(p, ELEMENT_SHAPE);

    for (int d = 0; d < dims; d++) {
        const size_t place = ode_proto_open(p, SHAPE_DIM);

        if (dim[d] == ODE_ONNX_ANY)
            ode_proto_text(p, DIM_PARAM, "N");
        else
            ode_proto_int(p, DIM_VALUE, dim[d]);
        ode_proto_close(p, place);
    }
    ode_proto_close(p, shape);
}

/* What goes into or comes out of the graph. */
static void
value_write(struct ode_proto *p, int field, const char *name, int dims,
            const int64_t *dim, const char *doc)
{
    const size_t value = ode_proto_open(p, field);
    size_t type, tensor;

    ode_proto_text(p, VALUE_NAME, name);
    type = ode_proto_open(p, VALUE_TYPE);
    tensor = ode_proto_open(p, TYPE_TENSOR);
    ode_proto_int(p, ELEMENT_TYPE, OF_FLOAT);
    shape_write(p, dims, dim);
    ode_proto_close(p, tensor);
    ode_proto_close(p, type);
    ode_proto_text(p, VALUE_DOC, doc);
    ode_proto_close(p, value);
}

int
ode_onnx_input(struct ode_onnx *o, const char *name, int dims, const int64_t *dim,
               const char *doc)
{
    value_write(&o->input, GRAPH_INPUT, name, dims, dim, doc);
    return value_new(o, false, name);
}

void
ode_onnx_output(struct ode_onnx *o, int value, int dims, const int64_t *dim,
                const char *doc)
{
    value_write(&o->output, GRAPH_OUTPUT, name_of(o, value), dims, dim, doc);
}

static int
constant_add(struct ode_onnx *o, const char *name, int type, int dims, const int64_t *dim,
             const void *data, size_t size)
{
    struct ode_proto *p = &o->initializer;
    const size_t tensor = ode_proto_open(p, GRAPH_INITIALIZER);

    for (int d = 0; d < dims; d++) {
        ode_proto_int(p, TENSOR_DIM, dim[d]);
        size *= (size_t)dim[d];
    }
    ode_proto_int(p, TENSOR_TYPE, type);
    ode_proto_text(p, TENSOR_NAME, name);
    ode_proto_bytes(p, TENSOR_RAW, data, size);
    ode_proto_close(p, tensor);
    return value_new(o, true, name);
}

int
ode_onnx_floats(struct ode_onnx *o, const char *name, int dims, const int64_t *dim,
                const float *data)
{
    return constant_add(o, name, OF_FLOAT, dims, dim, data, sizeof *data);
}

int
ode_onnx_ints(struct ode_onnx *o, const char *name, int n, const int64_t *data)
{
    return constant_add(o, name, OF_INT64, 1, (const int64_t[]){ n }, data, sizeof *data);
}

/* --- nodes ---------------------------------------------------------------------- */

void
ode_onnx_scope(struct ode_onnx *o, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(o->scope, sizeof o->scope, format, args);
    va_end(args);
}

static void
attribute_write(struct ode_proto *p, const struct ode_onnx_attribute *a)
{
    static const int type[] = { [ODE_ONNX_FLOAT] = TYPE_IS_FLOAT,
                                [ODE_ONNX_INT] = TYPE_IS_INT,
                                [ODE_ONNX_INTS] = TYPE_IS_INTS };
    const size_t place = ode_proto_open(p, NODE_ATTRIBUTE);

    ode_proto_text(p, ATTRIBUTE_NAME, a->name);
    if (a->type == ODE_ONNX_FLOAT)
        ode_proto_float(p, ATTRIBUTE_FLOAT, a->f);
    else if (a->type == ODE_ONNX_INT)
        ode_proto_int(p, ATTRIBUTE_INT, a->i[0]);
    else
        for (int i = 0; i < a->n; i++)
            ode_proto_int(p, ATTRIBUTE_INTS, a->i[i]);
    ode_proto_int(p, ATTRIBUTE_TYPE, type[a->type]);
    ode_proto_close(p, place);
}

/* The node's outputs; returns the first. */
static int
outputs_add(struct ode_onnx *o, const struct ode_onnx_node *node)
{
    const int outputs = node->outputs > 0 ? node->outputs : 1;
    char name[ODE_ONNX_NAME];
    int first = 0;

    for (int i = 0; i < outputs; i++) {
        int value;

        snprintf(name, sizeof name, "%s%s%s.%zu", o->scope, *o->scope ? "/" : "",
                 node->op, o->name_n + 1);
        value = value_new(o, false, node->name && i == 0 ? node->name : name);
        first = i == 0 ? value : first;
        ode_proto_text(&o->node, NODE_OUTPUT, name_of(o, value));
    }
    return first;
}

int
ode_onnx_add(struct ode_onnx *o, const struct ode_onnx_node *node)
{
    struct ode_proto *p = &o->node;
    const size_t place = ode_proto_open(p, GRAPH_NODE);
    int first;

    for (int i = 0; i < ODE_ONNX_INS && node->in[i]; i++)
        ode_proto_text(p, NODE_INPUT, name_of(o, node->in[i]));
    first = outputs_add(o, node);
    ode_proto_text(p, NODE_NAME, name_of(o, first));
    ode_proto_text(p, NODE_OP, node->op);
    for (int i = 0; i < ODE_ONNX_ATTRIBUTES && node->attribute[i].name; i++)
        attribute_write(p, &node->attribute[i]);
    ode_proto_close(p, place);
    return first;
}

/* --- the file ------------------------------------------------------------------- */

void
ode_onnx_metadata(struct ode_onnx *o, const char *key, const char *text)
{
    const size_t place = ode_proto_open(&o->metadata, MODEL_METADATA);

    ode_proto_text(&o->metadata, ENTRY_KEY, key);
    ode_proto_text(&o->metadata, ENTRY_VALUE, text);
    ode_proto_close(&o->metadata, place);
}

/* All of the model up to the parts of its graph. */
static void
head_write(struct ode_proto *p, const struct ode_onnx *o, const char *graph_name)
{
    struct ode_proto name = { 0 };
    size_t opset;

    ode_proto_int(p, MODEL_IR_VERSION, IR_VERSION);
    ode_proto_text(p, MODEL_PRODUCER, "odenet");
    ode_proto_text(p, MODEL_PRODUCER_VERSION, PACKAGE_VERSION);
    opset = ode_proto_open(p, MODEL_OPSET);
    ode_proto_int(p, OPSET_VERSION, OPSET);
    ode_proto_close(p, opset);
    ode_proto_text(&name, GRAPH_NAME, graph_name);
    ode_proto_head(p, MODEL_GRAPH,
                   name.n + o->node.n + o->initializer.n + o->input.n + o->output.n);
    ode_proto_text(p, GRAPH_NAME, graph_name);
    p->failed = p->failed || name.failed;
    ode_proto_release(&name);
}

static enum ode_status
pieces_write(const struct ode_proto *const *piece, size_t n, const char *path,
             struct ode_err *err)
{
    struct iovec vector[8];
    size_t size = 0;

    for (size_t i = 0; i < n; i++) {
        if (piece[i]->failed)
            return ode_fail(err, ODE_ENOMEM, path, "no memory for the graph");
        vector[i] = (struct iovec){ .iov_base = piece[i]->data, .iov_len = piece[i]->n };
        size += piece[i]->n;
    }
    if (size > FILE_MOST)
        return ode_fail(err, ODE_EARG, path,
                        "%zu bytes are more than an ONNX file can hold; the most is %d",
                        size, FILE_MOST);
    return ode_file_write_atomic(path, vector, n, err);
}

enum ode_status
ode_onnx_write(const struct ode_onnx *o, const char *path, const char *graph_name,
               struct ode_err *err)
{
    struct ode_proto head = { .failed = o->failed };
    const struct ode_proto *const piece[] = { &head,     &o->node,   &o->initializer,
                                              &o->input, &o->output, &o->metadata };
    enum ode_status status;

    head_write(&head, o, graph_name);
    status = pieces_write(piece, sizeof piece / sizeof *piece, path, err);
    ode_proto_release(&head);
    return status;
}
