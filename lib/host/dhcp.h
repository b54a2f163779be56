/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DHCP client (RFC 2131) as a state machine: it knows no clock, no socket and no thread. Who uses it tells
 * it the time, hands it the packets that come, and sends what it wants sent. All calls by one thread at a
 * time; the functions of the user are called from inside them, and must not call back.
 *
 * The client does not probe its address: who uses it does (RFC 5227), and calls weir__dhcp_decline() where
 * somebody else has it.
 */
#ifndef WEIR__DHCP_H
#define WEIR__DHCP_H

#include <weir/host.h>

struct weir__dhcp_route {
	uint8_t to[4];
	uint8_t bits;
	uint8_t via[4]; /* 0.0.0.0: on the link */
};

struct weir__dhcp_lease {
	uint8_t address[4];
	uint8_t bits; /* of the subnet */
	uint8_t server[4];
	uint32_t mtu;   /* 0: not told */
	uint64_t until; /* by the clock of now; UINT64_MAX: for ever */
	unsigned n_routes, n_dns, n_domains;
	struct weir__dhcp_route route[WEIR_HOST_ROUTES]; /* RFC 3442, or the routers as 0.0.0.0/0 */
	uint8_t dns[WEIR_HOST_DNS][4];
	char domain[WEIR_HOST_DNS][256];
};

struct weir__dhcp_user {
	/* An IPv4 packet; to 255.255.255.255, it is for everybody on the link, else for the server or a relay
	 * on the way to it. The bytes are the client's. */
	void (*send)(void *context, const uint8_t *packet, size_t len);
	/* The lease is new or renewed (also with other values), or gone: NULL. */
	void (*changed)(void *context, const struct weir__dhcp_lease *lease);
	uint32_t (*random)(void *context); /* that nobody can guess */
	void *context;
};

struct weir__dhcp;

/* hostname: NULL: tells none. Returns 0 or -ENOMEM. */
int weir__dhcp_create(struct weir__dhcp **result, const uint8_t mac[6], const char *hostname,
		      const struct weir__dhcp_user *user);
/* Sends nothing. NULL is allowed. */
void weir__dhcp_destroy(struct weir__dhcp *dhcp);

/* The link is there: by INIT-REBOOT where there is a lease that has not ended, else from INIT. Where it has
 * been started already, it begins anew in the same way. */
void weir__dhcp_start(struct weir__dhcp *dhcp, uint64_t now);
/* The link is gone: sends nothing; keeps the lease until its end, which timer() still tells. */
void weir__dhcp_stop(struct weir__dhcp *dhcp, uint64_t now);
/* Gives the lease back, and stops. */
void weir__dhcp_release(struct weir__dhcp *dhcp, uint64_t now);
/* Somebody else has the address: tells the server, and begins anew after ten seconds (RFC 2131 §3.1 (5)). */
void weir__dhcp_decline(struct weir__dhcp *dhcp, uint64_t now);

/*
 * An IPv4 packet from the link, untrusted; whole by its own length, as weir__ip_check() has it. Returns
 * whether it was the client's: any other is nobody's fault.
 */
bool weir__dhcp_input(struct weir__dhcp *dhcp, const uint8_t *packet, size_t len, uint64_t now);

/* Does what is due, and returns when the next thing is: UINT64_MAX: nothing. To be called after each of the
 * calls above too. */
uint64_t weir__dhcp_timer(struct weir__dhcp *dhcp, uint64_t now);

/* The name of its state in RFC 2131 §4.4: "INIT", "SELECTING" …; "STOPPED" while it is. */
const char *weir__dhcp_state(const struct weir__dhcp *dhcp);
/* NULL: none. */
const struct weir__dhcp_lease *weir__dhcp_lease(const struct weir__dhcp *dhcp);

#endif
