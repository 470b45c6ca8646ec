/* dataset.c - what is known of each set, and how it is opened, cut and verified. */
#include "core/data/dataset.h"

#include <math.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/blob.h"
#include "core/data/cifar.h"
#include "core/data/idx.h"
#include "core/data/originals.h"
#include "core/data/strokes.h"

/* Means and deviations are of all training pixels / 255. Those of strokes were measured
 * on 10,000 examples at 32x32 drawn from seed 1. */
static const struct ode_set_facts facts[] = {
    [ODE_SET_STROKES] = {.name = "strokes",
                         .set = ODE_SET_STROKES,
                         .channels = 1,
                         .classes = 10,
                         .class_names = { "0", "1", "2", "3", "4", "5", "6", "7", "8",
                                           "9" },
                         .mean = { 0.1030 },
                         .deviation = { 0.2513 }                   },
    [ODE_SET_MNIST] = { .name = "mnist",
                         .set = ODE_SET_MNIST,
                         .channels = 1,
                         .classes = 10,
                         .height = 28,
                         .width = 28,
                         .train_n = 60000,
                         .test_n = 10000,
                         .class_names = { "0", "1", "2", "3", "4", "5", "6", "7", "8",
                                         "9" },
                         .mean = { 0.1307 },
                         .deviation = { 0.3081 } },
    [ODE_SET_FASHION_MNIST] = {                   .name = "fashion-mnist",
                         .set = ODE_SET_FASHION_MNIST,
                         .channels = 1,
                         .classes = 10,
                         .height = 28,
                         .width = 28,
                         .train_n = 60000,
                         .test_n = 10000,
                         .class_names = { "T-shirt/top", "Trouser", "Pullover",
                                                 "Dress", "Coat", "Sandal", "Shirt",
                                                 "Sneaker", "Bag", "Ankle boot" },
                         .mean = { 0.2860 },
                         .deviation = { 0.3530 } },
    [ODE_SET_CIFAR10] = {                   .name = "cifar10",
                         .set = ODE_SET_CIFAR10,
                         .channels = 3,
                         .classes = 10,
                         .height = 32,
                         .width = 32,
                         .train_n = 50000,
                         .test_n = 10000,
                         .class_names = { "airplane", "automobile", "bird", "cat",
                                           "deer", "dog", "frog", "horse", "ship",
                                           "truck" },
                         .mean = { 0.49140, 0.48216, 0.44653 },
                         .deviation = { 0.24703, 0.24349, 0.26159 } },
};

enum { SETS = sizeof facts / sizeof *facts };

struct storage {
    struct ode_blob file[ODE_ORIGINALS_MAX];
    uint8_t *drawn; /* train images, train labels, test images, test labels */
};

const struct ode_set_facts *
ode_set_facts(enum ode_set set)
{
    return (unsigned)set < SETS ? &facts[set] : NULL;
}

int
ode_set_count(void)
{
    return SETS;
}

enum ode_status
ode_set_find(const char *name, enum ode_set *set, struct ode_err *err)
{
    char names[128] = "";
    size_t used = 0;

    for (int i = 0; i < SETS; i++) {
        if (strcmp(name, facts[i].name) == 0) {
            *set = facts[i].set;
            return ODE_OK;
        }
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                 i > 0 ? ", " : "", facts[i].name);
    }
    return ode_fail(err, ODE_ENOENT, NULL, "no data set is called %.60s; there are %s",
                    name, names);
}

bool
ode_set_available(enum ode_set set, const char *root)
{
    const struct ode_original *file;
    size_t n = ode_originals(set, &file);
    char path[ODE_BLOB_PATH];

    for (size_t i = 0; i < n; i++)
        if (ode_original_find(&file[i], facts[set].name, root, path, NULL) != ODE_OK)
            return false;
    return true;
}

/* --- sizes ---------------------------------------------------------------------- */

/* `full` 0: as many as asked for, `preset` if nothing is. */
static enum ode_status
size_settle(const char *at, const char *kind, const char *name, int64_t asked,
            size_t full, size_t preset, size_t *n, struct ode_err *err)
{
    if (asked < 0 || (full > 0 && (uint64_t)asked > full))
        return ode_fail(
            err, ODE_ESPEC, at,
            "%lld %s examples asked for, %s has %zu: ask for at most so many, "
            "or for 0, which means all",
            (long long)asked, kind, name, full);
    *n = asked > 0 ? (size_t)asked : full > 0 ? full : preset;
    return ODE_OK;
}

enum ode_status
ode_dataset_sizes(const struct ode_data_spec *data, size_t *train_n, size_t *test_n,
                  struct ode_err *err)
{
    const struct ode_set_facts *f = ode_set_facts(data->set);
    size_t train = 0, test = 0;
    double part;

    if (!f)
        return ode_fail(err, ODE_ESPEC, "/data/set", "no data set has number %d",
                        (int)data->set);
    if (!(data->train_fraction > 0 && data->train_fraction <= 1))
        return ode_fail(err, ODE_ESPEC, "/data/train_fraction",
                        "%g is not above 0 and at most 1", data->train_fraction);
    ODE_TRY(size_settle("/data/train_size", "training", f->name, data->train_size,
                        f->train_n, ODE_DATA_DRAWN_TRAIN, &train, err));
    ODE_TRY(size_settle("/data/test_size", "test", f->name, data->test_size, f->test_n,
                        ODE_DATA_DRAWN_TEST, &test, err));
    /* 0.1 * 60000 is 6000 and a little more in doubles: that little does not count. */
    part = ceil(data->train_fraction * (double)train * (1 - 1e-12));
    *train_n = part < 1 ? 1 : (size_t)part;
    *test_n = test;
    return ODE_OK;
}

/* --- opening -------------------------------------------------------------------- */

static void
storage_free(struct storage *s)
{
    if (!s)
        return;
    for (int i = 0; i < ODE_ORIGINALS_MAX; i++)
        ode_blob_release(&s->file[i]);
    free(s->drawn);
    free(s);
}

static enum ode_status
files_open(struct storage *s, const struct ode_set_facts *f, const char *root,
           struct ode_err *err)
{
    const struct ode_original *file;
    size_t n = ode_originals(f->set, &file);
    char path[ODE_BLOB_PATH];

    for (size_t i = 0; i < n; i++)
        ODE_TRY(ode_original_find(&file[i], f->name, root, path, err));
    for (size_t i = 0; i < n; i++) {
        ODE_TRY(ode_original_find(&file[i], f->name, root, path, err));
        ODE_TRY(ode_blob_open(&s->file[i], path, file[i].bytes, err));
    }
    return ODE_OK;
}

static enum ode_status
idx_part(struct ode_examples *e, const struct ode_set_facts *f,
         const struct ode_blob file[2], size_t n, struct ode_err *err)
{
    ODE_TRY(ode_idx_images(&file[0], n, f->height, f->width, &e->image[0], err));
    ODE_TRY(ode_idx_labels(&file[1], n, f->classes, &e->label[0], err));
    e->part_n = n;
    e->image_stride = (size_t)f->height * (size_t)f->width;
    e->label_stride = 1;
    return ODE_OK;
}

static enum ode_status
cifar_part(struct ode_examples *e, const struct ode_blob *file, int files,
           struct ode_err *err)
{
    for (int i = 0; i < files; i++) {
        ODE_TRY(ode_cifar_check(&file[i], err));
        e->label[i] = file[i].data;
        e->image[i] = file[i].data + 1;
    }
    e->part_n = ODE_CIFAR_RECORDS;
    e->image_stride = e->label_stride = ODE_CIFAR_RECORD;
    return ODE_OK;
}

static enum ode_status
filed_open(struct ode_dataset *set, struct storage *s, const char *root,
           struct ode_err *err)
{
    const struct ode_set_facts *f = set->facts;

    ODE_TRY(files_open(s, f, root, err));
    set->height = f->height;
    set->width = f->width;
    if (f->set == ODE_SET_CIFAR10) {
        ODE_TRY(cifar_part(&set->train, &s->file[0], 5, err));
        return cifar_part(&set->test, &s->file[5], 1, err);
    }
    ODE_TRY(idx_part(&set->train, f, &s->file[0], f->train_n, err));
    return idx_part(&set->test, f, &s->file[2], f->test_n, err);
}

static uint8_t *
drawn_part(struct ode_examples *e, size_t area, uint8_t *at, enum ode_strokes_part part,
           uint64_t seed, int resolution, int threads)
{
    uint8_t *labels = at + e->n * area;

    ode_strokes_draw(seed, part, e->n, resolution, threads, at, labels);
    e->image[0] = at;
    e->label[0] = labels;
    e->part_n = e->n;
    e->image_stride = area;
    e->label_stride = 1;
    return labels + e->n;
}

static enum ode_status
drawn_open(struct ode_dataset *set, struct storage *s, int resolution, uint64_t seed,
           int threads, struct ode_err *err)
{
    size_t area = (size_t)resolution * (size_t)resolution, n = set->train.n + set->test.n;
    uint8_t *next;

    if (resolution < ODE_STROKES_MIN || resolution > ODE_STROKES_MAX)
        return ode_fail(err, ODE_ESPEC, "/levels",
                        "the finest resolution is %d, strokes is drawn at %d to %d",
                        resolution, ODE_STROKES_MIN, ODE_STROKES_MAX);
    s->drawn = malloc(n * (area + 1));
    if (!s->drawn)
        return ode_fail(err, ODE_ENOMEM, "/data/train_size",
                        "no memory to draw %zu examples of %dx%d, %zu bytes", n,
                        resolution, resolution, n * (area + 1));
    set->height = set->width = resolution;
    next = drawn_part(&set->train, area, s->drawn, ODE_STROKES_TRAIN, seed, resolution,
                      threads);
    drawn_part(&set->test, area, next, ODE_STROKES_TEST, seed, resolution, threads);
    return ODE_OK;
}

enum ode_status
ode_dataset_open(struct ode_dataset *set, const struct ode_data_spec *data,
                 const char *root, int resolution, uint64_t seed, int threads,
                 struct ode_err *err)
{
    struct ode_dataset made = { .facts = ode_set_facts(data->set) };
    enum ode_status status;
    struct storage *s;

    ODE_TRY(ode_dataset_sizes(data, &made.train.n, &made.test.n, err));
    made.channels = made.facts->channels;
    made.classes = made.facts->classes;
    made.storage = s = calloc(1, sizeof *s);
    if (!s)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for a data set");
    status = data->set == ODE_SET_STROKES
                 ? drawn_open(&made, s, resolution, seed, threads, err)
                 : filed_open(&made, s, root, err);
    if (status != ODE_OK) {
        storage_free(s);
        return status;
    }
    *set = made;
    return ODE_OK;
}

void
ode_dataset_release(struct ode_dataset *set)
{
    storage_free(set->storage);
    *set = (struct ode_dataset){ 0 };
}

/* --- verifying ------------------------------------------------------------------ */

static void
hash(const struct ode_blob *blob, char hex[SHA256_DIGEST_STRING_LENGTH])
{
    SHA2_CTX context;

    SHA256Init(&context);
    SHA256Update(&context, blob->data, blob->size);
    SHA256End(&context, hex);
}

static enum ode_status
contents_verify(const struct ode_original *file, struct ode_file_report *r,
                struct ode_err *err)
{
    struct ode_blob blob = { 0 };
    enum ode_status status = ode_blob_open(&blob, r->path, file->bytes, err);

    if (status != ODE_OK) {
        snprintf(r->found, sizeof r->found, "not readable");
    } else if (blob.clipped || blob.size != file->bytes) {
        snprintf(r->expected, sizeof r->expected, "%zu bytes", file->bytes);
        snprintf(r->found, sizeof r->found, "%s%zu bytes", blob.clipped ? "over " : "",
                 blob.size);
        status = ode_blob_measure(&blob, file->bytes, "as published", err);
    } else {
        hash(&blob, r->found);
        if (strcmp(r->found, file->sha256) != 0)
            status = ode_blob_fail(err, r->path, 0,
                                   "SHA-256 is %s, expected %s: not the published file",
                                   r->found, file->sha256);
    }
    ode_blob_release(&blob);
    return status;
}

static enum ode_status
file_verify(const struct ode_original *file, const char *set_name, const char *root,
            struct ode_file_report *r, struct ode_err *err)
{
    enum ode_status status;

    *r = (struct ode_file_report){ 0 };
    snprintf(r->expected, sizeof r->expected, "%s", file->sha256);
    status = ode_original_find(file, set_name, root, r->path, err);
    r->present = status == ODE_OK;
    if (r->present)
        status = contents_verify(file, r, err);
    else
        snprintf(r->found, sizeof r->found, "missing");
    r->good = status == ODE_OK;
    return status;
}

enum ode_status
ode_dataset_verify(enum ode_set set, const char *root, ode_file_report_fn *report,
                   void *context, struct ode_err *err)
{
    const struct ode_original *file;
    size_t n = ode_originals(set, &file);
    enum ode_status first = ODE_OK;

    for (size_t i = 0; i < n; i++) {
        struct ode_file_report r;
        enum ode_status status = file_verify(&file[i], facts[set].name, root, &r,
                                             first == ODE_OK ? err : NULL);

        if (first == ODE_OK)
            first = status;
        if (report)
            report(context, &r);
    }
    return first;
}
