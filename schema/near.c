/* near.c - the distance between words, by the letters that are wrong. */
#include "schema/near.h"

#include <string.h>

enum { LONGEST = 32 };

static int
least(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours between two words of at
 * most LONGEST letters (the optimal string alignment distance). */
static int
distance(const char *a, const char *b)
{
    int rows[3][LONGEST + 1], *before = rows[0], *above = rows[1], *row = rows[2];
    int na = (int)strlen(a), nb = (int)strlen(b);

    for (int j = 0; j <= nb; j++)
        above[j] = before[j] = j;
    for (int i = 1; i <= na; i++) {
        int *oldest = before;

        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1,
                           above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        before = above;
        above = row;
        row = oldest;
    }
    return above[nb];
}

const char *
near_field(const struct ode_object *object, const char *name)
{
    const char *nearest = NULL;
    int best = LONGEST;

    if (strlen(name) > LONGEST)
        return NULL;
    for (const struct ode_field *f = object->fields; f->name; f++) {
        int d = distance(name, f->name);

        if (d < best && 3 * d <= (int)strlen(f->name) + 2) {
            best = d;
            nearest = f->name;
        }
    }
    return nearest;
}
