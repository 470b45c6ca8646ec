/*
 * cifar.h - the binary version of CIFAR-10.
 *
 * A file is 10,000 records and nothing else; a record is a label byte, then the planes
 * red, green and blue of 32 rows of 32 bytes. Source: A. Krizhevsky, "Learning multiple
 * layers of features from tiny images", 2009.
 */
#ifndef ODE_CORE_DATA_CIFAR_H
#define ODE_CORE_DATA_CIFAR_H

#include "core/data/blob.h"

enum {
    ODE_CIFAR_RECORDS = 10000, /* in a file */
    ODE_CIFAR_RECORD = 3073,   /* bytes: the label at 0, the planes at 1 */
    ODE_CIFAR_CLASSES = 10
};

/* Checks length and labels. ODE_EDATA names the file, what it holds and what was
 * expected. */
enum ode_status ode_cifar_check(const struct ode_blob *blob, struct ode_err *err);

#endif
