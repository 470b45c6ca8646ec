/* address.c - addresses by what they are; the tables are IANA's special-purpose
 * registries. */
#include "daemon/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#define V4(a, b, c, d) \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const struct {
    uint32_t network;
    int bits;
    enum address_kind kind;
} v4_kinds[] = {
    {V4(0,    0,   0, 0), 8,  ADDRESS_BARRED },
    { V4(10,  0,   0, 0), 8,  ADDRESS_PRIVATE},
    { V4(100, 64,  0, 0), 10, ADDRESS_PRIVATE},
    { V4(127, 0,   0, 0), 8,  ADDRESS_PRIVATE},
    { V4(169, 254, 0, 0), 16, ADDRESS_BARRED },
    { V4(172, 16,  0, 0), 12, ADDRESS_PRIVATE},
    { V4(192, 168, 0, 0), 16, ADDRESS_PRIVATE},
    { V4(224, 0,   0, 0), 4,  ADDRESS_BARRED },
    { V4(240, 0,   0, 0), 4,  ADDRESS_BARRED },
};

static enum address_kind
kind_v4(uint32_t address)
{
    for (size_t i = 0; i < sizeof v4_kinds / sizeof *v4_kinds; i++)
        if ((address ^ v4_kinds[i].network) >> (32 - v4_kinds[i].bits) == 0)
            return v4_kinds[i].kind;
    return ADDRESS_PUBLIC;
}

static uint32_t
v4_at(const uint8_t *bytes)
{
    return V4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static enum address_kind
kind_v6(const uint8_t a[16])
{
    static const uint8_t zeros[16], mapped[12] = { [10] = 0xff, [11] = 0xff },
                                    loopback[16] = { [15] = 1 },
                                    translated[12] = { 0, 0x64, 0xff, 0x9b };

    if (memcmp(a, mapped, 12) == 0 || memcmp(a, translated, 12) == 0)
        return kind_v4(v4_at(a + 12));
    if (a[0] == 0x20 && a[1] == 0x02)
        return kind_v4(v4_at(a + 2));
    if (memcmp(a, loopback, 16) == 0)
        return ADDRESS_PRIVATE;
    if (memcmp(a, zeros, 12) == 0) /* :: and IPv4 as it was once written */
        return ADDRESS_BARRED;
    if ((a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0xc0))
        return ADDRESS_PRIVATE;
    return (a[0] & 0xe0) == 0x20 ? ADDRESS_PUBLIC : ADDRESS_BARRED; /* 2000::/3 alone */
}

enum address_kind
address_kind(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return kind_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        return kind_v6(v6.sin6_addr.s6_addr);
    }
    return ADDRESS_BARRED;
}

const char *
address_text(const struct sockaddr *address, char text[ADDRESS_TEXT])
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    strcpy(text, "?");
    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, text, ADDRESS_TEXT);
    } else if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, text, ADDRESS_TEXT);
    }
    return text;
}
