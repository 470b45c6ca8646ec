/*
 * address.h - which addresses a message may be sent to, by what they are.
 */
#ifndef ODE_DAEMON_ADDRESS_H
#define ODE_DAEMON_ADDRESS_H

#include <sys/socket.h>

enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_PRIVATE, /* loopback, private networks, shared ones of providers */
    ADDRESS_BARRED   /* no single machine's, or only on one link: multicast, broadcast,
                        0.0.0.0,   169.254.0.0/16, where clouds keep secrets, and what is
                        reserved */
};

/* IPv4 within IPv6 (mapped, translated, 6to4) is judged as IPv4. Other families are
 * barred. */
enum address_kind address_kind(const struct sockaddr *address);

/* "10.0.0.7"; "?" for another family. Returns text. */
enum { ADDRESS_TEXT = 46 };
const char *address_text(const struct sockaddr *address, char text[ADDRESS_TEXT]);

#endif
