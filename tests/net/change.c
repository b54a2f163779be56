/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline that is changed all the time, in its settings and in its shape, under exact traffic: nothing is
 * lost, doubled, overtaken or altered, every packet is counted once, and nothing is left of what was there
 * before.
 */
#include "namespace.h"

#include <dirent.h>
#include <pthread.h>

#include "kernel.h"
#include "live.h"
#include "load.h"
#include "sanitizer.h"
#include "wait.h"

#define SETTINGS_A_SECOND  1000
#define SHAPES_A_SECOND    50
#define LOOKS_A_SECOND     500
#define EXCHANGES_A_SECOND 900
#define RESTART_EVERY      30
#define STREAMS            2
#define FLOWS              4
#define SWAP_EVERY         16 /* shapes, with which right0 becomes another device */
#define GROW_EVERY         25
#define GROWTH_MAX         40 /* steps */
#define REPLACEMENTS       20

static unsigned seconds = 3;
static uint64_t seed;

/* --- what goes on at once ---------------------------------------------------------------------------------
 */

/* One thread that does one thing to the pipeline, again and again. */
struct party {
	pthread_t thread;
	struct live *live;
	void (*act)(struct party *party);
	unsigned rate; /* a second, if the machine lets it */
	struct live_dice dice;
	bool stop;
	uint64_t n;
	char error[4608]; /* "" as long as all is well; read by others after its end */
	bool failed;

	/* Of the one that looks. */
	uint64_t received, sent;
	/* Of the one that changes the shape. */
	struct live_shape shape;
	struct live_wish wish;
	uint64_t held, drained, held_us_max;
	struct weir_report sum; /* of times */
};

static void failed(struct party *party, const char *what, int rc, const struct weir_error *err)
{
	snprintf(party->error, sizeof(party->error), "%s: %s: %s", what, strerror(-rc), err ? err->text : "");
	__atomic_store_n(&party->failed, true, __ATOMIC_RELEASE);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	const struct timespec until = { .tv_sec = (time_t)(ns / 1000000000),
					.tv_nsec = (long)(ns % 1000000000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void *run(void *argument)
{
	struct party *party = argument;
	uint64_t next = now_ns();

	while (!__atomic_load_n(&party->stop, __ATOMIC_RELAXED) && !party->failed) {
		party->act(party);
		party->n++;
		next += 1000000000 / party->rate;
		/* What could not be done in time is not made up for: that would be another test. */
		if (next < now_ns())
			next = now_ns();
		else
			sleep_until(next);
	}
	return NULL;
}

static struct party *start(struct live *live, void (*act)(struct party *), unsigned rate)
{
	struct party *party = calloc(1, sizeof(*party));

	assert_non_null(party);
	party->live = live;
	party->act = act;
	party->rate = rate;
	party->dice.seed = seed + rate;
	assert_int_equal(pthread_create(&party->thread, NULL, run, party), 0);
	return party;
}

static bool goes_on(const struct party *party)
{
	return !__atomic_load_n(&party->failed, __ATOMIC_ACQUIRE);
}

/* Its results stay readable until it is freed. */
static void stop(struct party *party)
{
	__atomic_store_n(&party->stop, true, __ATOMIC_RELAXED);
	pthread_join(party->thread, NULL);
	if (party->failed)
		fail_msg("%s", party->error);
}

/* --- settings ---------------------------------------------------------------------------------------------
 */

static void filter_forth(struct party *party)
{
	const struct weir_mac_filter filter =
		live_filter(party->live, false, live_throw(&party->dice, LIVE_MACS));
	const struct weir_stage stage = { &weir_mac_filter_type, &filter };
	struct weir_error err;
	int rc = weir_stage_configure(party->live->pipeline, "forth/filter", &stage, &err);

	if (rc < 0)
		failed(party, "forth/filter", rc, &err);
}

/* Not every shape has it. */
static void stats_forth(struct party *party)
{
	const struct weir_stats stats = { .name = "stats" };
	const struct weir_stage stage = { &weir_stats_type, &stats };
	struct weir_error err;
	int rc = weir_stage_configure(party->live->pipeline, "forth/stats", &stage, &err);

	if (rc < 0 && rc != -ENOENT)
		failed(party, "forth/stats", rc, &err);
}

static int add_filter(struct party *party, struct weir_change *change, bool back, unsigned number,
		      struct weir_error *err)
{
	const struct weir_mac_filter filter = live_filter(party->live, back, number);
	const struct weir_stage stage = { &weir_mac_filter_type, &filter };

	return weir_change_stage(change, back ? "back/filter" : "forth/filter", &stage, err);
}

static int add_wrap(struct party *party, struct weir_change *change, bool back, unsigned number,
		    struct weir_error *err)
{
	const struct weir_eth_wrap wrap = live_wrap(back, number);
	const struct weir_stage stage = { &weir_eth_wrap_type, &wrap };

	return party->live->tap ? 0
				: weir_change_stage(change, back ? "back/wrap" : "forth/wrap", &stage, err);
}

/* With back, a packet that met only one of the two would be dropped. */
static void as_one(struct party *party, bool back, bool forth)
{
	const unsigned number = live_throw(&party->dice, LIVE_MACS);
	struct weir_change *change;
	struct weir_error err;
	int rc = weir_change_begin(&change, party->live->pipeline, &err);

	for (int chain = !forth; rc == 0 && chain <= back; chain++) {
		rc = add_wrap(party, change, chain, number, &err);
		if (rc == 0)
			rc = add_filter(party, change, chain, number, &err);
	}
	if (rc == 0 && live_throw(&party->dice, 8) == 0)
		weir_change_abandon(change);
	else if (rc == 0)
		rc = weir_change_commit(change, &err);
	if (rc < 0)
		failed(party, "change", rc, &err);
}

/* One entry of a table that no packet has to do with. */
static void change_table(struct party *party)
{
	static const char *const entries[] = { "02:00:00:00:02:01", "02:00:00:00:02:02",
					       "02:00:00:00:02:03" };
	const char *entry = entries[live_throw(&party->dice, countof(entries))];
	const char *path = live_throw(&party->dice, 2) ? "forth/filter" : "back/filter";
	struct weir_error err;
	const int rc =
		live_throw(&party->dice, 2)
			? weir_mac_filter_add(party->live->pipeline, path, WEIR_MAC_DENY, entry, &err)
			: weir_mac_filter_remove(party->live->pipeline, path, WEIR_MAC_DENY, entry, &err);

	if (rc < 0 && rc != -ENOENT) /* it was not there */
		failed(party, path, rc, &err);
}

static void refused(struct party *party)
{
	const struct weir_eth_wrap wrong = { .name = "filter", .source = "02:00:00:00:00:zz" };
	const struct weir_stage stage = { &weir_eth_wrap_type, &wrong };
	struct weir_error err;

	if (weir_stage_configure(party->live->pipeline, "forth/filter", &stage, &err) != -EINVAL ||
	    weir_stage_configure(party->live->pipeline, "nowhere/wrap", &stage, &err) != -ENOENT)
		failed(party, "what is wrong was not refused", 0, &err);
}

static void change_settings(struct party *party)
{
	switch (live_throw(&party->dice, 8)) {
	case 0:
		filter_forth(party);
		break;
	case 1:
		change_table(party);
		break;
	case 2:
		stats_forth(party);
		break;
	case 3:
		as_one(party, false, true);
		break;
	case 4:
		as_one(party, true, true);
		break;
	case 5:
		refused(party);
		break;
	default:
		as_one(party, true, false);
	}
}

/* --- shapes -----------------------------------------------------------------------------------------------
 */

/* One or two matters become others. */
static void re_roll(struct live_wish *wish, struct live_dice *dice)
{
	const unsigned n = live_throw(dice, 3) ? 1 : 2;

	for (unsigned i = 0; i < n; i++)
		wish->seed[live_throw(dice, LIVE_MATTERS)] = 1 + dice->seed + dice->n;
}

static void next_wish(struct party *party)
{
	re_roll(&party->wish, &party->dice);
	party->wish.device = (unsigned)(party->n / SWAP_EVERY % 2);
	if (party->n % GROW_EVERY == 0 && party->wish.growth < GROWTH_MAX)
		party->wish.growth++;
}

/* Sometimes it does not run meanwhile; then the kernel holds what comes. */
static void change_shape(struct party *party)
{
	const bool stopped = live_throw(&party->dice, RESTART_EVERY) == 0;
	struct weir_report *report = NULL;
	struct weir_error err;
	int rc = 0;

	next_wish(party);
	live_shape(&party->shape, party->live, &party->wish);
	if (stopped)
		rc = weir_pipeline_stop(party->live->pipeline);
	if (rc < 0) {
		failed(party, "stop", rc, NULL);
		return;
	}
	rc = weir_pipeline_apply(party->live->pipeline, &party->shape.config, &err, .report = &report);
	if (rc < 0) {
		failed(party, "apply", rc, &err);
		return;
	}
	party->held += report->held;
	party->drained += report->drained;
	party->sum.prepare_us += report->prepare_us;
	party->sum.drain_us += report->drain_us;
	party->sum.grace_us += report->grace_us;
	party->sum.held_us += report->held_us;
	party->sum.total_us += report->total_us;
	if (report->held_us > party->held_us_max)
		party->held_us_max = report->held_us;
	weir_report_free(report);
	if (stopped)
		rc = weir_pipeline_start(party->live->pipeline, &err);
	if (rc < 0)
		failed(party, "start", rc, &err);
}

/* --- pairs ------------------------------------------------------------------------------------------------
 */

static void exchange(struct party *party)
{
	if (!live_exchange(party->live))
		failed(party, "pairs are out of order", 0, NULL);
}

/* --- looks ------------------------------------------------------------------------------------------------
 */

/* What has been counted is never taken back, whatever becomes of the rows that counted it. */
static void look(struct party *party)
{
	struct weir_counters *counters = weir_counters_read(party->live->pipeline);
	struct weir_stats_snapshot snapshot;
	int rc = weir_stats_read(party->live->pipeline, "forth/stats", 0, &snapshot);

	if (!counters || (rc < 0 && rc != -ENOENT)) {
		failed(party, "look", rc, NULL);
	} else if (counters->received < party->received || counters->sent < party->sent ||
		   counters->dropped) {
		snprintf(party->error, sizeof(party->error),
			 "received %llu after %llu, sent %llu after %llu, dropped %llu",
			 (unsigned long long)counters->received, (unsigned long long)party->received,
			 (unsigned long long)counters->sent, (unsigned long long)party->sent,
			 (unsigned long long)counters->dropped);
		weir_counters_print(counters, stderr);
		__atomic_store_n(&party->failed, true, __ATOMIC_RELEASE);
	} else {
		party->received = counters->received;
		party->sent = counters->sent;
	}
	weir_counters_free(counters);
}

/* --- what the kernel knows --------------------------------------------------------------------------------
 */

static unsigned open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

/* One number of the site's TCP. */
static uint64_t tcp_count(const struct site *site, const char *name)
{
	char names[8192], values[8192], *name_end, *value_end;
	uint64_t n = UINT64_MAX;
	FILE *file;

	site_enter(site);
	file = fopen("/proc/thread-self/net/netstat", "re");
	site_leave();
	assert_non_null(file);
	assert_non_null(fgets(names, sizeof(names), file));
	assert_non_null(fgets(values, sizeof(values), file));
	fclose(file);
	for (char *word = strtok_r(names, " \n", &name_end), *value = strtok_r(values, " \n", &value_end);
	     word && value;
	     word = strtok_r(NULL, " \n", &name_end), value = strtok_r(NULL, " \n", &value_end))
		if (strcmp(word, name) == 0)
			n = strtoull(value, NULL, 10);
	assert_true(n != UINT64_MAX);
	return n;
}

/* What TCP repairs is a fault all the same: a segment that comes before its time has overtaken another, or
 * that was lost. */
static void check_order(const struct live *live)
{
	for (unsigned side = 0; side < 2; side++)
		assert_int_equal(tcp_count(&live->site[side], "TCPOFOQueue"), 0);
}

static uint64_t resident(void)
{
	unsigned long long size, pages;
	FILE *file = fopen("/proc/self/statm", "re");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%llu %llu", &size, &pages), 2);
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* --- the test ---------------------------------------------------------------------------------------------
 */

/*
 * What the process may grow by from the first third of the test to its end, besides the buffers that the pool
 * was given: what the allocator scatters over the arenas of threads that come and go. A leak of one program
 * with each change would be more.
 */
#define MEMORY_SLACK  (8u << 20)
#define MEMORY_BUFFER 4096 /* bytes of a buffer with all that belongs to it, or less */

struct scene {
	struct live live;
	struct load *loads[STREAMS + FLOWS];
	struct party *settings, *shapes, *pairs, *looks;
	uint64_t memory;
};

static void begin(struct scene *scene, bool tap)
{
	live_make(&scene->live, tap);
	for (unsigned i = 0; i < STREAMS; i++)
		scene->loads[i] = load_exact_tcp(scene->live.site, AF_INET, (uint16_t)(7000 + i));
	for (unsigned i = 0; i < FLOWS; i++)
		scene->loads[STREAMS + i] =
			load_exact_udp(scene->live.site, AF_INET, (uint16_t)(8000 + i), 0);
	scene->settings = start(&scene->live, change_settings, SETTINGS_A_SECOND);
	scene->shapes = start(&scene->live, change_shape, SHAPES_A_SECOND);
	scene->pairs = start(&scene->live, exchange, EXCHANGES_A_SECOND);
	scene->looks = start(&scene->live, look, LOOKS_A_SECOND);
}

static void all_go_on(struct scene *scene)
{
	for (unsigned i = 0; i < countof(scene->loads); i++)
		load_wait(scene->loads[i]);
}

static unsigned long long mean(uint64_t sum, uint64_t n)
{
	return n ? sum / n : 0;
}

static void say_how(const struct scene *scene, double s)
{
	const struct party *shapes = scene->shapes;

	print_message("%s: %.1f s, %.0f changes of settings and %.1f of shape a second, %.0f looks\n",
		      scene->live.tap ? "TAP" : "TUN", s, (double)scene->settings->n / s,
		      (double)shapes->n / s, (double)scene->looks->n / s);
	print_message("%llu inputs held, %llu rings drained; a change of shape takes %llu us: prepare %llu, "
		      "drain %llu, grace %llu; held %llu us, at most %llu\n",
		      (unsigned long long)shapes->held, (unsigned long long)shapes->drained,
		      mean(shapes->sum.total_us, shapes->n), mean(shapes->sum.prepare_us, shapes->n),
		      mean(shapes->sum.drain_us, shapes->n), mean(shapes->sum.grace_us, shapes->n),
		      mean(shapes->sum.held_us, shapes->n), (unsigned long long)shapes->held_us_max);
}

/* Until it is time; and however late it is, everything has to go on. */
static void let_run(struct scene *scene)
{
	const uint64_t begin_ms = wait_now_ms();
	const uint64_t end = begin_ms + seconds * 1000;

	do {
		all_go_on(scene);
		wait_a_moment();
		if (!scene->memory && wait_now_ms() > begin_ms + seconds * 1000 / 3)
			scene->memory = resident();
	} while (wait_now_ms() < end && goes_on(scene->settings) && goes_on(scene->shapes) &&
		 goes_on(scene->looks));
	stop(scene->settings);
	stop(scene->shapes);
	stop(scene->pairs);
	stop(scene->looks);
	say_how(scene, (double)(wait_now_ms() - begin_ms) / 1000);
}

static void check_memory(const struct scene *scene)
{
#ifdef TEST_SANITIZED
	(void)scene; /* freed memory stays resident there, and what is leaked is found otherwise */
#else
	const uint64_t now = resident();

	print_message("%llu KiB resident, %llu KiB before\n", (unsigned long long)now / 1024,
		      (unsigned long long)scene->memory / 1024);
	assert_true(now < scene->memory + MEMORY_SLACK + (uint64_t)GROWTH_MAX * LIVE_GROWTH * MEMORY_BUFFER);
#endif
}

static void end(struct scene *scene)
{
	uint64_t bytes = 0, datagrams = 0;

	all_go_on(scene);
	for (unsigned i = 0; i < countof(scene->loads); i++) {
		*(i < STREAMS ? &bytes : &datagrams) += load_received(scene->loads[i]);
		load_stop(scene->loads[i]);
	}
	check_order(&scene->live);
	check_memory(scene);
	live_stop(&scene->live);
	live_free(&scene->live);
	print_message("%llu MB by TCP and %llu datagrams came through\n", (unsigned long long)bytes / 1000000,
		      (unsigned long long)datagrams);
	free(scene->settings);
	free(scene->shapes);
	free(scene->pairs);
	free(scene->looks);
}

/* What sites keep open as long as the process lives. */
static void open_for_ever(void)
{
	struct site site;

	site_make(&site);
	site_close(&site);
}

static void stress(bool tap)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	unsigned descriptors;

	assert_non_null(scene);
	open_for_ever();
	descriptors = open_descriptors();
	begin(scene, tap);
	let_run(scene);
	end(scene);
	free(scene);
	assert_int_equal(open_descriptors(), descriptors);
}

/* --- one change after the other ---------------------------------------------------------------------------
 */

static void change_and_wait(struct live *live, unsigned i, const struct live_wish *wish, struct load *load)
{
	struct live_shape *shape = malloc(sizeof(*shape));
	struct weir_error err;

	assert_non_null(shape);
	live_shape(shape, live, wish);
	if (weir_pipeline_apply(live->pipeline, &shape->config, &err) < 0)
		fail_msg("shape %u: %s", i, err.text);
	free(shape);
	load_wait(load);
}

/* With one datagram under way each way: it stops for ever when one wake-up is missing, because nobody else
 * rings. */
static void wakes_all(void **state)
{
	const uint64_t end_ms = wait_now_ms() + seconds * 1000;
	struct live_dice dice = { .seed = seed };
	struct live_wish wish = { 0 };
	struct load *load;
	struct live live;

	(void)state;
	live_make(&live, false);
	load = load_exact_udp(live.site, AF_INET, 8001, 1);
	for (unsigned i = 1; wait_now_ms() < end_ms; i++) {
		re_roll(&wish, &dice);
		change_and_wait(&live, i, &wish, load);
	}
	load_stop(load);
	live_stop(&live);
	live_free(&live);
}

/* The device that only takes becomes another one, while the others, which go both ways, stay. */
static void replaces_device(void **state)
{
	struct load *tcp, *udp;
	struct live live;

	(void)state;
	live_make(&live, false);
	tcp = load_exact_tcp(live.site, AF_INET, 7000);
	udp = load_exact_udp(live.site, AF_INET, 8000, 0);
	for (unsigned i = 1; i <= REPLACEMENTS; i++) {
		change_and_wait(&live, i, &(struct live_wish){ .device = i % 2 }, udp);
		site_enter(&live.site[1]);
		assert_true(kernel_exists(i % 2 ? "right0b" : "right0a"));
		assert_false(kernel_exists(i % 2 ? "right0a" : "right0b"));
		site_leave();
		load_wait(tcp);
	}
	load_stop(tcp);
	load_stop(udp);
	check_order(&live);
	live_stop(&live);
	live_free(&live);
}

static void with_tun(void **state)
{
	(void)state;
	stress(false);
}

static void with_tap(void **state)
{
	(void)state;
	stress(true);
}

/* change [SECONDS [SEED]] */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(replaces_device), cmocka_unit_test(wakes_all),
					    cmocka_unit_test(with_tun), cmocka_unit_test(with_tap) };

	if (argc > 1)
		seconds = (unsigned)strtoul(argv[1], NULL, 10);
	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : now_ns();
	print_message("seed %llu\n", (unsigned long long)seed);
	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
