/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sites, left and right, with a pipeline between them that has all stages: what is sent into the device
 *of one site comes out of the device of the other.
 *
 *	forth0: left0 -> af_decap -> eth_wrap -> mac_filter -> stats => eth_unwrap -> af_encap -> right0
 *	back0:  right0 -> af_decap -> eth_wrap => stats -> mac_filter -> eth_unwrap -> af_encap -> left0
 *
 * and the same with 1 where there are two pairs of devices. All functions fail the test when they fail.
 */
#ifndef WEIR_TEST_TUNNEL_H
#define WEIR_TEST_TUNNEL_H

#include <weir/weir.h>

#include "events.h"
#include "site.h"

struct tunnel_options {
	bool threaded; /* two workers, which read at one side each and hand over by rings, instead of one */
	bool tap;      /* TAP devices: no stages but mac_filter and stats */
	bool ipv6;     /* without it, the kernel sends nothing by itself */
	bool two_pairs;
	bool second_fused;           /* the second pair needs the first worker only */
	uint32_t mtu;                /* 0: 1500 */
	struct weir_endpoint right0; /* instead of the device, if there is a type */
	bool *gate;                  /* forth0 has a gate behind the ring */
	struct weir_pool pool;
	uint32_t ring_capacity;
	enum weir_full ring_full; /* of forth0 */
	unsigned drain_ms;        /* 0: as long as a wait */
};

struct tunnel {
	struct site site[2];
	struct events events;
	struct weir_pipeline *pipeline;
	bool tap;
	bool ipv6;
};

/* Makes it; it does not run yet. */
struct tunnel *tunnel_make(const struct tunnel_options *options);

/* Starts it. The kernels of the two sites know each other's MAC addresses then. */
void tunnel_start(struct tunnel *tunnel);

/* Stops it. At rest, every packet must be accounted for. */
void tunnel_stop(struct tunnel *tunnel);

/* Checks that, of a tunnel that does not run. */
void tunnel_check_rest(struct tunnel *tunnel);

/* Frees it, running or not. */
void tunnel_free(struct tunnel *tunnel);

struct row {
	uint64_t packets; /* that came to it; of a reader or a writer, that it moved */
	uint64_t bytes;
	uint64_t stalls;
	uint64_t dropped;
};

/* The counters of the row "chain/stage". */
struct row tunnel_row(struct tunnel *tunnel, const char *path);
uint64_t tunnel_drops(struct tunnel *tunnel, const char *path, const char *reason);

/* Of the whole pipeline: packets dropped, and times that a reader found no buffer. */
uint64_t tunnel_dropped(struct tunnel *tunnel);
uint64_t tunnel_starved(struct tunnel *tunnel);

/* Checks the counters of the first pair against those of the kernel; stopped, and without loss of a device.
 */
void tunnel_check_devices(struct tunnel *tunnel);

/* Packets that the kernel could not hold in front of a device that nobody read. */
uint64_t tunnel_kernel_drops(struct tunnel *tunnel, const char *device);

void tunnel_set_up(struct tunnel *tunnel, const char *device, bool up);

/* What anybody may do who owns the namespace, without the pipeline's knowledge. */
void tunnel_set_up_by_kernel(struct tunnel *tunnel, const char *device, bool up);
void tunnel_delete(struct tunnel *tunnel, const char *device);

/* What the endpoint died of; 0: it lives. */
int tunnel_error(struct tunnel *tunnel, const char *endpoint);
void tunnel_recover(struct tunnel *tunnel, const char *endpoint);

#endif
