/* SPDX-License-Identifier: Apache-2.0 */
/* More traffic than a stage, a ring or the pool can take: it waits in the kernel or is dropped as the
 * configuration says, and it goes on as soon as it can. */
#include "namespace.h"

#include "gate.h"
#include "load.h"
#include "tunnel.h"
#include "wait.h"

static bool gate_is_open = true;

/* A worker that a failed test left at its gate would hold up all others. */
static int open_gate(void **state)
{
	(void)state;
	gate_set(&gate_is_open, true);
	return 0;
}

static void ring_waits(void **state)
{
	const struct tunnel_options options = {
		.threaded = true,
		.two_pairs = true,
		.second_fused = true,
		.gate = &gate_is_open,
		.ring_capacity = 1,
		.ring_full = WEIR_FULL_WAIT,
	};
	struct tunnel *tunnel = tunnel_make(&options);
	struct load *load, *other;
	uint64_t stalls, lost;

	(void)state;
	tunnel_start(tunnel);
	load = load_udp(tunnel->site, AF_INET, 0);
	other = load_udp(tunnel->site, AF_INET, 1);
	load_wait(load);
	stalls = tunnel_row(tunnel, "forth0/ring").stalls;
	lost = tunnel_kernel_drops(tunnel, "left0");
	gate_set(&gate_is_open, false);
	wait_until(tunnel_row(tunnel, "forth0/ring").stalls > stalls);
	wait_until(tunnel_kernel_drops(tunnel, "left0") > lost);
	load_wait(other);
	gate_set(&gate_is_open, true);
	load_wait(load);
	load_stop(load);
	load_stop(other);
	tunnel_stop(tunnel);
	assert_int_equal(tunnel_dropped(tunnel), 0);
	tunnel_free(tunnel);
}

static void ring_drops(void **state)
{
	const struct tunnel_options options = {
		.threaded = true,
		.two_pairs = true,
		.second_fused = true,
		.gate = &gate_is_open,
		.ring_capacity = 2,
		.ring_full = WEIR_FULL_DROP,
	};
	struct tunnel *tunnel = tunnel_make(&options);
	struct load *load, *other;
	uint64_t before;

	(void)state;
	tunnel_start(tunnel);
	load = load_udp(tunnel->site, AF_INET, 0);
	other = load_udp(tunnel->site, AF_INET, 1);
	load_wait(load);
	before = tunnel_drops(tunnel, "forth0/ring", "ring_full");
	gate_set(&gate_is_open, false);
	/* It goes on reading, and dropping: more than the kernel would hold. */
	wait_until(tunnel_drops(tunnel, "forth0/ring", "ring_full") > before + 2000);
	load_wait(other);
	gate_set(&gate_is_open, true);
	load_wait(load);
	load_stop(load);
	load_stop(other);
	tunnel_stop(tunnel);
	assert_int_equal(tunnel_row(tunnel, "forth0/ring").stalls, 0);
	assert_int_equal(tunnel_dropped(tunnel), tunnel_drops(tunnel, "forth0/ring", "ring_full"));
	tunnel_free(tunnel);
}

#define LONG_RING 256 /* vectors: it has room for all buffers, one by one */

/* Everything that moves needs the same few buffers. */
static void go_on_with_few_buffers(const struct tunnel_options *options)
{
	const uint32_t largest = (options->mtu ? options->mtu : 1500) - 28;
	struct tunnel *tunnel = tunnel_make(options);
	struct load *loads[3];
	uint64_t lost;

	tunnel_start(tunnel);
	loads[0] = load_tcp(tunnel->site, AF_INET, 0);
	loads[1] = load_udp_up_to(tunnel->site, AF_INET, 0, largest);
	loads[2] = load_tcp(tunnel->site, AF_INET, 1);
	for (int round = 0; round < 5; round++) {
		for (unsigned i = 0; i < countof(loads); i++)
			load_wait(loads[i]);
		lost = tunnel_kernel_drops(tunnel, "left0");
		gate_set(&gate_is_open, false);
		wait_until(tunnel_kernel_drops(tunnel, "left0") > lost);
		gate_set(&gate_is_open, true);
	}
	for (unsigned i = 0; i < countof(loads); i++) {
		load_wait(loads[i]);
		load_stop(loads[i]);
	}
	tunnel_stop(tunnel);
	assert_int_equal(tunnel_row(tunnel, "forth0/ring").stalls, 0);
	assert_true(tunnel_starved(tunnel) > 0);
	assert_int_equal(tunnel_dropped(tunnel), 0);
	tunnel_free(tunnel);
}

static void few_buffers(void **state)
{
	const struct tunnel_options options = {
		.threaded = true,
		.two_pairs = true,
		.gate = &gate_is_open,
		.ring_capacity = LONG_RING,
		.pool = { .buffers = 4 * WEIR_VECTOR_SIZE, .overcommit = true },
	};

	(void)state;
	go_on_with_few_buffers(&options);
}

/* Most packets have up to 9000 bytes, and there are jumbo buffers for a few of them only. */
static void few_jumbo_buffers(void **state)
{
	const struct tunnel_options options = {
		.threaded = true,
		.two_pairs = true,
		.gate = &gate_is_open,
		.mtu = 9000,
		.ring_capacity = LONG_RING,
		.pool = { .jumbo = 16 },
	};

	(void)state;
	go_on_with_few_buffers(&options);
}

/* The fewest that are allowed, and one worker alone. */
static void fewest_buffers(void **state)
{
	const struct tunnel_options options = {
		.two_pairs = true,
		.pool = { .buffers = 2 * WEIR_VECTOR_SIZE, .overcommit = true },
	};
	struct tunnel *tunnel = tunnel_make(&options);
	struct load *tcp, *udp;

	(void)state;
	tunnel_start(tunnel);
	tcp = load_tcp(tunnel->site, AF_INET, 0);
	udp = load_udp(tunnel->site, AF_INET, 1);
	load_wait(tcp);
	load_wait(udp);
	load_stop(tcp);
	load_stop(udp);
	tunnel_stop(tunnel);
	tunnel_free(tunnel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(ring_waits, open_gate),
		cmocka_unit_test_teardown(ring_drops, open_gate),
		cmocka_unit_test_teardown(few_buffers, open_gate),
		cmocka_unit_test_teardown(few_jumbo_buffers, open_gate),
		cmocka_unit_test(fewest_buffers),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
