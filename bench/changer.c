/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "changer.h"
#include "report.h"

#define DEBT_NS 100000000u

struct record {
	unsigned kind;
	double us[CHANGE_PARTS];
};

static const struct changer *changer;
static pthread_t thread;
static atomic_bool stop;
static struct record *records;
static size_t n_records, room;
static uint64_t active_ns;
static _Atomic uint32_t *resting; /* shared with the forwarders, which are other processes */

static void keep(unsigned kind, uint64_t ns, const struct weir_report *report)
{
	struct record *record;

	if (n_records == room) {
		room = room ? 2 * room : 4096;
		records = realloc(records, room * sizeof(*records));
		if (!records)
			give_up(BENCH_FAILED, "out of memory");
	}
	record = &records[n_records++];
	*record = (struct record){ .kind = kind };
	record->us[CHANGE_TOTAL] = (double)ns / 1e3;
	for (unsigned part = CHANGE_TOTAL + 1; part < CHANGE_PARTS; part++)
		record->us[part] = NAN;
	if (!report)
		return;
	record->us[CHANGE_PREPARE] = (double)report->prepare_us;
	record->us[CHANGE_DRAIN] = (double)report->drain_us;
	record->us[CHANGE_PUBLISH] = (double)report->publish_us;
	record->us[CHANGE_GRACE] = (double)report->grace_us;
	record->us[CHANGE_HELD] = (double)report->held_us;
}

static void change_once(unsigned kind)
{
	static struct weir_error err;
	struct weir_report *report = NULL;
	const uint64_t begin = now_ns();
	const int rc = changer->change(kind, &report, &err);
	const uint64_t end = now_ns();

	if (rc < 0)
		give_up(BENCH_FAILED, "change '%s': %s", changer->kinds[kind], err.text);
	keep(kind, end - begin, report);
	weir_report_free(report);
}

void changer_init(void)
{
	resting = mmap(NULL, sizeof(*resting), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (resting == MAP_FAILED)
		give_up(BENCH_FAILED, "cannot share memory: %s", strerror(errno));
}

void changer_rest(bool rest)
{
	atomic_store(resting, rest);
	syscall(SYS_futex, resting, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Returns when it is to go on. */
static void rest(void)
{
	while (atomic_load(resting))
		syscall(SYS_futex, resting, FUTEX_WAIT, 1, NULL, NULL, 0);
}

/* From now on until it is to rest. Changes that are late are made up for, so that the rate is what was asked
 * for; but not without end. */
static void work(unsigned *count)
{
	const uint64_t period = 1000000000u / changer->per_second, began = now_ns();
	uint64_t next = began;

	while (!atomic_load(&stop) && !atomic_load(resting)) {
		uint64_t now;

		change_once((*count)++ % changer->n_kinds);
		next += period;
		now = now_ns();
		if (next > now)
			pause_ns(next - now);
		else if (now - next > DEBT_NS)
			next = now;
	}
	active_ns += now_ns() - began;
}

static void *run(void *unused)
{
	unsigned count = 0;

	(void)unused;
	while (!atomic_load(&stop)) {
		work(&count);
		rest();
	}
	return NULL;
}

void changer_start(const struct changer *wanted)
{
	changer = wanted;
	placement_start_thread(&thread, -1, run, NULL);
}

static bool is_of(const struct record *record, unsigned kind)
{
	return kind == changer->n_kinds || record->kind == kind;
}

/* The median and the worst of one part of the changes of a kind; behind the last kind, of all. */
static void sum_up_part(struct forwarder_change *change, unsigned kind, enum change_part part)
{
	double *values = calloc(n_records + 1, sizeof(*values));
	struct spread spread;
	unsigned n = 0;

	if (!values)
		give_up(BENCH_FAILED, "out of memory");
	for (size_t i = 0; i < n_records; i++)
		if (is_of(&records[i], kind) && !isnan(records[i].us[part]))
			values[n++] = records[i].us[part];
	spread = report_spread(values, n);
	change->median[part] = spread.median;
	change->worst[part] = spread.max;
	free(values);
}

static void sum_up(struct forwarder_change *change, unsigned kind)
{
	snprintf(change->kind, sizeof(change->kind), "%s",
		 kind < changer->n_kinds ? changer->kinds[kind] : "all");
	for (size_t i = 0; i < n_records; i++)
		change->n += is_of(&records[i], kind);
	for (enum change_part part = CHANGE_TOTAL; part < CHANGE_PARTS; part++)
		sum_up_part(change, kind, part);
}

void changer_stop(struct forwarder_report *report)
{
	atomic_store(&stop, true);
	changer_rest(false);
	pthread_join(thread, NULL);
	report->changes_per_s = (double)n_records * 1e9 / (double)active_ns;
	report->n_changes = changer->n_kinds + 1;
	for (unsigned kind = 0; kind < report->n_changes; kind++)
		sum_up(&report->changes[kind], kind);
	free(records);
}
