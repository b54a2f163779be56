/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main pipeline: packets of a TUN leave as Ethernet frames, and frames come back as packets. Where the
 * TAP stands here, a VPN has its session: see session.c.
 *
 *	compose [SECONDS [NETNS]]
 *
 * runs until SIGINT, or for SECONDS unless that is 0, and then prints its counters. The TAP is made in the
 * network namespace NETNS, so that the kernel there is the other side:
 *
 *	ip netns add peer
 *	compose 0 /run/netns/peer &
 *	ip -n peer neighbour add 10.9.0.2 lladdr 02:00:00:00:00:01 dev tap0
 *	ping 10.9.0.1
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

#define OWN  "02:00:00:00:00:01" /* this side's address in the frames */
#define PEER "02:00:00:00:00:02" /* and the other side's */

int main(int argc, char **argv)
{
	const struct weir_config config = {
		.endpoints = {
			weir_tun("tun0", .ipv4 = WEIR_LIST("10.9.0.2/24"), .mtu = 1400),
			weir_tun("tap0", .tap = true, .mac = PEER, .ipv4 = WEIR_LIST("10.9.0.1/24"),
				 .netns = argc > 2 ? argv[2] : NULL),
		},
		.workers = { { "tunnel", .cpu = 0 }, { "session", .cpu = 1 } },
		.chains = {
			{ "outbound", .stages = {
				weir_read("tun0", .worker = "tunnel"), weir_af_decap(),
				weir_eth_wrap(.source = OWN, .next_hop = PEER),
				weir_mac_filter(.own = WEIR_LIST(PEER)), weir_stats(),
				weir_ring(.worker = "session"), weir_write("tap0"),
			} },
			{ "inbound", .stages = {
				weir_read("tap0", .worker = "session"), weir_ring(.worker = "tunnel"),
				weir_mac_filter(.own = WEIR_LIST(OWN)), weir_stats(), weir_eth_unwrap(),
				weir_af_encap(), weir_write("tun0"),
			} },
		},
	};
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;
	struct weir_error err;
	sigset_t signals;
	int signal;

	/* Blocked before there are workers, which inherit that: a signal comes to sigwait() below. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGALRM);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	if (weir_pipeline_create(&pipeline, &config, &err) < 0 || weir_pipeline_start(pipeline, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		weir_pipeline_destroy(pipeline);
		return 1;
	}
	puts("running");
	fflush(stdout);
	alarm(argc > 1 ? (unsigned)atoi(argv[1]) : 0);
	sigwait(&signals, &signal);

	weir_pipeline_stop(pipeline);
	counters = weir_counters_read(pipeline);
	if (counters)
		weir_counters_print(counters, stdout);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	return 0;
}
