/*
 * onnx.h - a computation as a graph in an ONNX file: operator set 13, IR version 8.
 *
 * A graph grows node by node; a value (an input, a constant, a node's output) is known by
 * a number from 1 on, and in the file by its name. Nothing is checked for sense, and no
 * call fails: where memory was short, ode_onnx_write() says so.
 *
 *     struct ode_onnx o = { 0 };
 *     int x = ode_onnx_input(&o, "x", 4, (int64_t[]){ ODE_ONNX_ANY, 3, 8, 8 }, "pixels");
 *     int y = ode_onnx_add(&o, &(struct ode_onnx_node){ .op = "Relu", .in = { x } });
 *     ode_onnx_output(&o, y, 4, (int64_t[]){ ODE_ONNX_ANY, 3, 8, 8 }, "positive pixels");
 *     status = ode_onnx_write(&o, "relu.onnx", "relu", &err);
 *     ode_onnx_release(&o);
 */
#ifndef ODE_CORE_FILES_ONNX_H
#define ODE_CORE_FILES_ONNX_H

#include "core/base/status.h"
#include "core/files/proto.h"

enum {
    ODE_ONNX_ANY = -1,   /* an extent that is open: the batch, "N" */
    ODE_ONNX_NAME = 128, /* bytes of a name, with the zero byte */
    ODE_ONNX_INS = 6,
    ODE_ONNX_ATTRIBUTES = 6
};

struct ode_onnx_name;

/* Zeros are an empty graph; all is private. */
struct ode_onnx {
    struct ode_proto node, initializer, input, output, metadata;
    struct ode_onnx_name *name; /* of value i + 1 */
    size_t name_n, name_room;
    char scope[64];
    bool failed;
};

void ode_onnx_release(struct ode_onnx *onnx); /* safe on zeros and twice */

/* An input of floats. doc says for people what it is. */
int ode_onnx_input(struct ode_onnx *onnx, const char *name, int dims, const int64_t *dim,
                   const char *doc);

/* Constants, copied. A name is given once. */
int ode_onnx_floats(struct ode_onnx *onnx, const char *name, int dims, const int64_t *dim,
                    const float *data);
int ode_onnx_ints(struct ode_onnx *onnx, const char *name, int n, const int64_t *data);

/* The constant of this name; 0 if there is none. */
int ode_onnx_find(const struct ode_onnx *onnx, const char *name);

struct ode_onnx_attribute {
    const char *name; /* NULL: none */
    enum { ODE_ONNX_FLOAT, ODE_ONNX_INT, ODE_ONNX_INTS } type;
    float f;
    int n;
    int64_t i[4]; /* i[0] of an INT, n of INTS */
};

struct ode_onnx_node {
    const char *op;
    const char *name;     /* of its output; NULL: made up from scope and op */
    int outputs;          /* 0 counts as 1 */
    int in[ODE_ONNX_INS]; /* values; 0 ends the list */
    struct ode_onnx_attribute attribute[ODE_ONNX_ATTRIBUTES];
};

/* Adds a node, and returns its output: the first of them, the others follow it. */
int ode_onnx_add(struct ode_onnx *onnx, const struct ode_onnx_node *node);

/* Made-up names begin so from now on. */
void ode_onnx_scope(struct ode_onnx *onnx, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes a value an output of the graph. */
void ode_onnx_output(struct ode_onnx *onnx, int value, int dims, const int64_t *dim,
                     const char *doc);

/* A text that the model carries along, by its key. */
void ode_onnx_metadata(struct ode_onnx *onnx, const char *key, const char *text);

/*
 * Writes the file with ode_file_write_atomic(). The bytes depend on what was added alone.
 * ODE_ENOMEM where memory was short, now or earlier; ODE_EARG for 2 GiB or more, which
 * readers of ONNX refuse; ODE_EIO.
 */
enum ode_status ode_onnx_write(const struct ode_onnx *onnx, const char *path,
                               const char *graph_name, struct ode_err *err);

#endif
