/* SPDX-License-Identifier: Apache-2.0 */
#include "softether_client.h"

#include "address.h"
#include "wait.h"

static int say_password(void *context, char *secret, size_t size)
{
	const char *password = context;
	const size_t n = strlen(password);

	if (n > size)
		return -EMSGSIZE;
	memcpy(secret, password, n);
	return (int)n;
}

struct weir_softether softether_options(const struct softether *server, const char *user,
					const char *password)
{
	return (struct weir_softether){
		.name = "vpn",
		.server = server->address,
		.port = server->port,
		.hub = "VPN",
		.user = user,
		.password_ask = say_password,
		.password_context = (char *)(uintptr_t)password,
		.any_server = true,
		.retry_max_ms = 200,
	};
}

static void changed(void *context, const struct weir_session_status *status)
{
	struct softether_client *client = context;

	pthread_mutex_lock(&client->lock);
	client->ups += status->state == WEIR_SESSION_UP && client->status.state != WEIR_SESSION_UP;
	client->downs += status->state == WEIR_SESSION_DOWN && client->status.state != WEIR_SESSION_DOWN;
	client->status = *status;
	pthread_mutex_unlock(&client->lock);
}

static void fill_tap(struct softether_client *client, unsigned side)
{
	static const char *const addresses[][2] = {
		{ ADDRESS_IPV4(0, 0) "/24", NULL },
		{ ADDRESS_IPV4(0, 1) "/24", NULL },
	};

	client->tap = (struct weir_tun){
		.name = "tap0",
		.tap = true,
		.netns = client->site->path,
		.no_ipv6 = true,
		.ipv4 = addresses[side],
	};
}

void softether_client_start(struct softether_client *client, struct site *site, unsigned side,
			    const struct weir_softether *session)
{
	struct weir_error err;

	memset(client, 0, sizeof(*client));
	client->site = site;
	events_init(&client->events);
	pthread_mutex_init(&client->lock, NULL);
	fill_tap(client, side);
	client->session = *session;
	client->session.changed = changed;
	client->session.context = client;
	client->config = (struct weir_config){
		.endpoints = { { &weir_tun_type, &client->tap }, { &weir_softether_type, &client->session } },
		.workers = { { "out", .unpinned = true }, { "in", .unpinned = true } },
		.chains = { { "out", .stages = { weir_read("tap0", .worker = "out"), weir_write("vpn") } },
			    { "in", .stages = { weir_read("vpn", .worker = "in"), weir_write("tap0") } } },
		.drain_ms = WAIT_MS,
		.change_ms = WAIT_MS,
		.log = events_log,
		.log_data = &client->events,
	};
	if (weir_pipeline_create(&client->pipeline, &client->config, &err) ||
	    weir_pipeline_start(client->pipeline, &err))
		fail_msg("%s", err.text);
}

static struct weir_counters *counters_of(struct softether_client *client)
{
	struct weir_counters *counters = weir_counters_read(client->pipeline);

	assert_non_null(counters);
	return counters;
}

void softether_client_stop(struct softether_client *client)
{
	struct weir_counters *counters;

	assert_int_equal(weir_pipeline_stop(client->pipeline), 0);
	counters = counters_of(client);
	if (counters->received + counters->injected !=
		    counters->sent + counters->dropped + counters->consumed ||
	    counters->held || counters->buffers_free != counters->buffers) {
		weir_counters_print(counters, stderr);
		fail_msg("not every packet is accounted for");
	}
	weir_counters_free(counters);
}

void softether_client_free(struct softether_client *client)
{
	if (!client->pipeline)
		return;
	weir_pipeline_destroy(client->pipeline);
	pthread_mutex_destroy(&client->lock);
	client->pipeline = NULL;
}

bool softether_client_says(const struct softether_client *client, const struct softether *server,
			   const char *text)
{
	char command[256], out[8192];

	snprintf(command, sizeof(command), "SessionGet %s", client->status.label);
	softether_command(server, client->session.hub, command, out, sizeof(out));
	return strstr(out, text) != NULL;
}

static bool was_up(struct softether_client *client, unsigned ups)
{
	bool reached;

	pthread_mutex_lock(&client->lock);
	if (client->status.fatal)
		fail_msg("%s", client->status.reason);
	reached = client->ups >= ups && client->status.state == WEIR_SESSION_UP;
	pthread_mutex_unlock(&client->lock);
	return reached;
}

void softether_client_wait(struct softether_client *client, unsigned ups)
{
	wait_until(was_up(client, ups));
}

bool softether_client_is(struct softether_client *client, enum weir_session_state state)
{
	bool is;

	pthread_mutex_lock(&client->lock);
	is = client->status.state == state;
	pthread_mutex_unlock(&client->lock);
	return is;
}

static bool gave_up(struct softether_client *client, char text[256])
{
	bool fatal;

	pthread_mutex_lock(&client->lock);
	fatal = client->status.state == WEIR_SESSION_DOWN && client->status.fatal;
	memcpy(text, client->status.reason, 256);
	pthread_mutex_unlock(&client->lock);
	return fatal;
}

void softether_client_wait_fatal(struct softether_client *client, char text[256])
{
	wait_until(gave_up(client, text));
}

static uint64_t count_of(const struct weir_named_count *counts, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(counts[i].name, name) == 0)
			return counts[i].n;
	fail_msg("nothing is called %s", name);
	return 0;
}

static const struct weir_stage_counters *row(const struct weir_counters *counters, const char *path)
{
	const struct weir_stage_counters *found = weir_counters_stage(counters, path);

	assert_non_null(found);
	return found;
}

uint64_t softether_client_count(struct softether_client *client, const char *name)
{
	struct weir_counters *counters = counters_of(client);
	const struct weir_stage_counters *writer = row(counters, "out/write");
	const uint64_t n = count_of(writer->counts, writer->n_counts, name);

	weir_counters_free(counters);
	return n;
}

uint64_t softether_client_moved(struct softether_client *client, const char *path)
{
	struct weir_counters *counters = counters_of(client);
	const uint64_t n = row(counters, path)->packets;

	weir_counters_free(counters);
	return n;
}

uint64_t softether_client_dropped(struct softether_client *client, const char *path, const char *reason)
{
	struct weir_counters *counters = counters_of(client);
	const struct weir_stage_counters *from = row(counters, path);
	const uint64_t n = count_of(from->drops, from->n_drops, reason);

	weir_counters_free(counters);
	return n;
}

uint64_t softether_client_all_dropped(struct softether_client *client, const char *path)
{
	struct weir_counters *counters = counters_of(client);
	const struct weir_stage_counters *from = row(counters, path);
	uint64_t n = 0;

	for (unsigned i = 0; i < from->n_drops; i++)
		n += from->drops[i].n;
	weir_counters_free(counters);
	return n;
}

void softether_client_check_drops(struct softether_client *client)
{
	struct weir_counters *counters;

	if (!softether_client_all_dropped(client, "out/write") &&
	    !softether_client_all_dropped(client, "in/read"))
		return;
	counters = counters_of(client);
	weir_counters_print(counters, stderr);
	weir_counters_free(counters);
	fail_msg("packets were dropped; the last words of the session: '%s'", client->status.reason);
}
