/* dataset.c - tests core/data/dataset.c and originals.c */
#include "core/data/dataset.h"
#include "tests/core/files.h"
#include "tests/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ode_data_spec
spec(enum ode_set set)
{
    return (struct ode_data_spec){ .set = set, .train_fraction = 1 };
}

static enum ode_status
open_set(struct ode_dataset *set, enum ode_set which, const char *root,
         struct ode_err *err)
{
    struct ode_data_spec data = spec(which);

    return ode_dataset_open(set, &data, root, 32, 1, 1, err);
}

static double
part_mean(const struct ode_dataset *set, int channel, double *deviation)
{
    size_t area = (size_t)set->height * (size_t)set->width;
    double sum = 0, square = 0, n = (double)(set->train.n * area);

    for (size_t i = 0; i < set->train.n; i++) {
        const uint8_t *x = ode_example_image(&set->train, i) + (size_t)channel * area;
        uint64_t s = 0, q = 0;

        for (size_t k = 0; k < area; k++)
            s += x[k], q += (uint64_t)x[k] * x[k];
        sum += (double)s / 255;
        square += (double)q / 255 / 255;
    }
    *deviation = sqrt(square / n - sum / n * (sum / n));
    return sum / n;
}

static void
facts_hold(const struct ode_dataset *set, double tolerance)
{
    for (int c = 0; c < set->channels; c++) {
        double deviation, mean = part_mean(set, c, &deviation);

        ck_assert_double_eq_tol(mean, set->facts->mean[c], tolerance);
        ck_assert_double_eq_tol(deviation, set->facts->deviation[c], tolerance);
    }
}

static void
labels_are(const struct ode_examples *e, const char *digits)
{
    for (size_t i = 0; digits[i]; i++)
        ck_assert_int_eq(ode_example_label(e, i), digits[i] - '0');
}

START_TEST(facts_name_each_choice_of_the_spec)
{
    const char *names[] = { "strokes", "mnist", "fashion-mnist", "cifar10" };
    struct ode_err err;
    enum ode_set set;

    ck_assert_int_eq(ode_set_count(), 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_str_eq(ode_set_facts((enum ode_set)i)->name, names[i]);
        ck_assert_int_eq(ode_set_facts((enum ode_set)i)->set, i);
        test_ok(ode_set_find(names[i], &set, &err), &err);
        ck_assert_int_eq(set, i);
    }
    ck_assert_int_eq(ode_set_find("imagenet", &set, &err), ODE_ENOENT);
    ck_assert_str_eq(err.text,
                     "no data set is called imagenet; there are strokes, mnist, "
                     "fashion-mnist, cifar10");
}
END_TEST

START_TEST(strokes_come_as_many_as_asked_for)
{
    struct ode_data_spec data = spec(ODE_SET_STROKES);
    struct ode_dataset set = { 0 };
    struct ode_err err;
    size_t train, test;

    test_ok(ode_dataset_sizes(&data, &train, &test, &err), &err);
    ck_assert_uint_eq(train, 10000);
    ck_assert_uint_eq(test, 2000);
    data.train_size = 77;
    data.test_size = 33;
    data.train_fraction = 0.5;
    test_ok(ode_dataset_open(&set, &data, NULL, 20, 1, 2, &err), &err);
    ck_assert_uint_eq(set.train.n, 39);
    ck_assert_uint_eq(set.test.n, 33);
    ck_assert_int_eq(set.height, 20);
    ck_assert_int_eq(set.width, 20);
    labels_are(&set.train, "01234567890123");
    labels_are(&set.test, "0123456789");
    ck_assert_mem_ne(ode_example_image(&set.train, 0), ode_example_image(&set.test, 0),
                     400);
    ode_dataset_release(&set);
    ode_dataset_release(&set);
}
END_TEST

START_TEST(measured_facts_of_strokes_hold)
{
    struct ode_dataset set = { 0 };
    struct ode_err err;

    test_ok(open_set(&set, ODE_SET_STROKES, NULL, &err), &err);
    facts_hold(&set, 0.0001);
    ode_dataset_release(&set);
}
END_TEST

START_TEST(a_fraction_is_rounded_up)
{
    struct ode_data_spec data = spec(ODE_SET_MNIST);
    const struct {
        double fraction;
        size_t n;
    } cases[] = {
        {0.1,      6000 },
        { 0.3,     18000},
        { 0.5,     30000},
        { 1e-6,    1    },
        { 0.7,     42000},
        { 1.0,     60000},
        { 1.0 / 3, 20000},
        { 0.00002, 2    }
    };
    size_t train, test;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        data.train_fraction = cases[i].fraction;
        ck_assert_int_eq(ode_dataset_sizes(&data, &train, &test, NULL), ODE_OK);
        ck_assert_uint_eq(train, cases[i].n);
        ck_assert_uint_eq(test, 10000);
    }
}
END_TEST

START_TEST(more_than_the_set_has_is_refused)
{
    struct ode_data_spec data = spec(ODE_SET_CIFAR10);
    struct ode_err err;
    size_t train, test;

    data.train_size = 50001;
    ck_assert_int_eq(ode_dataset_sizes(&data, &train, &test, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/data/train_size");
    ck_assert_ptr_nonnull(
        strstr(err.text, "50001 training examples asked for, cifar10 has 50000"));
    data.train_size = 50000;
    data.test_size = 10001;
    ck_assert_int_eq(ode_dataset_sizes(&data, &train, &test, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/data/test_size");
    data.test_size = 0;
    data.train_fraction = 0;
    ck_assert_int_eq(ode_dataset_sizes(&data, &train, &test, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/data/train_fraction");
}
END_TEST

START_TEST(strokes_refuse_a_resolution_they_cannot_draw)
{
    struct ode_data_spec data = spec(ODE_SET_STROKES);
    struct ode_dataset set = { 0 };
    struct ode_err err;

    ck_assert_int_eq(ode_dataset_open(&set, &data, NULL, 7, 1, 1, &err), ODE_ESPEC);
    ck_assert_ptr_nonnull(strstr(err.text, "is 7, strokes is drawn at 8 to 256"));
    ck_assert_int_eq(ode_dataset_open(&set, &data, NULL, 257, 1, 1, &err), ODE_ESPEC);
    ck_assert_ptr_null(set.storage);
}
END_TEST

START_TEST(a_missing_set_says_where_it_was_looked_for)
{
    struct ode_dataset set = { 0 };
    struct ode_err err;

    ck_assert_int_eq(open_set(&set, ODE_SET_MNIST, "/nowhere", &err), ODE_EDATA);
    ck_assert_str_eq(err.at, "/nowhere/mnist/train-images-idx3-ubyte");
    ck_assert_ptr_nonnull(strstr(err.text, "under the data root /nowhere"));
    ck_assert_ptr_nonnull(strstr(err.text, "--data-dir DIR or ODENET_DATA"));
    ck_assert_int_eq(open_set(&set, ODE_SET_CIFAR10, NULL, &err), ODE_EDATA);
    ck_assert_ptr_nonnull(strstr(err.text, "no data root is set"));
    ck_assert(!ode_set_available(ODE_SET_MNIST, "/nowhere"));
    ck_assert(!ode_set_available(ODE_SET_MNIST, NULL));
    ck_assert(ode_set_available(ODE_SET_STROKES, NULL));
}
END_TEST

START_TEST(opens_idx_files)
{
    const char *root = test_dir();
    struct ode_data_spec data = spec(ODE_SET_FASHION_MNIST);
    struct ode_dataset set = { 0 };
    struct ode_err err;

    files_mnist(root, "fashion-mnist");
    ck_assert(ode_set_available(ODE_SET_FASHION_MNIST, root));
    ck_assert(!ode_set_available(ODE_SET_MNIST, root));
    data.train_size = 1000;
    data.train_fraction = 0.1;
    data.test_size = 7;
    test_ok(ode_dataset_open(&set, &data, root, 14, 1, 1, &err), &err);
    ck_assert_uint_eq(set.train.n, 100);
    ck_assert_uint_eq(set.test.n, 7);
    ck_assert_int_eq(set.height, 28);
    labels_are(&set.train, "012345678901");
    ode_dataset_release(&set);
}
END_TEST

START_TEST(accepts_names_with_a_dot)
{
    const char *root = test_dir();
    struct ode_dataset set = { 0 };
    struct ode_err err;
    char from[300], to[300];

    files_mnist(root, "mnist");
    snprintf(from, sizeof from, "%s/mnist/t10k-labels-idx1-ubyte", root);
    snprintf(to, sizeof to, "%s/mnist/t10k-labels.idx1-ubyte", root);
    ck_assert_int_eq(rename(from, to), 0);
    test_ok(open_set(&set, ODE_SET_MNIST, root, &err), &err);
    labels_are(&set.test, "0123456789");
    ode_dataset_release(&set);
}
END_TEST

START_TEST(prefers_the_plain_file_to_the_gz)
{
    const char *root = test_dir();
    struct ode_dataset set = { 0 };
    struct ode_err err;
    char plain[300];

    files_mnist(root, "mnist");
    files_write(root, "mnist/t10k-labels-idx1-ubyte.gz", "junk", 4, false);
    test_ok(open_set(&set, ODE_SET_MNIST, root, &err), &err);
    ode_dataset_release(&set);
    snprintf(plain, sizeof plain, "%s/mnist/t10k-labels-idx1-ubyte", root);
    ck_assert_int_eq(unlink(plain), 0);
    ck_assert_int_eq(open_set(&set, ODE_SET_MNIST, root, &err), ODE_EDATA);
    ck_assert_ptr_nonnull(strstr(err.at, "t10k-labels-idx1-ubyte.gz"));
    ck_assert_ptr_nonnull(strstr(err.text, "not gzip data"));
}
END_TEST

START_TEST(one_bad_file_fails_the_set)
{
    const char *root = test_dir();
    struct ode_dataset set = { 0 };
    struct ode_err err;

    files_mnist(root, "mnist");
    files_sparse(root, "mnist/train-labels-idx1-ubyte", "\0\0\10\1\0\0\352\140", 8, 9000);
    ck_assert_int_eq(open_set(&set, ODE_SET_MNIST, root, &err), ODE_EDATA);
    ck_assert_ptr_nonnull(strstr(err.at, "mnist/train-labels-idx1-ubyte:9000"));
    ck_assert_ptr_nonnull(strstr(err.text, "holds 9000 bytes, expected 60008"));
    ck_assert_ptr_null(set.storage);
}
END_TEST

START_TEST(opens_cifar_over_its_files)
{
    const char *root = test_dir();
    struct ode_dataset set = { 0 };
    struct ode_err err;
    char folder[300], below[300];

    files_cifar(root);
    test_ok(open_set(&set, ODE_SET_CIFAR10, root, &err), &err);
    ck_assert_uint_eq(set.train.n, 50000);
    ck_assert_int_eq(set.channels, 3);
    for (size_t i = 0; i < set.train.n; i += 1237)
        ck_assert_int_eq(ode_example_label(&set.train, i), (int)(i % 10));
    ck_assert_ptr_eq(ode_example_image(&set.train, 10000), set.train.image[1]);
    ode_dataset_release(&set);

    snprintf(folder, sizeof folder, "%s/cifar10", root);
    snprintf(below, sizeof below, "%s/cifar-10-batches-bin", root);
    ck_assert_int_eq(rename(folder, below), 0);
    files_folder(root, "cifar10");
    snprintf(folder, sizeof folder, "%s/cifar10/cifar-10-batches-bin", root);
    ck_assert_int_eq(rename(below, folder), 0);
    ck_assert(ode_set_available(ODE_SET_CIFAR10, root));
    test_ok(open_set(&set, ODE_SET_CIFAR10, root, &err), &err);
    ode_dataset_release(&set);
}
END_TEST

struct reports {
    int n, present, good;
    struct ode_file_report last;
};

static void
count(void *context, const struct ode_file_report *r)
{
    struct reports *all = context;

    all->n++;
    all->present += r->present;
    all->good += r->good;
    all->last = *r;
}

START_TEST(verify_tells_other_files_from_the_originals)
{
    const char *root = test_dir();
    struct reports all = { 0 };
    struct ode_err err;
    char path[300];

    files_mnist(root, "mnist"); /* right in length, not in contents */
    snprintf(path, sizeof path, "%s/mnist/train-labels-idx1-ubyte", root);
    ck_assert_int_eq(unlink(path), 0);
    files_sparse(root, "mnist/t10k-labels-idx1-ubyte", NULL, 0, 10);
    ck_assert_int_eq(ode_dataset_verify(ODE_SET_MNIST, root, count, &all, &err),
                     ODE_EDATA);
    ck_assert_int_eq(all.n, 4);
    ck_assert_int_eq(all.present, 3);
    ck_assert_int_eq(all.good, 0);
    ck_assert_ptr_nonnull(strstr(err.at, "train-images-idx3-ubyte")); /* the first */
    ck_assert_ptr_nonnull(
        strstr(err.text,
               "expected ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776"
               "db"));
    ck_assert_str_eq(all.last.found, "10 bytes");
    ck_assert_str_eq(all.last.expected, "10008 bytes");
    ck_assert_int_eq(ode_dataset_verify(ODE_SET_STROKES, NULL, count, &all, &err),
                     ODE_OK);
}
END_TEST

static void
verifies(enum ode_set set, const char *root, int files)
{
    struct reports all = { 0 };
    struct ode_err err;

    test_ok(ode_dataset_verify(set, root, count, &all, &err), &err);
    ck_assert_int_eq(all.good, files);
}

START_TEST(the_real_mnist_is_read_right)
{
    const char *root = test_data_root("dataset: mnist");
    struct ode_dataset set = { 0 };
    struct ode_err err;

    if (!root)
        return;
    test_ok(open_set(&set, ODE_SET_MNIST, root, &err), &err);
    labels_are(&set.train, "5041921314");
    labels_are(&set.test, "7210414959");
    facts_hold(&set, 0.00005);
    ode_dataset_release(&set);
    verifies(ODE_SET_MNIST, root, 4);
}
END_TEST

START_TEST(the_real_fashion_mnist_is_read_right)
{
    const char *root = test_data_root("dataset: fashion-mnist");
    struct ode_dataset set = { 0 };
    struct ode_err err;

    if (!root)
        return;
    test_ok(open_set(&set, ODE_SET_FASHION_MNIST, root, &err), &err);
    labels_are(&set.train, "9003027255");
    labels_are(&set.test, "9211614657");
    facts_hold(&set, 0.00005);
    ode_dataset_release(&set);
    verifies(ODE_SET_FASHION_MNIST, root, 4);
}
END_TEST

START_TEST(the_real_cifar10_is_read_right)
{
    const uint8_t red[] = { 59, 43, 50, 68, 98, 119, 139, 145 };
    const char *root = test_data_root("dataset: cifar10");
    struct ode_dataset set = { 0 };
    struct ode_err err;
    int count_of[10] = { 0 };

    if (!root)
        return;
    test_ok(open_set(&set, ODE_SET_CIFAR10, root, &err), &err);
    labels_are(&set.train, "6994112783");
    labels_are(&set.test, "3880661631");
    ck_assert_mem_eq(ode_example_image(&set.train, 0), red, sizeof red);
    for (size_t i = 0; i < set.train.n; i++)
        count_of[ode_example_label(&set.train, i)]++;
    for (int k = 0; k < 10; k++)
        ck_assert_int_eq(count_of[k], 5000);
    facts_hold(&set, 0.00001);
    ode_dataset_release(&set);
    verifies(ODE_SET_CIFAR10, root, 6);
}
END_TEST

TEST_SUITE(dataset, 60, facts_name_each_choice_of_the_spec,
           strokes_come_as_many_as_asked_for, measured_facts_of_strokes_hold,
           a_fraction_is_rounded_up, more_than_the_set_has_is_refused,
           strokes_refuse_a_resolution_they_cannot_draw,
           a_missing_set_says_where_it_was_looked_for, opens_idx_files,
           accepts_names_with_a_dot, prefers_the_plain_file_to_the_gz,
           one_bad_file_fails_the_set, opens_cifar_over_its_files,
           verify_tells_other_files_from_the_originals, the_real_mnist_is_read_right,
           the_real_fashion_mnist_is_read_right, the_real_cifar10_is_read_right)
