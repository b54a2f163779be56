/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fd: a descriptor that somebody else opened, one packet a read() and a write(). This is how iOS, tvOS,
 * Android and macOS hand a tunnel over, and how an application joins a pipeline by a datagram or seqpacket
 * socket pair.
 *
 * Only what keeps packets apart is taken: sockets other than SOCK_STREAM, and character devices. A packet of
 * more than 65,535 bytes is dropped as "too_long". The endpoint dies when its peer is closed: a reader of
 * SOCK_SEQPACKET sees that as -EPIPE, which is why no packet may be empty there; of SOCK_DGRAM only a writer
 * can see it.
 *
 * A descriptor of a Linux TUN or TAP device is asked for its flags (TUNGETIFF) when the pipeline opens it,
 * and refused when they contradict layer and framing; the offload mask of the device is cleared. Whether it
 * has packet information can be asked only by those who may enter the device's network namespace; for others,
 * .framing is believed.
 */
#ifndef WEIR_FD_H
#define WEIR_FD_H

#include <weir/endpoint.h>
#include <weir/io.h>

WEIR_BEGIN_DECLS

/*
 * O_NONBLOCK belongs to the open file, not to the descriptor: with WEIR_FD_DUPLICATED and WEIR_FD_TAKEN the
 * pipeline sets it, and it is then set for all duplicates, the caller's own among them.
 */
enum weir_fd_ownership {
	WEIR_FD_BORROWED = 0, /* used as it is, and left open; it must stay open and non-blocking while the
				 pipeline lives */
	WEIR_FD_DUPLICATED, /* dup()ed when the pipeline is created; the caller may close its own at any time
			     */
	WEIR_FD_TAKEN, /* closed with the pipeline; if that cannot be created, it is still the caller's */
};

struct weir_fd {
	WEIR_ENDPOINT_OPTIONS;
	int fd; /* -1 and closed ones are refused; with WEIR_FD_BORROWED blocking ones too */
	enum weir_fd_ownership ownership;
	enum weir_layer layer;     /* WEIR_LAYER_AF (also the default) or WEIR_LAYER_L2 */
	enum weir_framing framing; /* with WEIR_LAYER_AF */
	uint32_t max_packet; /* bytes of the largest packet; default 1500 and the prefix. Larger ones are
				received too. */
	enum weir_io io;     /* how packets are written; WEIR_IO_URING needs a Linux TUN or TAP */
};

WEIR_API extern const struct weir_endpoint_type weir_fd_type;

#define weir_fd(...) WEIR_ENDPOINT(weir_fd_type, struct weir_fd, __VA_ARGS__)

WEIR_END_DECLS

#endif
