/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp: a UDP socket of Linux. A packet is the payload of a datagram, nothing in front of it and nothing
 * behind.
 *
 * With .remote, the other side is one peer: the socket is connected to it and hears nobody else. Without,
 * there are many, and each has a number:
 *
 *	- those of .peers are 1, 2, 3 … in the order of the list;
 *	- with .learn, whoever sends a packet gets a number at his first one, and keeps it until he has been
 *	  silent for .learn_seconds. It is not given to anybody else soon: 65,535 others come first in his
 *	  place, so that a packet is dropped rather than sent to the wrong one.
 *
 * What is read has the number of its sender in buf->peer, and what is written goes to the number that it has
 * there: so an answer finds its way back by itself. A packet of another endpoint has none, or one that means
 * somebody else; a stage of the application sets it.
 *
 * What this is worth against an attacker: nothing here is encrypted or authenticated. Who is able to send
 * with any source address he likes can be any peer, configured or connected, and can read nothing unless he
 * is on the way. With .learn, anybody at all becomes a peer, and whatever answers then sends to addresses
 * that others have made up: learn only where a stage tests each packet before it is answered, and never
 * answer with more than came. A flood of made-up senders fills the places for learned peers, and then new
 * ones are refused until a place has been silent for .learn_seconds; configured peers and those who go on
 * sending lose nothing by it.
 */
#ifndef WEIR_UDP_H
#define WEIR_UDP_H

#include <weir/endpoint.h>

WEIR_BEGIN_DECLS

struct weir_udp {
	WEIR_ENDPOINT_OPTIONS;
	const char *local;  /* "192.0.2.1:4789", "[fd00::1]:4789"; "[::]:4789" takes IPv4 too; port 0: any
			       that is free, see weir_udp_local(). NULL: any address and port, with .remote */
	const char *remote; /* the one peer: "192.0.2.2:4789" */
	const char *const *peers; /* without .remote: those that are known */
	bool learn;               /* without .remote: whoever sends a packet is a peer */
	uint32_t learn_max;       /* such peers at once; 0: 1024 */
	uint32_t learn_seconds;   /* of silence, after which one is forgotten; 0: 300 */

	enum weir_layer layer; /* WEIR_LAYER_L3 (also the default) or WEIR_LAYER_L2 */
	uint32_t max_packet; /* bytes of the largest packet; 0: 1500, of L2 1518. Larger ones are received too
			      */

	uint32_t receive_buffer; /* bytes of SO_RCVBUF; 0: 4 MiB, or what the system allows */
	uint32_t send_buffer;    /* bytes of SO_SNDBUF; 0: 1 MiB, or what the system allows */
	bool no_gso;             /* send each packet by itself: no UDP_SEGMENT */
	bool no_gro;             /* receive each packet by itself: no UDP_GRO */

	uint32_t dscp; /* class of service, 0 to 63 (RFC 2474) */
	uint32_t ttl;  /* of datagrams, hop limit in IPv6; 0: the system's default */
	bool df;       /* never fragment: what is longer than the path's MTU is dropped as "too_long" */
	const char *bind_device; /* only through this network device (SO_BINDTODEVICE) */
	uint32_t mark; /* of datagrams, for the system's routing rules (SO_MARK, needs CAP_NET_ADMIN): keeps
			  a tunnel out of itself */
	const char *netns; /* path of a network namespace ("/run/netns/red", "/proc/42/ns/net"); NULL: the
			      caller's */
};

WEIR_API extern const struct weir_endpoint_type weir_udp_type;

#define weir_udp(...) WEIR_ENDPOINT(weir_udp_type, struct weir_udp, __VA_ARGS__)

#define WEIR_UDP_TEXT 64 /* bytes of "[address]:port", at the most */

/*
 * The first argument of the functions below is what weir_pipeline_endpoint() gives for weir_udp_type. They
 * return 0 or a negative errno. Control threads, while traffic flows.
 */

/* The address that the socket has. */
WEIR_API int weir_udp_local(const void *udp, char text[WEIR_UDP_TEXT]);

/* The address of a peer; with .remote, its number is 0. -ENOENT: nobody has that number. */
WEIR_API int weir_udp_peer(const void *udp, uint32_t number, char text[WEIR_UDP_TEXT]);

/* The number of the peer with that address. -ENOENT: it is nobody's; -EINVAL: it is no address. */
WEIR_API int weir_udp_find(const void *udp, const char *address, uint32_t *number);

/* Bytes of the largest packet that goes to the peer in one piece, by what the system knows of the way now. */
WEIR_API int weir_udp_mtu(const void *udp, uint32_t number, uint32_t *bytes, struct weir_error *err);

/* Datagrams that came while the receive buffer was full. */
WEIR_API int weir_udp_kernel_drops(const void *udp, uint64_t *packets, struct weir_error *err);

WEIR_END_DECLS

#endif
