/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a SoftEther VPN server: the packets of a TUN go as frames to a virtual hub of the server, and a
 *DHCP server there gives the TUN its address and routes.
 *
 *	softether SERVER PORT HUB USER PASSWORD-FILE FINGERPRINT [NETNS]
 *
 * runs until SIGINT. FINGERPRINT is the SHA-256 of the server's certificate; with any other one, the program
 *says which it was shown. The TUN is made in the network namespace NETNS: what is run there goes through the
 *VPN, and no route of it leads the VPN's own packets into the VPN.
 *
 *	ip netns add vpn
 *	softether vpn.example.org 443 HUB me password 6E:0B:… /run/netns/vpn &
 *	ip netns exec vpn ping 192.168.30.1
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

#define DEVICE "vpn0"
#define MAC    "02:00:00:00:00:01" /* this side's address in the hub: each client needs one of its own */

/* On the session's thread: the host has a network when the session is up. */
static void tell_session(void *host, const struct weir_session_status *status)
{
	static const char *const states[] = { "down", "connecting", "up" };

	weir_host_follow(host, status);
	printf("session: %s%s%s%s\n", states[status->state], status->state == WEIR_SESSION_UP ? " as " : "",
	       status->state == WEIR_SESSION_UP ? status->label : "",
	       status->fatal ? ", and will not try again" : "");
	if (status->state == WEIR_SESSION_DOWN && status->error)
		printf("session: %s\n", status->reason);
	fflush(stdout);
}

/* On the host's thread. A program for people would tell the system's resolver of the servers. */
static void tell_host(void *context, const struct weir_host_status *status)
{
	(void)context;
	printf("host: %s\n", status->dhcp);
	for (unsigned i = 0; i < status->n_addresses; i++)
		printf("host: address %s\n", status->address[i].text);
	for (unsigned i = 0; i < status->n_dns; i++)
		printf("host: name server %s\n", status->dns[i]);
	if (status->device_error[0])
		printf("host: %s\n", status->device_error);
	fflush(stdout);
}

static void run_until_interrupted(struct weir_pipeline *pipeline, struct weir_host *host)
{
	struct weir_counters *counters;
	sigset_t signals;
	int signal;

	puts("running");
	fflush(stdout);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigwait(&signals, &signal);

	weir_host_release(host);
	weir_pipeline_stop(pipeline);
	counters = weir_counters_read(pipeline);
	if (counters)
		weir_counters_print(counters, stdout);
	weir_counters_free(counters);
}

/* The chains of a host: see host.h. */
static int create(struct weir_pipeline **pipeline, struct weir_host *host, char **argv,
		  struct weir_error *err)
{
	const struct weir_config config = {
		.endpoints = {
			weir_tun(DEVICE, .netns = argv[7]),
			weir_host_port("host", .host = host),
			weir_host_port("unresolved", .host = host), /* of the other worker */
			weir_softether("vpn", .server = argv[1], .port = (uint16_t)atoi(argv[2]), .hub = argv[3],
				       .user = argv[4], .password_file = argv[5],
				       .fingerprints = WEIR_LIST(argv[6]), .udp_acceleration = true,
				       .changed = tell_session, .context = host),
		},
		.workers = { { "out", .unpinned = true }, { "in", .unpinned = true } },
		.chains = {
			{ "outbound", .stages = {
				weir_read(DEVICE, .worker = "out"), weir_af_decap(),
				weir_neighbour_wrap(.host = host, .exit = { "resolve" }), weir_write("vpn"),
			} },
			{ "inbound", .stages = {
				weir_read("vpn", .worker = "in"),
				weir_neighbour_unwrap(.host = host, .exit = { "control" }), weir_af_encap(),
				weir_write(DEVICE),
			} },
			{ "resolve", .stages = { weir_write("unresolved") } },
			{ "control", .stages = { weir_write("host") } },
			{ "answers", .stages = { weir_read("host", .worker = "out"), weir_write("vpn") } },
		},
	};

	return weir_pipeline_create(pipeline, &config, err);
}

int main(int argc, char **argv)
{
	const struct weir_host_options options = {
		.mac = MAC,
		.dhcp = true,
		.no_ipv6 = true,
		.netns = argc > 7 ? argv[7] : NULL,
		.changed = tell_host,
	};
	struct weir_pipeline *pipeline = NULL;
	struct weir_host *host = NULL;
	struct weir_error err;
	sigset_t signals;
	int rc;

	if (argc < 7) {
		fprintf(stderr, "softether SERVER PORT HUB USER PASSWORD-FILE FINGERPRINT [NETNS]\n");
		return 2;
	}
	/* Blocked before there are threads, which inherit that: a signal comes to sigwait() above. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	rc = weir_host_create(&host, &options, &err);
	if (!rc)
		rc = create(&pipeline, host, argv, &err);
	if (!rc)
		rc = weir_host_set_device(host, DEVICE, &err);
	if (!rc)
		rc = weir_pipeline_start(pipeline, &err);
	if (rc)
		fprintf(stderr, "%s\n", err.text);
	else
		run_until_interrupted(pipeline, host);
	weir_pipeline_destroy(pipeline);
	weir_host_destroy(host);
	return rc ? 1 : 0;
}
