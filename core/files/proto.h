/*
 * proto.h - protocol buffers, as far as they are written: varints, fixed floats, and
 * messages within messages.
 *
 * A buffer that could not grow stays failed: all that follows does nothing, so that only
 * the end has to be checked. Zeros are an empty buffer.
 */
#ifndef ODE_CORE_FILES_PROTO_H
#define ODE_CORE_FILES_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ode_proto {
    unsigned char *data;
    size_t n, room; /* bytes */
    bool failed;    /* memory was short */
};

void ode_proto_release(struct ode_proto *proto); /* safe on zeros and twice */

/* One field each. */
void ode_proto_int(struct ode_proto *proto, int field, int64_t value);
void ode_proto_float(struct ode_proto *proto, int field, float value);
void ode_proto_bytes(struct ode_proto *proto, int field, const void *data, size_t n);
void ode_proto_text(struct ode_proto *proto, int field, const char *text);

/* What is written between the two is a message; open returns what close wants. */
size_t ode_proto_open(struct ode_proto *proto, int field);
void ode_proto_close(struct ode_proto *proto, size_t place);

/* Only the head of a message or of bytes of this length, which follow from elsewhere. */
void ode_proto_head(struct ode_proto *proto, int field, size_t n);

#endif
