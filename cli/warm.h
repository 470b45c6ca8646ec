/*
 * warm.h - the run whose weights another one begins with (warm_start in its spec).
 *
 * It is found by the name of its folder, beside the new run's own or where the caller
 * says, and read once, at the begin: a run that has a checkpoint of its own needs it no
 * more.
 */
#ifndef ODE_CLI_WARM_H
#define ODE_CLI_WARM_H

#include "cli/checkpoint.h"
#include "core/data/dataset.h"
#include "core/train/train.h"

struct warm {
    struct weights from;      /* that run's checkpoint, if it is needed */
    struct ode_dataset drawn; /* images as fine as that run's, where the run's are not */
    bool second, average;     /* the new run has moments of this kind, or an average */
    struct ode_warm start;    /* what core is told; its recipe NULL: nothing */
};

/*
 * Finds, hashes, opens and checks the checkpoint that recipe->warm_start names; run_dir
 * is the new run's folder, and `parent` is where the named one lies: NULL for beside it.
 * Sets origin's warm start. ODE_ESPEC, with a pointer into the spec, if there is no such
 * run or level, or it is of another network; ODE_EFORMAT for a file that is no good. A
 * spec without a warm start leaves all as it is.
 */
enum ode_status warm_open(struct warm *warm, const struct ode_recipe_spec *recipe,
                          const char *run_dir, const char *parent,
                          struct checkpoint_origin *origin, struct ode_err *err);

/* The same for a run that goes on from a checkpoint of its own, whose origin is given:
 * nothing is opened. ODE_ESPEC if it began from something else than the spec names now,
 * as far as that can still be told. */
enum ode_status warm_resume(const struct ode_recipe_spec *recipe,
                            const struct weights *checkpoint, const char *run_dir,
                            const char *parent, const struct checkpoint_origin *origin,
                            struct ode_err *err);

/* Makes ready what core needs: images of the set that the run trains on, as the other
 * run saw them. */
enum ode_status warm_prepare(struct warm *warm, const struct ode_recipe_spec *recipe,
                             const struct ode_dataset *set, const char *data_root,
                             int threads, struct ode_err *err);

void warm_close(struct warm *warm); /* safe on zeros and twice */

#endif
