/* openapi.c - schema/openapi.json says what the routes are, and what can go wrong. */
#include "schema/openapi.h"

#include <stdio.h>
#include <string.h>

#include "api/problem.h"
#include "api/query.h"
#include "api/router.h"
#include "api/tokens.h"
#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

/* The methods that OpenAPI has; 0: no route can have it. */
static const struct {
    const char *name;
    unsigned method;
} methods[] = {
    {"get",     ROUTE_GET   },
    { "post",   ROUTE_POST  },
    { "delete", ROUTE_DELETE},
    { "patch",  ROUTE_PATCH },
    { "put",    0           },
};
enum { METHODS = sizeof methods / sizeof *methods };

static json_t *
document_open(void)
{
    json_t *document = NULL;
    struct ode_err err;

    test_ok(schema_openapi(&document, &err), &err);
    return document;
}

/* A schema of the components. */
static json_t *
schema_of(const json_t *document, const char *name)
{
    const json_t *components = json_object_get(document, "components");

    return json_object_get(json_object_get(components, "schemas"), name);
}

static const char *
text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "";
}

static const char *
method_name(const struct route *route)
{
    for (int i = 0; i < METHODS; i++)
        if (methods[i].method == route->method)
            return methods[i].name;
    ck_abort_msg("%s has a method that is not listed here", route->pattern);
}

static const struct route *
route_find(const char *pattern, const char *method)
{
    for (size_t i = 0; i < router_route_n; i++)
        if (strcmp(router_routes[i].pattern, pattern) == 0
            && strcmp(method_name(&router_routes[i]), method) == 0)
            return &router_routes[i];
    return NULL;
}

/* A parameter itself, or the component that it refers to. */
static const json_t *
parameter_of(const json_t *document, const json_t *parameter)
{
    static const char where[] = "#/components/parameters/";
    const char *ref = text_of(parameter, "$ref");

    if (!*ref)
        return parameter;
    ck_assert_msg(strncmp(ref, where, strlen(where)) == 0, "%s", ref);
    parameter = json_object_get(
        json_object_get(json_object_get(document, "components"), "parameters"),
        ref + strlen(where));
    ck_assert_msg(parameter != NULL, "%s is not there", ref);
    return parameter;
}

/* Whether one of the list is this parameter. */
static bool
has_parameter(const json_t *document, const json_t *list, const char *in,
              const char *name)
{
    const json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        const json_t *parameter = parameter_of(document, item);

        if (strcmp(text_of(parameter, "in"), in) == 0
            && strcmp(text_of(parameter, "name"), name) == 0)
            return true;
    }
    return false;
}

/* Each parameter of the route's query is in the document, and the other way round. */
static void
queries_agree(const json_t *document, const struct route *route, const json_t *list)
{
    char known[128], *rest = known, *name;
    const json_t *item;
    size_t i;

    snprintf(known, sizeof known, "%s", route->query);
    while ((name = strsep(&rest, ",")))
        ck_assert_msg(!*name || has_parameter(document, list, "query", name),
                      "%s?%s is not in the document", route->pattern, name);
    json_array_foreach (list, i, item) {
        const json_t *parameter = parameter_of(document, item);

        if (strcmp(text_of(parameter, "in"), "query") == 0)
            ck_assert_msg(query_listed(route->query, text_of(parameter, "name")),
                          "%s?%s is no parameter of the route", route->pattern,
                          text_of(parameter, "name"));
    }
}

/* Each {placeholder} of the path is described. */
static void
path_agrees(const json_t *document, const char *pattern, const json_t *list)
{
    char name[64];
    size_t found = 0;

    for (const char *c = strchr(pattern, '{'); c; c = strchr(c + 1, '{')) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(c + 1, "}"), c + 1);
        ck_assert_msg(has_parameter(document, list, "path", name), "%s: {%s}", pattern,
                      name);
        found++;
    }
    ck_assert_uint_eq(json_array_size(list), found);
}

START_TEST(every_route_is_in_the_document)
{
    json_t *document = document_open();

    for (size_t i = 0; i < router_route_n; i++) {
        const struct route *route = &router_routes[i];
        const json_t *path =
            json_object_get(json_object_get(document, "paths"), route->pattern);
        const json_t *operation = json_object_get(path, method_name(route));

        ck_assert_msg(operation != NULL, "%s %s is not in schema/openapi.json",
                      method_name(route), route->pattern);
        ck_assert_str_eq(text_of(operation, "summary"), route->summary);
        ck_assert_str_ne(text_of(operation, "operationId"), "");
        queries_agree(document, route, json_object_get(operation, "parameters"));
        path_agrees(document, route->pattern, json_object_get(path, "parameters"));
    }
    json_decref(document);
}
END_TEST

/* Each way in wants the role, but for the last, which is that no token is needed. */
static void
roles_agree(const struct route *route, const json_t *ways)
{
    const json_t *way, *roles;
    const char *scheme;
    size_t i;

    if (route->role == ROLE_OPEN) {
        ck_assert_uint_eq(json_array_size(ways), 0);
        return;
    }
    ck_assert_uint_eq(json_array_size(ways), 3);
    ck_assert_uint_eq(json_object_size(json_array_get(ways, 2)), 0);
    json_array_foreach (ways, i, way)
        json_object_foreach ((json_t *)(uintptr_t)way, scheme, roles) {
            ck_assert_uint_eq(json_array_size(roles), 1);
            ck_assert_msg(strcmp(json_string_value(json_array_get(roles, 0)),
                                 role_name(route->role))
                              == 0,
                          "%s %s needs the role %s", method_name(route), route->pattern,
                          role_name(route->role));
        }
}

/* Whoever has no token, too low a role, or asks too often, is told so. */
static void
refusals_agree(const struct route *route, const json_t *responses)
{
    const bool changes = route->method != ROUTE_GET;

    ck_assert_msg(!json_object_get(responses, "401") == (route->role == ROLE_OPEN)
                      || strcmp(route->pattern, "/v1/session") == 0,
                  "%s %s: 401", method_name(route), route->pattern);
    ck_assert_msg(!json_object_get(responses, "403") == !changes, "%s %s: 403",
                  method_name(route), route->pattern);
    ck_assert_msg(json_object_get(responses, "429") != NULL, "%s %s: 429",
                  method_name(route), route->pattern);
}

START_TEST(the_document_says_who_may)
{
    json_t *document = document_open();

    for (size_t i = 0; i < router_route_n; i++) {
        const struct route *route = &router_routes[i];
        const json_t *path =
            json_object_get(json_object_get(document, "paths"), route->pattern);
        const json_t *operation = json_object_get(path, method_name(route));
        const json_t *ways = json_object_get(operation, "security");

        roles_agree(route, ways ? ways : json_object_get(document, "security"));
        refusals_agree(route, json_object_get(operation, "responses"));
    }
    json_decref(document);
}
END_TEST

START_TEST(the_document_has_no_other_routes)
{
    json_t *document = document_open(), *path;
    const char *pattern;
    size_t n = 0;

    json_object_foreach (json_object_get(document, "paths"), pattern, path)
        for (int i = 0; i < METHODS; i++) {
            if (!json_object_get(path, methods[i].name))
                continue;
            ck_assert_msg(route_find(pattern, methods[i].name) != NULL,
                          "%s %s is in schema/openapi.json, and is no route",
                          methods[i].name, pattern);
            n++;
        }
    ck_assert_uint_eq(n, router_route_n);
    json_decref(document);
}
END_TEST

START_TEST(every_problem_is_in_the_document)
{
    json_t *document = document_open(), *types;
    static const char *const slugs[] = {
#define PROBLEM(name, slug, status, title) "/problems/" slug,
#include "api/problem.def"
#undef PROBLEM
    };

    types = json_object_get(schema_of(document, "ProblemKind"), "properties");
    types = json_object_get(json_object_get(types, "type"), "enum");
    ck_assert_uint_eq(json_array_size(types), PROBLEM_COUNT);
    for (size_t i = 0; i < PROBLEM_COUNT; i++)
        ck_assert_str_eq(json_string_value(json_array_get(types, i)), slugs[i]);
    json_decref(document);
}
END_TEST

START_TEST(the_job_spec_stands_in_the_document)
{
    json_t *document = document_open();
    const json_t *spec = schema_of(document, "JobSpec");

    ck_assert(json_object_get(json_object_get(spec, "properties"), "levels") != NULL);
    ck_assert_ptr_null(json_object_get(spec, "$ref"));
    ck_assert_ptr_null(json_object_get(spec, "$id"));
    json_decref(document);
}
END_TEST

START_TEST(the_server_hands_it_out)
{
    struct server_config config = { .openapi = "{\"openapi\": \"3.1.0\"}" };
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, &config);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/openapi.json", &answer), 200);
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "application/json");
    ck_assert_str_eq(answer.body, config.openapi);
    fake_close(&fake);
    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/openapi.json", &answer), 404);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_openapi, 20, every_route_is_in_the_document, the_document_says_who_may,
           the_document_has_no_other_routes, every_problem_is_in_the_document,
           the_job_spec_stands_in_the_document, the_server_hands_it_out)
