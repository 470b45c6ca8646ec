/*
 * whiten.h - a first convolution that decorrelates patches of images.
 *
 * Neighbouring pixels are much alike, so patches vary strongly in a few directions and
 * little in the others. In the coordinates of their principal axes, each divided by its
 * deviation, they vary alike in all. With C the covariance of all 3x3 patches inside the
 * images, C = sum lambda_i v_i v_i', lambda falling, and p = min(9 in, c / 2):
 *
 *     kernel i          v_i / sqrt(lambda_i + epsilon)      0 <= i < p
 *     kernel c / 2 + i  its negative
 *     the others        0
 *
 * so that a ReLU loses nothing, and each half of a state that is a pair gets one sign.
 * The entry of v_i that is largest in magnitude, the first of equals, is positive.
 *
 *     struct ode_whiten w = { .in = 3 };
 *
 *     for each image: ode_whiten_add(&w, h, w, pixels);
 *     ode_whiten_kernels(&w, ODE_WHITEN_EPSILON, c, weight, err);
 *
 * The order of the images decides the last bits. No allocation. Sources: Page, "How to
 * train your ResNet", part 8, 2019; Jordan, "94% on CIFAR-10 in 3.29 seconds on a single
 * GPU", arXiv 2404.00498, who has the negatives and this epsilon.
 */
#ifndef ODE_CORE_DATA_WHITEN_H
#define ODE_CORE_DATA_WHITEN_H

#include <stddef.h>

#include "core/base/real.h"
#include "core/base/status.h"
#include "core/data/dataset.h"

#define ODE_WHITEN_EPSILON 5e-4 /* of the variance of standardised pixels, 1 */

enum { ODE_WHITEN_MAX = 9 * ODE_DATA_CHANNELS_MAX };

/* What is known of the patches so far. Zeros but for `in`: nothing. */
struct ode_whiten {
    int in;                     /* channels of the images, up to ODE_DATA_CHANNELS_MAX */
    size_t patches;             /* seen          */
    double sum[ODE_WHITEN_MAX]; /* [9 in]        */
    double products[ODE_WHITEN_MAX * ODE_WHITEN_MAX]; /* [9 in][9 in] */
};

/* Adds all patches inside one image, pixels [in][h][w], standardised as
 * ode_loader_image() does. An image less than 3 pixels high or wide has none. 2 (9 in)^2
 * FLOP a patch. */
void ode_whiten_add(struct ode_whiten *whiten, int h, int w, const float *pixels);

/*
 * Writes weight [c][in][3][3]; c is even.
 *
 * ODE_EDATA if there were no patches, or pixels that are no numbers.
 */
enum ode_status ode_whiten_kernels(const struct ode_whiten *whiten, double epsilon, int c,
                                   real *weight, struct ode_err *err);

#endif
