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

#define DOWN_NS     2000000000u  /* how long the server is away before it is started again */
#define PATIENCE_NS 60000000000u /* until packets pass again */
#define PROBE_MS    2

enum {
	VPNCLIENT,
	WEIR,
	WEIR_TUN,
	VPNCLIENT_WIRE,
	WEIR_WIRE,
	WEIR_TUN_WIRE,
	VPNCLIENT_UDP,
	WEIR_UDP,
	VPNCLIENT_UDP_WIRE,
	WEIR_UDP_WIRE,
	SITES,
};

static struct site sites[SITES] = {
	[VPNCLIENT] = { .kind = SITE_VPNCLIENT },
	[WEIR] = { .kind = SITE_WEIR },
	[WEIR_TUN] = { .kind = SITE_WEIR_TUN },
	[VPNCLIENT_WIRE] = { .kind = SITE_VPNCLIENT, .plain = true },
	[WEIR_WIRE] = { .kind = SITE_WEIR, .plain = true },
	[WEIR_TUN_WIRE] = { .kind = SITE_WEIR_TUN, .plain = true },
	[VPNCLIENT_UDP] = { .kind = SITE_VPNCLIENT, .udp = true },
	[WEIR_UDP] = { .kind = SITE_WEIR, .udp = true },
	[VPNCLIENT_UDP_WIRE] = { .kind = SITE_VPNCLIENT, .udp = true, .plain = true },
	[WEIR_UDP_WIRE] = { .kind = SITE_WEIR, .udp = true, .plain = true },
};

/* The clients are there all the time. */
static void start_nothing(const struct rig *rig, const struct placement *placement)
{
	(void)rig, (void)placement;
}

#define SITE(number) start_nothing, .rig = &sites[number].rig, .cpu_ns = site_cpu_ns

#define WIRE " over veth without offloads, as on a plain wire"

static const struct mode modes[] = {
	[VPNCLIENT] = { "vpnclient", NULL, "SoftEther's own client, TLS over veth", SITE(VPNCLIENT) },
	[WEIR] = { "weir", "vpnclient", "Weir between a TAP and the session, TLS over veth", SITE(WEIR) },
	[WEIR_TUN] = { "weir_tun", "vpnclient", "the same with a TUN, and Ethernet headers put on and off",
		       SITE(WEIR_TUN) },
	[VPNCLIENT_WIRE] = { "vpnclient_wire", NULL, "vpnclient" WIRE, SITE(VPNCLIENT_WIRE) },
	[WEIR_WIRE] = { "weir_wire", "vpnclient_wire", "weir" WIRE, SITE(WEIR_WIRE) },
	[WEIR_TUN_WIRE] = { "weir_tun_wire", "vpnclient_wire", "weir_tun" WIRE, SITE(WEIR_TUN_WIRE) },
	[VPNCLIENT_UDP] = { "vpnclient_udp", NULL, "vpnclient with UDP acceleration", SITE(VPNCLIENT_UDP) },
	[WEIR_UDP] = { "weir_udp", "vpnclient_udp", "weir with UDP acceleration", SITE(WEIR_UDP) },
	[VPNCLIENT_UDP_WIRE] = { "vpnclient_udp_wire", NULL, "vpnclient_udp" WIRE, SITE(VPNCLIENT_UDP_WIRE) },
	[WEIR_UDP_WIRE] = { "weir_udp_wire", "vpnclient_udp_wire", "weir_udp" WIRE, SITE(WEIR_UDP_WIRE) },
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
	.quick_modes = "vpnclient,weir",
};

/* --- the sites --------------------------------------------------------------------------------------------
 */

static void make_sites(const struct options *options, const struct softether *server)
{
	for (unsigned i = 0; i < SITES; i++)
		if (options->mode_on[i])
			site_make(&sites[i], server, i, &options->placement);
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

/* One site, so that the time is not that of a server with many logins at once. Debian's build of SoftEther's
 * own client does not come back, with OpenSSL 3: from the second connection on it gives up each as soon as it
 * has it, and then tries every second to add one. */
static bool comes_back(const struct options *options, unsigned i)
{
	return options->mode_on[i] && i == WEIR;
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

/* --- figures ----------------------------------------------------------------------------------------------
 */

/* A ratio on veth with offloads and without; what is asked for, both have to be. */
struct pair {
	const char *key, *kase, *metric;
	unsigned mode, wire;
	enum bar bar;
	double limit;
};

static const struct pair pairs[] = {
	{ "softether_tcp1_vs_vpnclient", "tcp1", "gbps", WEIR, WEIR_WIRE, BAR_AT_LEAST, 1.3 },
	{ "softether_cpu_vs_vpnclient", "tcp1", "cpu_s_per_gb", WEIR, WEIR_WIRE, BAR_AT_MOST, 0.5 },
	{ "softether_rtt_p50", "rtt", "p50_us", WEIR, WEIR_WIRE, BAR_AT_MOST, 1 },
	{ "softether_udp_tcp1_vs_vpnclient", "tcp1", "gbps", WEIR_UDP, WEIR_UDP_WIRE, BAR_AT_LEAST, 1.3 },
	{ "softether_udp_cpu_vs_vpnclient", "tcp1", "cpu_s_per_gb", WEIR_UDP, WEIR_UDP_WIRE, BAR_NONE, 0 },
	{ "softether_udp_rtt_p50", "rtt", "p50_us", WEIR_UDP, WEIR_UDP_WIRE, BAR_NONE, 0 },
	{ "softether_tun_tcp1_vs_vpnclient", "tcp1", "gbps", WEIR_TUN, WEIR_TUN_WIRE, BAR_NONE, 0 },
	{ "softether_tun_cpu_vs_vpnclient", "tcp1", "cpu_s_per_gb", WEIR_TUN, WEIR_TUN_WIRE, BAR_NONE, 0 },
};

static double ratio(const struct report *report, const struct pair *pair, unsigned mode)
{
	return report_ratio(report, pair->kase, pair->metric, modes[mode].name, modes[mode].base).median;
}

static void add_figures(struct report *report)
{
	for (const struct pair *pair = pairs; pair < pairs + countof(pairs); pair++) {
		const double veth = ratio(report, pair, pair->mode), wire = ratio(report, pair, pair->wire);
		const bool more = strcmp(pair->metric, "gbps") == 0; /* is better */
		char key[48];

		if (isnan(veth) || isnan(wire))
			continue;
		report_figure(report, pair->key, more ? fmin(veth, wire) : fmax(veth, wire), pair->bar,
			      pair->limit);
		snprintf(key, sizeof(key), "%s_veth", pair->key);
		report_figure(report, key, veth, BAR_NONE, 0);
		snprintf(key, sizeof(key), "%s_wire", pair->key);
		report_figure(report, key, wire, BAR_NONE, 0);
	}
	report_figure(report, "softether_reconnect_s", report_median(report, "reconnect", "weir", "seconds"),
		      BAR_AT_MOST, 1);
}

/* Those that come back, or the others. */
static void end_sites(const struct options *options, bool come_back, struct conservation *sum)
{
	for (unsigned i = 0; i < SITES; i++)
		if (options->mode_on[i] && comes_back(options, i) == come_back)
			site_end(&sites[i], sum);
}

int main(int argc, char **argv)
{
	struct report report = { .bench = suite.name };
	struct conservation sum = { 0 };
	struct softether server;
	struct options options;
	bool kept;

	suite_parse(&suite, &options, argc, argv);
	report.rounds = options.rounds;
	report_print_host(stdout);
	softether_make(&server, SITES);
	make_sites(&options, &server);
	suite_measure(&suite, &options, &report, &sites[0].rig, &sum);
	check_sites(&options, &server);
	end_sites(&options, false, &sum);
	if (suite_extra_on(&suite, &options, 0))
		measure_reconnect(&server, &options, &report);
	end_sites(&options, true, &sum);
	suite_print_table(&suite, &report);
	kept = suite_print_conservation(&sum);
	add_figures(&report);
	report_finish(&report, options.json);
	return kept ? 0 : BENCH_FAILED;
}
