/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tunnel between two machines, or two network namespaces: a TUN at each end, and UDP datagrams between.
 *
 *	udp LOCAL REMOTE ADDRESS        udp 192.0.2.1:4789 192.0.2.2:4789 10.9.0.1/24
 *
 * with the addresses of both ends, and the address inside the tunnel. It runs until SIGINT. Nothing is
 * encrypted: this is for networks that are trusted, and to build upon.
 */
#include <signal.h>
#include <stdio.h>
#include <weir/weir.h>

static int run(const struct weir_config *config)
{
	struct weir_pipeline *pipeline;
	struct weir_counters *at_end;
	struct weir_error err;
	sigset_t signals;
	uint32_t mtu;
	int signal;

	/* Blocked before there are workers, which inherit that: the signal comes to sigwait() below. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	if (weir_pipeline_create(&pipeline, config, &err) < 0 || weir_pipeline_start(pipeline, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		weir_pipeline_destroy(pipeline);
		return 1;
	}
	if (weir_udp_mtu(weir_pipeline_endpoint(pipeline, "peer", &weir_udp_type), 0, &mtu, &err) == 0)
		printf("packets of %u bytes go to the peer in one piece\n", mtu);
	printf("%s is up\n", weir_tun_name(weir_pipeline_endpoint(pipeline, "tun", &weir_tun_type)));
	fflush(stdout);
	sigwait(&signals, &signal);

	weir_pipeline_stop(pipeline);
	at_end = weir_counters_read(pipeline);
	if (at_end)
		weir_counters_print(at_end, stdout);
	weir_counters_free(at_end);
	weir_pipeline_destroy(pipeline);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: %s LOCAL REMOTE ADDRESS\n", argv[0]);
		return 2;
	}
	const struct weir_config config = {
		.endpoints = {
			weir_tun("tun", .device = "weir%d", .ipv4 = WEIR_LIST(argv[3]), .mtu = 1400),
			weir_udp("peer", .local = argv[1], .remote = argv[2]),
		},
		.workers = { { "tunnel", .unpinned = true } },
		.chains = {
			{ "outbound", .stages = {
				weir_read("tun", .worker = "tunnel"), weir_af_decap(), weir_write("peer"),
			} },
			{ "inbound", .stages = {
				weir_read("peer", .worker = "tunnel"), weir_af_encap(), weir_write("tun"),
			} },
		},
	};
	return run(&config);
}
