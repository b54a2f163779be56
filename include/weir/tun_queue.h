/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tun_queue: one more queue of a TUN or TAP device, so that more than one worker reads and writes it.
 *
 *	.endpoints = { weir_tun("tun0", .queues = 2), weir_tun_queue("tun0.1", .of = "tun0"), ... },
 *
 * The device is its first queue. Each queue is an endpoint of its own, read and written like the first,
 * and gives and takes the same packets. Every one must be read by a chain, because the kernel spreads
 * what it sends over all that are open.
 *
 * The kernel sends a flow, both directions of it, by the queue that it was last written to; one that was
 * not written for three seconds, by the hash of its addresses and ports; fragments by that of the
 * addresses alone. So chains that lead from queue k of one device to queue k of another, and back, keep
 * the packets of each flow on one worker and in order. When a queue is opened or closed while packets
 * flow, the kernel spreads flows anew: what waits in a queue that is closed is lost, and a packet that
 * waits in another may be overtaken by a later one of its flow.
 *
 * A steering program (weir_tun .steering) is an eBPF program of the type socket filter. It gets a packet
 * as the device has it, and its result modulo the number of open queues is the queue: the device is 0,
 * the others follow in the order in which they were opened, and when one is closed, the last one takes
 * its number. To load one takes CAP_BPF or CAP_SYS_ADMIN outside of all user namespaces, unless
 * kernel.unprivileged_bpf_disabled is 0; to attach one that somebody else has loaded takes no more than
 * the device.
 *
 * When a device is deleted, all its queues die. They are recovered one by one, the device first.
 */
#ifndef WEIR_TUN_QUEUE_H
#define WEIR_TUN_QUEUE_H

#include <weir/tun.h>

WEIR_BEGIN_DECLS

struct weir_tun_queue {
	WEIR_PART_OPTIONS; /* the names of the endpoint and of the weir_tun() */
};

WEIR_API extern const struct weir_endpoint_type weir_tun_queue_type;

#define weir_tun_queue(...) WEIR_ENDPOINT(weir_tun_queue_type, struct weir_tun_queue, __VA_ARGS__)

WEIR_END_DECLS

#endif
