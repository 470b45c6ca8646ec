/* files.h - files that tests make up. */
#ifndef ODE_TESTS_CORE_FILES_H
#define ODE_TESTS_CORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes dir/name, through gzip if asked for; the path stays valid until the test ends.
 */
char *files_write(const char *dir, const char *name, const void *data, size_t size,
                  bool gz);

/* Makes dir/name with `size` zero bytes (without taking up the disk), which begin with
 * n bytes of data. */
char *files_sparse(const char *dir, const char *name, const void *data, size_t n,
                   size_t size);

/* The file's contents, at most `size` bytes; returns how many. */
size_t files_read(const char *path, void *data, size_t size);

/* dir/name, a fresh folder. */
char *files_folder(const char *dir, const char *name);

/* A complete set below root: all pixels 0, the label of example i is i % 10. */
void files_mnist(const char *root, const char *set_name);
void files_cifar(const char *root);

#endif
