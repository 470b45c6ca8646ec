/*
 * accept.h - what a client will take: media types and codings (RFC 9110, 12.4, 12.5).
 */
#ifndef ODE_API_ACCEPT_H
#define ODE_API_ACCEPT_H

#include <stdbool.h>

/* Whether an Accept header (NULL: none was sent) allows the type, as "application/json";
 * parameters of media ranges other than q are not looked at. */
bool accept_type(const char *header, const char *type);

/* Whether an Accept-Encoding header (NULL: none) asks for gzip. */
bool accept_gzip(const char *header);

/* The seconds of "wait" in a Prefer header (RFC 7240; NULL: none); -1: it has none, or
 * none that is a number up to nine digits. */
int accept_wait(const char *prefer);

#endif
