/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic that goes on in a thread of its own while the test does something to the tunnel: a stream, or a
 * flow that may lose datagrams. Whatever comes through is right.
 */
#ifndef WEIR_TEST_LOAD_H
#define WEIR_TEST_LOAD_H

#include <stdint.h>

#include "site.h"

struct load;

/* Between the sites, by a pair of devices. All functions fail the test when they fail. */
struct load *load_tcp(const struct site site[2], int family, unsigned pair);
struct load *load_udp(const struct site site[2], int family, unsigned pair);

/* With datagrams of up to max bytes. */
struct load *load_udp_up_to(const struct site site[2], int family, unsigned pair, uint32_t max);

/* The same for traffic of which nothing may get lost or overtaken, at a port of its own. It is never more
 * than a device and a socket hold, so that the kernel has no reason to drop. window: datagrams under way each
 * way; 0: as many as it takes to keep everything busy. */
struct load *load_exact_tcp(const struct site site[2], int family, uint16_t port);
struct load *load_exact_udp(const struct site site[2], int family, uint16_t port, uint32_t window);

/* Bytes or datagrams that have come through both ways. */
uint64_t load_received(const struct load *load);

/* Waits until a good deal more has come through both ways. */
void load_wait(struct load *load);

/* Ends it. Nothing wrong may have come through. */
void load_stop(struct load *load);

#endif
