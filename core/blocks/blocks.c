/* blocks.c - the table of integrators. */
#include "core/blocks/block.h"

const struct ode_block_ops *const ode_block_table[] = {
#define BLOCK(NAME, name, doc) [ODE_BLOCK_##NAME] = &ode_##name##_ops,
#include "core/blocks/blocks.def"
#undef BLOCK
};
