/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "own.h"

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)
#define NEVER  UINT64_MAX

/*
 * RFC 5227 §1.1 has 3 probes in up to 7 seconds, for networks whose spanning trees were that slow. On a link
 * whose other end has just answered the same three take less than one.
 */
#define PROBES4     3
#define PROBE4_WAIT (100 * MS) /* before the first, at random */
#define PROBE4_GAP  (200 * MS)

/* RFC 4862 §5.1 and §5.4.2, RFC 4861 §10 */
#define PROBES6     1
#define PROBE6_WAIT SECOND
#define PROBE6_GAP  SECOND

#define ANNOUNCEMENTS 2
#define ANNOUNCE_GAP  (2 * SECOND)
#define DEFEND_GAP    (10 * SECOND)

struct weir__own *weir__owns_find(struct weir__owns *owns, const struct weir__ip *ip)
{
	for (unsigned i = 0; i < owns->n; i++)
		if (memcmp(&owns->own[i].ip, ip, sizeof(*ip)) == 0)
			return &owns->own[i];
	return NULL;
}

static void probe(struct weir__owns *owns, struct weir__own *own, uint64_t now)
{
	const bool ipv4 = own->ip.family == 4;
	const uint64_t wait = ipv4 ? PROBE4_WAIT : PROBE6_WAIT;

	own->state = WEIR_HOST_TENTATIVE;
	own->left = ipv4 ? PROBES4 : PROBES6;
	own->due = owns->up ? now + owns->user.random(owns->user.context) % wait : NEVER;
}

struct weir__own *weir__owns_add(struct weir__owns *owns, const struct weir__ip *ip, unsigned bits,
				 enum weir_host_source source, uint64_t now)
{
	struct weir__own *own = &owns->own[owns->n];

	if (owns->n == WEIR_HOST_ADDRESSES)
		return NULL;
	owns->n++;
	*own = (struct weir__own){ .ip = *ip, .bits = (uint8_t)bits, .source = (uint8_t)source };
	weir__owns_set_end(own, NEVER, NEVER);
	probe(owns, own, now);
	return own;
}

void weir__owns_remove(struct weir__owns *owns, struct weir__own *own)
{
	const size_t behind = (size_t)(&owns->own[owns->n] - own) - 1;

	memmove(own, own + 1, behind * sizeof(*own));
	owns->n--;
	owns->user.changed(owns->user.context);
}

void weir__owns_set_end(struct weir__own *own, uint64_t valid_until, uint64_t preferred_until)
{
	own->valid_until = valid_until;
	own->preferred_until = preferred_until;
}

void weir__owns_carrier(struct weir__owns *owns, bool up, uint64_t now)
{
	owns->up = up;
	for (unsigned i = 0; i < owns->n; i++) {
		struct weir__own *own = &owns->own[i];

		if (!weir__own_is_used(own)) {
			probe(owns, own, now);
			continue;
		}
		own->left = ANNOUNCEMENTS;
		own->due = up ? now : NEVER;
	}
}

void weir__owns_conflict(struct weir__owns *owns, struct weir__own *own, uint64_t now)
{
	owns->conflicts++;
	if (own->state == WEIR_HOST_TENTATIVE) {
		own->state = WEIR_HOST_CONFLICT;
		own->due = NEVER;
		owns->user.changed(owns->user.context);
	} else if (weir__own_is_used(own) && now >= own->defended_till) {
		own->defended_till = now + DEFEND_GAP;
		owns->user.announce(owns->user.context, own);
	}
}

static void go_on(struct weir__owns *owns, struct weir__own *own, uint64_t now)
{
	const uint64_t gap = own->ip.family == 4 ? PROBE4_GAP : PROBE6_GAP;

	if (own->state == WEIR_HOST_TENTATIVE && own->left) {
		own->left--;
		own->due = now + gap;
		owns->user.probe(owns->user.context, own);
		return;
	}
	if (own->state == WEIR_HOST_TENTATIVE) {
		own->state = WEIR_HOST_PREFERRED;
		own->left = ANNOUNCEMENTS;
		owns->user.changed(owns->user.context);
	}
	own->left--;
	own->due = own->left ? now + ANNOUNCE_GAP : NEVER;
	owns->user.announce(owns->user.context, own);
}

/* Returns whether the address is still there. */
static bool age(struct weir__owns *owns, struct weir__own *own, uint64_t now)
{
	const enum weir_host_address_state wanted =
		own->preferred_until <= now ? WEIR_HOST_DEPRECATED : WEIR_HOST_PREFERRED;

	if (own->valid_until <= now) {
		weir__owns_remove(owns, own);
		return false;
	}
	if (weir__own_is_used(own) && own->state != wanted) {
		own->state = (uint8_t)wanted;
		owns->user.changed(owns->user.context);
	}
	return true;
}

static uint64_t earliest(const struct weir__own *own, uint64_t now)
{
	uint64_t next = own->due < own->valid_until ? own->due : own->valid_until;

	if (own->preferred_until > now && own->preferred_until < next)
		next = own->preferred_until;
	return next;
}

uint64_t weir__owns_timer(struct weir__owns *owns, uint64_t now)
{
	uint64_t next = NEVER;

	for (unsigned i = 0; i < owns->n;) {
		struct weir__own *own = &owns->own[i];

		if (own->due <= now)
			go_on(owns, own, now);
		if (!age(owns, own, now))
			continue;
		if (earliest(own, now) < next)
			next = earliest(own, now);
		i++;
	}
	return next;
}
