/*
 * netgraph.h - a trained network as an ONNX graph, from pixels to probabilities.
 *
 *   image          float [N, channels, R, R]  pixel values from 0 to 1 (bytes / 255), at
 * the model's resolution: larger images are taken to it by means of 2x2 pixels logits
 * float [N, classes] probabilities  float [N, classes]         their softmax
 *
 * The graph standardises pixels as training did, and normalises by the running moments
 * (batch) or by those of the image (instance). With data.test_flip it looks at the
 * mirrored image, too, and gives the mean of both logits. A kernel that is used twice, as
 * K and as K^T, is stored once. Antisymmetric kernels K - K^T and weights between two
 * points in time are stored as they come out. States are not rounded to the engine's
 * grid.
 *
 * The metadata name the model's classes ("classes", separated by commas).
 */
#ifndef ODE_CORE_FILES_NETGRAPH_H
#define ODE_CORE_FILES_NETGRAPH_H

#include "core/files/onnx.h"
#include "core/net/params.h"
#include "core/recipe/recipe.h"

/* A network with its weights; all of it is borrowed. */
struct ode_netgraph {
    const struct ode_recipe_spec *recipe; /* settled */
    size_t level;                         /* of the recipe's, that the weights are of */
    const struct ode_params *params;
    const float *theta, *statistics;
};

/*
 * Draws the network into an empty graph, which is the caller's in any case. ODE_ESHAPE if
 * the table lacks a tensor that the recipe's network has, which is named; ODE_ESPEC for
 * an integrator that cannot be drawn; ODE_ENOMEM. Where memory was short for the graph
 * itself, ode_onnx_write() says so.
 */
enum ode_status ode_netgraph_draw(const struct ode_netgraph *net, struct ode_onnx *graph,
                                  struct ode_err *err);

#endif
