/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include "command.h"
#include "eal.h"
#include "tap.h"

#define BURST       32
#define DESCRIPTORS 512
#define IDLE_US     20

static struct rte_mempool *pool;
static uint16_t ports[SIDES];

static enum side other(enum side side)
{
	return side == LEFT ? RIGHT : LEFT;
}

static void check(int code, const char *what)
{
	if (code < 0)
		give_up(BENCH_REFUSED, "DPDK: %s: %s", what, rte_strerror(-code));
}

/* The driver opens its device more than once, and each time in the namespace of the thread. */
static void open_port(const struct rig *rig, enum side side)
{
	const struct rte_eth_conf conf = { 0 };
	char name[32], arguments[32];

	rig_enter(rig, side);
	snprintf(name, sizeof(name), "net_tap%d", side);
	snprintf(arguments, sizeof(arguments), "iface=%s", rig_device(side));
	check(rte_eal_hotplug_add("vdev", name, arguments), "net_tap");
	check(rte_eth_dev_get_port_by_name(name, &ports[side]), "net_tap's port");
	check(rte_eth_dev_configure(ports[side], 1, 1, &conf), "rte_eth_dev_configure");
	check(rte_eth_rx_queue_setup(ports[side], 0, DESCRIPTORS, 0, NULL, pool), "rte_eth_rx_queue_setup");
	check(rte_eth_tx_queue_setup(ports[side], 0, DESCRIPTORS, 0, NULL), "rte_eth_tx_queue_setup");
	check(rte_eth_dev_start(ports[side]), "rte_eth_dev_start");
}

/* As the rig makes its own, but for what a device of layer 2 needs in addition. */
static void set_up_device(const struct rig *rig, enum side side)
{
	const char *device = rig_device(side);

	command_run(rig, side, "ip link set %s address 02:00:00:00:00:0%d mtu %d txqueuelen %d up", device,
		    side + 1, RIG_MTU, RIG_QUEUE_LENGTH);
	command_run(rig, side, "ip address add %s dev %s", rig_prefix(side), device);
	command_run(rig, side, "ip neighbour replace %.9s lladdr 02:00:00:00:00:0%d nud permanent dev %s",
		    rig_prefix(other(side)), other(side) + 1, device);
}

/* Returns how many packets came. */
static uint16_t forward(enum side from)
{
	struct rte_mbuf *packets[BURST];
	const uint16_t n = rte_eth_rx_burst(ports[from], 0, packets, BURST);
	const uint16_t sent = n ? rte_eth_tx_burst(ports[other(from)], 0, packets, n) : 0;

	if (sent < n)
		rte_pktmbuf_free_bulk(packets + sent, n - sent);
	return n;
}

static void *forward_all(void *idle)
{
	check(rte_thread_register(), "rte_thread_register");
	for (;;)
		if (forward(LEFT) + forward(RIGHT) == 0 && idle)
			usleep(IDLE_US);
	return NULL;
}

/* The driver has the kernel send a real-time signal for each arrival, and SIGIO when too many of them wait.
 * As long as its handler has never run, it asks the devices instead. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
		sigaddset(&set, i);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void start(const struct rig *rig, const struct placement *placement, bool idle, bool quiet)
{
	static char yes;
	pthread_t thread;

	if (quiet)
		block_signals(); /* first, for all threads */
	eal_start();
	pool = eal_pool("packets", RTE_MBUF_DEFAULT_BUF_SIZE);
	for (enum side side = LEFT; side < SIDES; side++) {
		open_port(rig, side);
		set_up_device(rig, side);
	}
	placement_start_thread(&thread, placement->one, forward_all, idle ? &yes : NULL);
	pthread_detach(thread);
}

void tap_start(const struct rig *rig, const struct placement *placement)
{
	start(rig, placement, false, false);
}

void tap_start_idle(const struct rig *rig, const struct placement *placement)
{
	start(rig, placement, true, false);
}

void tap_start_quiet(const struct rig *rig, const struct placement *placement)
{
	start(rig, placement, false, true);
}

void tap_start_quiet_idle(const struct rig *rig, const struct placement *placement)
{
	start(rig, placement, true, true);
}
