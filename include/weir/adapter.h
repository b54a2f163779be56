/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_adapter: a virtual Ethernet adapter on top of an L3 tunnel, for an application that moves its own
 * frames. What the kernel routes into the tunnel is read as Ethernet frames, and Ethernet frames are written
 * into it, without threads of its own.
 *
 * One thread may read while another one writes. The adapter does not speak ARP or neighbour discovery:
 * unicast frames go to one next hop.
 */
#ifndef WEIR_ADAPTER_H
#define WEIR_ADAPTER_H

#include <sys/types.h>

#include <weir/fd.h>

WEIR_BEGIN_DECLS

struct weir_adapter;

struct weir_adapter_options {
	const char *name;        /* of the device, or a pattern; default "weir%d" */
	const char *mac;         /* this side's MAC address; required */
	const char *next_hop;    /* where unicast frames go; default ff:ff:ff:ff:ff:ff */
	uint32_t mtu;            /* of the tunnel; default 1500 */
	const char *const *ipv4; /* as in struct weir_tun */
	const char *const *ipv6;
	bool from_fd; /* use fd instead of making a device: name, ipv4 and ipv6 do not apply */
	int fd;
	enum weir_fd_ownership ownership;
	enum weir_framing framing; /* of fd */
	bool accept_all; /* write_frame takes frames to any address, else to mac, broadcast and multicast */
};

struct weir_adapter_stats {
	uint64_t read_frames; /* that the application read */
	uint64_t read_bytes;
	uint64_t write_frames; /* that went into the tunnel */
	uint64_t write_bytes;  /* as IP packets in the device's framing */
	uint64_t read_drops;  /* packets of the tunnel that were no IP packets, too long for the tunnel's MTU,
				 or larger than the application's buffer */
	uint64_t write_drops; /* frames that were refused: not for this adapter, not IP, malformed, or that
				 the device did not take */
};

/* Errors as weir_pipeline_create(). */
WEIR_API int weir_adapter_create(struct weir_adapter **adapter, const struct weir_adapter_options *options,
				 struct weir_error *err);

/* The device's name; "" for a descriptor that has none. */
WEIR_API const char *weir_adapter_name(const struct weir_adapter *adapter);

/*
 * The next frame, without its checksum. timeout_ms: -1 waits for ever, 0 not at all. Returns its bytes;
 * -EAGAIN: none within the time; -EINTR: weir_adapter_interrupt(); -EMSGSIZE: size is too small, the frame is
 * lost; or what the device died of.
 */
WEIR_API ssize_t weir_adapter_read_frame(struct weir_adapter *adapter, void *frame, size_t size,
					 int timeout_ms);

/*
 * Writes a frame. Returns size; 0: refused and counted in write_drops; -EAGAIN: the device takes nothing now;
 * -EMSGSIZE: more than 65,535 bytes; or what the device died of.
 *
 * The frame with which the device became full waits inside, and goes first with the next call. With frame
 * NULL nothing but that is sent: 0 when nothing waits any more.
 */
WEIR_API ssize_t weir_adapter_write_frame(struct weir_adapter *adapter, const void *frame, size_t size);

/* Readable when read_frame has something. The adapter's: do not close or read it. */
WEIR_API int weir_adapter_fd(const struct weir_adapter *adapter);

/* Makes the reader that waits, or else the next one that would wait, return -EINTR. Any thread, also a signal
 * handler. */
WEIR_API void weir_adapter_interrupt(struct weir_adapter *adapter);

/* Returns 0 or -ENOMEM. Any thread. */
WEIR_API int weir_adapter_stats(struct weir_adapter *adapter, struct weir_adapter_stats *stats);

/* Nobody reads or writes any more. NULL is allowed. */
WEIR_API void weir_adapter_close(struct weir_adapter *adapter);

WEIR_END_DECLS

#endif
