/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host on an Ethernet: what turns an L3 device into a station of a network of L2. It has a MAC address,
 * addresses and gateways, knows its neighbours (RFC 826, RFC 4861), defends its addresses (RFC 5227,
 * RFC 4862), and gets them from a DHCP server (RFC 2131) or a router (RFC 4861, 4862, 8106) if told to. The
 * parts of a pipeline that share it:
 *
 *	outbound: read tun → af_decap → neighbour_wrap (exit 0: "resolve") → write session
 *	inbound:  read session → neighbour_unwrap (exit 0: "control") → af_encap → write tun
 *	resolve:  write host          packets whose next hop is not known yet
 *	control:  write host          ARP, neighbour discovery and DHCP from the network
 *	answers:  read host → write session
 *
 * with weir_host_port("host", .host = host) as the endpoint, weir_neighbour_wrap(.host = host, …) and
 * weir_neighbour_unwrap(.host = host, …) as the stages. Where outbound and inbound have a worker each, so has
 * "resolve" and "control" a port each, because an endpoint has one writing worker; a host may have several
 * ports, of which one is read. The stages only look things up; all else is done by the ports and by a thread
 * of the host's, so that floods of control packets cost resolved traffic nothing.
 *
 * Nothing is learnt from data, nor from an ARP or neighbour message that nobody asked for, but that a known
 * neighbour should be probed.
 */
#ifndef WEIR_HOST_H
#define WEIR_HOST_H

#include <weir/session.h>
#include <weir/tun.h>

WEIR_BEGIN_DECLS

struct weir_host;

#define WEIR_HOST_ADDRESSES 16
#define WEIR_HOST_ROUTES    32
#define WEIR_HOST_DNS       8
#define WEIR_HOST_TEXT      64

enum weir_host_source {
	WEIR_HOST_STATIC = 0,
	WEIR_HOST_DHCP,
	WEIR_HOST_ROUTER, /* a router advertisement */
};

enum weir_host_address_state {
	WEIR_HOST_TENTATIVE = 0, /* being probed: not used yet */
	WEIR_HOST_PREFERRED,
	WEIR_HOST_DEPRECATED, /* for connections that have it already (RFC 4862) */
	WEIR_HOST_CONFLICT,   /* somebody else has it */
};

struct weir_host_address {
	char text[WEIR_HOST_TEXT]; /* "192.168.30.10/24" */
	enum weir_host_source source;
	enum weir_host_address_state state;
	uint64_t valid_until; /* nanoseconds of CLOCK_MONOTONIC; UINT64_MAX: for ever */
	uint64_t preferred_until;
};

struct weir_host_route {
	char to[WEIR_HOST_TEXT];  /* "0.0.0.0/0" */
	char via[WEIR_HOST_TEXT]; /* "": on the link */
	enum weir_host_source source;
	uint64_t valid_until;
};

/* All that the host has now. */
struct weir_host_status {
	bool carrier; /* the session is up */
	unsigned n_addresses, n_routes, n_dns, n_domains;
	struct weir_host_address address[WEIR_HOST_ADDRESSES];
	struct weir_host_route route[WEIR_HOST_ROUTES];
	char dns[WEIR_HOST_DNS][WEIR_HOST_TEXT];
	char domain[WEIR_HOST_DNS][256];
	uint32_t mtu; /* that DHCP or the router told, or the session's if that is less */
	const char
		*dhcp; /* state of the client by the names of RFC 2131: "SELECTING", "BOUND" …; "" without */
	uint64_t dhcp_server_until; /* end of the lease */
	unsigned neighbours;        /* in the table */

	/* Counted since it was made. */
	uint64_t requests;       /* ARP requests and solicitations for neighbours */
	uint64_t replies;        /* answers to others that asked for an address of ours */
	uint64_t refused;        /* neighbours, and what routers advertise, that there was no place for */
	uint64_t queued;         /* packets that waited for a neighbour */
	uint64_t queue_drops;    /* of these, those that were not sent; and frames of the host's own */
	uint64_t conflicts;      /* times that somebody claimed an address of ours */
	uint64_t contradictions; /* times that a neighbour was asked because somebody claimed to be it */
	uint64_t flood_drops;    /* frames that the port did not look at, too many in a second */

	char device_error[256]; /* what the device did not take of the last change, which is tried again each
				   second; "": nothing */
};

struct weir_host_options {
	const char *mac;                /* required; a unicast address */
	const char *const *ipv4;        /* static addresses: "192.168.30.10/24" */
	const char *const *ipv6;        /* "fd00::10/64"; a link-local one is made from the MAC (RFC 4291) */
	const struct weir_route *route; /* static routes: those with a gateway say next hops; "default" too */
	bool dhcp;                      /* IPv4 address, routes, MTU and DNS from a DHCP server */
	const char *dhcp_hostname;      /* told to the server; NULL: nothing */
	bool slaac;                     /* IPv6 addresses, routes, MTU and DNS from router advertisements */
	bool no_ipv6;                   /* nothing of IPv6 at all */
	uint32_t neighbours_max;        /* in the table; 0: 1024 */
	uint32_t queue_max; /* packets that wait for one neighbour; 0: 3 (RFC 1122 wants at least 1) */
	uint32_t mtu;       /* of the network; 0: 1500 */

	/* The TUN that gets addresses, routes and the MTU, by the name that the kernel has for it; NULL: only
	 * changed is told. */
	const char *device;
	const char *netns; /* of that device; NULL: the caller's */

	/* Told of each change, on the host's thread; must not wait. Here is where DNS is to be taken from. */
	void (*changed)(void *context, const struct weir_host_status *status);
	void *context;
};

/* Makes a host, without carrier. It must outlive the pipelines that use it. Errors: -EINVAL, -ENOMEM,
 * -EAGAIN. */
WEIR_API int weir_host_create(struct weir_host **host, const struct weir_host_options *options,
			      struct weir_error *err);
/* Takes from the device what it put there, and frees it. NULL is allowed. The pipelines that use it must be
 * destroyed before: so the lease stays with the server until its end, unless weir_host_release() was called
 * while they ran. */
WEIR_API void weir_host_destroy(struct weir_host *host);

/* The network is there, or not: (re)announces addresses, asks routers and the DHCP server. As .changed of a
 * session: .changed = weir_host_follow, .context = host. */
WEIR_API void weir_host_follow(void *host, const struct weir_session_status *status);
WEIR_API void weir_host_carrier(struct weir_host *host, bool up);

/* Gives the DHCP lease back, and asks for none until carrier comes anew. Waits, at most a second, until the
 * pipeline has taken the frame that says so. */
WEIR_API void weir_host_release(struct weir_host *host);

/* Names the TUN after it was made ("weir%d"), instead of .device. */
WEIR_API int weir_host_set_device(struct weir_host *host, const char *device, struct weir_error *err);

WEIR_API void weir_host_status(struct weir_host *host, struct weir_host_status *status);

enum weir_neighbour_state {
	WEIR_NEIGHBOUR_NONE = 0,
	WEIR_NEIGHBOUR_INCOMPLETE,
	WEIR_NEIGHBOUR_REACHABLE,
	WEIR_NEIGHBOUR_STALE,
	WEIR_NEIGHBOUR_DELAY,
	WEIR_NEIGHBOUR_PROBE,
	WEIR_NEIGHBOUR_FAILED,
	WEIR_NEIGHBOUR_STATIC,
};

/* What is known of a neighbour; mac is "" if nothing is. -EINVAL: no address. */
WEIR_API int weir_host_neighbour(struct weir_host *host, const char *ip, enum weir_neighbour_state *state,
				 char mac[18]);
/* One that never changes; mac NULL: forget it. */
WEIR_API int weir_host_set_neighbour(struct weir_host *host, const char *ip, const char *mac,
				     struct weir_error *err);

/* --- its parts in a pipeline
 * --------------------------------------------------------------------------------- */

struct weir_host_port {
	WEIR_ENDPOINT_OPTIONS;
	struct weir_host *host;
};

WEIR_API extern const struct weir_endpoint_type weir_host_port_type;

#define weir_host_port(...) WEIR_ENDPOINT(weir_host_port_type, struct weir_host_port, __VA_ARGS__)

/* L3 to L2: the Ethernet header for the next hop. Exit 0: it is not known yet; the packet is a frame to
 * 00:00:00:00:00:00, for the port. */
struct weir_neighbour_wrap {
	WEIR_STAGE_OPTIONS
	struct weir_host *host;
	bool pad; /* frames to 60 bytes */
};

WEIR_API extern const struct weir_stage_type weir_neighbour_wrap_type;

#define weir_neighbour_wrap(...) WEIR_STAGE(weir_neighbour_wrap_type, struct weir_neighbour_wrap, __VA_ARGS__)

/* L2 to L3: only frames for this host (its own address, broadcast, and groups that it is in), without tag and
 * padding. Exit 0: frames that the host itself is to see. */
struct weir_neighbour_unwrap {
	WEIR_STAGE_OPTIONS
	struct weir_host *host;
	bool all_groups; /* take frames to all group addresses */
};

WEIR_API extern const struct weir_stage_type weir_neighbour_unwrap_type;

#define weir_neighbour_unwrap(...) \
	WEIR_STAGE(weir_neighbour_unwrap_type, struct weir_neighbour_unwrap, __VA_ARGS__)

WEIR_END_DECLS

#endif
