/*
 * asset.h - one file of the page, embedded in the program.
 *
 * The table is made by web/, which the API does not know: the daemon hands it over.
 */
#ifndef ODE_API_ASSET_H
#define ODE_API_ASSET_H

#include <stddef.h>

struct web_asset {
    const char *path; /* as in the URL, with or without the leading slash */
    const char *type; /* the Content-Type */
    const unsigned char *data;
    size_t size;
};

#endif
