/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dhcp.h"
#include "dhcp_lease.h"
#include "dhcp_message.h"

#define SECOND UINT64_C(1000000000)
#define NEVER  UINT64_MAX

#define RESEND_FIRST_S  4 /* RFC 2131 §4.1: 4, 8, 16, 32, 64 and 64 seconds, give or take one */
#define RESEND_LAST_S   64
#define RENEW_PAUSE_S   60 /* between renewals, at least (RFC 2131 §4.4.5) */
#define DECLINE_PAUSE_S 10 /* RFC 2131 §3.1 (5) */
#define NAK_PAUSE_S     1  /* doubled with each one that follows: a server may offer what it then refuses */

#define REQUESTS 4 /* of one offer, before others are asked for */
#define REBOOTS  2 /* requests for the address from before, until offers are asked for */

/* From that message of a search on, servers are asked to answer to everybody: an answer to an address that
 * nobody has yet does not get through everywhere. */
#define BROADCAST_FROM 2

enum state { STOPPED, INIT, SELECTING, REQUESTING, REBOOTING, BOUND, RENEWING, REBINDING };

struct weir__dhcp {
	struct weir__dhcp_user user;
	uint8_t mac[6];
	char hostname[WEIR__DHCP_HOSTNAME_MAX + 1]; /* "": none */

	enum state state;
	uint64_t deadline; /* of the state; NEVER: none */
	uint64_t began;    /* to ask */
	uint64_t asked;    /* the time from which a lease runs that is answered to the last request */
	uint32_t xid;
	unsigned attempt; /* messages sent in this state */
	unsigned naks;    /* in a row */
	uint16_t secs;    /* since it began; a request has that of the search (RFC 2131 §4.4.1) */
	bool broadcast;
	uint8_t offered[4], offered_by[4]; /* while it is requested */

	/* In use whatever the state is, until it ends or another one takes its place. */
	bool leased;
	struct weir__dhcp_lease lease;
	uint64_t renew_at, rebind_at;
};

int weir__dhcp_create(struct weir__dhcp **result, const uint8_t mac[6], const char *hostname,
		      const struct weir__dhcp_user *user)
{
	struct weir__dhcp *dhcp = calloc(1, sizeof(*dhcp));

	*result = dhcp;
	if (!dhcp)
		return -ENOMEM;
	dhcp->user = *user;
	memcpy(dhcp->mac, mac, sizeof(dhcp->mac));
	if (hostname)
		snprintf(dhcp->hostname, sizeof(dhcp->hostname), "%s", hostname);
	dhcp->deadline = NEVER;
	return 0;
}

void weir__dhcp_destroy(struct weir__dhcp *dhcp)
{
	free(dhcp);
}

/* --- messages */

static uint32_t draw(const struct weir__dhcp *dhcp)
{
	return dhcp->user.random(dhcp->user.context);
}

static uint64_t resend_pause(const struct weir__dhcp *dhcp)
{
	const unsigned doublings = dhcp->attempt - 1;
	const uint64_t seconds = doublings < 4 ? RESEND_FIRST_S << doublings : RESEND_LAST_S;

	return (seconds - 1) * SECOND + draw(dhcp) % (2 * SECOND);
}

/* Fills in what all messages have, and sends it. */
static void send_message(struct weir__dhcp *dhcp, struct weir__dhcp_request *request)
{
	uint8_t packet[WEIR__DHCP_PACKET_MAX];

	request->xid = dhcp->xid;
	request->mac = dhcp->mac;
	request->hostname = dhcp->hostname[0] ? dhcp->hostname : NULL;
	dhcp->user.send(dhcp->user.context, packet, weir__dhcp_write(request, packet));
}

static uint16_t secs_at(const struct weir__dhcp *dhcp, uint64_t now)
{
	const uint64_t secs = (now - dhcp->began) / SECOND;

	return secs < UINT16_MAX ? (uint16_t)secs : UINT16_MAX;
}

static void enter(struct weir__dhcp *dhcp, enum state state, uint64_t now)
{
	dhcp->state = state;
	dhcp->attempt = 0;
	dhcp->deadline = now;
}

/* A new conversation: answers to what was asked before do not count any more. */
static void begin(struct weir__dhcp *dhcp, enum state state, uint64_t now)
{
	enter(dhcp, state, now);
	dhcp->xid = draw(dhcp);
	dhcp->began = now;
	dhcp->broadcast = false;
}

static void discover(struct weir__dhcp *dhcp, uint64_t now)
{
	struct weir__dhcp_request request = { .type = WEIR__DHCP_DISCOVER, .secs = secs_at(dhcp, now) };

	if (++dhcp->attempt > BROADCAST_FROM)
		dhcp->broadcast = true;
	request.broadcast = dhcp->broadcast;
	dhcp->secs = request.secs;
	if (weir__dhcp_is_host(dhcp->lease.address)) /* the last one, which may have ended */
		request.requested = dhcp->lease.address;
	send_message(dhcp, &request);
	dhcp->deadline = now + resend_pause(dhcp);
}

static void request_offered(struct weir__dhcp *dhcp, uint64_t now)
{
	struct weir__dhcp_request request = { .type = WEIR__DHCP_REQUEST,
					      .secs = dhcp->secs,
					      .broadcast = dhcp->broadcast,
					      .requested = dhcp->offered,
					      .server = dhcp->offered_by };

	if (dhcp->attempt == REQUESTS) {
		begin(dhcp, SELECTING, now);
		discover(dhcp, now);
		return;
	}
	if (dhcp->attempt++ == 0)
		dhcp->asked = now;
	send_message(dhcp, &request);
	dhcp->deadline = now + resend_pause(dhcp);
}

/* A server that does not know the address keeps silent (RFC 2131 §4.3.2): then offers are asked for, while
 * the lease stays in use. */
static void request_again(struct weir__dhcp *dhcp, uint64_t now)
{
	struct weir__dhcp_request request = { .type = WEIR__DHCP_REQUEST,
					      .secs = secs_at(dhcp, now),
					      .requested = dhcp->lease.address };

	if (dhcp->attempt == REBOOTS) {
		begin(dhcp, SELECTING, now);
		discover(dhcp, now);
		return;
	}
	if (dhcp->attempt++ == 0)
		dhcp->asked = now;
	send_message(dhcp, &request);
	dhcp->deadline = now + resend_pause(dhcp);
}

/* Half of the time that is left until then, but a minute at least (RFC 2131 §4.4.5). */
static uint64_t renew_pause(uint64_t now, uint64_t until)
{
	const uint64_t half = (until - now) / 2;
	const uint64_t pause = half > RENEW_PAUSE_S * SECOND ? half : RENEW_PAUSE_S * SECOND;

	return pause < until - now ? pause : until - now;
}

/* Each is a conversation of its own, for hours may lie between two, and the time of a lease runs from the one
 * that is answered. */
static void renew(struct weir__dhcp *dhcp, uint64_t now)
{
	struct weir__dhcp_request request = { .type = WEIR__DHCP_REQUEST, .address = dhcp->lease.address };
	const bool rebinds = now >= dhcp->rebind_at;

	if (dhcp->state == BOUND)
		begin(dhcp, RENEWING, now);
	request.secs = secs_at(dhcp, now);
	if (rebinds)
		dhcp->state = REBINDING;
	else
		request.to = dhcp->lease.server;
	dhcp->xid = draw(dhcp);
	dhcp->asked = now;
	send_message(dhcp, &request);
	dhcp->deadline = now + renew_pause(now, rebinds ? dhcp->lease.until : dhcp->rebind_at);
}

/* --- leases */

static void lose(struct weir__dhcp *dhcp)
{
	if (!dhcp->leased)
		return;
	dhcp->leased = false;
	dhcp->user.changed(dhcp->user.context, NULL);
}

static uint64_t after(uint64_t asked, uint32_t seconds)
{
	return seconds == UINT32_MAX ? NEVER : asked + seconds * SECOND;
}

static void bind_lease(struct weir__dhcp *dhcp, const struct weir__dhcp_lease *lease,
		       const struct weir__dhcp_times *times)
{
	dhcp->lease = *lease;
	dhcp->lease.until = after(dhcp->asked, times->lease);
	dhcp->renew_at = after(dhcp->asked, times->renew);
	dhcp->rebind_at = after(dhcp->asked, times->rebind);
	/* Some earlier than the others that were switched on together (RFC 2131 §4.4.5). */
	if (dhcp->renew_at != NEVER)
		dhcp->renew_at -= draw(dhcp) % (times->renew / 16 + 1) * SECOND;
	dhcp->leased = true;
	dhcp->naks = 0;
	dhcp->state = BOUND;
	dhcp->deadline = dhcp->renew_at;
	dhcp->user.changed(dhcp->user.context, &dhcp->lease);
}

/* --- what comes */

static bool is_ours(const struct weir__dhcp *dhcp, const struct weir__dhcp_reply *reply)
{
	if (reply->xid != dhcp->xid || !weir__dhcp_is_host(reply->server))
		return false;
	switch (dhcp->state) {
	case SELECTING:
		return reply->type == WEIR__DHCP_OFFER;
	case REQUESTING:
		if (memcmp(reply->server, dhcp->offered_by, 4) != 0)
			return false;
		break;
	case RENEWING:
		if (memcmp(reply->server, dhcp->lease.server, 4) != 0)
			return false;
		break;
	case REBOOTING:
	case REBINDING:
		break;
	case STOPPED:
	case INIT:
	case BOUND:
		return false;
	}
	return reply->type == WEIR__DHCP_ACK || reply->type == WEIR__DHCP_NAK;
}

static void take_offer(struct weir__dhcp *dhcp, const struct weir__dhcp_reply *reply, uint64_t now)
{
	memcpy(dhcp->offered, reply->address, 4);
	memcpy(dhcp->offered_by, reply->server, 4);
	enter(dhcp, REQUESTING, now);
	request_offered(dhcp, now);
}

static void take_nak(struct weir__dhcp *dhcp, uint64_t now)
{
	const unsigned doublings = dhcp->naks < 6 ? dhcp->naks++ : 6;

	lose(dhcp);
	memset(dhcp->lease.address, 0, 4); /* not to be wished for again */
	enter(dhcp, INIT, now + (NAK_PAUSE_S << doublings) * SECOND);
}

bool weir__dhcp_input(struct weir__dhcp *dhcp, const uint8_t *packet, size_t len, uint64_t now)
{
	struct weir__dhcp_reply reply;
	struct weir__dhcp_lease lease;
	struct weir__dhcp_times times;
	const uint8_t *asked_for = dhcp->state == REQUESTING ? dhcp->offered : dhcp->lease.address;

	if (!weir__dhcp_is_for_client(packet, len))
		return false;
	if (!weir__dhcp_read(&reply, packet, len, dhcp->mac) || !is_ours(dhcp, &reply))
		return true;
	if (reply.type == WEIR__DHCP_NAK)
		take_nak(dhcp, now);
	else if (!weir__dhcp_read_lease(&reply, &lease, &times))
		return true; /* as if it had not come */
	else if (reply.type == WEIR__DHCP_OFFER)
		take_offer(dhcp, &reply, now);
	else if (memcmp(lease.address, asked_for, 4) == 0)
		bind_lease(dhcp, &lease, &times);
	return true;
}

/* --- what its user says */

void weir__dhcp_start(struct weir__dhcp *dhcp, uint64_t now)
{
	/* RFC 2131 §4.4.1 wants one to ten seconds before the first message, for those that are switched on
	 * together. Who comes here has waited for a session, at whose return the pause is random already. */
	if (dhcp->leased && now < dhcp->lease.until)
		begin(dhcp, REBOOTING, now);
	else
		begin(dhcp, INIT, now);
}

void weir__dhcp_stop(struct weir__dhcp *dhcp, uint64_t now)
{
	(void)now;
	dhcp->state = STOPPED;
	dhcp->deadline = NEVER;
}

void weir__dhcp_release(struct weir__dhcp *dhcp, uint64_t now)
{
	struct weir__dhcp_request request = { .type = WEIR__DHCP_RELEASE,
					      .address = dhcp->lease.address,
					      .server = dhcp->lease.server,
					      .to = dhcp->lease.server };

	if (dhcp->leased && dhcp->state != STOPPED) {
		dhcp->xid = draw(dhcp);
		send_message(dhcp, &request);
	}
	weir__dhcp_stop(dhcp, now);
	lose(dhcp);
}

void weir__dhcp_decline(struct weir__dhcp *dhcp, uint64_t now)
{
	struct weir__dhcp_request request = { .type = WEIR__DHCP_DECLINE,
					      .requested = dhcp->lease.address,
					      .server = dhcp->lease.server };

	if (!dhcp->leased)
		return;
	if (dhcp->state != STOPPED) {
		dhcp->xid = draw(dhcp);
		send_message(dhcp, &request);
		enter(dhcp, INIT, now + DECLINE_PAUSE_S * SECOND);
	}
	lose(dhcp);
	memset(dhcp->lease.address, 0, 4); /* not to be wished for again */
}

/* --- time */

static void expire(struct weir__dhcp *dhcp, uint64_t now)
{
	lose(dhcp);
	if (dhcp->state == REBOOTING || dhcp->state == BOUND || dhcp->state == RENEWING ||
	    dhcp->state == REBINDING)
		begin(dhcp, INIT, now);
}

static void act(struct weir__dhcp *dhcp, uint64_t now)
{
	switch (dhcp->state) {
	case STOPPED:
		break;
	case INIT:
		begin(dhcp, SELECTING, now);
		discover(dhcp, now);
		break;
	case SELECTING:
		discover(dhcp, now);
		break;
	case REQUESTING:
		request_offered(dhcp, now);
		break;
	case REBOOTING:
		request_again(dhcp, now);
		break;
	case BOUND:
	case RENEWING:
	case REBINDING:
		renew(dhcp, now);
		break;
	}
}

uint64_t weir__dhcp_timer(struct weir__dhcp *dhcp, uint64_t now)
{
	if (dhcp->leased && now >= dhcp->lease.until)
		expire(dhcp, now);
	if (now >= dhcp->deadline)
		act(dhcp, now);
	return dhcp->leased && dhcp->lease.until < dhcp->deadline ? dhcp->lease.until : dhcp->deadline;
}

const char *weir__dhcp_state(const struct weir__dhcp *dhcp)
{
	static const char *const names[] = {
		[STOPPED] = "STOPPED",       [INIT] = "INIT",           [SELECTING] = "SELECTING",
		[REQUESTING] = "REQUESTING", [REBOOTING] = "REBOOTING", [BOUND] = "BOUND",
		[RENEWING] = "RENEWING",     [REBINDING] = "REBINDING",
	};

	return names[dhcp->state];
}

const struct weir__dhcp_lease *weir__dhcp_lease(const struct weir__dhcp *dhcp)
{
	return dhcp->leased ? &dhcp->lease : NULL;
}
