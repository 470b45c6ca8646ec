/* cifar.c - the binary version of CIFAR-10: checks of length and labels. */
#include "core/data/cifar.h"

enum ode_status
ode_cifar_check(const struct ode_blob *blob, struct ode_err *err)
{
    ODE_TRY(ode_blob_measure(blob, (size_t)ODE_CIFAR_RECORDS * ODE_CIFAR_RECORD,
                             "10000 records of 3073", err));
    for (size_t i = 0; i < ODE_CIFAR_RECORDS; i++) {
        int label = blob->data[i * ODE_CIFAR_RECORD];

        if (label >= ODE_CIFAR_CLASSES)
            return ode_blob_fail(err, blob->path, i * ODE_CIFAR_RECORD,
                                 "label of record %zu is %d, expected 0 to %d", i, label,
                                 ODE_CIFAR_CLASSES - 1);
    }
    return ODE_OK;
}
