/* strokes.c - digits drawn from vector strokes: a path, its deformation, its ink. */
#include "core/data/strokes.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"

enum { POINTS = 128, CURVE_STEPS = 12, LINE_STEPS = 6, THREADS = 64 };

static const struct {
    int digit;
    const char *path;
} glyphs[] = {
#define GLYPH(digit, path) { digit, path },
#include "core/data/strokes.def"
#undef GLYPH
};

enum { GLYPHS = sizeof glyphs / sizeof *glyphs };

struct point {
    double x, y;
};

/* A drawing: points joined by straight pieces but for those where the pen was lifted. */
struct drawing {
    struct point at[POINTS];
    bool lifted[POINTS]; /* before this point */
    int n;
    double pen; /* half its width */
    double ink; /* 0 none, 1 full */
};

static double
between(struct ode_rng *rng, double low, double high)
{
    return low + (high - low) * ode_rng_uniform(rng);
}

/* --- the path ------------------------------------------------------------------- */

static const char *
glyph_pick(struct ode_rng *rng, int digit)
{
    const char *ways[GLYPHS];
    uint32_t n = 0;

    for (int i = 0; i < GLYPHS; i++)
        if (glyphs[i].digit == digit)
            ways[n++] = glyphs[i].path;
    return ways[ode_rng_below(rng, n)];
}

/* Reads "12 34" and moves the point a little, as no hand meets it exactly. */
static struct point
point_read(const char **path, struct ode_rng *rng)
{
    char *end;
    double x = (double)strtol(*path, &end, 10), y = (double)strtol(end, &end, 10);

    while (*end == ' ')
        end++;
    *path = end;
    return (struct point){ x + 3.6 * ode_rng_truncated_normal(rng),
                           y + 3.6 * ode_rng_truncated_normal(rng) };
}

static void
point_add(struct drawing *d, struct point p, bool lifted)
{
    assert(d->n < POINTS);
    d->lifted[d->n] = lifted;
    d->at[d->n++] = p;
}

static void
line_add(struct drawing *d, struct point a, struct point b)
{
    for (int k = 1; k <= LINE_STEPS; k++) {
        double t = (double)k / LINE_STEPS;

        point_add(d, (struct point){ a.x + t * (b.x - a.x), a.y + t * (b.y - a.y) },
                  false);
    }
}

static void
curve_add(struct drawing *d, struct point a, struct point b, struct point c,
          struct point e)
{
    for (int k = 1; k <= CURVE_STEPS; k++) {
        double t = (double)k / CURVE_STEPS, s = 1 - t;
        double wa = s * s * s, wb = 3 * s * s * t, wc = 3 * s * t * t, we = t * t * t;

        point_add(d,
                  (struct point){ wa * a.x + wb * b.x + wc * c.x + we * e.x,
                                  wa * a.y + wb * b.y + wc * c.y + we * e.y },
                  false);
    }
}

static void
path_trace(struct drawing *d, const char *path, struct ode_rng *rng)
{
    while (*path) {
        char command = *path++;
        struct point p = point_read(&path, rng), q;

        if (command == 'M') {
            point_add(d, p, true);
        } else if (command == 'L') {
            line_add(d, d->at[d->n - 1], p);
        } else {
            q = point_read(&path, rng);
            curve_add(d, d->at[d->n - 1], p, q, point_read(&path, rng));
        }
    }
}

/* --- the deformation ------------------------------------------------------------ */

/* Bends with a slow wave in each direction, up to some units of the box of 100. */
static void
drawing_bend(struct drawing *d, struct ode_rng *rng)
{
    const double turn = 6.283185307179586477;
    double size_x = 3.6 * ode_rng_truncated_normal(rng);
    double size_y = 3.6 * ode_rng_truncated_normal(rng);
    double slow_x = turn / 100 * between(rng, 0.5, 1.3), at_x = between(rng, 0, turn);
    double slow_y = turn / 100 * between(rng, 0.5, 1.3), at_y = between(rng, 0, turn);

    for (int i = 0; i < d->n; i++) {
        struct point p = d->at[i];

        d->at[i].x += size_x * sin(slow_x * p.y + at_x);
        d->at[i].y += size_y * sin(slow_y * p.x + at_y);
    }
}

/* Scales, slants and turns about the middle of the box, which becomes (0, 0). */
static void
drawing_turn(struct drawing *d, struct ode_rng *rng)
{
    double size = between(rng, 0.0062, 0.0104);
    double width = size * between(rng, 0.7, 1.25);
    double slant = 0.22 * ode_rng_truncated_normal(rng);
    double angle = 0.17 * ode_rng_truncated_normal(rng);
    double c = cos(angle), s = sin(angle);

    for (int i = 0; i < d->n; i++) {
        double y = size * (d->at[i].y - 50);
        double x = width * (d->at[i].x - 50) - slant * y;

        d->at[i] = (struct point){ c * x - s * y, s * x + c * y };
    }
}

/* Moves the drawing to the unit square: its bounds' middle comes near the square's, and
 * all ink falls into it; too large a drawing shrinks. */
static void
drawing_place(struct drawing *d, struct ode_rng *rng)
{
    struct point low = d->at[0], high = d->at[0];
    double fit, room_x, room_y, x, y;

    for (int i = 1; i < d->n; i++) {
        low.x = fmin(low.x, d->at[i].x), high.x = fmax(high.x, d->at[i].x);
        low.y = fmin(low.y, d->at[i].y), high.y = fmax(high.y, d->at[i].y);
    }
    fit = 0.96 - 2 * d->pen;
    fit = fmin(1, fit / fmax(high.x - low.x, high.y - low.y));
    room_x = fmax(0, 0.48 - d->pen - fit * (high.x - low.x) / 2);
    room_y = fmax(0, 0.48 - d->pen - fit * (high.y - low.y) / 2);
    x = 0.5 + fmin(room_x, 0.1) * between(rng, -1, 1);
    y = 0.5 + fmin(room_y, 0.1) * between(rng, -1, 1);
    for (int i = 0; i < d->n; i++) {
        d->at[i].x = x + fit * (d->at[i].x - (low.x + high.x) / 2);
        d->at[i].y = y + fit * (d->at[i].y - (low.y + high.y) / 2);
    }
}

/* --- the ink -------------------------------------------------------------------- */

/* The part of a pixel that a band of half width r covers, whose middle line passes at
 * distance d; all in pixels, the pixel seen as an interval across the band. */
static inline float
cover(float d, float r)
{
    float from = d - 0.5f, to = d + 0.5f;

    return fmaxf(0, (to < r ? to : r) - (from > -r ? from : -r));
}

/* The pixels along one axis that a piece from a to b may touch. */
static void
span(double a, double b, double reach, int resolution, int *from, int *to)
{
    *from = (int)fmax(0, floor(fmin(a, b) - reach));
    *to = (int)fmin(resolution, ceil(fmax(a, b) + reach));
}

/* Inks one straight piece; a pixel keeps the most ink it ever got. */
static void
piece_ink(struct point a, struct point b, float r, float ink, int resolution,
          uint8_t *pixels)
{
    float dx = (float)(b.x - a.x), dy = (float)(b.y - a.y);
    float square = dx * dx + dy * dy, per = square > 0 ? 1 / square : 0;
    float reach = r + 0.5f;
    int left, right, top, bottom;

    span(a.x, b.x, reach, resolution, &left, &right);
    span(a.y, b.y, reach, resolution, &top, &bottom);
    for (int i = top; i < bottom; i++) {
        for (int j = left; j < right; j++) {
            float x = (float)j + 0.5f - (float)a.x, y = (float)i + 0.5f - (float)a.y;
            float t = fminf(1, fmaxf(0, (x * dx + y * dy) * per));
            float u = x - t * dx, v = y - t * dy, far = u * u + v * v;
            uint8_t *pixel = pixels + (size_t)i * (size_t)resolution + j;

            if (far < reach * reach) {
                uint8_t wet = (uint8_t)(255 * ink * cover(sqrtf(far), r) + 0.5f);

                *pixel = wet > *pixel ? wet : *pixel;
            }
        }
    }
}

static void
drawing_ink(const struct drawing *d, int resolution, uint8_t *pixels)
{
    double scale = resolution;

    memset(pixels, 0, (size_t)resolution * (size_t)resolution);
    for (int i = 1; i < d->n; i++) {
        struct point a = { scale * d->at[i - 1].x, scale * d->at[i - 1].y };
        struct point b = { scale * d->at[i].x, scale * d->at[i].y };

        if (!d->lifted[i])
            piece_ink(a, b, (float)(scale * d->pen), (float)d->ink, resolution, pixels);
    }
}

/* --- examples ------------------------------------------------------------------- */

int
ode_strokes_label(size_t i)
{
    return (int)(i % ODE_STROKES_CLASSES);
}

void
ode_strokes_image(uint64_t seed, enum ode_strokes_part part, size_t i, int resolution,
                  uint8_t *pixels)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_STROKES, part, i);
    struct drawing d;

    assert(resolution >= ODE_STROKES_MIN && resolution <= ODE_STROKES_MAX);
    d.n = 0;
    d.pen = between(&rng, 0.02, 0.065);
    d.ink = between(&rng, 0.6, 1);
    path_trace(&d, glyph_pick(&rng, ode_strokes_label(i)), &rng);
    drawing_bend(&d, &rng);
    drawing_turn(&d, &rng);
    drawing_place(&d, &rng);
    drawing_ink(&d, resolution, pixels);
}

struct share {
    uint64_t seed;
    enum ode_strokes_part part;
    size_t from, to;
    int resolution;
    uint8_t *images, *labels;
};

static void *
share_draw(void *context)
{
    const struct share *s = context;
    size_t area = (size_t)s->resolution * (size_t)s->resolution;

    for (size_t i = s->from; i < s->to; i++) {
        ode_strokes_image(s->seed, s->part, i, s->resolution, s->images + i * area);
        s->labels[i] = (uint8_t)ode_strokes_label(i);
    }
    return NULL;
}

void
ode_strokes_draw(uint64_t seed, enum ode_strokes_part part, size_t n, int resolution,
                 int threads, uint8_t *images, uint8_t *labels)
{
    struct share share[THREADS];
    pthread_t thread[THREADS];
    bool started[THREADS] = { false };
    size_t k = (size_t)(threads < 1 ? 1 : threads > THREADS ? THREADS : threads);

    for (size_t t = 0; t < k; t++) {
        share[t] = (struct share){ .seed = seed,
                                   .part = part,
                                   .resolution = resolution,
                                   .images = images,
                                   .labels = labels,
                                   .from = n / k * t,
                                   .to = t + 1 == k ? n : n / k * (t + 1) };
        if (t > 0)
            started[t] = pthread_create(&thread[t], NULL, share_draw, &share[t]) == 0;
    }
    /* What no thread could be started for is drawn here. */
    for (size_t t = 0; t < k; t++)
        if (!started[t])
            share_draw(&share[t]);
    for (size_t t = 0; t < k; t++)
        if (started[t])
            pthread_join(thread[t], NULL);
}
