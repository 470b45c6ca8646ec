/* ulid.c - identifiers that sort by time. */
#include "daemon/ulid.h"

#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* Adds one to the random part; false when it was all ones and became zero. */
static bool
count_up(uint8_t random[10])
{
    for (int i = 9; i >= 0; i--)
        if (++random[i] != 0)
            return true;
    return false;
}

static void
draw(struct ulid *last)
{
    /* Cannot fail for so few bytes once the kernel's pool is ready, and waits until then.
     */
    while (getrandom(last->random, sizeof last->random, 0) != sizeof last->random)
        ;
}

/* 16 bytes are 128 bits; the first character holds the 3 highest of 130. */
static void
write_base32(const uint8_t bytes[16], char id[ULID_LENGTH + 1])
{
    unsigned bits = 0, held = 2, out = 0;

    for (int i = 0; i < 16; i++) {
        bits = bits << 8 | bytes[i];
        held += 8;
        for (; held >= 5; held -= 5)
            id[out++] = alphabet[bits >> (held - 5) & 31];
        bits &= (1u << held) - 1;
    }
    id[out] = '\0';
}

void
ulid_next(struct ulid *last, int64_t now_ms, char id[ULID_LENGTH + 1])
{
    uint8_t bytes[16];

    if ((uint64_t)now_ms > last->ms) {
        last->ms = (uint64_t)now_ms;
        draw(last);
    } else if (!count_up(last->random)) {
        last->ms++;
    }
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(last->ms >> (40 - 8 * i));
    memcpy(bytes + 6, last->random, sizeof last->random);
    write_base32(bytes, id);
}

bool
ulid_valid(const char *id)
{
    return strlen(id) == ULID_LENGTH && strspn(id, alphabet) == ULID_LENGTH
           && id[0] <= '7';
}
