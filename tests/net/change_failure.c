/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes that cannot be made: a writer that takes nothing, a worker that is stuck, a device that cannot be
 * opened. Nothing has changed then, exact traffic goes on beside it, and later the same change succeeds.
 */
#include "namespace.h"

#include <linux/capability.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "address.h"
#include "gate.h"
#include "live.h"
#include "load.h"
#include "wait.h"

#define QUEUE 4000 /* packets that the kernel holds for us: more than a test sends at once */

static bool gate_is_open = true;

/* A worker that a failed test left at its gate would hold up all others. */
static int open_gate(void **state)
{
	(void)state;
	gate_set(&gate_is_open, true);
	return 0;
}

/* --- the pipeline -----------------------------------------------------------------------------------------
 */

/*
 * Traffic between left0 and right0 through two workers, and a chain from left1 to a socket that the test
 * reads:
 *
 *	forth: left0 -> af_decap -> gate -> stats => af_encap -> right0
 *	back:  right0 -> af_decap => af_encap -> left0
 *	out:   left1 => sink
 */
struct scene {
	struct site site[2];
	struct events events;
	struct weir_pipeline *pipeline;
	unsigned change_ms; /* 0: as long as a wait */
	int ends[2];        /* the pipeline's and the test's */
	int source;         /* sends into left1 */
	uint32_t sent, next;
	struct load *loads[2];
};

/* How the configuration differs from that. */
struct wish {
	bool joined;  /* out has no ring */
	bool removed; /* there is no out */
	bool swapped; /* forth's reader stands where back's did */
	bool dry_run;
	unsigned deadline_ms; /* 0: as long as change_ms */
	struct weir_report **report;
	const struct weir_endpoint *extra; /* one more, with a chain and a worker of its own */
};

#define OUT(...)                                 \
	{                                        \
		"out", .stages = { __VA_ARGS__ } \
	}

/* What weir_pipeline_apply() returns, or the pipeline is made. */
static int become(struct scene *scene, const struct wish *wish, struct weir_error *err)
{
	const struct weir_chain joined = OUT(weir_read("left1", .worker = "one"), weir_write("sink"));
	const struct weir_chain split =
		OUT(weir_read("left1", .worker = "one"), weir_ring("two"), weir_write("sink"));
	const char *const a = wish->swapped ? "two" : "one", *const b = wish->swapped ? "one" : "two";
	struct weir_config config = {
		.endpoints = { weir_tun("left0", .netns = scene->site[0].path, .no_ipv6 = true,
					.queue_length = QUEUE, .ipv4 = WEIR_LIST(ADDRESS_IPV4(0, 0) "/24")),
			       weir_tun("right0", .netns = scene->site[1].path, .no_ipv6 = true,
					.queue_length = QUEUE, .ipv4 = WEIR_LIST(ADDRESS_IPV4(0, 1) "/24")),
			       weir_tun("left1", .netns = scene->site[0].path, .no_ipv6 = true,
					.queue_length = QUEUE, .ipv4 = WEIR_LIST(ADDRESS_IPV4(1, 0) "/24")),
			       weir_fd("sink", .fd = scene->ends[0], .ownership = WEIR_FD_TAKEN) },
		.workers = { { "one", .unpinned = true }, { "two", .unpinned = true } },
		.chains = { { "forth", .stages = { weir_read("left0", .worker = a), weir_af_decap(),
						   gate(.open = &gate_is_open), weir_stats(), weir_ring(b),
						   weir_af_encap(), weir_write("right0") } },
			    { "back", .stages = { weir_read("right0", .worker = b), weir_af_decap(),
						  weir_ring(a), weir_af_encap(), weir_write("left0") } } },
		.pool = { .buffers = 4096, .overcommit = true },
		.drain_ms = WAIT_MS,
		.change_ms = scene->change_ms ? scene->change_ms : WAIT_MS,
		.log = events_log,
		.log_data = &scene->events,
	};
	const struct weir_chain extra = { "extra", .stages = { weir_read("extra", .worker = "three"),
							       weir_write("extra") } };

	if (wish->removed)
		memset(&config.endpoints[2], 0, 2 * sizeof(config.endpoints[0]));
	else
		config.chains[2] = wish->joined ? joined : split;
	if (wish->extra) {
		config.endpoints[4] = *wish->extra;
		config.workers[2] = (struct weir_worker){ "three", .unpinned = true };
		config.chains[3] = extra;
	}
	if (!scene->pipeline)
		return weir_pipeline_create(&scene->pipeline, &config, err);
	return weir_pipeline_apply(scene->pipeline, &config, err, .dry_run = wish->dry_run,
				   .deadline_ms = wish->deadline_ms, .report = wish->report);
}

static void must_become(struct scene *scene, const struct wish *wish)
{
	struct weir_error err;

	if (become(scene, wish, &err) < 0)
		fail_msg("%s", err.text);
}

static void begin(struct scene *scene, unsigned change_ms)
{
	struct weir_error err;

	memset(scene, 0, sizeof(*scene));
	scene->change_ms = change_ms;
	events_init(&scene->events);
	site_make(&scene->site[0]);
	site_make(&scene->site[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, scene->ends), 0);
	must_become(scene, &(struct wish){ 0 });
	if (weir_pipeline_start(scene->pipeline, &err) < 0)
		fail_msg("%s", err.text);
	scene->source = site_connect_udp(&scene->site[0], AF_INET, address_text(AF_INET, 1, 1));
	scene->loads[0] = load_exact_tcp(scene->site, AF_INET, 7000);
	scene->loads[1] = load_exact_udp(scene->site, AF_INET, 8000, 0);
}

static void all_go_on(struct scene *scene)
{
	load_wait(scene->loads[0]);
	load_wait(scene->loads[1]);
}

static struct weir_counters *counters_of(struct scene *scene)
{
	struct weir_counters *counters = weir_counters_read(scene->pipeline);

	assert_non_null(counters);
	return counters;
}

/* Everything is accounted for. */
static void end(struct scene *scene)
{
	struct weir_counters *counters;

	all_go_on(scene);
	load_stop(scene->loads[0]);
	load_stop(scene->loads[1]);
	/* With a short deadline a machine that is busy may need more than one try. */
	wait_until(weir_pipeline_stop(scene->pipeline) == 0);
	counters = counters_of(scene);
	assert_int_equal(counters->received_segments, counters->sent_segments);
	assert_int_equal(counters->dropped, 0);
	assert_int_equal(counters->held, 0);
	assert_int_equal(counters->buffers_free, counters->buffers);
	weir_counters_free(counters);
	assert_int_equal(events_errors(&scene->events, NULL), 0);
	weir_pipeline_destroy(scene->pipeline);
	close(scene->ends[1]);
	close(scene->source);
	site_close(&scene->site[0]);
	site_close(&scene->site[1]);
}

/* A change that is made by another thread, because it will wait. */
struct attempt {
	pthread_t thread;
	struct scene *scene;
	struct wish wish;
	struct weir_error err;
	int rc;
	bool done;
};

static void *try(void *argument)
{
	struct attempt *attempt = argument;

	attempt->rc = become(attempt->scene, &attempt->wish, &attempt->err);
	__atomic_store_n(&attempt->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void attempt_begin(struct attempt *attempt, struct scene *scene, const struct wish *wish)
{
	memset(attempt, 0, sizeof(*attempt));
	attempt->scene = scene;
	attempt->wish = *wish;
	assert_int_equal(pthread_create(&attempt->thread, NULL, try, attempt), 0);
}

static bool attempt_is_done(const struct attempt *attempt)
{
	return __atomic_load_n(&attempt->done, __ATOMIC_ACQUIRE);
}

static int attempt_end(struct attempt *attempt)
{
	pthread_join(attempt->thread, NULL);
	return attempt->rc;
}

/* --- nothing has changed ----------------------------------------------------------------------------------
 */

/* The pipeline is what it was told to be by this, in every part. */
static void expect_is(struct scene *scene, const struct wish *wish)
{
	struct wish same = *wish;
	struct weir_report *report;

	same.dry_run = true;
	same.report = &report;
	must_become(scene, &same);
	for (unsigned i = 0; i < report->n_items; i++)
		/* The engine does not know the options of this stage, and takes them for changed. */
		if (strcmp(report->items[i].name, "forth/gate") != 0 && report->items[i].fate != WEIR_KEPT)
			fail_msg("%s %s was touched", report->items[i].kind, report->items[i].name);
	weir_report_free(report);
}

/* --- a writer that takes nothing --------------------------------------------------------------------------
 */

static struct weir_stage_counters row_of(struct scene *scene, const char *path)
{
	struct weir_counters *counters = counters_of(scene);
	const struct weir_stage_counters row = *weir_counters_stage(counters, path);

	weir_counters_free(counters); /* and with it the names in row */
	return row;
}

static uint64_t stalls(struct scene *scene)
{
	return row_of(scene, "out/write").stalls;
}

static void give(struct scene *scene)
{
	assert_int_equal(send(scene->source, &scene->sent, sizeof(scene->sent), 0), sizeof(scene->sent));
	scene->sent++;
}

/* Until the writer waits, and then so much more that some packets wait everywhere before it; the kernel holds
 * them all. */
static void fill(struct scene *scene)
{
	const uint64_t before = stalls(scene), read = row_of(scene, "out/read").packets;
	const uint32_t first = scene->sent;

	/* The next one when this one has been read: on a busy machine the worker may be far behind. */
	while (stalls(scene) == before) {
		assert_true(scene->sent - first < QUEUE / 2);
		give(scene);
		wait_until(stalls(scene) != before ||
			   row_of(scene, "out/read").packets - read == scene->sent - first);
	}
	for (unsigned i = 0; i < QUEUE / 4; i++)
		give(scene);
}

/* Takes what has come: our packets, one after the other. */
static void take(struct scene *scene)
{
	uint8_t packet[2048];
	uint32_t number;
	ssize_t n;

	while ((n = recv(scene->ends[1], packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		memcpy(&number, packet + 28, sizeof(number));
		assert_int_equal(n, 28 + sizeof(number));
		assert_int_equal(number, scene->next);
		scene->next++;
	}
}

static void take_all(struct scene *scene)
{
	struct pollfd wait = { .fd = scene->ends[1], .events = POLLIN };

	for (take(scene); scene->next < scene->sent; take(scene))
		assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
}

/* It is refused at its deadline, and traffic goes on. */
static void times_out(struct scene *scene, const struct wish *is, const struct wish *wish)
{
	const uint64_t before = wait_now_ms();
	struct attempt attempt;

	attempt_begin(&attempt, scene, wish);
	all_go_on(scene);
	assert_int_equal(attempt_end(&attempt), -ETIMEDOUT);
	assert_true(wait_now_ms() - before >= wish->deadline_ms);
	assert_non_null(strstr(attempt.err.text, "out/"));
	expect_is(scene, is);
	all_go_on(scene);
}

/* Traffic goes on all the time that the change waits, and it is made as soon as somebody reads. */
static void succeeds(struct scene *scene, const struct wish *wish)
{
	struct wish patient = *wish;
	struct attempt attempt;

	patient.deadline_ms = WAIT_MS;
	attempt_begin(&attempt, scene, &patient);
	all_go_on(scene);
	assert_false(attempt_is_done(&attempt));
	while (!attempt_is_done(&attempt)) {
		take(scene);
		wait_a_moment();
	}
	if (attempt_end(&attempt) < 0)
		fail_msg("%s", attempt.err.text);
	expect_is(scene, wish);
}

/* The ring must be empty before it can go. */
static void ring_before_blocked_writer(void **state)
{
	const struct wish split = { 0 }, joined = { .joined = true, .deadline_ms = 300 };
	struct scene scene;

	(void)state;
	begin(&scene, 0);
	fill(&scene);
	times_out(&scene, &split, &joined);
	times_out(&scene, &split, &joined);
	succeeds(&scene, &joined);
	take_all(&scene);
	end(&scene);
}

/* So must what waits in front of the writer. */
static void blocked_writer_removed(void **state)
{
	const struct wish split = { 0 }, removed = { .removed = true, .deadline_ms = 300 };
	struct scene scene;

	(void)state;
	begin(&scene, 0);
	fill(&scene);
	times_out(&scene, &split, &removed);
	succeeds(&scene, &removed);
	end(&scene);
}

/* What waits in front of the writer is handed over to another worker together with it; and back. */
static void blocked_writer_moved(void **state)
{
	const struct wish split = { 0 }, joined = { .joined = true };
	struct scene scene;

	(void)state;
	begin(&scene, 0);
	must_become(&scene, &joined);
	fill(&scene);
	must_become(&scene, &split);
	expect_is(&scene, &split);
	all_go_on(&scene);
	take_all(&scene);
	end(&scene);
}

/* --- a worker that is stuck -------------------------------------------------------------------------------
 */

static int configure_stats(struct scene *scene, struct weir_error *err)
{
	const struct weir_stage stats = weir_stats();

	return weir_stage_configure(scene->pipeline, "forth/stats", &stats, err);
}

static bool is_stuck(struct scene *scene)
{
	struct weir_counters *counters = counters_of(scene);
	const struct weir_worker_counters *worker = &counters->workers[0];
	const bool stuck = worker->stuck && worker->stuck_ms && strcmp(worker->stuck_in, "forth/gate") == 0;

	assert_string_equal(worker->name, "one");
	weir_counters_free(counters);
	return stuck;
}

static void expect_timeout(int rc, const struct weir_error *err, uint64_t since, unsigned deadline_ms)
{
	assert_int_equal(rc, -ETIMEDOUT);
	assert_true(wait_now_ms() - since >= deadline_ms);
	assert_non_null(strstr(err->text, "worker 'one' is stuck in forth/gate"));
}

static void stuck_stage(void **state)
{
	const struct wish usual = { 0 }, moved = { .swapped = true, .joined = true };
	struct weir_error err;
	struct scene scene;
	uint64_t begun;

	(void)state;
	begin(&scene, 100);
	all_go_on(&scene);
	for (int round = 0; round < 3; round++) {
		events_forget(&scene.events);
		gate_set(&gate_is_open, false);
		wait_until(is_stuck(&scene));
		wait_until(events_warned(&scene.events, "worker one is stuck in forth/gate for "));
		begun = wait_now_ms();
		expect_timeout(configure_stats(&scene, &err), &err, begun, 100);
		begun = wait_now_ms();
		expect_timeout(become(&scene, &moved, &err), &err, begun, 100);
		gate_set(&gate_is_open, true);
		wait_until(events_warned(&scene.events, "worker one goes on after "));
		expect_is(&scene, &usual);
		all_go_on(&scene);
		/* A machine that is busy may need longer, which changes nothing either. */
		wait_until(configure_stats(&scene, &err) == 0);
		wait_until(become(&scene, &moved, &err) == 0);
		all_go_on(&scene);
		wait_until(become(&scene, &usual, &err) == 0);
		all_go_on(&scene);
	}
	end(&scene);
}

/* --- a device that cannot be opened -----------------------------------------------------------------------
 */

static int take_name(const struct site *site, const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	site_enter(site);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	site_leave();
	return fd;
}

/* Of this thread and those that it makes. */
static void set_capabilities(bool effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	for (unsigned i = 0; i < 2; i++)
		data[i].effective = effective ? data[i].permitted : 0;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

/* The change would do more than that; none of it has happened. */
static void expect_refused(struct scene *scene, struct weir_endpoint extra, int code)
{
	const struct wish usual = { 0 };
	const struct wish wish = { .swapped = true, .joined = true, .extra = &extra };
	struct weir_error err;

	assert_int_equal(become(scene, &wish, &err), code);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, "extra"));
	expect_is(scene, &usual);
}

#define EXTRA(...) \
	((struct weir_endpoint)weir_tun("extra", .netns = scene.site[0].path, .no_ipv6 = true, __VA_ARGS__))

static void device_that_cannot_be_opened(void **state)
{
	struct scene scene;
	int other;

	(void)state;
	begin(&scene, 0);
	other = take_name(&scene.site[0], "busy0");
	for (int round = 0; round < 5; round++) {
		all_go_on(&scene);
		expect_refused(&scene, EXTRA(.device = "busy0"), -EBUSY);
		expect_refused(&scene, EXTRA(.device = "left0"), -EBUSY);
		expect_refused(&scene, EXTRA(.device_path = "/nowhere"), -ENOENT);
		set_capabilities(false);
		expect_refused(&scene, EXTRA(), -EPERM);
		set_capabilities(true);
	}
	/* As soon as it can be opened, it is. */
	must_become(&scene, &(struct wish){ .extra = (const struct weir_endpoint[]){ EXTRA() } });
	all_go_on(&scene);
	must_become(&scene, &(struct wish){ 0 });
	close(other);
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_before_blocked_writer),
		cmocka_unit_test(blocked_writer_removed),
		cmocka_unit_test(blocked_writer_moved),
		cmocka_unit_test_teardown(stuck_stage, open_gate),
		cmocka_unit_test(device_that_cannot_be_opened),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
