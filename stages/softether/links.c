/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

static void gather(struct weir__se_state *state, bool any)
{
	for (unsigned i = 0; i < WEIR__SE_LINKS; i++)
		if (state->link[i].stream && (any || state->link[i].sends))
			state->senders[state->n_senders++] = (uint8_t)i;
}

/* Under both locks. Where the connection that is for sending was lost, the server takes frames from others,
 * too. */
static void gather_senders(struct weir__se_state *state)
{
	state->n_senders = 0;
	state->flows.change++;
	gather(state, false);
	if (!state->n_senders)
		gather(state, true);
}

static struct weir__se_link *free_link(struct weir__se_state *state)
{
	unsigned i = 0;

	while (i < WEIR__SE_LINKS - 1 && state->link[i].stream)
		i++;
	return &state->link[i];
}

int weir__se_link_add(struct weir__se_state *state, struct weir_stream *stream,
		      enum weir__se_direction direction, struct weir_error *err)
{
	struct weir__se_link *link = free_link(state);
	int code;

	weir_session_lock(state->session);
	*link = (struct weir__se_link){
		.stream = stream,
		.sends = direction != WEIR__SE_DOWN,
		.receives = direction != WEIR__SE_UP,
	};
	state->n_links++;
	weir_stream_set_user(stream, link);
	code = weir_stream_attach(stream, err);
	if (code < 0)
		weir__se_link_forget(state, stream);
	else
		gather_senders(state);
	weir_session_unlock(state->session);
	if (code < 0)
		weir_stream_close(stream);
	weir_session_wake(state->session, weir_session_now());
	return code;
}

void weir__se_link_forget(struct weir__se_state *state, struct weir_stream *stream)
{
	struct weir__se_link *link = weir_stream_user(stream);

	link->stream = NULL;
	state->n_links--;
	gather_senders(state);
}

void weir__se_links_close(struct weir__se_state *state, bool silent_alone)
{
	for (unsigned i = 0; i < WEIR__SE_LINKS; i++) {
		struct weir_stream *stream = state->link[i].stream;

		if (!stream || (silent_alone && !state->link[i].silent))
			continue;
		weir_session_lock(state->session);
		weir__se_link_forget(state, stream);
		weir_stream_close(stream);
		weir_session_unlock(state->session);
	}
}
