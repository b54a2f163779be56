/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two TUN devices with two queues each, and a lane of chains for each queue on a worker of its own: the
 *kernel spreads flows over the lanes, and each flow stays in order.
 *
 *	queues [SECONDS [NETNS]]
 *
 * runs until SIGINT, or for SECONDS unless that is 0, and then prints its counters. The second device is made
 * in the network namespace NETNS, so that the kernel there is the other side:
 *
 *	ip netns add peer
 *	queues 0 /run/netns/peer &
 *	ping 10.9.0.1
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

/* What stands in each lane, written once. Rows, workers and states are each lane's own. */
#define STAGES weir_af_decap(), weir_stats(), weir_af_encap()
#define CHAIN(name, k, from, to)                                                                    \
	{                                                                                           \
		name #k, .stages = { weir_read(from, .worker = "lane" #k), STAGES, weir_write(to) } \
	}
#define LANE(k, tun, peer) CHAIN("outbound", k, tun, peer), CHAIN("inbound", k, peer, tun)

int main(int argc, char **argv)
{
	const struct weir_config config = {
		.endpoints = {
			weir_tun("tun0", .ipv4 = WEIR_LIST("10.9.0.2/24"), .mtu = 1400, .queues = 2),
			weir_tun_queue("tun0.1", .of = "tun0"),
			weir_tun("peer", .ipv4 = WEIR_LIST("10.9.0.1/24"), .mtu = 1400, .queues = 2,
				 .netns = argc > 2 ? argv[2] : NULL),
			weir_tun_queue("peer.1", .of = "peer"),
		},
		.workers = { { "lane0", .cpu = 0 }, { "lane1", .cpu = 1 } },
		.chains = { LANE(0, "tun0", "peer"), LANE(1, "tun0.1", "peer.1") },
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
