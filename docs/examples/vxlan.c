/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TAP device that is a port of a VXLAN: with the kernel's vxlan devices, or more of these, at other hosts.
 *
 *	vxlan LOCAL REMOTE ADDRESS        vxlan 192.0.2.1 192.0.2.2 10.9.0.1/24
 *
 * with the addresses of both hosts, and the address inside. It runs until SIGINT. At the other host, the same
 * with the addresses exchanged, or:
 *
 *	ip link add vx type vxlan id 42 local 192.0.2.2 remote 192.0.2.1 dstport 4789
 *	ip address add 10.9.0.2/24 dev vx
 *	ip link set vx mtu 1400 up
 *
 * Nothing is encrypted, and nobody has to say who he is.
 */
#include <signal.h>
#include <stdio.h>
#include <weir/weir.h>

/* On the session's thread. */
static void changed(void *context, const struct weir_session_status *status)
{
	(void)context;
	if (status->state == WEIR_SESSION_UP && status->mtu)
		printf("%s: packets of %u bytes go to all remotes in one piece\n", status->label,
		       status->mtu);
}

static int run(const struct weir_config *config)
{
	struct weir_pipeline *pipeline;
	struct weir_counters *at_end;
	struct weir_error err;
	sigset_t signals;
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
	printf("%s is up\n", weir_tun_name(weir_pipeline_endpoint(pipeline, "tap", &weir_tun_type)));
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
			weir_tun("tap", .device = "weir%d", .tap = true, .ipv4 = WEIR_LIST(argv[3]), .mtu = 1400),
			weir_vxlan("vx", .vni = 42, .local = argv[1], .remote = WEIR_LIST(argv[2]),
				   .hold = 16, .changed = changed),
		},
		.workers = { { "tunnel", .unpinned = true } },
		.chains = {
			{ "outbound", .stages = { weir_read("tap", .worker = "tunnel"), weir_write("vx") } },
			{ "inbound", .stages = { weir_read("vx", .worker = "tunnel"), weir_write("tap") } },
		},
	};
	return run(&config);
}
