/* sets.c - the data sets as the API and the command line write them down. */
#include "schema/sets.h"

#include "core/data/dataset.h"

static json_t *
set_json(enum ode_set set, const char *root)
{
    const struct ode_set_facts *f = ode_set_facts(set);
    struct ode_data_spec all = { .set = set, .train_fraction = 1 };
    json_t *resolution = f->height > 0 ? json_integer(f->height) : json_null();
    size_t train = 0, test = 0;

    ode_dataset_sizes(&all, &train, &test, NULL);
    return json_pack("{ss si si so sI sI sb}", "name", f->name, "classes", f->classes,
                     "channels", f->channels, "resolution", resolution, "train",
                     (json_int_t)train, "test", (json_int_t)test, "available",
                     ode_set_available(set, root));
}

json_t *
sets_json(const char *root)
{
    json_t *list = json_array();

    for (int i = 0; list && i < ode_set_count(); i++) {
        if (json_array_append_new(list, set_json((enum ode_set)i, root)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list ? json_pack("{so}", "datasets", list) : NULL;
}
