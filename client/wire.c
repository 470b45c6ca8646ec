/* wire.c - requests to one daemon, by libcurl's multi interface. */
#include "client/wire.h"

#include <curl/curl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "client/ctl.h"

#define CONNECT_S 10L
#define QUIET_S   90L
#define BODY_MAX  ((size_t)256 << 20)

struct wire {
    CURLM *multi;
    const struct place *place; /* borrowed, outlives us */
    const char *cacert;        /* borrowed */
    int signals;               /* a signalfd, or -1 */
    bool interrupted;
};

struct exchange {
    CURL *easy;
    struct curl_slist *headers;
    struct wire_answer answer;
    wire_sink_fn *sink;
    void *context;
    bool ended, refused;
    char error[CURL_ERROR_SIZE];
};

void
wire_answer_release(struct wire_answer *answer)
{
    free(answer->body);
    *answer = (struct wire_answer){ 0 };
}

/* --- connections ---------------------------------------------------------------------
 */

enum ode_status
wire_new(const struct place *place, const char *cacert, struct wire **out,
         struct ode_err *err)
{
    struct wire *wire = calloc(1, sizeof *wire);

    if (!wire || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK
        || !(wire->multi = curl_multi_init())) {
        free(wire);
        return ode_fail(err, ODE_ENOMEM, NULL, "libcurl cannot be started");
    }
    wire->place = place;
    wire->cacert = cacert;
    wire->signals = -1;
    *out = wire;
    return ODE_OK;
}

void
wire_free(struct wire *wire)
{
    if (!wire)
        return;
    curl_multi_cleanup(wire->multi);
    if (wire->signals >= 0)
        close(wire->signals);
    free(wire);
    curl_global_cleanup();
}

enum ode_status
wire_catch_signals(struct wire *wire, struct ode_err *err)
{
    sigset_t set;

    if (wire->signals >= 0)
        return ODE_OK;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0
        || (wire->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return ode_fail_errno(err, ODE_EIO, NULL, "signals cannot be caught");
    return ODE_OK;
}

bool
wire_interrupted(const struct wire *wire)
{
    return wire->interrupted;
}

/* --- what comes ----------------------------------------------------------------------
 */

/* Header lines that matter; libcurl has joined and trimmed none of them. */
static void
header_note(struct wire_answer *answer, const char *line, size_t n)
{
    char text[128];

    if (n >= sizeof text)
        return;
    memcpy(text, line, n);
    text[n] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    if (strncasecmp(text, "Retry-After:", 12) == 0)
        answer->retry_after_s = strtol(text + 12, NULL, 10);
    else if (strncasecmp(text, "Content-Range:", 14) == 0)
        sscanf(text + 14, " bytes %lld", &answer->range_begin);
    else if (strncasecmp(text, "ETag:", 5) == 0)
        snprintf(answer->etag, sizeof answer->etag, "%s",
                 text + 5 + strspn(text + 5, " \t"));
}

static size_t
on_header(char *line, size_t size, size_t n, void *context)
{
    struct exchange *x = context;

    header_note(&x->answer, line, size * n);
    return size * n;
}

static bool
body_grow(struct wire_answer *answer, const char *data, size_t n)
{
    char *body;

    if (n > BODY_MAX - answer->body_n)
        return false;
    body = realloc(answer->body, answer->body_n + n + 1);
    if (!body)
        return false;
    memcpy(body + answer->body_n, data, n);
    answer->body = body;
    answer->body_n += n;
    body[answer->body_n] = '\0';
    return true;
}

/* A problem goes into the answer, also where a sink waits for a file. */
static size_t
on_body(char *data, size_t size, size_t n, void *context)
{
    struct exchange *x = context;
    bool taken;

    n *= size;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->answer.status);
    if (x->sink && x->answer.status / 100 == 2)
        taken = x->sink(x->context, data, n);
    else
        taken = body_grow(&x->answer, data, n);
    x->refused = !taken;
    return taken ? n : 0;
}

/* --- what is sent --------------------------------------------------------------------
 */

static bool
header_add(struct exchange *x, const char *line)
{
    struct curl_slist *list = curl_slist_append(x->headers, line);

    if (list)
        x->headers = list;
    return list != NULL;
}

static bool
headers_make(struct exchange *x, const struct wire *wire,
             const struct wire_request *request)
{
    char token[PLACE_TOKEN + 32];
    bool made = header_add(x, "Expect:"); /* bodies are small: send them at once */

    /* without a body there is no type: libcurl would call it a form */
    made = made
           && header_add(x, request->body ? "Content-Type: application/json"
                                          : "Content-Type:");
    if (wire->place->token[0]) {
        snprintf(token, sizeof token, "Authorization: Bearer %s", wire->place->token);
        made = made && header_add(x, token);
    }
    for (int i = 0; i < WIRE_HEADERS; i++)
        if (request->header[i])
            made = made && header_add(x, request->header[i]);
    return made;
}

static void
method_set(CURL *easy, const struct wire_request *request)
{
    if (request->body || strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_n);
    }
    if (strcmp(request->method, "GET") == 0)
        return;
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    /* libcurl would send it a second time where an old connection turns out to be dead */
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
}

static void
place_set(CURL *easy, const struct wire *wire)
{
    const struct place *place = wire->place;

    if (place->socket[0])
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, place->socket);
    if (place->loopback) /* no proxy knows this machine by that name */
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (wire->cacert)
        curl_easy_setopt(easy, CURLOPT_CAINFO, wire->cacert);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* a token goes nowhere else */
}

static bool
easy_set(struct exchange *x, struct wire *wire, const struct wire_request *request)
{
    char url[PLACE_BASE + 1024];
    CURL *easy = x->easy;

    if (snprintf(url, sizeof url, "%s%s", wire->place->base, request->path)
        >= (int)sizeof url)
        return false;
    place_set(easy, wire);
    method_set(easy, request);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "odenetctl/" PACKAGE_VERSION);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                     request->quiet_s > 0 ? request->quiet_s : QUIET_S);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->error);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
    return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
}

struct exchange *
wire_begin(struct wire *wire, const struct wire_request *request)
{
    struct exchange *x = calloc(1, sizeof *x);

    if (!x)
        return NULL;
    x->sink = request->sink;
    x->context = request->context;
    x->easy = curl_easy_init();
    if (!x->easy || !headers_make(x, wire, request) || !easy_set(x, wire, request)
        || curl_multi_add_handle(wire->multi, x->easy) != CURLM_OK) {
        wire_drop(NULL, x);
        return NULL;
    }
    return x;
}

bool
wire_ended(const struct exchange *exchange)
{
    return exchange->ended;
}

const struct wire_answer *
wire_answer_of(const struct exchange *exchange)
{
    return &exchange->answer;
}

void
wire_drop(struct wire *wire, struct exchange *exchange)
{
    if (!exchange)
        return;
    if (wire && exchange->easy)
        curl_multi_remove_handle(wire->multi, exchange->easy);
    curl_easy_cleanup(exchange->easy);
    curl_slist_free_all(exchange->headers);
    wire_answer_release(&exchange->answer);
    free(exchange);
}

/* --- ends ----------------------------------------------------------------------------
 */

static enum wire_end
end_of(CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return WIRE_ANSWERED;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return WIRE_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return WIRE_LOST;
    default:
        return WIRE_BROKEN;
    }
}

/* Why there is no answer: of a connection what the system says, as the library's sentence
 * names a host and a port where there is only a socket. */
static void
reason_note(struct exchange *x, CURLcode result)
{
    long number = 0;

    curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &number);
    snprintf(x->answer.text, sizeof x->answer.text, "%s",
             result == CURLE_COULDNT_CONNECT && number ? strerror((int)number)
             : x->error[0]                             ? x->error
                                                       : curl_easy_strerror(result));
}

static void
exchange_end(struct exchange *x, CURLcode result)
{
    x->ended = true;
    x->answer.end = x->refused ? WIRE_REFUSED : end_of(result);
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->answer.status);
    reason_note(x, result);
}

static void
signals_look(struct wire *wire)
{
    struct signalfd_siginfo info;

    if (wire->signals >= 0 && read(wire->signals, &info, sizeof info) == sizeof info)
        wire->interrupted = true;
}

void
wire_pump(struct wire *wire, int ms)
{
    struct curl_waitfd fd = { .fd = wire->signals, .events = CURL_WAIT_POLLIN };
    struct exchange *x;
    CURLMsg *message;
    int running, left;

    curl_multi_poll(wire->multi, &fd, wire->signals >= 0 ? 1 : 0, ms, NULL);
    signals_look(wire);
    curl_multi_perform(wire->multi, &running);
    while ((message = curl_multi_info_read(wire->multi, &left)))
        if (message->msg == CURLMSG_DONE) {
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&x);
            exchange_end(x, message->data.result);
        }
}

void
wire_ask(struct wire *wire, const struct wire_request *request, int64_t until_ms,
         struct wire_answer *answer)
{
    struct exchange *x = wire_begin(wire, request);
    int64_t left = 1000;

    *answer = (struct wire_answer){ .end = WIRE_BROKEN, .text = "out of memory" };
    if (!x)
        return;
    while (!x->ended && !wire->interrupted && left > 0) {
        wire_pump(wire, left < 1000 ? (int)left : 1000);
        if (until_ms)
            left = until_ms - ctl_now_ms();
    }
    if (x->ended) {
        *answer = x->answer;
        x->answer = (struct wire_answer){ 0 };
    } else {
        answer->end = wire->interrupted ? WIRE_INTERRUPTED : WIRE_LATE;
        answer->text[0] = '\0';
    }
    wire_drop(wire, x);
}
