/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/rand.h>

#include "state.h"

#define MS    UINT64_C(1000000)
#define AGAIN (100 * MS) /* when a connection took nothing */

static uint64_t random_below(uint64_t n)
{
	uint32_t dice = 0;

	/* Without it there is a fixed rhythm, which works as well. */
	if (RAND_bytes((uint8_t *)&dice, sizeof(dice)) != 1)
		dice = UINT32_MAX / 2;
	return dice % n;
}

uint64_t weir__se_next_keepalive(const struct weir__se_state *state, uint64_t now)
{
	const uint64_t timeout = state->welcome.timeout_ms * MS, least = timeout / 5;
	const uint64_t dice = random_below(timeout / 2);

	if (state->keepalive_ms)
		return now +
		       (state->keepalive_ms * MS < timeout / 2 ? state->keepalive_ms * MS : timeout / 2);
	return now + (dice > least ? dice : least);
}

/* Of a random length, so that who sees the TLS records cannot tell it from a small frame. */
static bool send_keepalive(struct weir__se_state *state, const struct weir__se_link *link)
{
	const uint32_t n = (uint32_t)random_below(WEIR__SE_KEEPALIVE_MAX);
	uint8_t *bytes = weir_stream_reserve(link->stream, 8 + n);

	if (!bytes)
		return false;
	weir__se_store32(bytes, WEIR__SE_KEEPALIVE);
	weir__se_store32(bytes + 4, n);
	if (n && RAND_bytes(bytes + 8, (int)n) != 1)
		memset(bytes + 8, 0, n);
	weir_stream_commit(link->stream, 8 + n);
	weir_count(&state->keepalives, 1);
	return true;
}

static uint64_t tend_keepalive(struct weir__se_state *state, struct weir__se_link *link, uint64_t now)
{
	if (now < link->keepalive_at)
		return link->keepalive_at;
	link->keepalive_at = send_keepalive(state, link) ? weir__se_next_keepalive(state, now) : now + AGAIN;
	return link->keepalive_at;
}

/* Returns when it will have been silent for too long. */
static uint64_t tend_silence(struct weir__se_state *state, struct weir__se_link *link, uint64_t now)
{
	const uint64_t dead = weir_stream_heard(link->stream) + state->welcome.timeout_ms * MS;

	if (!link->receives || link->silent)
		return UINT64_MAX;
	if (now < dead)
		return dead;
	link->silent = true;
	weir_session_tend(state->session);
	return UINT64_MAX;
}

static bool announce(struct weir__se_state *state)
{
	struct weir__se_group group;
	uint8_t *bytes;

	if (!state->n_senders)
		return false;
	bytes = weir_stream_reserve(state->link[state->senders[0]].stream,
				    4 + state->macs.n * (4 + (size_t)WEIR__SE_ANNOUNCE));
	if (!bytes)
		return false;
	weir__se_group_begin(&group, bytes);
	for (unsigned i = 0; i < state->macs.n; i++) {
		weir__se_announcement(state->macs.mac[i], weir__se_group_next(&group));
		weir__se_group_add(&group, WEIR__SE_ANNOUNCE);
	}
	weir_stream_commit(state->link[state->senders[0]].stream, weir__se_group_end(&group));
	return true;
}

static uint64_t tend_login(struct weir__se_state *state, uint64_t now)
{
	const uint64_t seconds = state->welcome.disconnect_s;
	const uint64_t end = seconds ? state->login_at + 1000 * seconds * MS : UINT64_MAX;
	uint64_t next = end;

	if (now >= end) {
		weir_session_tend(state->session);
		next = UINT64_MAX;
	}

	if (!state->announced) {
		state->announced = announce(state);
		if (!state->announced && now + AGAIN < next)
			next = now + AGAIN;
	}
	if (state->extend_at <= now) {
		state->extend_at = UINT64_MAX; /* tend() says when again */
		weir_session_tend(state->session);
	}
	return state->extend_at < next ? state->extend_at : next;
}

uint64_t weir__se_timer(void *memory, uint64_t now)
{
	struct weir__se_state *state = memory;
	const uint64_t udp = weir__se_accel_port_timer(&state->udp, now);
	uint64_t next = tend_login(state, now);

	next = udp < next ? udp : next;
	for (unsigned i = 0; i < WEIR__SE_LINKS; i++) {
		struct weir__se_link *link = &state->link[i];
		uint64_t silence, keepalive;

		if (!link->stream)
			continue;
		keepalive = tend_keepalive(state, link, now);
		silence = tend_silence(state, link, now);
		next = keepalive < next ? keepalive : next;
		next = silence < next ? silence : next;
	}
	return next;
}
