/*
 * originals.h - which files a set is made of, and where they may lie.
 *
 * A file NAME of set SET is looked for as <root>/SET/NAME, then with the dot that some
 * copies have instead of the second dash (train-images.idx3-ubyte), then in the folder
 * cifar-10-batches-bin as the archive unpacks it, and then as each of these with .gz.
 */
#ifndef ODE_CORE_DATA_ORIGINALS_H
#define ODE_CORE_DATA_ORIGINALS_H

#include "core/data/blob.h"
#include "core/recipe/recipe.h"

enum { ODE_ORIGINALS_MAX = 6 }; /* files of a set */

struct ode_original {
    enum ode_set set;
    const char *name;
    size_t bytes;       /* without compression     */
    const char *sha256; /* of these bytes, in hex  */
};

/* *files: those of the set, in the order in which they are read; returns how many, 0 for
 * a drawn set. */
size_t ode_originals(enum ode_set set, const struct ode_original **files);

/*
 * Finds one of them and writes its path. ODE_EDATA where there is none; path is then the
 * first place that was tried.
 */
enum ode_status ode_original_find(const struct ode_original *file, const char *set_name,
                                  const char *root, char path[ODE_BLOB_PATH],
                                  struct ode_err *err);

#endif
