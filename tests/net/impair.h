/* SPDX-License-Identifier: Apache-2.0 */
/*
 * impair: a bad network, as an endpoint of Ethernet frames: what is written to it is read from it, but for
 * what it loses, doubles, and gives later than others. The same seed and packets give the same fate to each.
 */
#ifndef WEIR_TEST_IMPAIR_H
#define WEIR_TEST_IMPAIR_H

#include <weir/endpoint.h>

struct impair {
	WEIR_ENDPOINT_OPTIONS;
	uint32_t loss, duplicate, late; /* in a hundred packets */
	uint64_t seed;
};

extern const struct weir_endpoint_type impair_type;

#define impair(...) WEIR_ENDPOINT(impair_type, struct impair, __VA_ARGS__)

/* What it did to UDP datagrams for VXLAN's port; the other packets, of which it counts none, are ARP's and
 * neighbour discovery's. */
struct impair_counts {
	uint64_t came, lost, doubled, late, went;
};

/* The first argument is what weir_pipeline_endpoint() gives. At rest, came + doubled == lost + went. */
struct impair_counts impair_read(const void *impair);

#endif
