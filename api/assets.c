/*
 * assets.c - the page: from the embedded table, or from a directory while developing.
 *
 * The build names what is below /assets/ by its content, so browsers may keep it for
 * ever; index.html they must ask for again. Views have addresses of their own that only
 * the page understands: a browser that asks for such a one gets index.html.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/asset.h"
#include "api/request.h"
#include "core/base/beneath.h"

static enum MHD_Result asset_get(struct request *r);

static const struct route asset_route = { ROUTE_GET, ROLE_OPEN,  NULL,
                                          NULL,      "The page", asset_get };

static const struct {
    const char *end, *type;
} asset_types[] = {
    {".css",    "text/css; charset=utf-8"       },
    { ".html",  "text/html; charset=utf-8"      },
    { ".ico",   "image/x-icon"                  },
    { ".js",    "text/javascript; charset=utf-8"},
    { ".json",  "application/json"              },
    { ".map",   "application/json"              },
    { ".png",   "image/png"                     },
    { ".svg",   "image/svg+xml"                 },
    { ".txt",   "text/plain; charset=utf-8"     },
    { ".woff2", "font/woff2"                    },
};

static const char *
type_of(const char *path)
{
    const char *end = strrchr(path, '.');

    for (size_t i = 0; end && i < sizeof asset_types / sizeof *asset_types; i++)
        if (strcmp(asset_types[i].end, end) == 0)
            return asset_types[i].type;
    return "application/octet-stream";
}

static const struct web_asset *
table_find(const struct server_config *config, const char *path)
{
    for (size_t i = 0; i < config->asset_n; i++) {
        const char *name = config->assets[i].path;

        if (strcmp(name + (*name == '/'), path + 1) == 0)
            return &config->assets[i];
    }
    return NULL;
}

/* Opens a file below the directory; no part of its path may begin with a dot. */
static int
root_open(const char *root, const char *path)
{
    size_t bytes;
    int fd = -1;

    if (strstr(path, "/.") || strstr(path, "//")
        || ode_beneath_open(root, path + 1, &fd, &bytes, NULL) != ODE_OK)
        return -1;
    return fd;
}

static bool
file_find(struct request *r, const char *path)
{
    const struct server_config *config = &r->server->config;

    if (config->web_root)
        r->asset_fd = root_open(config->web_root, path);
    else
        r->asset = table_find(config, path);
    if (!r->asset && r->asset_fd < 0)
        return false;
    r->path = path;
    if (strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0)
        r->match.route = &asset_route;
    return true;
}

/* Whether this may be the address of a view. */
static bool
is_view(struct request *r)
{
    const char *accept = request_header(r, "Accept");

    return !strchr(r->path, '.') && strncmp(r->path, "/v1", 3) != 0 && accept
           && strstr(accept, "text/html");
}

bool
asset_find(struct request *r)
{
    if (strcmp(r->path, "/") == 0)
        return file_find(r, "/index.html");
    return file_find(r, r->path) || (is_view(r) && file_find(r, "/index.html"));
}

static enum MHD_Result
asset_get(struct request *r)
{
    bool hashed = strncmp(r->path, "/assets/", 8) == 0;
    struct stat st;
    int fd = r->asset_fd;

    reply_header(
        r, "Content-Security-Policy",
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'");
    if (r->asset)
        return reply_static(r, r->asset->type, r->asset->data, r->asset->size,
                            hashed ? "public, max-age=31536000, immutable" : "no-cache");
    r->asset_fd = -1;
    if (fstat(fd, &st) != 0) {
        close(fd);
        return reply_failure(r, ODE_EIO, NULL, NULL);
    }
    return reply_file(r, type_of(r->path), fd, 0, (size_t)st.st_size, "no-cache");
}
