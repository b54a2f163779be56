/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generator: UDP packets out of nowhere, the same ones for the same seed. Their payload begins with a 32-bit
 * flow number and a 64-bit sequence number within the flow, in network order, where it has 12 bytes.
 */
#ifndef WEIR_GENERATOR_H
#define WEIR_GENERATOR_H

#include <weir/endpoint.h>

WEIR_BEGIN_DECLS

#define WEIR_GENERATOR_SIZES_MAX 16

/* One size of a mix and how often it comes. */
struct weir_size {
	uint32_t bytes;  /* of the IP packet: 28 (IPv6: 48) to 65,535 (with WEIR_LAYER_L2 65,521) */
	uint32_t weight; /* 0 ends the list */
};

struct weir_generator {
	WEIR_ENDPOINT_OPTIONS;
	enum weir_layer layer; /* WEIR_LAYER_AF (raw IP, the default) or WEIR_LAYER_L2 */
	uint32_t size;         /* bytes of every IP packet; default 64 */
	bool imix;             /* 7 of 40, 4 of 576, 1 of 1500 bytes instead (IPv6: 60, 576, 1500) */
	struct weir_size sizes[WEIR_GENERATOR_SIZES_MAX]; /* or a mix of one's own */
	uint32_t flows;          /* different source ports, from 49152 on; 1 to 16,384; default 1 */
	uint64_t count;          /* packets, then it ends; 0: no end */
	double rate;             /* packets a second; 0: as fast as they are taken */
	uint64_t seed;           /* of the order of sizes and flows */
	const char *source;      /* IP address; default "10.0.0.1", or "fd00::1" if the destination is IPv6 */
	const char *destination; /* default "10.0.0.2", or "fd00::2" if the source is IPv6 */
	const char *source_mac;  /* with WEIR_LAYER_L2; default "02:00:00:00:00:01" */
	const char *destination_mac; /* default "02:00:00:00:00:02" */
};

WEIR_API extern const struct weir_endpoint_type weir_generator_type;

#define weir_generator(...) WEIR_ENDPOINT(weir_generator_type, struct weir_generator, __VA_ARGS__)

WEIR_END_DECLS

#endif
