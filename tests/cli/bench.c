/* bench.c - tests cli/cmd_bench.c and bench_*.c; how fast anything is, no test says. */
#include "cli/bench.h"

#include <math.h>
#include <string.h>

#include "cli/cmd.h"
#include "tests/cli/command.h"
#include "tests/test.h"

#define RUN(...) COMMAND_RUN(cmd_bench, "bench", __VA_ARGS__)

static json_t *
answer_parse(void)
{
    json_t *all = json_loads(command_answer, JSON_REJECT_DUPLICATES, NULL);

    ck_assert_msg(json_is_object(all), "%s", command_answer);
    return all;
}

static void
is_text(const json_t *object, const char *name, const char *text)
{
    const json_t *value = json_object_get(object, name);

    ck_assert_msg(json_is_string(value), "%s is no text", name);
    ck_assert_str_eq(json_string_value(value), text);
}

static void
is_integer(const json_t *object, const char *name, int expected)
{
    ck_assert_int_eq(json_integer_value(json_object_get(object, name)), expected);
}

static void
is_positive(const json_t *object, const char *name)
{
    const double value = json_number_value(json_object_get(object, name));

    ck_assert_msg(isfinite(value) && value > 0, "%s is not positive", name);
}

START_TEST(a_step_is_one_object)
{
    static const char *const positive[] = { "images_per_s",
                                            "images_per_s_min",
                                            "images_per_s_max",
                                            "step_ms",
                                            "gflops",
                                            "gflops_with_rebuild",
                                            "peak_gflops",
                                            "fraction",
                                            "fraction_with_rebuild",
                                            "rss_mib",
                                            "loss",
                                            "flops_per_image" };
    json_t *all;
    double others;

    ck_assert_int_eq(RUN("step", "--preset", "hamiltonian-74", "--batch", "4",
                         "--threads", "1", "--steps", "1", "--warmup", "0", "--json"),
                     CMD_OK);
    all = answer_parse();
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        is_positive(all, positive[i]);
    is_text(all, "preset", "hamiltonian-74");
    is_text(all, "norm", "none");
    is_text(all, "memory", "reverse");
    is_text(all, "keeps", "reverse");
    ck_assert(json_is_string(json_object_get(all, "isa")));
    ck_assert(json_is_string(json_object_get(all, "method")));
    is_integer(all, "batch", 4);
    is_integer(all, "threads", 1);
    is_integer(all, "steps", 1);
    is_integer(all, "warmup", 0);
    is_integer(all, "resolution", 32);
    is_integer(all, "parameters", 428538);
    others = json_number_value(json_object_get(all, "others"));
    ck_assert(others >= 0 && others <= 1);
    json_decref(all);
}
END_TEST

/* 3 forward passes; 4 where the backward pass does one again. */
START_TEST(what_is_rebuilt_is_counted)
{
    static const char *const memory[] = { "store", "checkpoint", "reverse" };

    for (int i = 0; i < 3; i++) {
        json_t *all;
        double useful, with;

        ck_assert_int_eq(RUN("step", "--blocks", "2", "--batch", "2", "--steps", "2",
                             "--resolution", "8", "--norm", "batch", "--kernels",
                             "portable", "--memory", memory[i], "--json"),
                         CMD_OK);
        all = answer_parse();
        is_text(all, "isa", "portable");
        is_text(all, "norm", "batch");
        is_text(all, "keeps", memory[i]);
        is_integer(all, "blocks", 2);
        useful = json_number_value(json_object_get(all, "gflops"));
        with = json_number_value(json_object_get(all, "gflops_with_rebuild"));
        ck_assert_double_eq_tol(with / useful, i == 0 ? 1 : 4 / 3., 1e-4);
        json_decref(all);
    }
}
END_TEST

START_TEST(what_cannot_be_reversed_keeps_checkpoints)
{
    json_t *all;

    ck_assert_int_eq(RUN("step", "--preset", "resnet-32", "--blocks", "2", "--batch", "2",
                         "--steps", "1", "--warmup", "0", "--resolution", "8", "--json"),
                     CMD_OK);
    all = answer_parse();
    is_text(all, "memory", "reverse");
    is_text(all, "keeps", "checkpoint");
    json_decref(all);
}
END_TEST

START_TEST(without_json_it_is_a_table)
{
    ck_assert_int_eq(
        RUN("step", "--blocks", "2", "--batch", "2", "--steps", "1", "--resolution", "8"),
        CMD_OK);
    ck_assert_ptr_nonnull(strstr(command_answer, "images/s"));
    ck_assert_ptr_nonnull(strstr(command_answer, "hamiltonian-74"));
}
END_TEST

START_TEST(several_parts_are_members)
{
    static const char *const ways[] = { "read", "write", "copy" };
    json_t *all, *machine, *list, *row;
    size_t i;

    ck_assert_int_eq(RUN("machine", "kernels", "--threads", "1", "--json"), CMD_OK);
    all = answer_parse();
    ck_assert_ptr_null(json_object_get(all, "steps"));
    machine = json_object_get(all, "machine");
    ck_assert(json_is_string(json_object_get(machine, "processor")));
    is_positive(json_array_get(json_object_get(machine, "peak"), 0), "gflops");
    is_positive(json_object_get(machine, "blas"), "gflops");
    list = json_object_get(machine, "bandwidth");
    ck_assert_uint_eq(json_array_size(list), 4);
    json_array_foreach (list, i, row)
        for (int w = 0; w < 3; w++)
            is_positive(row, ways[w]);
    list = json_object_get(json_object_get(all, "kernels"), "kernels");
    ck_assert_uint_ge(json_array_size(list), 16);
    json_array_foreach (list, i, row) {
        is_positive(row, "gflops");
        is_positive(row, "fraction");
    }
    json_decref(all);
}
END_TEST

START_TEST(bad_flags_are_named)
{
    static const struct {
        const char *words[4], *says;
    } bad[] = {
        {{ "bench", "walk" },                                "\"walk\" is not machine, kernels or step"},
        { { "bench", "step", "--preset", "hamiltonian-75" },
         "--preset is \"hamiltonian-75\"; choose"                                                      },
        { { "bench", "step", "--preset", "custom" },         "--preset is \"custom\""                  },
        { { "bench", "step", "--memory", "none" },           "--memory is \"none\"; choose store"      },
        { { "bench", "step", "--norm", "layer" },            "--norm is \"layer\"; choose none"        },
        { { "bench", "step", "--batch", "0" },               "--batch is \"0\""                        },
        { { "bench", "step", "--blocks", "1" },              "--blocks is \"1\""                       },
        { { "bench", "step", "--steps", "many" },            "--steps is \"many\""                     },
        { { "bench", "step", "--warmup", "-1" },             "--warmup is \"-1\""                      },
        { { "bench", "step", "--threads", "257" },           "--threads is \"257\""                    },
        { { "bench", "step", "--resolution", "12" },         "choose 32, 16 or 8"                      },
        { { "bench", "step", "--kernels", "avx3" },          "--kernels: \"avx3\""                     },
        { { "bench", "step", "--fly", "high" },              "--fly"                                   },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const int n = bad[i].words[2] ? 4 : 2;

        ck_assert_int_eq(command_run(cmd_bench, n, bad[i].words), CMD_USAGE);
        ck_assert_str_eq(command_answer, "");
        ck_assert_msg(strstr(command_complaint, bad[i].says), "%s: %s", bad[i].says,
                      command_complaint);
    }
    ck_assert_int_eq(RUN("--help"), CMD_OK);
    ck_assert_ptr_nonnull(strstr(command_answer, "usage: odenet bench"));
}
END_TEST

START_TEST(repeats_fill_the_time)
{
    ck_assert_int_eq(bench_repeats(0.001, 0.0105), 10);
    ck_assert_int_eq(bench_repeats(5, 0.01), 1);
    ck_assert_int_ge(bench_repeats(0, 0.01), 1);
}
END_TEST

TEST_SUITE(bench, 300, a_step_is_one_object, what_is_rebuilt_is_counted,
           what_cannot_be_reversed_keeps_checkpoints, without_json_it_is_a_table,
           several_parts_are_members, bad_flags_are_named, repeats_fill_the_time)
