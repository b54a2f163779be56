/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline with nothing to do does nothing, whatever has become of its devices. */
#include "namespace.h"

#include "address.h"
#include "load.h"
#include "tunnel.h"
#include "wait.h"

/* In each of these, a loop that polls would make more passes than a test allows in all. */
#define LONG_MS  2000
#define SHORT_MS 200

/* Last passes that a busy machine had put off, or a packet that the kernel sent by itself. */
#define PASSES_MAX 4

/* Of all workers. */
struct work {
	uint64_t passes;
	uint64_t sleeps;
	uint64_t wakes;
};

static struct work work_of(struct tunnel *tunnel)
{
	struct weir_counters *counters = weir_counters_read(tunnel->pipeline);
	struct work work = { 0 };

	assert_non_null(counters);
	for (unsigned i = 0; i < counters->n_workers; i++) {
		work.passes += counters->workers[i].passes;
		work.sleeps += counters->workers[i].sleeps;
		work.wakes += counters->workers[i].wakes;
	}
	weir_counters_free(counters);
	return work;
}

static void wait_ms(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left))
		;
}

/* What the workers do in that time. */
static struct work work_in(struct tunnel *tunnel, long ms)
{
	const struct work before = work_of(tunnel);
	struct work after;

	wait_ms(ms);
	after = work_of(tunnel);
	return (struct work){ after.passes - before.passes, after.sleeps - before.sleeps,
			      after.wakes - before.wakes };
}

static bool is_little(const struct work *work)
{
	return work->passes <= PASSES_MAX && work->sleeps <= PASSES_MAX && work->wakes <= PASSES_MAX;
}

/* Sooner or later, such a time goes by without work. */
static void expect_idle(struct tunnel *tunnel, const char *while_, long ms)
{
	const uint64_t end = wait_now_ms() + WAIT_MS;
	struct work work = { 0 };

	do {
		if (wait_now_ms() > end)
			fail_msg("%s: %llu passes, %llu sleeps and %llu wake-ups in %ld ms", while_,
				 (unsigned long long)work.passes, (unsigned long long)work.sleeps,
				 (unsigned long long)work.wakes, ms);
		work = work_in(tunnel, ms);
	} while (!is_little(&work));
}

static void use(struct tunnel *tunnel)
{
	struct load *load = load_udp(tunnel->site, AF_INET, 0);

	load_wait(load);
	load_stop(load);
}

static void idle(bool threaded)
{
	const struct tunnel_options options = { .threaded = threaded, .two_pairs = true };
	struct tunnel *tunnel = tunnel_make(&options);

	tunnel_start(tunnel);
	expect_idle(tunnel, "before the first packet", SHORT_MS);
	use(tunnel);
	expect_idle(tunnel, "after the last packet", LONG_MS);
	tunnel_set_up_by_kernel(tunnel, "left0", false);
	expect_idle(tunnel, "with a device that is down", SHORT_MS);
	tunnel_set_up_by_kernel(tunnel, "left0", true);
	use(tunnel);
	tunnel_delete(tunnel, "right0");
	wait_until(tunnel_error(tunnel, "right0") != 0);
	expect_idle(tunnel, "with a device that is gone", SHORT_MS);
	tunnel_recover(tunnel, "right0");
	use(tunnel);
	expect_idle(tunnel, "after it came back", SHORT_MS);
	tunnel_stop(tunnel);
	tunnel_free(tunnel);
}

static void devices_fused(void **state)
{
	(void)state;
	idle(false);
}

static void devices_threaded(void **state)
{
	(void)state;
	idle(true);
}

/* Sends until a condition is true. */
#define send_until(fd, condition)                                    \
	do {                                                         \
		for (uint64_t sent_ = 0; !(condition); sent_++) {    \
			assert_true(sent_ < 1000000);                \
			assert_int_equal(send(fd, "weir", 4, 0), 4); \
		}                                                    \
	} while (0)

/* A socket that nobody reads, packets that wait for it wherever they can, and then its end. */
static void socket_that_blocks(bool threaded)
{
	struct tunnel_options options = {
		.threaded = threaded,
		.two_pairs = true,
		.ring_capacity = 2,
		.drain_ms = 1,
	};
	struct tunnel *tunnel;
	int ends[2], source;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	options.right0 = (struct weir_endpoint)weir_fd("right0", .fd = ends[0], .ownership = WEIR_FD_TAKEN);
	tunnel = tunnel_make(&options);
	source = site_connect_udp(&tunnel->site[0], AF_INET, address_text(AF_INET, 0, 1));
	tunnel_start(tunnel);
	send_until(source, tunnel_kernel_drops(tunnel, "left0") > 0);
	expect_idle(tunnel, "with a socket that nobody reads", SHORT_MS);
	close(ends[1]);
	wait_until(tunnel_error(tunnel, "right0") != 0);
	expect_idle(tunnel, "with a socket that is closed", SHORT_MS);
	close(source);
	tunnel_stop(tunnel);
	tunnel_free(tunnel);
}

static void socket_that_blocks_fused(void **state)
{
	(void)state;
	socket_that_blocks(false);
}

static void socket_that_blocks_threaded(void **state)
{
	(void)state;
	socket_that_blocks(true);
}

/* All buffers wait in front of a socket, and a reader waits for one. */
static void no_buffers(void **state)
{
	struct tunnel_options options = {
		.threaded = true,
		.two_pairs = true,
		.ring_capacity = 256, /* room for all buffers, one by one */
		.pool = { .buffers = 6 * WEIR_VECTOR_SIZE, .overcommit = true },
		.drain_ms = 1,
	};
	struct tunnel *tunnel;
	int ends[2], source;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	options.right0 = (struct weir_endpoint)weir_fd("right0", .fd = ends[0], .ownership = WEIR_FD_TAKEN);
	tunnel = tunnel_make(&options);
	source = site_connect_udp(&tunnel->site[0], AF_INET, address_text(AF_INET, 0, 1));
	tunnel_start(tunnel);
	send_until(source, tunnel_starved(tunnel) > 0 && tunnel_kernel_drops(tunnel, "left0") > 0);
	expect_idle(tunnel, "without buffers", SHORT_MS);
	assert_int_equal(weir_pipeline_stop(tunnel->pipeline), -ETIMEDOUT);
	tunnel_check_rest(tunnel);
	close(source);
	close(ends[1]);
	tunnel_free(tunnel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_fused),
		cmocka_unit_test(devices_threaded),
		cmocka_unit_test(socket_that_blocks_fused),
		cmocka_unit_test(socket_that_blocks_threaded),
		cmocka_unit_test(no_buffers),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
