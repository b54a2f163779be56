/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"
#include "plan.h"
#include "report.h"

/* While a report is made: it points to the memory of the report, which is one piece. */
struct pen {
	struct weir_report *report;
	struct weir_report_item *items;
	char *text;
};

static const char *const kinds[] = {
	[WEIR__ROW_READ] = "reader",    [WEIR__ROW_STAGE] = "stage", [WEIR__ROW_SPLIT] = "stage",
	[WEIR__ROW_COALESCE] = "stage", [WEIR__ROW_RING] = "ring",   [WEIR__ROW_WRITE] = "writer",
};

static void write_item(struct pen *pen, const char *kind, const char *name, enum weir_fate fate)
{
	const size_t size = strlen(name) + 1;

	pen->items[pen->report->n_items++] = (struct weir_report_item){ kind, pen->text, fate };
	memcpy(pen->text, name, size);
	pen->text += size;
}

/* --- workers and endpoints --------------------------------------------------------------------------------
 */

static bool same_worker(const struct weir_worker *a, const struct weir_worker *b)
{
	return a->unpinned == b->unpinned && (a->unpinned || a->cpu == b->cpu) && a->spin_us == b->spin_us &&
	       a->sleep_at_once == b->sleep_at_once && a->give_way == b->give_way;
}

static enum weir_fate worker_fate(const struct weir__shape *old, const struct weir__shape *new, unsigned w)
{
	const unsigned before = weir__shape_index(old, new->workers[w]);

	if (before == old->n_workers)
		return WEIR_CREATED;
	return same_worker(&old->given[before], &new->given[w]) ? WEIR_KEPT : WEIR_CHANGED;
}

static enum weir_fate endpoint_fate(const struct weir__shape *old, const struct weir__shape *new, unsigned i)
{
	const struct weir__endpoint *endpoint = new->endpoints[i];

	if (weir__shape_has_endpoint(old, endpoint))
		return new->changes[i] ? WEIR_CHANGED : WEIR_KEPT;
	return weir__shape_endpoint(old, endpoint->name) ? WEIR_CHANGED : WEIR_CREATED;
}

/* --- rows -------------------------------------------------------------------------------------------------
 */

/* The place of the row, or of another one of the same path. */
static const struct weir__place *counterpart(const struct weir__shape *shape, const struct weir__row *row)
{
	const struct weir__place *place = weir__shape_place_of(shape, row);

	for (unsigned i = 0; i < shape->n_places && !place; i++)
		if (strcmp(shape->places[i].row->path, row->path) == 0)
			place = &shape->places[i];
	return place;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_exits(const struct weir__place *a, const struct weir__place *b)
{
	const struct weir__stage_options *before = a->options;
	const struct weir__stage_options *after = b->options;

	for (unsigned k = 0; a->row->kind == WEIR__ROW_STAGE && k < WEIR_EXITS_MAX; k++)
		if (!same_text(before->exit[k], after->exit[k]))
			return false;
	return true;
}

static bool same_options(const struct weir__place *a, const struct weir__place *b)
{
	return a->type->options && weir__options_equal(a->type->options, a->options, b->options) &&
	       same_exits(a, b);
}

static enum weir_fate row_fate(const struct weir__shape *old, const struct weir__place *place)
{
	const struct weir__place *before = counterpart(old, place->row);

	if (!before)
		return WEIR_CREATED;
	if (before->row != place->row || !same_options(before, place))
		return WEIR_CHANGED;
	return before->worker == place->worker ? WEIR_KEPT : WEIR_MOVED;
}

/* --- all of it --------------------------------------------------------------------------------------------
 */

static void write_new(struct pen *pen, const struct weir__shape *old, const struct weir__shape *new,
		      bool grows)
{
	for (unsigned i = 0; i < new->n_workers; i++)
		write_item(pen, "worker", new->workers[i]->name, worker_fate(old, new, i));
	for (unsigned i = 0; i < new->n_endpoints; i++)
		write_item(pen, "endpoint", new->endpoints[i]->name, endpoint_fate(old, new, i));
	for (unsigned i = 0; i < new->n_places; i++)
		write_item(pen, kinds[new->places[i].row->kind], new->places[i].row->path,
			   row_fate(old, &new->places[i]));
	write_item(pen, "pool", "pool", grows ? WEIR_CHANGED : WEIR_KEPT);
}

static void write_removed(struct pen *pen, const struct weir__shape *old, const struct weir__shape *new)
{
	for (unsigned i = 0; i < old->n_workers; i++)
		if (!weir__shape_has_worker(new, old->workers[i]))
			write_item(pen, "worker", old->workers[i]->name, WEIR_REMOVED);
	for (unsigned i = 0; i < old->n_endpoints; i++)
		if (!weir__shape_endpoint(new, old->endpoints[i]->name))
			write_item(pen, "endpoint", old->endpoints[i]->name, WEIR_REMOVED);
	for (unsigned i = 0; i < old->n_places; i++)
		if (!counterpart(new, old->places[i].row))
			write_item(pen, kinds[old->places[i].row->kind], old->places[i].row->path,
				   WEIR_REMOVED);
}

/* Enough for the names of all parts of a shape. */
static size_t measure(const struct weir__shape *shape, unsigned *n)
{
	size_t size = 0;

	for (unsigned i = 0; i < shape->n_workers; i++)
		size += strlen(shape->workers[i]->name) + 1;
	for (unsigned i = 0; i < shape->n_endpoints; i++)
		size += strlen(shape->endpoints[i]->name) + 1;
	for (unsigned i = 0; i < shape->n_places; i++)
		size += strlen(shape->places[i].row->path) + 1;
	*n += shape->n_workers + shape->n_endpoints + shape->n_places;
	return size;
}

struct weir_report *weir__report_make(const struct weir__shape *old, const struct weir__shape *new,
				      bool grows)
{
	unsigned n = 1;
	const size_t text = measure(old, &n) + measure(new, &n) + sizeof("pool");
	struct weir_report *report = calloc(1, sizeof(*report) + n * sizeof(struct weir_report_item) + text);
	struct pen pen = { .report = report };

	if (!report)
		return NULL;
	pen.items = (struct weir_report_item *)(report + 1);
	pen.text = (char *)(pen.items + n);
	report->items = pen.items;
	write_new(&pen, old, new, grows);
	write_removed(&pen, old, new);
	return report;
}

void weir_report_free(struct weir_report *report)
{
	free(report);
}

void weir_report_print(const struct weir_report *report, FILE *file)
{
	static const char *const fates[] = { "kept", "created", "changed", "moved", "removed" };

	for (unsigned i = 0; i < report->n_items; i++)
		if (report->items[i].fate != WEIR_KEPT)
			fprintf(file, "%-8s %-8s %s\n", fates[report->items[i].fate], report->items[i].kind,
				report->items[i].name);
	fprintf(file,
		"%u held, %u drained; prepared in %" PRIu64 " us, held for %" PRIu64 " us (drain %" PRIu64
		"), published in %" PRIu64 " us, grace periods %" PRIu64 " us, %" PRIu64 " us in all\n",
		report->held, report->drained, report->prepare_us, report->held_us, report->drain_us,
		report->publish_us, report->grace_us, report->total_us);
}
