/*
 * series.h - a series of points made short enough to draw.
 */
#ifndef ODE_DAEMON_SERIES_H
#define ODE_DAEMON_SERIES_H

#include <stddef.h>
#include <stdint.h>

struct series_point {
    int64_t level, step;
    double work, time;
    double value; /* NaN: was not finite */
};

/*
 * Shortens the n points, which are ordered, to at most `most` (0: all) in place, and
 * returns how many are left. Each level is cut into equal ranges, each of which becomes
 * its last point with the mean of its finite values; the very last point stays as it is.
 * Levels get points in proportion to theirs, and one at least; where there are more
 * levels than points, points are left out evenly.
 */
size_t series_reduce(struct series_point *points, size_t n, size_t most);

#endif
