/*
 * loader.h - from stored examples to the network's input.
 *
 * An input image is augmented at the set's own resolution, restricted to the level's by
 * 2x2 means (Haber et al. 2018: R), and standardised per channel. Since everything random
 * follows from (seed, level, epoch, example), any thread may prepare any image at any
 * time. In this order:
 *
 *   flip     random: mirrored left to right with probability 1/2. alternating: half of
 *            the examples, drawn for the level, in its even epochs and the other half in
 *            the odd ones, so that two epochs show each example both ways [Jordan 2024]
 *   crop     shifted by -crop to crop pixels each way, all equally likely. Beside the
 *            image is its channel's mean, or with padding `reflect` the image again,
 *            mirrored about its outermost pixels (as torch's), however far away
 *   cutout   a square of that side, centred on any pixel and clipped at the borders, is
 *            the channel's mean [DeVries and Taylor 2017]
 *
 * Sources: Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498;
 * DeVries and Taylor, "Improved regularization of CNNs with cutout", arXiv 1708.04552.
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
 * `epoch` < 0: no augmentation (evaluation). A channel's mean is 0 there. The caller owns
 * scratch: ode_loader_scratch() floats.
 */
void ode_loader_image(const struct ode_loader *loader,
                      const struct ode_examples *examples, size_t i, int epoch,
                      float *scratch, float *out);
size_t ode_loader_scratch(const struct ode_loader *loader);

/* order[0..n-1]: the order of the n training examples in this epoch of this level. */
void ode_loader_order(uint64_t seed, int level, int epoch, uint32_t *order, size_t n);

#endif
