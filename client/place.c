/* place.c - where a daemon is: URLs, sockets, tokens. */
#include "client/place.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/file.h"

#define TOKEN_FILE_MAX 4096

static enum ode_status
socket_parse(const char *path, struct place *place, struct ode_err *err)
{
    if (path[0] != '/')
        return ode_fail(err, ODE_EARG, NULL, "unix:%s is no absolute path", path);
    if (strlen(path) >= sizeof place->socket)
        return ode_fail(err, ODE_EARG, NULL, "a socket's path has %d bytes at the most",
                        PLACE_SOCKET - 1);
    strcpy(place->socket, path);
    strcpy(place->base, "http://localhost");
    place->loopback = true;
    place->clear = true;
    return ODE_OK;
}

static bool
is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0
           || strcmp(host, "[::1]") == 0;
}

/* Whether the part is there. */
static bool
has(CURLU *parts, CURLUPart part)
{
    char *text = NULL;
    const bool there = curl_url_get(parts, part, &text, 0) == CURLUE_OK && *text;

    curl_free(text);
    return there;
}

/* Notes scheme and host; ODE_EARG where it is none that is spoken here. */
static enum ode_status
host_check(CURLU *parts, const char *url, struct place *place, struct ode_err *err)
{
    char *host = NULL, *scheme = NULL;
    bool known = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK
                 && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)
                 && curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK;

    if (known) {
        place->clear = strcmp(scheme, "http") == 0;
        place->loopback = is_loopback(host);
    }
    curl_free(scheme);
    curl_free(host);
    return known ? ODE_OK
                 : ode_fail(err, ODE_EARG, NULL,
                            "%.100s is neither http://, https:// nor unix:", url);
}

static enum ode_status
parts_check(CURLU *parts, const char *url, struct place *place, struct ode_err *err)
{
    if (has(parts, CURLUPART_USER) || has(parts, CURLUPART_PASSWORD))
        return ode_fail(err, ODE_EARG, NULL,
                        "a URL with a user's name or password; use --token-file");
    if (has(parts, CURLUPART_QUERY) || has(parts, CURLUPART_FRAGMENT))
        return ode_fail(err, ODE_EARG, NULL, "%.100s ends in a query or fragment", url);
    return host_check(parts, url, place, err);
}

static enum ode_status
url_parse(const char *url, struct place *place, struct ode_err *err)
{
    CURLU *parts = curl_url();
    size_t n = strlen(url);
    enum ode_status status;

    if (!parts)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for a URL");
    if (curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        status = ode_fail(err, ODE_EARG, NULL,
                          "\"%.100s\" is no URL; one is " PLACE_PRESET, url);
    else
        status = parts_check(parts, url, place, err);
    curl_url_cleanup(parts);
    if (status != ODE_OK)
        return status;
    while (n > 0 && url[n - 1] == '/')
        n--;
    if (n >= sizeof place->base)
        return ode_fail(err, ODE_EARG, NULL, "a URL of more than %d bytes",
                        PLACE_BASE - 1);
    snprintf(place->base, sizeof place->base, "%.*s", (int)n, url);
    place->socket[0] = '\0';
    return ODE_OK;
}

enum ode_status
place_parse(const char *url, struct place *place, struct ode_err *err)
{
    struct place parsed = *place;

    if (strncmp(url, "unix:", 5) == 0)
        ODE_TRY(socket_parse(url + 5, &parsed, err));
    else
        ODE_TRY(url_parse(url, &parsed, err));
    *place = parsed;
    return ODE_OK;
}

static bool
is_visible(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return n > 0;
}

enum ode_status
place_read_token(const char *path, struct place *place, struct ode_err *err)
{
    void *data;
    const char *text;
    size_t n;
    bool good;

    ODE_TRY(ode_file_read(path, TOKEN_FILE_MAX, &data, &n, err));
    text = data;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    good = is_visible(text, n) && n < sizeof place->token;
    if (good)
        snprintf(place->token, sizeof place->token, "%.*s", (int)n, text);
    free(data);
    return good ? ODE_OK
                : ode_fail(err, ODE_EFORMAT, path,
                           "is not one line of 1 to %d visible ASCII characters",
                           PLACE_TOKEN - 1);
}
