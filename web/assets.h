/*
 * assets.h - the dashboard's files, as they stand inside the program.
 *
 * `path` is what a browser asks for, as in "/index.html" or "/assets/index-0S4wW6uj.js";
 * what lies under /assets/ has its content's hash in its name and may be cached for ever.
 * `type` is the value of Content-Type. `data` is not terminated. All of it is constant.
 */
#ifndef ODE_WEB_ASSETS_H
#define ODE_WEB_ASSETS_H

#include <stddef.h>

#include "api/asset.h" /* struct web_asset: what the server serves */

extern const struct web_asset web_assets[]; /* sorted by path */
extern const size_t web_asset_n;

#endif
