/*
 * settings.h - how odenetd is told what to do: presets, then a file, then flags.
 *
 * The file is one JSON object of the members of settings.def. An unknown member, a wrong
 * type and a number out of bounds are errors that name the place.
 */
#ifndef ODE_DAEMON_SETTINGS_H
#define ODE_DAEMON_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "core/base/status.h"
#include "daemon/supervise.h"

enum { SETTING_BYTES = 1024 };

struct settings {
#define SETTING_TEXT(member, preset, argument, doc)          char member[SETTING_BYTES];
#define SETTING_INT(member, preset, min, max, argument, doc) int64_t member;
#include "daemon/settings.def"
#undef SETTING_TEXT
#undef SETTING_INT
};

/* Says what the settings are now, as at the start. */
struct settings_source {
    enum ode_status (*read)(void *context, struct settings *settings,
                            struct ode_err *err);
    void *context;
};

struct setting {
    const char *name; /* as in "grace_s"; the flag is --grace-s */
    const char *argument, *doc;
    bool text;
    size_t offset;
    const char *text_preset;
    int64_t preset, min, max;
};

/* All of them; *n becomes their number. */
const struct setting *settings_list(size_t *n);

void settings_preset(struct settings *settings);

/* Sets one from text, as a flag gives it. at: how it is called in errors. ODE_EARG. */
enum ode_status settings_set(struct settings *settings, const struct setting *setting,
                             const char *value, const char *at, struct ode_err *err);

/* Sets what the file says, and leaves the rest. ODE_EARG, ODE_ENOENT, ODE_EIO. */
enum ode_status settings_read(struct settings *settings, const char *path,
                              struct ode_err *err);

/* The file that is read where none is named: odenetd.conf in $CONFIGURATION_DIRECTORY, as
 * systemd calls it, if there is one. False: there is none. */
bool settings_file(char path[SETTING_BYTES]);

/* Fills in what depends on the environment and the program's own place, and checks what
 * ties settings to the rest of the world. ODE_EARG. */
enum ode_status settings_settle(struct settings *settings, struct ode_err *err);

/* The permissions of the Unix socket, as the settled settings say; and its group: false
 * where there is none of its own. */
mode_t settings_socket_mode(const struct settings *settings);
bool settings_socket_group(const struct settings *settings, gid_t *group);
/* Whether a daemon that runs can take up another value. */
bool settings_live(const struct setting *setting);

/* Takes over what is live. */
void settings_renew(struct settings *settings, const struct settings *from);

/* The names of the settings, of the live ones or of the others, that are not the same in
 * both, with commas between them; "" for none. At most size - 1 bytes of whole names. */
void settings_differing(const struct settings *a, const struct settings *b, bool live,
                        char *names, size_t size);

/* When runs make room, as the settled settings say. */
enum supervise_preempt settings_preempt(const struct settings *settings);

#endif
