/* system.c - tests api/system.c: what the machine has. */
#include <jansson.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

START_TEST(the_backend_tells_of_the_machine)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    json_t *facts;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/system", &answer), 200);
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "application/json");
    facts = json_loads(answer.body, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(facts, "version")), "9.9");
    ck_assert_int_eq(json_integer_value(json_object_get(facts, "cores")), 2);
    ck_assert(json_is_null(json_object_get(facts, "blas")));
    json_decref(facts);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_failure_is_a_problem)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    fake_set_ready(&fake, false);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/system", &answer), 503);
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "application/problem+json");
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/system?cores=2", &answer), 400);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_system, 20, the_backend_tells_of_the_machine, a_failure_is_a_problem)
