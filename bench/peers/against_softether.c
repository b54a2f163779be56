/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two clients of a SoftEther VPN server move between them: Weir, next to SoftEther's own client. All
 * sites are connected all the time, and those that are not measured have nothing to do.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "site.h"
#include "suite.h"

#define DOWN_NS     5000000000u  /* how long the server is away before it is started again */
#define PATIENCE_NS 60000000000u /* until packets pass again */
#define PROBE_MS    2

enum { VPNCLIENT, VPNCLIENT_WIRE, VPNCLIENT_UDP, VPNCLIENT_UDP_WIRE, SITES };

static struct site sites[SITES] = {
	[VPNCLIENT] = { .kind = SITE_VPNCLIENT },
	[VPNCLIENT_WIRE] = { .kind = SITE_VPNCLIENT, .plain = true },
	[VPNCLIENT_UDP] = { .kind = SITE_VPNCLIENT, .udp = true },
	[VPNCLIENT_UDP_WIRE] = { .kind = SITE_VPNCLIENT, .udp = true, .plain = true },
};

/* The clients are there all the time. */
static void start_nothing(const struct rig *rig, const struct placement *placement)
{
	(void)rig, (void)placement;
}

#define SITE(number) start_nothing, .rig = &sites[number].rig, .cpu_ns = site_cpu_ns

static const struct mode modes[] = {
	[VPNCLIENT] = { "vpnclient", NULL, "SoftEther's own client over TLS", SITE(VPNCLIENT) },
	[VPNCLIENT_WIRE] = { "vpnclient_wire", NULL,
			     "the same, over veth without offloads, as on a plain wire",
			     SITE(VPNCLIENT_WIRE) },
	[VPNCLIENT_UDP] = { "vpnclient_udp", NULL, "the same with UDP acceleration", SITE(VPNCLIENT_UDP) },
	[VPNCLIENT_UDP_WIRE] = { "vpnclient_udp_wire", NULL, "the same over veth without offloads",
				 SITE(VPNCLIENT_UDP_WIRE) },
};

static const struct traffic_case cases[] = {
	{ "tcp1", "TCP, 1 stream", &traffic_tcp, .streams = 1 },
	{ "rtt", "UDP request and response of 64 bytes, back to back", &traffic_rtt, .size = 64 },
};

static const struct extra extras[] = {
	{ "reconnect", "from when a server that was killed listens again until the first packet passes" },
};

static const struct suite suite = {
	.name = "softether",
	.cases = cases,
	.n_cases = countof(cases),
	.extras = extras,
	.n_extras = countof(extras),
	.modes = modes,
	.n_modes = countof(modes),
	.seconds = 2,
	.rounds = 7,
	.quick = "tcp1,rtt",
	.quick_modes = "vpnclient",
};

/* --- the sites --------------------------------------------------------------------------------------------
 */

static void make_sites(const struct options *options, const struct softether *server)
{
	for (unsigned i = 0; i < SITES; i++)
		if (options->mode_on[i])
			site_make(&sites[i], server, i);
	for (unsigned i = 0; i < SITES; i++)
		if (options->mode_on[i])
			site_await(&sites[i], server);
}

/* What has fallen back to TCP meanwhile was not measured. */
static void check_sites(const struct options *options, const struct softether *server)
{
	for (unsigned i = 0; i < SITES; i++)
		if (options->mode_on[i] && sites[i].udp && !site_goes_by_udp(&sites[i], server))
			give_up(BENCH_FAILED, "%s no longer goes by UDP", modes[i].name);
}

/* --- a server that comes back -----------------------------------------------------------------------------
 */

/* Debian's build of its own client does not, with OpenSSL 3: from the second connection on it gives up each
 * as soon as it has it, and then tries every second to add one. */
static bool comes_back(const struct options *options, unsigned i)
{
	return options->mode_on[i] && sites[i].kind != SITE_VPNCLIENT;
}

static void end_others(const struct options *options)
{
	for (unsigned i = 0; i < SITES; i++)
		if (options->mode_on[i] && !comes_back(options, i))
			site_end(&sites[i]);
}

struct probe {
	int left, right;
	bool came;
};

/* Sends one packet through each site that none came through yet. Returns how many those are. */
static unsigned send_probes(struct probe probes[SITES], struct pollfd polled[SITES])
{
	unsigned left = 0;
	char byte = 0;

	for (unsigned i = 0; i < SITES; i++) {
		polled[i] = (struct pollfd){ .fd = probes[i].came ? -1 : probes[i].right, .events = POLLIN };
		left += !probes[i].came;
		if (!probes[i].came)
			send(probes[i].left, &byte, 1, MSG_DONTWAIT);
	}
	return left;
}

static void await_probes(struct probe probes[SITES], struct report *report)
{
	const uint64_t begin = now_ns();
	struct pollfd polled[SITES];

	while (send_probes(probes, polled)) {
		if (now_ns() - begin > PATIENCE_NS)
			give_up(BENCH_FAILED, "not all clients have connected again");
		poll(polled, SITES, PROBE_MS);
		for (unsigned i = 0; i < SITES; i++) {
			if (!(polled[i].revents & POLLIN))
				continue;
			probes[i].came = true;
			report_add(report, extras[0].name, modes[i].name, "seconds",
				   (double)(now_ns() - begin) / 1e9);
		}
	}
}

static void restart(struct softether *server, const struct options *options, struct report *report)
{
	struct probe probes[SITES];

	for (unsigned i = 0; i < SITES; i++) {
		probes[i].came = !comes_back(options, i);
		if (!probes[i].came)
			traffic_udp_pair(&sites[i].rig, 0, &probes[i].left, &probes[i].right);
	}
	softether_kill(server);
	pause_ns(DOWN_NS);
	softether_start(server);
	await_probes(probes, report);
	for (unsigned i = 0; i < SITES; i++)
		if (comes_back(options, i))
			close(probes[i].left), close(probes[i].right);
}

static void measure_reconnect(struct softether *server, const struct options *options, struct report *report)
{
	end_others(options);
	for (unsigned r = 0; r < options->rounds; r++)
		restart(server, options, report);
	printf("\n%s, seconds:\n", extras[0].help);
	for (unsigned i = 0; i < SITES; i++) {
		const struct series *series = report_series(report, extras[0].name, modes[i].name, "seconds");
		const struct spread spread =
			report_spread(series ? series->values : NULL, series ? series->n : 0);

		if (series)
			printf("  %-20s %.3f [%.3f-%.3f]\n", modes[i].name, spread.median, spread.min,
			       spread.max);
	}
}

int main(int argc, char **argv)
{
	struct report report = { .bench = suite.name };
	struct conservation sum = { 0 };
	struct softether server;
	struct options options;

	suite_parse(&suite, &options, argc, argv);
	report.rounds = options.rounds;
	report_print_host(stdout);
	softether_make(&server, SITES);
	make_sites(&options, &server);
	suite_measure(&suite, &options, &report, &sites[0].rig, &sum);
	check_sites(&options, &server);
	if (suite_extra_on(&suite, &options, 0))
		measure_reconnect(&server, &options, &report);
	suite_print_table(&suite, &report);
	report_finish(&report, options.json);
	return 0;
}
