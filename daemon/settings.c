/* settings.c - presets, a file, flags, and the environment where all are silent. */
#include "daemon/settings.h"

#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/socket.h"
#include "daemon/log.h"
#include "daemon/webhook.h"

static const struct setting list[] = {
#define SETTING_TEXT(member, preset, argument, doc) \
    { #member, argument, doc, true, offsetof(struct settings, member), preset, 0, 0, 0 },
#define SETTING_INT(member, preset, min, max, argument, doc)            \
    { #member, argument, doc, false, offsetof(struct settings, member), \
      NULL,    preset,   min, max },
#include "daemon/settings.def"
#undef SETTING_TEXT
#undef SETTING_INT
};

enum { SETTINGS = sizeof list / sizeof *list };

const struct setting *
settings_list(size_t *n)
{
    *n = SETTINGS;
    return list;
}

static char *
text_of(struct settings *settings, const struct setting *setting)
{
    return (char *)settings + setting->offset;
}

static int64_t *
number_of(struct settings *settings, const struct setting *setting)
{
    return (int64_t *)(void *)((char *)settings + setting->offset);
}

void
settings_preset(struct settings *settings)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (list[i].text)
            snprintf(text_of(settings, &list[i]), SETTING_BYTES, "%s",
                     list[i].text_preset);
        else
            *number_of(settings, &list[i]) = list[i].preset;
}

static enum ode_status
set_text(struct settings *settings, const struct setting *setting, const char *value,
         const char *at, struct ode_err *err)
{
    if (strlen(value) >= SETTING_BYTES)
        return ode_fail(err, ODE_EARG, at, "the value is longer than %d bytes",
                        SETTING_BYTES - 1);
    strcpy(text_of(settings, setting), value);
    return ODE_OK;
}

static enum ode_status
set_number(struct settings *settings, const struct setting *setting, int64_t value,
           const char *at, struct ode_err *err)
{
    if (value < setting->min || value > setting->max)
        return ode_fail(err, ODE_EARG, at, "%lld is not between %lld and %lld",
                        (long long)value, (long long)setting->min,
                        (long long)setting->max);
    *number_of(settings, setting) = value;
    return ODE_OK;
}

enum ode_status
settings_set(struct settings *settings, const struct setting *setting, const char *value,
             const char *at, struct ode_err *err)
{
    long long number;
    char *end;

    if (setting->text)
        return set_text(settings, setting, value, at, err);
    errno = 0;
    number = strtoll(value, &end, 10);
    if (end == value || *end || errno)
        return ode_fail(err, ODE_EARG, at, "\"%.40s\" is not a whole number", value);
    return set_number(settings, setting, number, at, err);
}

/* --- the file ------------------------------------------------------------------------
 */

static enum ode_status
set_member(struct settings *settings, const char *name, const json_t *value,
           const char *path, struct ode_err *err)
{
    char at[128];

    snprintf(at, sizeof at, "%.80s:/%.40s", path, name);
    for (size_t i = 0; i < SETTINGS; i++) {
        if (strcmp(list[i].name, name) != 0)
            continue;
        if (list[i].text && json_is_string(value))
            return set_text(settings, &list[i], json_string_value(value), at, err);
        if (!list[i].text && json_is_integer(value))
            return set_number(settings, &list[i], json_integer_value(value), at, err);
        return ode_fail(err, ODE_EARG, at, "this is to be a %s",
                        list[i].text ? "text" : "whole number");
    }
    return ode_fail(err, ODE_EARG, at,
                    "there is no such setting; odenetd --help lists them");
}

static enum ode_status
read_failed(const char *path, const json_error_t *why, struct ode_err *err)
{
    if (why->line < 0) /* the file itself */
        return ode_fail(err, access(path, F_OK) == 0 ? ODE_EIO : ODE_ENOENT, path, "%s",
                        why->text);
    return ode_fail(err, ODE_EARG, path, "line %d, column %d: %s", why->line, why->column,
                    why->text);
}

enum ode_status
settings_read(struct settings *settings, const char *path, struct ode_err *err)
{
    struct settings changed = *settings;
    enum ode_status status = ODE_OK;
    json_error_t why;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &why), *value;
    const char *name;

    if (!file)
        return read_failed(path, &why, err);
    if (!json_is_object(file))
        status = ode_fail(err, ODE_EARG, path, "the file is to be a JSON object");
    json_object_foreach (file, name, value) {
        status = set_member(&changed, name, value, path, err);
        if (status != ODE_OK)
            break;
    }
    json_decref(file);
    if (status == ODE_OK)
        *settings = changed;
    return status;
}

bool
settings_file(char path[SETTING_BYTES])
{
    const char *dir = getenv("CONFIGURATION_DIRECTORY");

    if (!dir || !*dir)
        return false;
    snprintf(path, SETTING_BYTES, "%.*s/odenetd.conf", (int)strcspn(dir, ":"), dir);
    return access(path, F_OK) == 0;
}

/* --- while the daemon runs ------------------------------------------------------------
 */

bool
settings_live(const struct setting *setting)
{
    static const char *const live[] = { "cores",      "memory_mib",     "slots",
                                        "threads",    "preempt",        "log_level",
                                        "log_format", "cache_mib",      "grace_s",
                                        "poll_ms",    "disk_floor_mib", "keep_days",
                                        "keep_mib" };

    for (size_t i = 0; i < sizeof live / sizeof *live; i++)
        if (strcmp(setting->name, live[i]) == 0)
            return true;
    return false;
}

/* A setting's value, and its size. */
static const void *
value_of(const struct settings *settings, const struct setting *setting, size_t *size)
{
    const char *value = (const char *)settings + setting->offset;

    *size = setting->text ? strlen(value) + 1 : sizeof(int64_t);
    return value;
}

void
settings_renew(struct settings *settings, const struct settings *from)
{
    size_t size;

    for (size_t i = 0; i < SETTINGS; i++)
        if (settings_live(&list[i])) {
            const void *value = value_of(from, &list[i], &size);

            memcpy(text_of(settings, &list[i]), value, size);
        }
}

static bool
differs(const struct settings *a, const struct settings *b, const struct setting *setting)
{
    size_t n, m;
    const void *here = value_of(a, setting, &n), *there = value_of(b, setting, &m);

    return n != m || memcmp(here, there, n) != 0;
}

void
settings_differing(const struct settings *a, const struct settings *b, bool live,
                   char *names, size_t size)
{
    size_t used = 0;

    names[0] = '\0';
    for (size_t i = 0; i < SETTINGS; i++) {
        const size_t n = strlen(list[i].name) + (used > 0);

        if (settings_live(&list[i]) != live || !differs(a, b, &list[i])
            || used + n >= size)
            continue;
        snprintf(names + used, size - used, "%s%s", used ? "," : "", list[i].name);
        used += n;
    }
}

/* --- what nobody said ----------------------------------------------------------------
 */

/* The first of these that is set: $own (of a list the first), $xdg/odenet, $HOME/below.
 */
static enum ode_status
place(char *path, const char *own, const char *xdg, const char *below, const char *flag,
      struct ode_err *err)
{
    const char *value;

    if (*path)
        return ODE_OK;
    if ((value = getenv(own)) && *value)
        snprintf(path, SETTING_BYTES, "%.*s", (int)strcspn(value, ":"), value);
    else if ((value = getenv(xdg)) && *value == '/')
        snprintf(path, SETTING_BYTES, "%s/odenet", value);
    else if ((value = getenv("HOME")) && *value)
        snprintf(path, SETTING_BYTES, "%s/%s", value, below);
    else
        return ode_fail(err, ODE_EARG, flag, "$HOME is not set, so this must be given");
    return ODE_OK;
}

/* odenet beside this program, as in the build tree; in ../bin, as installed; or any. */
static void
find_worker(char worker[SETTING_BYTES])
{
    static const char *const places[] = { "odenet", "../bin/odenet" };
    char self[SETTING_BYTES - 32], *slash;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (*worker)
        return;
    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
        snprintf(worker, SETTING_BYTES, "%.*s/%s", (int)(slash - self), self, places[i]);
        if (access(worker, X_OK) == 0)
            return;
    }
    strcpy(worker, "odenet");
}

static const char *const preempt_names[] = { [PREEMPT_CHECKPOINT] = "checkpoint",
                                             [PREEMPT_LEVEL] = "level",
                                             [PREEMPT_NEVER] = "never" };

enum supervise_preempt
settings_preempt(const struct settings *settings)
{
    enum supervise_preempt when = PREEMPT_CHECKPOINT;

    while (when < PREEMPT_NEVER && strcmp(settings->preempt, preempt_names[when]) != 0)
        when++;
    return when;
}

static enum ode_status
check_preempt(const struct settings *settings, struct ode_err *err)
{
    if (strcmp(settings->preempt, preempt_names[settings_preempt(settings)]) != 0)
        return ode_fail(err, ODE_EARG, "--preempt",
                        "\"%.40s\" is none of checkpoint, level and never",
                        settings->preempt);
    return ODE_OK;
}

/* Also that the secret can be read, so that --check-config tells. */
static enum ode_status
check_webhook(const struct settings *settings, struct ode_err *err)
{
    char *secret;
    size_t n;

    if (!*settings->webhook_url)
        return ODE_OK;
    ODE_TRY(post_check_url(settings->webhook_url, "--webhook-url", err));
    if (!*settings->webhook_secret_file)
        return ode_fail(err, ODE_EARG, "--webhook-secret-file",
                        "what goes to --webhook-url is signed, so this must be given");
    ODE_TRY(webhook_read_secret(settings->webhook_secret_file, &secret, &n, err));
    free(secret);
    return ODE_OK;
}

static enum ode_status
check_log(const struct settings *settings, struct ode_err *err)
{
    enum log_level level;
    enum log_format format;

    if (!log_level_from_name(settings->log_level, &level))
        return ode_fail(err, ODE_EARG, "--log-level",
                        "\"%.40s\" is none of debug, info, warn and error",
                        settings->log_level);
    if (!log_format_from_name(settings->log_format, &format))
        return ode_fail(err, ODE_EARG, "--log-format",
                        "\"%.40s\" is none of text, json, journal and auto",
                        settings->log_format);
    return ODE_OK;
}

static enum ode_status
check_listen(const struct settings *settings, struct ode_err *err)
{
    const char *listen = settings->listen;

    if (!socket_is_address(listen))
        return ode_fail(
            err, ODE_EARG, "--listen",
            "\"%.60s\" is no address, such as 127.0.0.1 and ::1 (loopback) or "
            "0.0.0.0 (all)",
            listen);
    if (!socket_is_public(listen))
        return ODE_OK;
    if (!*settings->token_file)
        return ode_fail(err, ODE_EARG, "--listen",
                        "others than this machine reach %.60s: that needs tokens "
                        "(--token-file), or an address of loopback",
                        listen);
    if (!*settings->tls_cert && !settings->behind_proxy)
        return ode_fail(
            err, ODE_EARG, "--listen",
            "others than this machine reach %.60s: that needs TLS (--tls-cert, "
            "--tls-key), a proxy that speaks it (--behind-proxy 1), or an "
            "address of loopback",
            listen);
    return ODE_OK;
}

/* A name is for a proxy, or for others than this machine: either way not for everybody.
 */
static enum ode_status
check_names(const struct settings *settings, struct ode_err *err)
{
    if (*settings->host && !*settings->token_file)
        return ode_fail(err, ODE_EARG, "--host",
                        "a name beside loopback's needs tokens (--token-file)");
    if (!*settings->tls_cert != !*settings->tls_key)
        return ode_fail(err, ODE_EARG, *settings->tls_cert ? "--tls-key" : "--tls-cert",
                        "a certificate and its key go together");
    return ODE_OK;
}

/* As systemd passes secrets: LoadCredential=tokens:/etc/odenet/tokens. */
static void
find_tokens(char token_file[SETTING_BYTES])
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");

    if (*token_file || !directory || strlen(directory) > SETTING_BYTES - 16)
        return;
    snprintf(token_file, SETTING_BYTES, "%s/tokens", directory);
    if (access(token_file, F_OK) != 0)
        *token_file = '\0';
}

mode_t
settings_socket_mode(const struct settings *settings)
{
    return (mode_t)strtoul(settings->socket_mode, NULL, 8);
}

bool
settings_socket_group(const struct settings *settings, gid_t *group)
{
    const struct group *found =
        *settings->socket_group ? getgrnam(settings->socket_group) : NULL;

    if (found)
        *group = found->gr_gid;
    return found != NULL;
}

static enum ode_status
check_socket(const struct settings *settings, struct ode_err *err)
{
    const char *mode = settings->socket_mode;
    gid_t group;

    if (strspn(mode, "01234567") != strlen(mode) || strlen(mode) < 3 || strlen(mode) > 4
        || settings_socket_mode(settings) > 0777)
        return ode_fail(err, ODE_EARG, "--socket-mode",
                        "\"%.40s\" are no permissions in octal, such as 0600 and 0660",
                        mode);
    if (*settings->socket_group && !settings_socket_group(settings, &group))
        return ode_fail(err, ODE_EARG, "--socket-group", "there is no group \"%.60s\"",
                        settings->socket_group);
    return ODE_OK;
}

enum ode_status
settings_settle(struct settings *settings, struct ode_err *err)
{
    ODE_TRY(place(settings->state_dir, "STATE_DIRECTORY", "XDG_STATE_HOME",
                  ".local/state/odenet", "--state-dir", err));
    ODE_TRY(place(settings->data_dir, "ODENET_DATA", "XDG_DATA_HOME",
                  ".local/share/odenet", "--data-dir", err));
    find_tokens(settings->token_file);
    ODE_TRY(check_listen(settings, err));
    ODE_TRY(check_names(settings, err));
    ODE_TRY(check_socket(settings, err));
    ODE_TRY(check_preempt(settings, err));
    ODE_TRY(check_webhook(settings, err));
    ODE_TRY(check_log(settings, err));
    find_worker(settings->worker);
    return ODE_OK;
}
