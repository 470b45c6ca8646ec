/*
 * dataset.h - labelled images in memory or mapped from files.
 *
 * A set is two lists of examples, train and test, of 8-bit images in planes
 * [channels][height][width] and one label each. Files are looked for in
 * <data root>/<set name>/ and checked when they are opened: length, header, labels, and
 * for `odenet data verify` the SHA-256 of the originals.
 */
#ifndef ODE_CORE_DATA_DATASET_H
#define ODE_CORE_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/recipe/recipe.h"

enum {
    ODE_DATA_CHANNELS_MAX = 4,
    ODE_DATA_PARTS_MAX = 8,
    ODE_DATA_DRAWN_TRAIN = 10000, /* examples of a drawn set, unless the spec says */
    ODE_DATA_DRAWN_TEST = 2000
};

/* What is known of a set without opening it. */
struct ode_set_facts {
    const char *name;
    enum ode_set set;
    int channels, classes;
    int height, width;      /* 0: any resolution (drawn) */
    size_t train_n, test_n; /* in full; 0: as many as asked for */
    const char *class_names[10];
    double mean[ODE_DATA_CHANNELS_MAX]; /* of the training pixels / 255 */
    double deviation[ODE_DATA_CHANNELS_MAX];
};

/* The facts of a set; never NULL for a valid set. */
const struct ode_set_facts *ode_set_facts(enum ode_set set);

/* How many sets there are: 0 to this - 1 are valid. */
int ode_set_count(void);

/* The set of this name in *set; ODE_ENOENT lists those that there are. */
enum ode_status ode_set_find(const char *name, enum ode_set *set, struct ode_err *err);

/* Whether all files of the set lie below root (their contents are not looked at); always
 * for drawn sets. */
bool ode_set_available(enum ode_set set, const char *root);

/*
 * How many examples the spec comes to, without opening anything: train_size of them (0:
 * all), of these the first ceil(train_fraction * n). ODE_ESPEC, with a JSON pointer, if
 * the set has fewer than asked for.
 */
enum ode_status ode_dataset_sizes(const struct ode_data_spec *data, size_t *train_n,
                                  size_t *test_n, struct ode_err *err);

/* Examples stored in up to ODE_DATA_PARTS_MAX pieces (the files of CIFAR-10). */
struct ode_examples {
    size_t n;      /* examples in use                             */
    size_t part_n; /* examples in each part but the last          */
    const uint8_t *image[ODE_DATA_PARTS_MAX]; /* first image of the part    */
    const uint8_t *label[ODE_DATA_PARTS_MAX]; /* first label of the part    */
    size_t image_stride, label_stride;        /* bytes between two examples */
};

struct ode_dataset {
    const struct ode_set_facts *facts;
    int channels, height, width, classes;
    struct ode_examples train, test;
    void *storage; /* private to dataset.c: what release gives back */
};

/* The example's pixels [channels][height][width] and its label. */
static inline const uint8_t *
ode_example_image(const struct ode_examples *e, size_t i)
{
    return e->image[i / e->part_n] + i % e->part_n * e->image_stride;
}

static inline int
ode_example_label(const struct ode_examples *e, size_t i)
{
    return e->label[i / e->part_n][i % e->part_n * e->label_stride];
}

/*
 * Opens the set that the spec names. `root` is the data root, used by sets made of files;
 * `resolution` is the size at which drawn sets are rendered (the finest level's), `seed`
 * the seed they are drawn from, `threads` how many threads may draw. Both are ignored by
 * sets made of files. data->train_fraction, train_size and test_size are applied as in
 * ode_dataset_sizes().
 *
 * ODE_ESPEC: sizes beyond the set's, a resolution that is not drawn. ODE_EDATA names the
 * file, what is wrong with it and what was expected; for a missing set it says where it
 * was looked for. On success the caller owns *set and ends it with ode_dataset_release(),
 * which is safe on zeros and twice.
 */
enum ode_status ode_dataset_open(struct ode_dataset *set,
                                 const struct ode_data_spec *data, const char *root,
                                 int resolution, uint64_t seed, int threads,
                                 struct ode_err *err);
void ode_dataset_release(struct ode_dataset *set);

/* One file of a set, as `odenet data verify` reports it. */
struct ode_file_report {
    char path[512]; /* where it is, or was looked for first */
    bool present, good;
    char found[80], expected[80]; /* "30730000 bytes", or a SHA-256 in hex */
};
typedef void ode_file_report_fn(void *context, const struct ode_file_report *report);

/* Reads every file of the set in full and compares its (decompressed) SHA-256 with the
 * original's. ODE_OK if all are there and good, else ODE_EDATA with the first that is
 * not. `report` is told of each file, good or not, and may be NULL. */
enum ode_status ode_dataset_verify(enum ode_set set, const char *root,
                                   ode_file_report_fn *report, void *context,
                                   struct ode_err *err);

#endif
