/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "neighbour.h"

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)

/* RFC 4861 §10 */
#define RETRANS   SECOND
#define TRIES     3
#define DELAY     (5 * SECOND)
#define REACHABLE (30 * SECOND)

#define QUICK       (300 * MS)   /* between the questions to one that was contradicted */
#define DEAF        (5 * SECOND) /* after a contradiction, for the next one */
#define QUIET       (50 * MS)    /* between the answers that a neighbour gets */
#define FAILED      (20 * SECOND) /* so long a gateway that failed is not asked again, and any other is known */
#define UNUSED      (60 * SECOND) /* so long an entry stays that nobody uses */
#define LOOK        (SECOND)      /* at a stale entry: is it used? Then after twice as long, and four times */
#define TICK        (10 * MS)     /* between two turns through the table */
#define MADE_RATE   1000
#define MADE_BURST  256
#define NEVER       UINT64_MAX
#define ENTRY_FRAME 6 /* where the destination ends */

static bool is_resolved(const struct weir__neighbour *e)
{
	return e->state != WEIR_NEIGHBOUR_INCOMPLETE && e->state != WEIR_NEIGHBOUR_FAILED;
}

static uint16_t id_of(const struct weir__neighbours *table, const struct weir__neighbour *e)
{
	return (uint16_t)(e - table->entry - 1);
}

static bool is_used(const struct weir__neighbours *table, const struct weir__neighbour *e)
{
	return weir__hops_is_used(table->hops, id_of(table, e));
}

static uint32_t *bucket_of(const struct weir__neighbours *table, const struct weir__ip *ip)
{
	const struct weir__key key = weir__key(ip);
	const uint64_t folded = (key.high * 31 + key.low + table->seed) * UINT64_C(0x9e3779b97f4a7c15);

	return &table->bucket[(folded >> 32) & table->hash_mask];
}

/* Of no worth to an attacker: it only spreads what many hosts do at once (RFC 4861 §6.3.2). */
static uint64_t random_below(struct weir__neighbours *table, uint64_t n)
{
	table->random ^= table->random << 13;
	table->random ^= table->random >> 7;
	table->random ^= table->random << 17;
	return table->random % n;
}

uint32_t weir__neighbours_waiting(uint32_t max, uint32_t queue_max)
{
	return (max / 4 ? max / 4 : 1) * queue_max;
}

int weir__neighbours_init(struct weir__neighbours *table, uint32_t max, uint32_t queue_max, uint64_t random,
			  struct weir__hops *hops, const struct weir__neighbours_user *user)
{
	uint32_t buckets = 1;

	memset(table, 0, sizeof(*table));
	while (buckets < max)
		buckets *= 2;
	table->user = *user;
	table->hops = hops;
	table->max = max;
	table->unresolved_max = max / 4 ? max / 4 : 1;
	table->asked_max = max / 8 ? max / 8 : 1;
	table->queue_max = queue_max;
	table->hash_mask = buckets - 1;
	table->random = random | 1;
	table->seed = random;
	table->due = NEVER;
	table->reachable_ns = REACHABLE;
	table->made = (struct weir__limit){ .rate = MADE_RATE, .burst = MADE_BURST };
	table->entry = calloc((size_t)max + 1, sizeof(*table->entry));
	table->bucket = calloc(buckets, sizeof(*table->bucket));
	if (!table->entry || !table->bucket) {
		weir__neighbours_fini(table);
		return -ENOMEM;
	}
	for (uint32_t i = max; i > 0; i--) {
		table->entry[i].next = table->free;
		table->free = i;
	}
	return 0;
}

void weir__neighbours_fini(struct weir__neighbours *table)
{
	free(table->entry);
	free(table->bucket);
	table->entry = NULL;
	table->bucket = NULL;
}

struct weir__neighbour *weir__neighbours_find(const struct weir__neighbours *table, const struct weir__ip *ip)
{
	uint32_t i = *bucket_of(table, ip);

	while (i && memcmp(&table->entry[i].ip, ip, sizeof(*ip)) != 0)
		i = table->entry[i].next;
	return i ? &table->entry[i] : NULL;
}

static void arm(struct weir__neighbours *table, struct weir__neighbour *e, uint64_t due)
{
	e->due = due;
	if (due < table->due)
		table->due = due;
}

static void drop_queue(struct weir__neighbours *table, struct weir__neighbour *e)
{
	struct weir__frame *frame;

	while ((frame = weir__frame_take(&e->queue))) {
		weir__frame_put(&table->store->free, frame);
		table->queue_drops++;
	}
}

/* Keeps the shares, and what workers see of it. */
static void enter(struct weir__neighbours *table, struct weir__neighbour *e, enum weir_neighbour_state state,
		  uint64_t now)
{
	const bool was_resolved = e->state != WEIR_NEIGHBOUR_NONE && is_resolved(e);
	const bool was_unresolved = e->state != WEIR_NEIGHBOUR_NONE && !was_resolved;

	e->state = (uint8_t)state;
	e->since = now;
	e->tries = 0;
	table->n_unresolved -= was_unresolved;
	table->n_unresolved += !is_resolved(e);
	if (was_resolved && !is_resolved(e))
		weir__hops_remove(table->hops, weir__key(&e->ip));
	if (was_resolved != is_resolved(e) || state == WEIR_NEIGHBOUR_FAILED)
		table->user.changed(table->user.context, e);
}

static void clear_asked(struct weir__neighbours *table, struct weir__neighbour *e)
{
	table->n_asked -= e->asked;
	e->asked = false;
}

static void forget(struct weir__neighbours *table, struct weir__neighbour *e)
{
	uint32_t *link = bucket_of(table, &e->ip);
	const uint32_t index = (uint32_t)(e - table->entry);

	drop_queue(table, e);
	clear_asked(table, e);
	if (is_resolved(e))
		weir__hops_remove(table->hops, weir__key(&e->ip));
	else
		table->n_unresolved--;
	while (*link != index)
		link = &table->entry[*link].next;
	*link = e->next;
	memset(e, 0, sizeof(*e));
	e->next = table->free;
	table->free = index;
	table->n--;
}

/* The less useful an entry, the higher; 0: it stays whoever wants its place. */
static unsigned uselessness(const struct weir__neighbours *table, const struct weir__neighbour *e)
{
	if (e->gateway)
		return 0;
	switch ((enum weir_neighbour_state)e->state) {
	case WEIR_NEIGHBOUR_FAILED:
		return 5;
	case WEIR_NEIGHBOUR_INCOMPLETE:
		return 4;
	case WEIR_NEIGHBOUR_STALE:
		return is_used(table, e) ? 0 : e->asked ? 3 : 2;
	case WEIR_NEIGHBOUR_REACHABLE:
		return is_used(table, e) ? 0 : 1;
	case WEIR_NEIGHBOUR_NONE:
	case WEIR_NEIGHBOUR_DELAY:
	case WEIR_NEIGHBOUR_PROBE:
	case WEIR_NEIGHBOUR_STATIC:
		break;
	}
	return 0;
}

/* The least useful entry, of these the oldest, makes room. Returns false if none of that kind has to. */
static bool evict(struct weir__neighbours *table, bool unresolved_only, bool asked_only)
{
	struct weir__neighbour *victim = NULL;
	unsigned worst = 0;

	for (uint32_t i = 1; i <= table->max; i++) {
		struct weir__neighbour *e = &table->entry[i];
		const unsigned useless = uselessness(table, e);

		if (!useless || (unresolved_only && is_resolved(e)) || (asked_only && !e->asked))
			continue;
		if (useless > worst || (useless == worst && victim && e->since < victim->since)) {
			victim = e;
			worst = useless;
		}
	}
	if (victim)
		forget(table, victim);
	return victim;
}

/* NULL: there is no room for it. The caller enters its state at once. */
static struct weir__neighbour *make(struct weir__neighbours *table, const struct weir__ip *ip)
{
	struct weir__neighbour *e;
	uint32_t *link;

	if (!table->free && !evict(table, false, false))
		return NULL;
	e = &table->entry[table->free];
	table->free = e->next;
	memset(e, 0, sizeof(*e));
	e->ip = *ip;
	link = bucket_of(table, ip);
	e->next = *link;
	*link = (uint32_t)(e - table->entry);
	e->due = NEVER;
	table->n++;
	return e;
}

static void ask(struct weir__neighbours *table, struct weir__neighbour *e, uint64_t now)
{
	const bool all = e->state == WEIR_NEIGHBOUR_INCOMPLETE;

	e->tries++;
	table->requests++;
	arm(table, e, now + (e->quick ? QUICK : RETRANS));
	table->user.solicit(table->user.context, e, all);
}

static void resolve(struct weir__neighbours *table, struct weir__neighbour *e, uint64_t now)
{
	e->quick = false;
	enter(table, e, WEIR_NEIGHBOUR_INCOMPLETE, now);
	ask(table, e, now);
}

/* An entry for an address that we send to. Those for gateways are few, and chosen by the configuration. */
static struct weir__neighbour *make_unresolved(struct weir__neighbours *table, const struct weir__ip *ip,
					       bool gateway, uint64_t now)
{
	struct weir__neighbour *e = NULL;

	if (!gateway && !weir__limit_take(&table->made, now))
		return NULL;
	if (gateway || table->n_unresolved < table->unresolved_max || evict(table, true, false))
		e = make(table, ip);
	if (!e)
		return NULL;
	e->gateway = gateway;
	resolve(table, e, now);
	return e;
}

static void transmit(struct weir__neighbours *table, const struct weir__neighbour *e,
		     struct weir__frame *frame)
{
	memcpy(frame->bytes, e->mac, ENTRY_FRAME);
	table->user.transmit(table->user.context, frame);
}

/* An address that workers may use from now on. */
static void publish(struct weir__neighbours *table, struct weir__neighbour *e, const uint8_t *mac,
		    enum weir_neighbour_state state, uint64_t now)
{
	struct weir__frame *frame;

	memcpy(e->mac, mac, sizeof(e->mac));
	enter(table, e, state, now);
	weir__hops_unuse(table->hops, id_of(table, e));
	weir__hops_set(table->hops, weir__key(&e->ip), mac, id_of(table, e));
	while ((frame = weir__frame_take(&e->queue)))
		transmit(table, e, frame);
}

static void confirm(struct weir__neighbours *table, struct weir__neighbour *e, uint64_t now)
{
	const uint64_t base = table->reachable_ns;

	e->quick = false;
	clear_asked(table, e);
	arm(table, e, now + base / 2 + random_below(table, base));
}

static void become_stale(struct weir__neighbours *table, struct weir__neighbour *e, uint64_t now)
{
	enter(table, e, WEIR_NEIGHBOUR_STALE, now);
	weir__hops_unuse(table->hops, id_of(table, e));
	arm(table, e, now + LOOK);
}

static void wait_behind(struct weir__neighbours *table, struct weir__neighbour *e, struct weir__frame *frame)
{
	if (e->queue.n == table->queue_max) {
		weir__frame_put(&table->store->free, weir__frame_take(&e->queue));
		table->queue_drops++;
	}
	weir__frame_put(&e->queue, frame);
	table->queued++;
}

void weir__neighbours_send(struct weir__neighbours *table, const struct weir__ip *ip, bool gateway,
			   struct weir__frame *frame, uint64_t now)
{
	struct weir__neighbour *e = weir__neighbours_find(table, ip);

	if (e && is_resolved(e)) {
		transmit(table, e, frame);
		return;
	}
	if (!e)
		e = make_unresolved(table, ip, gateway, now);
	else if (e->state == WEIR_NEIGHBOUR_FAILED && now - e->since >= RETRANS)
		resolve(table, e, now); /* no more often than RFC 1122 §2.3.2.1 wants */
	if (!e || e->state == WEIR_NEIGHBOUR_FAILED) {
		table->refused += !e;
		table->queue_drops++;
		weir__frame_put(&table->store->free, frame);
		return;
	}
	e->gateway |= gateway;
	wait_behind(table, e, frame);
}

void weir__neighbours_unwatch(struct weir__neighbours *table)
{
	for (uint32_t i = 1; i <= table->max; i++)
		table->entry[i].gateway = false;
}

void weir__neighbours_watch(struct weir__neighbours *table, const struct weir__ip *ip, uint64_t now)
{
	struct weir__neighbour *e = weir__neighbours_find(table, ip);

	if (e)
		e->gateway = true;
	else
		make_unresolved(table, ip, true, now);
}

/* Somebody else says that he is this neighbour: it is asked itself. */
static void contradict(struct weir__neighbours *table, struct weir__neighbour *e, uint64_t now)
{
	if (now < e->deaf_till || e->state == WEIR_NEIGHBOUR_PROBE)
		return;
	table->contradictions++;
	e->deaf_till = now + DEAF;
	e->quick = true;
	enter(table, e, WEIR_NEIGHBOUR_PROBE, now);
	ask(table, e, now);
}

static void make_asked(struct weir__neighbours *table, const struct weir__ip *ip, const uint8_t *mac,
		       uint64_t now)
{
	struct weir__neighbour *e = NULL;

	if (table->n_asked < table->asked_max || evict(table, false, true))
		e = make(table, ip);
	if (!e) {
		table->refused++;
		return;
	}
	e->asked = true;
	table->n_asked++;
	publish(table, e, mac, WEIR_NEIGHBOUR_STALE, now);
	arm(table, e, now + LOOK);
}

void weir__neighbours_told(struct weir__neighbours *table, const struct weir__ip *ip, const uint8_t *mac,
			   enum weir__told how, uint64_t now)
{
	struct weir__neighbour *e = weir__neighbours_find(table, ip);

	if (mac && !weir__mac_is_station(mac))
		return;
	if (!e && mac && how == WEIR__TOLD_REQUEST)
		make_asked(table, ip, mac, now);
	if (!e || e->state == WEIR_NEIGHBOUR_STATIC || e->state == WEIR_NEIGHBOUR_FAILED)
		return;
	if (e->state == WEIR_NEIGHBOUR_INCOMPLETE) {
		if (!mac || how != WEIR__TOLD_ANSWER)
			return;
		publish(table, e, mac, WEIR_NEIGHBOUR_REACHABLE, now);
		confirm(table, e, now);
	} else if (mac && memcmp(mac, e->mac, sizeof(e->mac)) != 0) {
		contradict(table, e, now);
	} else if (how == WEIR__TOLD_ANSWER && e->state == WEIR_NEIGHBOUR_PROBE) {
		enter(table, e, WEIR_NEIGHBOUR_REACHABLE, now);
		confirm(table, e, now);
	}
}

bool weir__neighbours_expects(const struct weir__neighbours *table, const struct weir__ip *ip,
			      const uint8_t *mac)
{
	const struct weir__neighbour *e = weir__neighbours_find(table, ip);

	if (!e || e->state != WEIR_NEIGHBOUR_PROBE)
		return e && e->state == WEIR_NEIGHBOUR_INCOMPLETE;
	return !mac || memcmp(mac, e->mac, sizeof(e->mac)) == 0;
}

enum weir__may weir__neighbours_may(struct weir__neighbours *table, const struct weir__ip *ip,
				    const uint8_t mac[6], uint64_t now)
{
	struct weir__neighbour *e = weir__neighbours_find(table, ip);

	if (!e || !is_resolved(e) || memcmp(e->mac, mac, sizeof(e->mac)) != 0)
		return WEIR__MAY_UNKNOWN;
	if (now < e->quiet_till)
		return WEIR__MAY_NOT_YET;
	e->quiet_till = now + QUIET;
	return WEIR__MAY_ASK;
}

static uint32_t count_static(const struct weir__neighbours *table)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i <= table->max; i++)
		n += table->entry[i].state == WEIR_NEIGHBOUR_STATIC;
	return n;
}

int weir__neighbours_set_static(struct weir__neighbours *table, const struct weir__ip *ip, const uint8_t *mac,
				uint64_t now)
{
	struct weir__neighbour *e = weir__neighbours_find(table, ip);

	if (!mac) {
		if (e && e->state == WEIR_NEIGHBOUR_STATIC)
			forget(table, e);
		return 0;
	}
	if (!e || e->state != WEIR_NEIGHBOUR_STATIC)
		if (count_static(table) >= (table->max + 1) / 2)
			return -ENOSPC;
	if (!e)
		e = make(table, ip);
	if (!e)
		return -ENOSPC;
	clear_asked(table, e);
	publish(table, e, mac, WEIR_NEIGHBOUR_STATIC, now);
	e->due = NEVER;
	return 0;
}

void weir__neighbours_doubt(struct weir__neighbours *table, uint64_t now)
{
	for (uint32_t i = 1; i <= table->max; i++) {
		struct weir__neighbour *e = &table->entry[i];

		if (e->state == WEIR_NEIGHBOUR_NONE || e->state == WEIR_NEIGHBOUR_STATIC)
			continue;
		if (is_resolved(e))
			become_stale(table, e, now);
		else if (e->gateway)
			resolve(table, e, now);
		else
			forget(table, e);
	}
}

static void look_at_stale(struct weir__neighbours *table, struct weir__neighbour *e, uint64_t now)
{
	if (is_used(table, e)) {
		enter(table, e, WEIR_NEIGHBOUR_DELAY, now);
		arm(table, e, now + DELAY);
	} else if (!e->gateway && now - e->since >= UNUSED) {
		forget(table, e);
	} else {
		e->tries = e->tries ? 2 : 1;
		arm(table, e, now + (LOOK << e->tries));
	}
}

static void fail(struct weir__neighbours *table, struct weir__neighbour *e, uint64_t now)
{
	drop_queue(table, e);
	enter(table, e, WEIR_NEIGHBOUR_FAILED, now);
	arm(table, e, now + FAILED);
}

static void expire(struct weir__neighbours *table, struct weir__neighbour *e, uint64_t now)
{
	switch ((enum weir_neighbour_state)e->state) {
	case WEIR_NEIGHBOUR_INCOMPLETE:
		e->tries < TRIES ? ask(table, e, now) : fail(table, e, now);
		break;
	case WEIR_NEIGHBOUR_REACHABLE:
		become_stale(table, e, now);
		break;
	case WEIR_NEIGHBOUR_STALE:
		look_at_stale(table, e, now);
		break;
	case WEIR_NEIGHBOUR_DELAY:
		enter(table, e, WEIR_NEIGHBOUR_PROBE, now);
		ask(table, e, now);
		break;
	case WEIR_NEIGHBOUR_PROBE:
		/* Another may have its address now: RFC 4861 §7.3.3 would delete the entry, for the next
		 * packet to ask all. */
		e->tries < TRIES ? ask(table, e, now) : resolve(table, e, now);
		break;
	case WEIR_NEIGHBOUR_FAILED:
		e->gateway ? resolve(table, e, now) : forget(table, e);
		break;
	case WEIR_NEIGHBOUR_NONE:
	case WEIR_NEIGHBOUR_STATIC:
		break;
	}
}

uint64_t weir__neighbours_timer(struct weir__neighbours *table, uint64_t now)
{
	if (now < table->due)
		return table->due;
	table->due = NEVER;
	for (uint32_t i = 1; i <= table->max; i++) {
		struct weir__neighbour *e = &table->entry[i];

		if (e->state == WEIR_NEIGHBOUR_NONE)
			continue;
		if (e->due <= now)
			expire(table, e, now);
		if (e->state != WEIR_NEIGHBOUR_NONE && e->due < table->due)
			table->due = e->due;
	}
	if (table->due < now + TICK)
		table->due = now + TICK;
	return table->due;
}
