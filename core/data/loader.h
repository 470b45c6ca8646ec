/*
 * loader.h - from stored examples to the network's input.
 *
 * An input image is augmented at the set's own resolution, restricted to the level's by
 * 2x2 means (Haber et al. 2018: R), and standardised per channel. Since everything random
 * follows from (seed, level, epoch, example), any thread may prepare any image at any
 * time.
 */
#ifndef ODE_CORE_DATA_LOADER_H
#define ODE_CORE_DATA_LOADER_H

#include <stdint.h>

#include "core/data/dataset.h"

struct ode_loader {
    const struct ode_dataset *set; /* borrowed, outlives us */
    struct ode_augment_spec augment;
    int resolution; /* of the level: set's height / 2^k */
    uint64_t seed;
    int level;
};

/*
 * Writes example i of `examples` to out[channels][resolution][resolution], row-major.
 * `epoch` < 0: no augmentation (evaluation). Padding from cropping is the channel's mean,
 * that is 0. The caller owns scratch: ode_loader_scratch() floats.
 */
void ode_loader_image(const struct ode_loader *loader,
                      const struct ode_examples *examples, size_t i, int epoch,
                      float *scratch, float *out);
size_t ode_loader_scratch(const struct ode_loader *loader);

/* order[0..n-1]: the order of the n training examples in this epoch of this level. */
void ode_loader_order(uint64_t seed, int level, int epoch, uint32_t *order, size_t n);

#endif
