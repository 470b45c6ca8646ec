/* series.c - means over equal ranges of each level. */
#include "daemon/series.h"

#include <math.h>

static struct series_point
range_mean(const struct series_point *points, size_t n)
{
    struct series_point mean = points[n - 1];
    size_t finite = 0;
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        if (isfinite(points[i].value)) {
            sum += points[i].value;
            finite++;
        }
    mean.value = finite ? sum / (double)finite : NAN;
    return mean;
}

/* Points of the level that begins here. */
static size_t
level_length(const struct series_point *points, size_t n)
{
    size_t length = 1;

    while (length < n && points[length].level == points[0].level)
        length++;
    return length;
}

static size_t
count_levels(const struct series_point *points, size_t n)
{
    size_t levels = 0;

    for (size_t i = 0; i < n; i += level_length(points + i, n - i))
        levels++;
    return levels;
}

static size_t
thin(struct series_point *points, size_t n, size_t most)
{
    for (size_t i = 0; i < most; i++)
        points[i] = points[(i + 1) * n / most - 1];
    return most;
}

size_t
series_reduce(struct series_point *points, size_t n, size_t most)
{
    size_t body = n - 1, left = 0, levels, length, ranges;
    struct series_point last;

    if (most == 0 || n <= most)
        return n;
    levels = count_levels(points, body);
    if (levels >= most)
        return thin(points, n, most);
    last = points[n - 1];
    for (size_t at = 0; at < body; at += length) {
        length = level_length(points + at, body - at);
        ranges = 1 + (most - 1 - levels) * length / body;
        if (ranges > length)
            ranges = length;
        /* What is written lies before what is still to be read. */
        for (size_t r = 0; r < ranges; r++) {
            size_t from = at + r * length / ranges, to = at + (r + 1) * length / ranges;

            points[left++] = range_mean(points + from, to - from);
        }
    }
    points[left++] = last;
    return left;
}
