/* originals.c - which files a set is made of, and where they may lie. */
#include "core/data/originals.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct ode_original originals[] = {
#define ORIGINAL(set, name, bytes, sha256) { ODE_##set, name, bytes, sha256 },
#include "core/data/originals.def"
#undef ORIGINAL
};

enum { ORIGINALS = sizeof originals / sizeof *originals };

size_t
ode_originals(enum ode_set set, const struct ode_original **files)
{
    size_t first = 0, n = 0;

    while (first < ORIGINALS && originals[first].set != set)
        first++;
    while (first + n < ORIGINALS && originals[first + n].set == set)
        n++;
    *files = originals + first;
    return n;
}

/* "train-images-idx3-ubyte" to "train-images.idx3-ubyte". */
static void
name_with_dot(const char *name, char *other, size_t size)
{
    char *dash;

    snprintf(other, size, "%s", name);
    dash = strstr(other, "-idx");
    if (dash)
        *dash = '.';
}

/* An over-long path is as good as absent. */
static bool
there(char path[ODE_BLOB_PATH], const char *root, const char *folder, const char *name,
      const char *suffix)
{
    int length = snprintf(path, ODE_BLOB_PATH, "%s/%s/%s%s", root, folder, name, suffix);

    return length < ODE_BLOB_PATH && access(path, F_OK) == 0;
}

static bool
look(const struct ode_original *file, const char *set_name, const char *root,
     char path[ODE_BLOB_PATH])
{
    static const char *const suffixes[] = { "", ".gz" };
    char other[64];

    name_with_dot(file->name, other, sizeof other);
    for (int k = 0; k < 2; k++) {
        if (there(path, root, set_name, file->name, suffixes[k])
            || there(path, root, set_name, other, suffixes[k]))
            return true;
        if (file->set == ODE_SET_CIFAR10
            && there(path, root, "cifar10/cifar-10-batches-bin", file->name, suffixes[k]))
            return true;
    }
    return false;
}

enum ode_status
ode_original_find(const struct ode_original *file, const char *set_name, const char *root,
                  char path[ODE_BLOB_PATH], struct ode_err *err)
{
    if (!root || !*root)
        return ode_fail(err, ODE_EDATA, file->name,
                        "%s is made of files, and no data root is set: name one with "
                        "--data-dir DIR or ODENET_DATA",
                        set_name);
    if (look(file, set_name, root, path))
        return ODE_OK;
    snprintf(path, ODE_BLOB_PATH, "%s/%s/%s", root, set_name, file->name);
    return ode_fail(err, ODE_EDATA, path,
                    "missing, also as .gz: %s was looked for under the data root %.100s; "
                    "name another with --data-dir DIR or ODENET_DATA",
                    set_name, root);
}
