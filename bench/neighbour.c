/* SPDX-License-Identifier: Apache-2.0 */
#include <weir/weir.h>

#include "neighbour.h"

#define MAC             "02:00:00:00:00:01"
#define NEIGHBOURS      4
#define LOOK_NS         10000000u
#define DESTINATION_END 19 /* of the last byte of an IPv4 header's destination */

/* The last one is of NEIGHBOURS. */
const char *const neighbour_names[] = { "known", "one neighbour", "four in turn" };

/* --- packets to one after the other -----------------------------------------------------------------------
 */

struct turn {
	WEIR_STAGE_OPTIONS
	uint32_t among;
};

struct turn_state {
	uint32_t next;
};

#define turn(...) WEIR_STAGE(turn_type, struct turn, __VA_ARGS__)

/* To 10.0.0.2 and those behind it. Nobody looks at the checksum. */
static inline weir_verdict turn_packet(struct weir_buf *buf, const struct turn *config,
				       struct turn_state *state)
{
	buf->data[DESTINATION_END] = (uint8_t)(2 + state->next);
	state->next = state->next + 1 < config->among ? state->next + 1 : 0;
	return WEIR_NEXT;
}

WEIR_PROCESS(turn_vector, turn_packet, struct turn, struct turn_state)

static const struct weir_stage_type turn_type = {
	.name = "turn",
	.help = "send packets to a few hosts in turn",
	.options_size = sizeof(struct turn),
	.config_size = sizeof(struct turn),
	.state_size = sizeof(struct turn_state),
	.process = turn_vector,
};

/* --- the chains -------------------------------------------------------------------------------------------
 */

struct weir_host *neighbour_open(void)
{
	const struct weir_host_options options = { .mac = MAC,
						   .ipv4 = WEIR_LIST("10.0.0.1/24"),
						   .no_ipv6 = true };
	struct weir_host *host;
	struct weir_error err;
	char ip[16], mac[18];
	int ret = weir_host_create(&host, &options, &err);

	for (unsigned i = 2; !ret && i < 2 + NEIGHBOURS; i++) {
		snprintf(ip, sizeof(ip), "10.0.0.%u", i);
		snprintf(mac, sizeof(mac), "02:00:00:00:00:%02x", i);
		ret = weir_host_set_neighbour(host, ip, mac, &err);
	}
	if (ret)
		give_up(BENCH_FAILED, "stages: %s", err.text);
	weir_host_carrier(host, true);
	return host;
}

/* Before it may use its address, it asks for some seconds whether somebody else has it. */
static void await_address(struct weir_host *host)
{
	struct weir_host_status status;

	for (weir_host_status(host, &status); status.address[0].state != WEIR_HOST_PREFERRED;
	     weir_host_status(host, &status))
		pause_ns(LOOK_NS);
}

double neighbour_run(const struct chain *chain, struct weir_host *host, enum neighbour_wrap wrap,
		     uint64_t packets)
{
	const uint32_t among = wrap == NEIGHBOUR_FEW ? NEIGHBOURS : 1;
	const struct weir_stage wraps[] = {
		weir_eth_wrap(.source = MAC, .next_hop = "02:00:00:00:00:02"),
		weir_neighbour_wrap(.host = host, .exit = { "resolve" }),
	};
	struct weir_config config = {
		.endpoints = { weir_generator("in", .count = packets, .size = chain->size), weir_null("out"),
			       weir_host_port("host", .host = host) },
		.workers = { { "worker", .cpu = chain->cpu } },
		.chains = { { "chain", .stages = { weir_read("in", .worker = "worker"), weir_af_decap(),
						   turn(.among = among), wraps[wrap != NEIGHBOUR_KNOWN],
						   weir_write("out") } },
			    { "resolve", .stages = { weir_write("host") } } },
		.pool = { .room = chain->room },
	};
	struct weir_host_status status;
	double ns;

	if (wrap == NEIGHBOUR_KNOWN)
		config.chains[1] = (struct weir_chain){ 0 }; /* nothing leads there */
	await_address(host);
	ns = chain_measure(&config, packets);
	weir_host_status(host, &status);
	if (status.queued)
		give_up(BENCH_FAILED, "stages: packets went to somebody who is no neighbour");
	return ns;
}
