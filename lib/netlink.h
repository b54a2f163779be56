/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, addresses and routes of Linux by rtnetlink. Each change returns when the kernel has acknowledged it.
 * An error says what was being done with which value, what the kernel answered and, if it said so, why.
 *
 * A socket stays in the network namespace in which it was opened, whoever uses it.
 */
#ifndef WEIR__NETLINK_H
#define WEIR__NETLINK_H

#include <net/if.h>

#include <weir/error.h>

#include "address.h"

struct weir__netlink {
	struct mnl_socket *socket; /* NULL: closed */
	uint32_t sequence;
};

struct weir__link {
	uint32_t index;
	char name[IFNAMSIZ];
	uint32_t flags; /* IFF_UP … */
	uint32_t mtu;
	uint32_t queue_length;
	uint8_t mac[6]; /* zero if it has none */
	uint64_t tx_dropped;
	bool packet_information; /* of a TUN or TAP device: it has struct tun_pi in front of its packets */
	uint32_t queues;         /* of one with many queues: the descriptors that have one; else 0 */
};

struct weir__address {
	struct weir__ip local;
	struct weir__ip peer; /* family 0: none */
	unsigned bits;        /* of the prefix; with a peer, of the peer's */
};

struct weir__route {
	struct weir__ip to;
	unsigned bits;
	struct weir__ip via; /* family 0: none */
	uint32_t metric;     /* 0: the kernel's default */
	uint32_t table;      /* 0: main */
};

int weir__netlink_open(struct weir__netlink *netlink, struct weir_error *err);
void weir__netlink_close(struct weir__netlink *netlink);

/* Reads the link of that name. */
int weir__link_find(struct weir__netlink *netlink, const char *name, struct weir__link *link,
		    struct weir_error *err);
/* Reads the link of that index. */
int weir__link_read(struct weir__netlink *netlink, uint32_t index, struct weir__link *link,
		    struct weir_error *err);

int weir__link_set_up(struct weir__netlink *netlink, uint32_t index, bool up, struct weir_error *err);
int weir__link_set_mtu(struct weir__netlink *netlink, uint32_t index, uint32_t mtu, struct weir_error *err);
int weir__link_set_mac(struct weir__netlink *netlink, uint32_t index, const uint8_t mac[6],
		       struct weir_error *err);

/* When an IPv4 address is removed from now on, those of the same subnet that came after it stay. */
int weir__link_promote_secondaries(struct weir__netlink *netlink, uint32_t index, struct weir_error *err);

/*
 * Here and in what follows, expected is a negative errno that the caller deals with: it is returned without a
 * word in err. 0: none.
 */
int weir__link_set_queue_length(struct weir__netlink *netlink, uint32_t index, uint32_t packets, int expected,
				struct weir_error *err);

/* An IPv6 address is usable at once: no duplicate address detection, during which connects fail for a second.
 */
int weir__address_add(struct weir__netlink *netlink, uint32_t index, const struct weir__address *address,
		      int expected, struct weir_error *err);
int weir__address_remove(struct weir__netlink *netlink, uint32_t index, const struct weir__address *address,
			 int expected, struct weir_error *err);
/* One that is there: whether new connections avoid it (RFC 4862 §5.5.4). */
int weir__address_deprecate(struct weir__netlink *netlink, uint32_t index,
			    const struct weir__address *address, bool deprecated, struct weir_error *err);
/*
 * Waits until packets to an address of a link that is up come in. The kernel makes the route for an IPv6
 * address in a work queue, on a busy machine many milliseconds after it acknowledged the address; what comes
 * before that is lost. After a second this gives up.
 */
void weir__address_wait(struct weir__netlink *netlink, uint32_t index, const struct weir__address *address);
int weir__route_add(struct weir__netlink *netlink, uint32_t index, const struct weir__route *route,
		    int expected, struct weir_error *err);
/* Only a route through this link is removed; where via or metric are not given, it may have any. */
int weir__route_remove(struct weir__netlink *netlink, uint32_t index, const struct weir__route *route,
		       int expected, struct weir_error *err);

/* "10.9.0.2/32,10.9.0.1" and "10.0.0.0/8 via 10.9.0.1 metric 5 table 7" */
#define WEIR__ADDRESS_TEXT 128
#define WEIR__ROUTE_TEXT   160
const char *weir__address_text(const struct weir__address *address, char text[WEIR__ADDRESS_TEXT]);
const char *weir__route_text(const struct weir__route *route, char text[WEIR__ROUTE_TEXT]);

#endif
