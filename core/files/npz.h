/*
 * npz.h - named tensors for numpy: a zip archive of .npy files, none of them compressed.
 *
 * Time stamps are fixed, so that equal tensors give equal bytes.
 */
#ifndef ODE_CORE_FILES_NPZ_H
#define ODE_CORE_FILES_NPZ_H

#include <stddef.h>

#include "core/base/status.h"

enum { ODE_NPZ_DIMS = 8, ODE_NPZ_NAME = 128 /* bytes, with the zero byte */ };

struct ode_npz_tensor {
    const char *name; /* without ".npy" */
    enum { ODE_NPZ_F32, ODE_NPZ_I64 } type;
    int dims; /* 0: a scalar */
    size_t dim[ODE_NPZ_DIMS];
    const void *data; /* [dim[0]]...[dim[dims - 1]] */
};

/*
 * Writes n tensors in this order with ode_file_write_atomic(). ODE_EARG if a name is
 * empty, too long or there twice, and for 4 GiB or 65,535 tensors and more, which this
 * kind of archive cannot hold; ODE_ENOMEM, ODE_EIO.
 */
enum ode_status ode_npz_write(const char *path, const struct ode_npz_tensor *tensor,
                              size_t n, struct ode_err *err);

#endif
