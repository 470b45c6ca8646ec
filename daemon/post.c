/* post.c - a signed message to a receiver, by libcurl's easy interface. */
#include "daemon/post.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/hash.h"
#include "daemon/address.h"

/* What is going on, for libcurl's callbacks. */
struct sending {
    const struct post *post;
    char refused[POST_TEXT]; /* why an address was, or "" */
    char error[CURL_ERROR_SIZE];
};

/* The very address that would be connected to. */
static curl_socket_t
on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct sending *sending = context;
    const enum address_kind kind = address_kind(&address->addr);
    char text[ADDRESS_TEXT];

    (void)purpose;
    if (kind == ADDRESS_PUBLIC || (kind == ADDRESS_PRIVATE && sending->post->private))
        return socket(address->family, address->socktype | SOCK_CLOEXEC,
                      address->protocol);
    snprintf(sending->refused, sizeof sending->refused, "%s is %s",
             address_text(&address->addr, text),
             kind == ADDRESS_PRIVATE
                 ? "of a private network, which webhook_private forbids"
                 : "no address of one machine that may be written to");
    return CURL_SOCKET_BAD;
}

/* What the receiver says is of no interest. */
static size_t
on_body(char *data, size_t size, size_t n, void *context)
{
    (void)data, (void)context;
    return size * n;
}

static int
on_progress(void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
            curl_off_t up)
{
    const struct sending *sending = context;

    (void)down_all, (void)down, (void)up_all, (void)up;
    return atomic_load(sending->post->leave) ? 1 : 0;
}

/* v1=HMAC(secret, timestamp "." body); false where memory is short. */
static bool
sign(const struct post *post, char header[128])
{
    char *text = NULL, hex[ODE_HASH_HEX];
    const int n = asprintf(&text, "%lld.%s", (long long)post->at_s, post->body);

    if (n < 0)
        return false;
    ode_hash_sign(post->secret, post->secret_n, text, (size_t)n, hex);
    free(text);
    snprintf(header, 128, "X-Odenet-Signature: v1=%s", hex);
    return true;
}

/* NULL where memory is short. */
static struct curl_slist *
headers_make(const struct post *post)
{
    char lines[3][128];
    const char *all[] = { "Content-Type: application/json", "Expect:", lines[0], lines[1],
                          lines[2] };
    struct curl_slist *list = NULL, *longer;

    snprintf(lines[0], sizeof lines[0], "X-Odenet-Timestamp: %lld",
             (long long)post->at_s);
    snprintf(lines[1], sizeof lines[1], "X-Odenet-Delivery: %s", post->id);
    if (!sign(post, lines[2]))
        return NULL;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        longer = curl_slist_append(list, all[i]);
        if (!longer) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

static void
options_set(CURL *easy, struct sending *sending, struct curl_slist *headers)
{
    const struct post *post = sending->post;

    curl_easy_setopt(easy, CURLOPT_URL, post->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* its address would be judged instead */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, post->limit_ms);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, post->body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "odenetd/" PACKAGE_VERSION);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, sending->error);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sending);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, sending);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

static bool
perform(CURL *easy, struct sending *sending, char text[POST_TEXT])
{
    const CURLcode result = curl_easy_perform(easy);
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK && status / 100 == 2)
        return true;
    if (sending->refused[0] && result != CURLE_OK)
        snprintf(text, POST_TEXT, "%s", sending->refused);
    else if (result != CURLE_OK)
        snprintf(text, POST_TEXT, "%.199s",
                 sending->error[0] ? sending->error : curl_easy_strerror(result));
    else
        snprintf(text, POST_TEXT, "the receiver answered with status %ld", status);
    return false;
}

bool
post_send(const struct post *post, char text[POST_TEXT])
{
    struct sending sending = { .post = post };
    struct curl_slist *headers = headers_make(post);
    CURL *easy = headers ? curl_easy_init() : NULL;
    bool taken = false;

    if (easy) {
        options_set(easy, &sending, headers);
        taken = perform(easy, &sending, text);
    } else {
        snprintf(text, POST_TEXT, "no memory for a message");
    }
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return taken;
}

/* --- URLs ----------------------------------------------------------------------------
 */

/* Whether the part is there, and (like not NULL) is that. */
static bool
part_is(CURLU *parts, CURLUPart part, const char *like)
{
    char *text = NULL;
    const bool there = curl_url_get(parts, part, &text, 0) == CURLUE_OK
                       && (like ? strcmp(text, like) == 0 : *text != '\0');

    curl_free(text);
    return there;
}

enum ode_status
post_check_url(const char *url, const char *at, struct ode_err *err)
{
    CURLU *parts = curl_url();
    bool good = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;

    good = good
           && (part_is(parts, CURLUPART_SCHEME, "http")
               || part_is(parts, CURLUPART_SCHEME, "https"))
           && !part_is(parts, CURLUPART_USER, NULL)
           && !part_is(parts, CURLUPART_PASSWORD, NULL)
           && !part_is(parts, CURLUPART_FRAGMENT, NULL);
    curl_url_cleanup(parts);
    return good
               ? ODE_OK
               : ode_fail(err, ODE_EARG, at,
                          "%.80s is no URL of a receiver: http:// or https://, without a "
                          "user's name or a fragment",
                          url);
}
