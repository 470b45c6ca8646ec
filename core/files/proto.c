/* proto.c - protocol buffers, as far as they are written. */
#include "core/files/proto.h"

#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "fixed values are written as they lie in memory, which must be little-endian"
#endif

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, WIRE_FIXED32 = 5, VARINT_MOST = 10 };

void
ode_proto_release(struct ode_proto *p)
{
    free(p->data);
    *p = (struct ode_proto){ 0 };
}

/* Whether n more bytes fit, if need be after growing. */
static bool
room_for(struct ode_proto *p, size_t n)
{
    size_t room = p->room < 256 ? 256 : p->room;
    unsigned char *data;

    if (p->failed || n <= p->room - p->n)
        return !p->failed;
    while (room - p->n < n && room <= SIZE_MAX / 2)
        room *= 2;
    data = room - p->n < n ? NULL : realloc(p->data, room);
    if (!data) {
        p->failed = true;
        return false;
    }
    p->data = data;
    p->room = room;
    return true;
}

static void
append(struct ode_proto *p, const void *data, size_t n)
{
    if (n == 0 || !room_for(p, n))
        return;
    memcpy(p->data + p->n, data, n);
    p->n += n;
}

static size_t
varint(uint64_t value, unsigned char bytes[VARINT_MOST])
{
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    return n;
}

static void
append_varint(struct ode_proto *p, uint64_t value)
{
    unsigned char bytes[VARINT_MOST];

    append(p, bytes, varint(value, bytes));
}

static void
append_tag(struct ode_proto *p, int field, unsigned wire)
{
    append_varint(p, (uint64_t)field << 3 | wire);
}

void
ode_proto_int(struct ode_proto *p, int field, int64_t value)
{
    append_tag(p, field, WIRE_VARINT);
    append_varint(p, (uint64_t)value);
}

void
ode_proto_float(struct ode_proto *p, int field, float value)
{
    append_tag(p, field, WIRE_FIXED32);
    append(p, &value, sizeof value);
}

void
ode_proto_head(struct ode_proto *p, int field, size_t n)
{
    append_tag(p, field, WIRE_BYTES);
    append_varint(p, n);
}

void
ode_proto_bytes(struct ode_proto *p, int field, const void *data, size_t n)
{
    ode_proto_head(p, field, n);
    append(p, data, n);
}

void
ode_proto_text(struct ode_proto *p, int field, const char *text)
{
    ode_proto_bytes(p, field, text, strlen(text));
}

size_t
ode_proto_open(struct ode_proto *p, int field)
{
    append_tag(p, field, WIRE_BYTES);
    return p->n;
}

/* The length is known only now, and goes in front. */
void
ode_proto_close(struct ode_proto *p, size_t place)
{
    unsigned char bytes[VARINT_MOST];
    size_t n, length;

    if (p->failed)
        return;
    length = p->n - place;
    n = varint(length, bytes);
    if (!room_for(p, n))
        return;
    memmove(p->data + place + n, p->data + place, length);
    memcpy(p->data + place, bytes, n);
    p->n += n;
}
