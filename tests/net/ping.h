/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP echo from the left site to the right one and back, IPv4 or IPv6. */
#ifndef WEIR_TEST_PING_H
#define WEIR_TEST_PING_H

#include "site.h"

/* Sends a request with that many bytes of payload and waits for the reply, whose every byte it compares.
 * Fails the test if there is none. */
void ping(const struct site *from, int family, const char *to, unsigned size);

#endif
