/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/counters.h>

#include "pipeline.h"

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* The reasons of a row: those of its type, then those of the engine that can happen there. */
static const struct weir_reason *type_reasons(const struct weir__row *row)
{
	return row->endpoint ? row->endpoint->type->reasons : row->type->reasons;
}

static bool applies(const struct weir__row *row, enum weir__reason reason)
{
	switch (reason) {
	case WEIR__REASON_BAD_VERDICT:
		return row->kind == WEIR__ROW_STAGE || row->kind == WEIR__ROW_WRITE;
	case WEIR__REASON_EXIT:
		return row->kind == WEIR__ROW_STAGE && row->type->exits;
	case WEIR__REASON_RING_FULL:
		return row->kind == WEIR__ROW_RING;
	case WEIR__REASON_CROWDED:
	case WEIR__REASON_STOPPED:
		return row->kind == WEIR__ROW_RING || row->kind == WEIR__ROW_WRITE ||
		       row->kind == WEIR__ROW_SPLIT;
	case WEIR__REASON_DOWN:
		return row->kind == WEIR__ROW_WRITE;
	case WEIR__REASON_TOO_LONG:
		return row->kind == WEIR__ROW_READ;
	case WEIR__REASONS:
		break;
	}
	return false;
}

static unsigned read_drops(const struct weir__row *row, struct weir_named_count *drops)
{
	const struct weir_reason *reasons = type_reasons(row);
	unsigned n = 0;

	for (; reasons && reasons[n].name; n++)
		drops[n] = (struct weir_named_count){ reasons[n].name, reasons[n].sentence,
						      load(&row->counters.drops[n]) };
	for (enum weir__reason reason = WEIR_REASONS_MAX; reason < WEIR__REASONS; reason++) {
		const struct weir_reason *own = &weir__reasons[reason - WEIR_REASONS_MAX];

		if (applies(row, reason))
			drops[n++] = (struct weir_named_count){ own->name, own->sentence,
								load(&row->counters.drops[reason]) };
	}
	return n;
}

static unsigned read_counts(const struct weir__row *row, struct weir_named_count *counts)
{
	const struct weir_counter *counters =
		row->endpoint ? row->endpoint->type->counters : row->type->counters;
	const uint8_t *state = row->endpoint ? row->endpoint->state : row->state;
	unsigned n = 0;

	for (; counters && n < WEIR_REASONS_MAX && counters[n].name; n++)
		counts[n] = (struct weir_named_count){
			counters[n].name, counters[n].sentence,
			load((const uint64_t *)(const void *)(state + counters[n].offset))
		};
	return n;
}

/* The memory of a snapshot: one block, so that one free() ends it. */
struct snapshot {
	struct weir_counters counters; /* first, so that its address is the block's */
	struct weir_named_count (*drops)[WEIR__REASONS];
	struct weir_named_count (*counts)[WEIR_REASONS_MAX];
	char *text; /* where the next name goes: rows and workers may be gone before the snapshot is */
};

static const char *write_text(struct snapshot *snapshot, const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = snapshot->text;

	memcpy(copy, text, size);
	snapshot->text += size;
	return copy;
}

static void read_place(struct snapshot *snapshot, const struct weir__place *place)
{
	const struct weir__row *row = place->row;
	const unsigned i = snapshot->counters.n_stages++;
	struct weir_stage_counters *stage = &snapshot->counters.stages[i];
	const struct weir__counters *from = &row->counters;

	*stage = (struct weir_stage_counters){
		.path = write_text(snapshot, row->path),
		.type = row->endpoint ? row->endpoint->type->name : row->type->name,
		.worker = write_text(snapshot, place->worker->name),
		.packets = load(&from->packets),
		.segments = load(&from->segments),
		.bytes = load(&from->bytes),
		.dropped_segments = load(&from->dropped_segments),
		.made = load(&from->made),
		.consumed = load(&from->consumed),
		.calls = load(&from->calls),
		.stalls = load(&from->stalls),
		.ns_packets = load(&from->ns_packets),
		.ns = load(&from->ns),
		.drops = snapshot->drops[i],
		.n_drops = read_drops(row, snapshot->drops[i]),
		.counts = snapshot->counts[i],
		.n_counts = read_counts(row, snapshot->counts[i]),
	};
	for (unsigned n = 0; n <= WEIR_VECTOR_SIZE; n++)
		stage->fill[n] = load(&from->fill[n]);
}

/* A ring that several workers hand over to has a row for each; they are one row of the chain. */
static void merge_row(struct snapshot *snapshot, const struct weir__row *row)
{
	struct weir_counters *counters = &snapshot->counters;
	struct weir_stage_counters *into = NULL;
	const struct weir_stage_counters *from = &counters->stages[counters->n_stages - 1];

	for (unsigned i = 0; i + 1 < counters->n_stages && !into; i++)
		if (strcmp(counters->stages[i].path, row->path) == 0)
			into = &counters->stages[i];
	if (!into)
		return;
	into->packets += from->packets;
	into->segments += from->segments;
	into->bytes += from->bytes;
	into->dropped_segments += from->dropped_segments;
	into->calls += from->calls;
	into->stalls += from->stalls;
	for (unsigned n = 0; n <= WEIR_VECTOR_SIZE; n++)
		into->fill[n] += from->fill[n];
	for (unsigned k = 0; k < into->n_drops; k++)
		snapshot->drops[into - counters->stages][k].n += from->drops[k].n;
	counters->n_stages--;
}

static uint64_t cpu_time(const struct weir__worker *worker)
{
	const clockid_t clock = __atomic_load_n(&worker->cpu_clock, __ATOMIC_RELAXED);
	struct timespec t;

	if (!clock || clock_gettime(clock, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void read_worker(struct snapshot *snapshot, const struct weir__worker *worker)
{
	snapshot->counters.workers[snapshot->counters.n_workers++] = (struct weir_worker_counters){
		.name = write_text(snapshot, worker->name),
		.passes = load(&worker->passes),
		.sleeps = load(&worker->sleeps),
		.wakes = load(&worker->bell.wakes),
		.cpu_ns = cpu_time(worker),
		.stuck = worker->stuck,
		.stuck_ms = worker->stuck_ms,
		.stuck_in = write_text(snapshot, worker->stuck_in),
	};
}

/* Bytes of all names in a snapshot. */
static size_t text_size(const struct weir__shape *shape)
{
	size_t size = 0;

	for (unsigned i = 0; i < shape->n_places; i++)
		size += strlen(shape->places[i].row->path) + 1 + sizeof(shape->places[i].worker->name);
	return size +
	       shape->n_workers * (sizeof(shape->workers[0]->name) + sizeof(shape->workers[0]->stuck_in));
}

static struct snapshot *make_snapshot(const struct weir__shape *shape)
{
	const size_t n = shape->n_places;
	const size_t stages = n * sizeof(struct weir_stage_counters);
	const size_t drops = n * WEIR__REASONS * sizeof(struct weir_named_count);
	const size_t counts = n * WEIR_REASONS_MAX * sizeof(struct weir_named_count);
	const size_t workers = shape->n_workers * sizeof(struct weir_worker_counters);
	struct snapshot *snapshot =
		calloc(1, sizeof(*snapshot) + stages + drops + counts + workers + text_size(shape));

	if (!snapshot)
		return NULL;
	snapshot->counters.stages = (struct weir_stage_counters *)(snapshot + 1);
	snapshot->drops = (void *)((uint8_t *)snapshot->counters.stages + stages);
	snapshot->counts = (void *)((uint8_t *)snapshot->drops + drops);
	snapshot->counters.workers = (void *)((uint8_t *)snapshot->counts + counts);
	snapshot->text = (char *)snapshot->counters.workers + workers;
	return snapshot;
}

static void read_places(struct snapshot *snapshot, const struct weir__shape *shape)
{
	for (unsigned i = 0; i < shape->n_places; i++) {
		read_place(snapshot, &shape->places[i]);
		merge_row(snapshot, shape->places[i].row);
	}
}

/* Buffers in the pool and in stashes. */
static void read_buffers(struct weir_counters *counters, const struct weir_pipeline *pipeline)
{
	uint64_t free_buffers = weir__pool_free(&pipeline->pool);

	for (unsigned i = 0; i < pipeline->shape->n_workers; i++)
		free_buffers += load(&pipeline->shape->workers[i]->stashed);
	for (const struct weir__shape *replaced = pipeline->replaced; replaced; replaced = replaced->next)
		for (unsigned i = 0; i < replaced->n_workers; i++)
			free_buffers += replaced->shared[i] ? 0 : load(&replaced->workers[i]->stashed);
	counters->buffers = weir__pool_small(&pipeline->pool) + weir__pool_jumbo(&pipeline->pool);
	/* While traffic flows, a vector may be seen in two places or in none. */
	if (free_buffers > counters->buffers)
		free_buffers = counters->buffers;
	counters->buffers_free = (uint32_t)free_buffers;
	counters->held = counters->buffers - free_buffers;
	counters->starved = load(&pipeline->pool.starved);
}

static struct snapshot *read_all(struct weir_pipeline *pipeline)
{
	const struct weir__shape *shape = pipeline->shape;
	struct weir__totals totals = pipeline->gone;
	struct snapshot *snapshot = make_snapshot(shape);

	if (!snapshot)
		return NULL;
	for (const struct weir__shape *replaced = pipeline->replaced; replaced; replaced = replaced->next)
		weir__totals_add(&totals, replaced);
	weir__totals_add(&totals, shape);
	snapshot->counters = (struct weir_counters){
		.received = totals.received,
		.injected = totals.injected,
		.sent = totals.sent,
		.dropped = totals.dropped,
		.consumed = totals.consumed,
		.received_segments = totals.received_segments,
		.sent_segments = totals.sent_segments,
		.dropped_segments = totals.dropped_segments,
		.stages = snapshot->counters.stages,
		.workers = snapshot->counters.workers,
	};
	read_places(snapshot, shape);
	for (unsigned i = 0; i < shape->n_workers; i++)
		read_worker(snapshot, shape->workers[i]);
	read_buffers(&snapshot->counters, pipeline);
	return snapshot;
}

struct weir_counters *weir_counters_read(struct weir_pipeline *pipeline)
{
	struct snapshot *snapshot;

	pthread_mutex_lock(&pipeline->parts);
	snapshot = read_all(pipeline);
	pthread_mutex_unlock(&pipeline->parts);
	return snapshot ? &snapshot->counters : NULL;
}

static void add_row(struct weir__totals *totals, const struct weir__row *row)
{
	const struct weir__counters *counters = &row->counters;
	uint64_t dropped = 0, dropped_segments;

	for (unsigned k = 0; k < WEIR__REASONS; k++)
		dropped += load(&counters->drops[k]);
	/* What a reader drops has not been looked at. */
	dropped_segments = row->kind == WEIR__ROW_READ ? dropped : load(&counters->dropped_segments);
	totals->dropped += dropped;
	totals->dropped_segments += dropped_segments;
	totals->injected += load(&counters->made);
	totals->consumed += load(&counters->consumed);
	if (row->kind == WEIR__ROW_READ) {
		totals->received += load(&counters->packets) + dropped;
		totals->received_segments += load(&counters->segments) + dropped;
	}
	if (row->kind == WEIR__ROW_WRITE) {
		totals->sent += load(&counters->packets);
		totals->sent_segments += load(&counters->segments);
	}
}

void weir__totals_add(struct weir__totals *totals, const struct weir__shape *shape)
{
	for (unsigned i = 0; i < shape->n_places; i++)
		if (shape->places[i].row)
			add_row(totals, shape->places[i].row);
}

void weir_counters_free(struct weir_counters *counters)
{
	free(counters);
}

const struct weir_stage_counters *weir_counters_stage(const struct weir_counters *counters, const char *path)
{
	for (unsigned i = 0; i < counters->n_stages; i++)
		if (strcmp(counters->stages[i].path, path) == 0)
			return &counters->stages[i];
	return NULL;
}

uint64_t weir_counters_drop(const struct weir_counters *counters, const char *path, const char *reason)
{
	const struct weir_stage_counters *stage = weir_counters_stage(counters, path);
	uint64_t n = 0;

	/* A type may have given one of its reasons the name of one of the engine's. */
	for (unsigned i = 0; stage && i < stage->n_drops; i++)
		if (strcmp(stage->drops[i].name, reason) == 0)
			n += stage->drops[i].n;
	return n;
}

/* What is more than the number of packets tells. */
static void print_segments(const struct weir_stage_counters *stage, FILE *file)
{
	if (stage->segments != stage->packets)
		fprintf(file, "    segments %" PRIu64 ": packets that these stand for\n", stage->segments);
	if (stage->made)
		fprintf(file, "    made %" PRIu64 " of %" PRIu64 "\n", stage->made, stage->consumed);
}

static void print_row(const struct weir_stage_counters *stage, FILE *file)
{
	fprintf(file, "%-28s %-12s %-8s %14" PRIu64 " %16" PRIu64 " %6.1f", stage->path, stage->type,
		stage->worker, stage->packets, stage->bytes,
		stage->calls ? (double)stage->packets / (double)stage->calls : 0);
	if (stage->ns_packets)
		fprintf(file, " %8.1f\n", (double)stage->ns / (double)stage->ns_packets);
	else
		fprintf(file, " %8s\n", "-");
	print_segments(stage, file);
	for (unsigned i = 0; i < stage->n_drops; i++)
		if (stage->drops[i].n)
			fprintf(file, "    dropped %" PRIu64 " as %s: %s\n", stage->drops[i].n,
				stage->drops[i].name, stage->drops[i].sentence);
	for (unsigned i = 0; i < stage->n_counts; i++)
		if (stage->counts[i].n)
			fprintf(file, "    %s %" PRIu64 ": %s\n", stage->counts[i].name, stage->counts[i].n,
				stage->counts[i].sentence);
}

void weir_counters_print(const struct weir_counters *counters, FILE *file)
{
	fprintf(file, "%-28s %-12s %-8s %14s %16s %6s %8s\n", "row", "type", "worker", "packets", "bytes",
		"fill", "ns/pkt");
	for (unsigned i = 0; i < counters->n_stages; i++)
		print_row(&counters->stages[i], file);
	fprintf(file,
		"received %" PRIu64 " + injected %" PRIu64 " == sent %" PRIu64 " + dropped %" PRIu64
		" + consumed %" PRIu64 " + held %" PRIu64 "; %" PRIu32 " of %" PRIu32 " buffers free\n",
		counters->received, counters->injected, counters->sent, counters->dropped, counters->consumed,
		counters->held, counters->buffers_free, counters->buffers);
}
