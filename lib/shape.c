/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "plan.h"
#include "shape.h"

struct weir__place *weir__shape_place(struct weir__shape *shape, const char *path)
{
	for (unsigned i = 0; i < shape->n_places; i++)
		if (strcmp(shape->places[i].row->path, path) == 0)
			return &shape->places[i];
	return NULL;
}

struct weir__endpoint *weir__shape_endpoint(const struct weir__shape *shape, const char *name)
{
	for (unsigned i = 0; i < shape->n_endpoints; i++)
		if (strcmp(shape->endpoints[i]->name, name) == 0)
			return shape->endpoints[i];
	return NULL;
}

const struct weir__place *weir__shape_place_of(const struct weir__shape *shape, const struct weir__row *row)
{
	for (unsigned i = 0; i < shape->n_places; i++)
		if (shape->places[i].row == row)
			return &shape->places[i];
	return NULL;
}

unsigned weir__shape_index(const struct weir__shape *shape, const struct weir__worker *worker)
{
	unsigned w = 0;

	while (w < shape->n_workers && shape->workers[w] != worker)
		w++;
	return w;
}

bool weir__shape_has_endpoint(const struct weir__shape *shape, const struct weir__endpoint *endpoint)
{
	for (unsigned i = 0; i < shape->n_endpoints; i++)
		if (shape->endpoints[i] == endpoint)
			return true;
	return false;
}

/* Either parts of others or what is none. */
static int open_some(const struct weir__shape *shape, const struct weir__shape *other,
		     const struct weir__plan *plan, bool parts)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < shape->n_endpoints; i++) {
		struct weir__endpoint *endpoint = shape->endpoints[i];

		if (!endpoint->whole == !parts && !(other && weir__shape_has_endpoint(other, endpoint)))
			rc = weir__endpoint_open(endpoint, plan->endpoints[i].options, plan->err);
	}
	return rc;
}

int weir__shape_open(struct weir__shape *shape, const struct weir__shape *other,
		     const struct weir__plan *plan)
{
	int rc = open_some(shape, other, plan, false);

	if (rc == 0)
		rc = open_some(shape, other, plan, true);
	weir__error_at(plan->err, "%s", "");
	return rc;
}

void weir__shape_subtract(struct weir__shape *shape, const struct weir__shape *other)
{
	for (unsigned i = 0; other && i < shape->n_endpoints; i++)
		if (weir__shape_has_endpoint(other, shape->endpoints[i]))
			shape->endpoints[i] = NULL;
	for (unsigned i = 0; other && i < shape->n_workers; i++)
		if (weir__shape_has_worker(other, shape->workers[i]))
			shape->shared[i] = true;
	for (unsigned i = 0; other && i < shape->n_places; i++)
		if (weir__shape_has_row(other, shape->places[i].row))
			shape->places[i].row = NULL;
}

static void free_place(struct weir__place *place)
{
	weir__stage_release(place->type, place->config);
	free(place->options);
	weir__row_free(place->row);
}

void weir__shape_free(struct weir__shape *shape)
{
	if (!shape)
		return;
	for (unsigned i = 0; i < shape->n_workers; i++)
		if (!shape->shared[i])
			weir__worker_destroy(shape->workers[i]);
	for (unsigned i = 0; i < shape->n_endpoints; i++) {
		weir__endpoint_destroy(shape->endpoints[i]);
		free(shape->changes[i]);
	}
	for (unsigned i = 0; i < shape->n_places; i++)
		free_place(&shape->places[i]);
	for (unsigned i = 0; i < shape->n_workers; i++)
		weir__program_free(shape->programs[i]);
	free(shape);
}
