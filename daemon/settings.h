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

/* Fills in what depends on the environment and the program's own place, and checks what
 * ties settings to the rest of the world. ODE_EARG. */
enum ode_status settings_settle(struct settings *settings, struct ode_err *err);

/* The permissions of the Unix socket, as the settled settings say; and its group: false
 * where there is none of its own. */
mode_t settings_socket_mode(const struct settings *settings);
bool settings_socket_group(const struct settings *settings, gid_t *group);

/* When runs make room, as the settled settings say. */
enum supervise_preempt settings_preempt(const struct settings *settings);

#endif
