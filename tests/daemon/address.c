/* address.c - tests daemon/address.c */
#include "daemon/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "tests/test.h"

static struct sockaddr_storage
address_of(const char *text)
{
    struct sockaddr_storage storage = { 0 };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&storage, &v4, sizeof v4);
    } else {
        ck_assert_int_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        memcpy(&storage, &v6, sizeof v6);
    }
    return storage;
}

static void
assert_kind(const char *text, enum address_kind kind)
{
    struct sockaddr_storage storage = address_of(text);

    ck_assert_msg(address_kind((const struct sockaddr *)&storage) == kind, "%s", text);
}

START_TEST(single_machines_are_public)
{
    static const char *const texts[] = {
        "1.1.1.1",         "9.255.255.255", "11.0.0.0",       "100.63.255.255",
        "100.128.0.0",     "126.0.0.1",     "128.0.0.1",      "169.253.255.255",
        "169.255.0.0",     "172.15.0.1",    "172.32.0.1",     "192.167.0.1",
        "223.255.255.255", "2001:db8::1",   "::ffff:1.1.1.1", "64:ff9b::1.1.1.1",
        "2002:101:101::1", "3fff:ffff::1",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_kind(texts[i], ADDRESS_PUBLIC);
}
END_TEST

START_TEST(loopback_and_private_networks_are_private)
{
    static const char *const texts[] = {
        "127.0.0.1",       "127.255.255.255", "10.0.0.1",
        "172.16.0.1",      "172.31.0.1",      "192.168.0.1",
        "100.64.0.1",      "100.127.255.255", "::1",
        "fc00::1",         "fdff::1",         "fec0::1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:a00:1::1",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_kind(texts[i], ADDRESS_PRIVATE);
}
END_TEST

START_TEST(what_is_no_machine_or_only_on_one_link_is_barred)
{
    static const char *const texts[] = {
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "febf::1",
        "ff02::1",
        "::ffff:169.254.169.254",
        "::7f00:1",
        "100::1",
        "64:ff9b::a9fe:a9fe",
        "2002:e000:1::1",
        "::ffff:0.0.0.0",
        "4000::1",
    };
    const struct sockaddr_un local = { .sun_family = AF_UNIX };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_kind(texts[i], ADDRESS_BARRED);
    ck_assert_int_eq(address_kind((const struct sockaddr *)&local), ADDRESS_BARRED);
}
END_TEST

START_TEST(addresses_are_written_as_they_are_read)
{
    static const char *const texts[] = { "10.0.0.7", "2001:db8::1" };
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sockaddr_storage storage = address_of(texts[i]);

        ck_assert_str_eq(address_text((const struct sockaddr *)&storage, text), texts[i]);
    }
}
END_TEST

TEST_SUITE(address, 10, single_machines_are_public,
           loopback_and_private_networks_are_private,
           what_is_no_machine_or_only_on_one_link_is_barred,
           addresses_are_written_as_they_are_read)
