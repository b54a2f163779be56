/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"
#include "gate.h"
#include "kernel.h"
#include "mode.h"
#include "namespace.h"
#include "ping.h"
#include "tunnel.h"
#include "wait.h"

#define LEFT_MAC  "02:00:00:00:00:01"
#define RIGHT_MAC "02:00:00:00:00:02"

static void leave_out_of_chain(struct weir_chain *chain, const struct weir_stage_type *type)
{
	struct weir_stage *stages = chain->stages;
	unsigned n = 0;

	for (unsigned i = 0; i < WEIR_STAGES_MAX; i++)
		if (stages[i].type != type)
			stages[n++] = stages[i];
	memset(&stages[n], 0, (WEIR_STAGES_MAX - n) * sizeof(stages[0]));
}

/* Rows of that type, from that chain on. */
static void leave_out(struct weir_config *config, unsigned first, const struct weir_stage_type *type)
{
	for (unsigned c = first; c < WEIR_CHAINS_MAX && config->chains[c].name; c++)
		leave_out_of_chain(&config->chains[c], type);
}

/* The most that a tunnel can be becomes what was asked for. */
static void reduce(struct weir_config *config, const struct tunnel_options *options)
{
	if (!options->two_pairs) {
		memset(&config->endpoints[2], 0, sizeof(config->endpoints[0]));
		memset(&config->chains[2], 0, 2 * sizeof(config->chains[0]));
	}
	if (!options->threaded) {
		config->workers[1].name = NULL;
		leave_out(config, 0, &weir_ring_type);
	}
	if (options->second_fused)
		leave_out(config, 2, &weir_ring_type);
	if (options->tap) {
		leave_out(config, 0, &weir_af_decap_type);
		leave_out(config, 0, &weir_eth_wrap_type);
		leave_out(config, 0, &weir_eth_unwrap_type);
		leave_out(config, 0, &weir_af_encap_type);
	}
	if (!options->gate)
		leave_out(config, 0, &gate_type);
	if (options->right0.type)
		config->endpoints[1] = options->right0;
}

#define DEVICE(name_, pair_, side_)                                                                  \
	weir_tun(name_, .netns = tunnel->site[side_].path, .tap = options->tap, .mtu = options->mtu, \
		 .no_offload = mode_no_offload(), .io = mode_io(), .no_ipv6 = !options->ipv6,        \
		 .ipv4 = WEIR_LIST(ADDRESS_IPV4(pair_, side_) "/24"),                                \
		 .ipv6 = options->ipv6 ? WEIR_LIST(ADDRESS_IPV6(pair_, side_) "/64") : NULL)

/* From the device to Ethernet frames that pass the filter of the other side, and back. */
#define WRAP(from_, to_) weir_af_decap(), weir_eth_wrap(.source = from_, .next_hop = to_)
#define UNWRAP()         weir_eth_unwrap(), weir_af_encap()
#define FILTER(own_) \
	weir_mac_filter(.own = WEIR_LIST(own_), .all_multicast = true, .promiscuous = options->tap)
#define READ(device_) weir_read(device_, .worker = "one")
#define RING(worker_) weir_ring(.worker = worker_, .capacity = options->ring_capacity)

static void create(struct tunnel *tunnel, const struct tunnel_options *options)
{
	struct weir_config config = {
		.endpoints = { DEVICE("left0", 0, 0), DEVICE("right0", 0, 1), DEVICE("left1", 1, 0),
			       DEVICE("right1", 1, 1) },
		.workers = { { "one", .unpinned = true }, { "two", .unpinned = true } },
		.chains = { { "forth0",
			      .stages = { READ("left0"), WRAP(LEFT_MAC, RIGHT_MAC), FILTER(RIGHT_MAC),
					  weir_stats(),
					  weir_ring(.worker = "two", .capacity = options->ring_capacity,
						    .full = options->ring_full),
					  gate(.open = options->gate), UNWRAP(), weir_write("right0") } },
			    { "back0",
			      .stages = { weir_read("right0", .worker = options->threaded ? "two" : "one"),
					  WRAP(RIGHT_MAC, LEFT_MAC), RING("one"), weir_stats(),
					  FILTER(LEFT_MAC), UNWRAP(), weir_write("left0") } },
			    { "forth1",
			      .stages = { READ("left1"), WRAP(LEFT_MAC, RIGHT_MAC), FILTER(RIGHT_MAC),
					  weir_stats(), RING("two"), UNWRAP(), weir_write("right1") } },
			    { "back1",
			      .stages = { weir_read("right1",
						    .worker = options->threaded && !options->second_fused
								      ? "two"
								      : "one"),
					  WRAP(RIGHT_MAC, LEFT_MAC), RING("one"), weir_stats(),
					  FILTER(LEFT_MAC), UNWRAP(), weir_write("left1") } } },
		.pool = options->pool,
		.drain_ms = options->drain_ms ? options->drain_ms : WAIT_MS,
		.log = events_log,
		.log_data = &tunnel->events,
	};
	struct weir_error err;

	reduce(&config, options);
	if (weir_pipeline_create(&tunnel->pipeline, &config, &err))
		fail_msg("%s", err.text);
}

struct tunnel *tunnel_make(const struct tunnel_options *options)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

	assert_non_null(tunnel);
	events_init(&tunnel->events);
	site_make(&tunnel->site[0]);
	site_make(&tunnel->site[1]);
	create(tunnel, options);
	tunnel->tap = options->tap;
	tunnel->ipv6 = options->ipv6;
	return tunnel;
}

void tunnel_start(struct tunnel *tunnel)
{
	struct weir_error err;

	if (weir_pipeline_start(tunnel->pipeline, &err))
		fail_msg("%s", err.text);
	/* A kernel holds few packets while it asks for a MAC address. */
	if (tunnel->tap)
		ping(&tunnel->site[0], AF_INET, address_text(AF_INET, 0, 1), 56);
	if (tunnel->tap && tunnel->ipv6)
		ping(&tunnel->site[0], AF_INET6, address_text(AF_INET6, 0, 1), 56);
}

void tunnel_stop(struct tunnel *tunnel)
{
	assert_int_equal(weir_pipeline_stop(tunnel->pipeline), 0);
	tunnel_check_rest(tunnel);
}

void tunnel_free(struct tunnel *tunnel)
{
	weir_pipeline_destroy(tunnel->pipeline);
	site_close(&tunnel->site[0]);
	site_close(&tunnel->site[1]);
	free(tunnel);
}

static uint64_t all_drops(const struct weir_stage_counters *row)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < row->n_drops; i++)
		n += row->drops[i].n;
	return n;
}

static bool ends_in(const char *path, const char *name)
{
	return strcmp(strchr(path, '/') + 1, name) == 0;
}

/* Packets that came to a row. */
static uint64_t came(const struct weir_counters *counters, const struct weir_stage_counters *row)
{
	if (ends_in(row->path, "write"))
		return row->packets + all_drops(row);
	if (ends_in(row->path, "ring"))
		return row->packets + weir_counters_drop(counters, row->path, "ring_full");
	return row->packets;
}

/* Packets that left it for the next row. */
static uint64_t went(const struct weir_stage_counters *row)
{
	return ends_in(row->path, "read") || ends_in(row->path, "ring")
		       ? row->packets
		       : row->packets - all_drops(row) + row->made - row->consumed;
}

/* What leaves a row comes to the next one of its chain, unless a stop caught it on the way. */
static void check_rows(const struct weir_counters *counters)
{
	for (unsigned i = 0; i + 1 < counters->n_stages; i++) {
		const struct weir_stage_counters *row = &counters->stages[i], *next = row + 1;

		if (ends_in(row->path, "write") || weir_counters_drop(counters, row->path, "stopped") ||
		    weir_counters_drop(counters, next->path, "stopped"))
			continue;
		if (went(row) != came(counters, next))
			fail_msg("%llu packets left %s, and %llu came to %s", (unsigned long long)went(row),
				 row->path, (unsigned long long)came(counters, next), next->path);
	}
}

/* The stage "stats" has seen what the engine has. */
static void check_stats(struct tunnel *tunnel, const struct weir_stage_counters *row)
{
	struct weir_stats_snapshot snapshot;
	uint64_t sizes = 0;

	if (weir_stats_read(tunnel->pipeline, row->path, 0, &snapshot))
		return;
	for (unsigned i = 0; i < WEIR_STATS_BINS; i++)
		sizes += snapshot.size[i];
	assert_int_equal(snapshot.packets, row->packets);
	assert_int_equal(snapshot.bytes, row->bytes);
	assert_int_equal(sizes, row->packets);
	assert_int_equal(snapshot.ipv4 + snapshot.ipv6 + snapshot.other, row->packets);
}

static struct weir_counters *counters_of(struct tunnel *tunnel)
{
	struct weir_counters *counters = weir_counters_read(tunnel->pipeline);

	assert_non_null(counters);
	return counters;
}

void tunnel_check_rest(struct tunnel *tunnel)
{
	struct weir_counters *counters = counters_of(tunnel);

	if (counters->received + counters->injected !=
		    counters->sent + counters->dropped + counters->consumed ||
	    counters->held ||
	    counters->received_segments != counters->sent_segments + counters->dropped_segments ||
	    counters->buffers_free != counters->buffers) {
		weir_counters_print(counters, stderr);
		fail_msg("not every packet is accounted for");
	}
	check_rows(counters);
	for (unsigned i = 0; i < counters->n_stages; i++)
		if (strcmp(counters->stages[i].type, "stats") == 0)
			check_stats(tunnel, &counters->stages[i]);
	weir_counters_free(counters);
}

struct row tunnel_row(struct tunnel *tunnel, const char *path)
{
	struct weir_counters *counters = counters_of(tunnel);
	const struct weir_stage_counters *from = weir_counters_stage(counters, path);
	struct row row;

	assert_non_null(from);
	row = (struct row){ from->packets, from->bytes, from->stalls, all_drops(from) };
	weir_counters_free(counters);
	return row;
}

static bool has_reason(const struct weir_counters *counters, const char *path, const char *reason)
{
	const struct weir_stage_counters *row = weir_counters_stage(counters, path);

	for (unsigned i = 0; row && i < row->n_drops; i++)
		if (strcmp(row->drops[i].name, reason) == 0)
			return true;
	return false;
}

uint64_t tunnel_drops(struct tunnel *tunnel, const char *path, const char *reason)
{
	struct weir_counters *counters = counters_of(tunnel);
	const uint64_t n = weir_counters_drop(counters, path, reason);

	assert_true(has_reason(counters, path, reason));
	weir_counters_free(counters);
	return n;
}

uint64_t tunnel_dropped(struct tunnel *tunnel)
{
	struct weir_counters *counters = counters_of(tunnel);
	const uint64_t n = counters->dropped;

	weir_counters_free(counters);
	return n;
}

uint64_t tunnel_starved(struct tunnel *tunnel)
{
	struct weir_counters *counters = counters_of(tunnel);
	const uint64_t n = counters->starved;

	weir_counters_free(counters);
	return n;
}

static void *device_of(struct tunnel *tunnel, const char *device)
{
	void *tun = weir_pipeline_endpoint(tunnel->pipeline, device, &weir_tun_type);

	assert_non_null(tun);
	return tun;
}

uint64_t tunnel_kernel_drops(struct tunnel *tunnel, const char *device)
{
	struct weir_error err;
	uint64_t n;

	if (weir_tun_kernel_drops(device_of(tunnel, device), &n, &err))
		fail_msg("%s", err.text);
	return n;
}

static const struct site *site_of(const struct tunnel *tunnel, const char *device)
{
	return &tunnel->site[strncmp(device, "right", 5) == 0];
}

void tunnel_set_up_by_kernel(struct tunnel *tunnel, const char *device, bool up)
{
	site_enter(site_of(tunnel, device));
	namespace_set_flag(device, IFF_UP, up);
	site_leave();
}

void tunnel_set_up(struct tunnel *tunnel, const char *device, bool up)
{
	struct weir_error err;

	if (weir_tun_set_up(device_of(tunnel, device), up, &err))
		fail_msg("%s", err.text);
}

void tunnel_delete(struct tunnel *tunnel, const char *device)
{
	int rc;

	site_enter(site_of(tunnel, device));
	rc = kernel_delete(device);
	site_leave();
	assert_int_equal(rc, 0);
}

int tunnel_error(struct tunnel *tunnel, const char *endpoint)
{
	int error = 0;

	assert_true(weir_pipeline_endpoint_state(tunnel->pipeline, endpoint, &error) >= 0);
	return error;
}

void tunnel_recover(struct tunnel *tunnel, const char *endpoint)
{
	struct weir_error err;

	if (weir_pipeline_endpoint_recover(tunnel->pipeline, endpoint, &err))
		fail_msg("%s", err.text);
}

/* The kernel has given what was read, and taken what was written. */
static void check_device(struct tunnel *tunnel, const char *device, const char *reader, const char *writer)
{
	struct rtnl_link_stats64 stats;

	site_enter(site_of(tunnel, device));
	stats = kernel_stats(device);
	site_leave();
	assert_int_equal(stats.tx_packets, tunnel_row(tunnel, reader).packets);
	assert_int_equal(stats.rx_packets, tunnel_row(tunnel, writer).packets);
}

void tunnel_check_devices(struct tunnel *tunnel)
{
	check_device(tunnel, "left0", "forth0/read", "back0/write");
	check_device(tunnel, "right0", "back0/read", "forth0/write");
}
