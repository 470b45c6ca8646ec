/*
 * idx.h - the IDX format of MNIST and Fashion-MNIST.
 *
 * Big-endian 32-bit integers, then unsigned bytes. Images: magic 0x00000803, count, rows,
 * columns, then the pixels row by row. Labels: magic 0x00000801, count, then the labels.
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
 */
#ifndef ODE_CORE_DATA_IDX_H
#define ODE_CORE_DATA_IDX_H

#include "core/data/blob.h"

enum { ODE_IDX_IMAGES_HEADER = 16, ODE_IDX_LABELS_HEADER = 8 }; /* bytes */

/*
 * Checks that the blob holds n images of height x width and nothing else, and gives
 * *pixels [n][height][width], which live as long as the blob. ODE_EDATA names the file,
 * what it holds and what was expected.
 */
enum ode_status ode_idx_images(const struct ode_blob *blob, size_t n, int height,
                               int width, const uint8_t **pixels, struct ode_err *err);

/* The same for n labels, each below `classes`: *labels [n]. */
enum ode_status ode_idx_labels(const struct ode_blob *blob, size_t n, int classes,
                               const uint8_t **labels, struct ode_err *err);

#endif
