/* idx.c - the IDX format of MNIST and Fashion-MNIST, checked to the last byte. */
#include "core/data/idx.h"

#include <stdio.h>

enum { MAGIC_IMAGES = 0x803, MAGIC_LABELS = 0x801 };

static uint32_t
big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const char *
magic_meaning(uint32_t magic)
{
    switch (magic) {
    case MAGIC_IMAGES:
        return "IDX images";
    case MAGIC_LABELS:
        return "IDX labels";
    case 0x1f8b0808:
    case 0x1f8b0800:
        return "gzip data without .gz in the name";
    default:
        return "not IDX";
    }
}

static enum ode_status
header_check(const struct ode_blob *blob, size_t header, uint32_t magic, size_t total,
             const char *what, struct ode_err *err)
{
    uint32_t found;

    if (blob->size < header)
        return ode_blob_measure(blob, total, what, err);
    found = big_endian(blob->data);
    if (found != magic)
        return ode_blob_fail(err, blob->path, 0,
                             "magic is 0x%08x (%s), expected 0x%08x (%s)", found,
                             magic_meaning(found), magic, magic_meaning(magic));
    return ODE_OK;
}

enum ode_status
ode_idx_images(const struct ode_blob *blob, size_t n, int height, int width,
               const uint8_t **pixels, struct ode_err *err)
{
    size_t total = ODE_IDX_IMAGES_HEADER + n * (size_t)height * (size_t)width;
    uint32_t count, rows, columns;
    char what[96];

    snprintf(what, sizeof what, "a header of %d and %zu images of %dx%d",
             ODE_IDX_IMAGES_HEADER, n, height, width);
    ODE_TRY(header_check(blob, ODE_IDX_IMAGES_HEADER, MAGIC_IMAGES, total, what, err));
    count = big_endian(blob->data + 4);
    rows = big_endian(blob->data + 8);
    columns = big_endian(blob->data + 12);
    if (count != n || rows != (uint32_t)height || columns != (uint32_t)width)
        return ode_blob_fail(err, blob->path, 4,
                             "announces %u images of %ux%u, expected %zu of %dx%d", count,
                             rows, columns, n, height, width);
    ODE_TRY(ode_blob_measure(blob, total, what, err));
    *pixels = blob->data + ODE_IDX_IMAGES_HEADER;
    return ODE_OK;
}

enum ode_status
ode_idx_labels(const struct ode_blob *blob, size_t n, int classes, const uint8_t **labels,
               struct ode_err *err)
{
    size_t total = ODE_IDX_LABELS_HEADER + n;
    uint32_t count;
    char what[96];

    snprintf(what, sizeof what, "a header of %d and %zu labels", ODE_IDX_LABELS_HEADER,
             n);
    ODE_TRY(header_check(blob, ODE_IDX_LABELS_HEADER, MAGIC_LABELS, total, what, err));
    count = big_endian(blob->data + 4);
    if (count != n)
        return ode_blob_fail(err, blob->path, 4, "announces %u labels, expected %zu",
                             count, n);
    ODE_TRY(ode_blob_measure(blob, total, what, err));
    for (size_t i = 0; i < n; i++)
        if (blob->data[ODE_IDX_LABELS_HEADER + i] >= classes)
            return ode_blob_fail(err, blob->path, ODE_IDX_LABELS_HEADER + i,
                                 "label of record %zu is %d, expected 0 to %d", i,
                                 blob->data[ODE_IDX_LABELS_HEADER + i], classes - 1);
    *labels = blob->data + ODE_IDX_LABELS_HEADER;
    return ODE_OK;
}
