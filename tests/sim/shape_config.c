/* SPDX-License-Identifier: Apache-2.0 */
/* A shape as the tables that a user of the library writes, and as words. */
#include <string.h>

#include "shape.h"

const char *const sim_worker_names[SIM_WORKERS_MAX] = { "w0", "w1", "w2", "w3" };

static const char *const kind_names[SIM_KINDS] = { "read",  "write",  "ring",  "pass",  "drop", "sort",
						   "stats", "filter", "enter", "leave", "mark", "look" };

static const char *const denied[] = { "02:00:00:00:01:03", NULL };

static const struct weir_stage_type *const types[SIM_KINDS] = {
	&weir_read_type, &weir_write_type, &weir_ring_type,  &sim_pass_type,
	&sim_drop_type,  &sim_sort_type,   &weir_stats_type, &weir_mac_filter_type,
	&sim_enter_type, &sim_leave_type,  &sim_mark_type,   &sim_look_type,
};

static void make_sort(struct sim_config *config, const struct sim_row *row, unsigned c, unsigned i)
{
	struct sim_sort *sort = &config->options[c][i].sort;

	/* The salt stays as long as the row does. */
	*sort = (struct sim_sort){ .name = config->names[c][i], .salt = row->key };
	for (unsigned k = 0; k < SIM_EXITS; k++) {
		if (!row->exit[k])
			continue;
		snprintf(config->exits[c][i][k], sizeof(config->exits[c][i][k]), "c%u", row->exit[k] - 1);
		sort->exit[k] = config->exits[c][i][k];
	}
}

static void make_row(struct sim_config *config, const struct sim_row *row, uint32_t stuck_one_in, unsigned c,
		     unsigned i)
{
	char *name = config->names[c][i];

	snprintf(name, sizeof(config->names[c][i]), "%s%u", kind_names[row->kind], row->key);
	switch (row->kind) {
	case SIM_ROW_READ:
		config->options[c][i].read = (struct weir_read){ .endpoint = sim_ports[row->port].name,
								 .worker = sim_worker_names[row->worker],
								 .name = name };
		break;
	case SIM_ROW_WRITE:
		config->options[c][i].write =
			(struct weir_write){ .endpoint = sim_ports[row->port].name, .name = name };
		break;
	case SIM_ROW_RING:
		config->options[c][i].ring = (struct weir_ring){ .worker = sim_worker_names[row->worker],
								 .name = name,
								 .capacity = row->capacity,
								 .full = row->full };
		break;
	case SIM_ROW_PASS:
		config->options[c][i].pass =
			(struct sim_pass){ .name = name, .stuck_one_in = row->option % 4 ? 0 : stuck_one_in };
		break;
	case SIM_ROW_DROP:
		config->options[c][i].drop = (struct sim_drop){ .name = name, .one_in = 2 + row->option };
		break;
	case SIM_ROW_SORT:
		make_sort(config, row, c, i);
		break;
	case SIM_ROW_STATS:
		config->options[c][i].stats = (struct weir_stats){ .name = name };
		break;
	case SIM_ROW_FILTER:
		config->options[c][i].filter = (struct weir_mac_filter){ .name = name, .deny = denied };
		break;
	case SIM_ROW_ENTER:
	case SIM_ROW_LEAVE:
		config->options[c][i].pair = (struct sim_pair){ .name = name, .number = row->option };
		break;
	case SIM_ROW_MARK:
	case SIM_ROW_LOOK:
		config->options[c][i].pair = (struct sim_pair){ .name = name, .age = row->option };
		break;
	case SIM_KINDS:
		break;
	}
	config->config.chains[c].stages[i] = (struct weir_stage){ types[row->kind], &config->options[c][i] };
}

static void make_pool(struct weir_pool *pool, const struct sim_shape *shape, unsigned n_workers)
{
	*pool = (struct weir_pool){ .room = 128, .no_huge_pages = true };
	if (shape->buffers) {
		pool->buffers = shape->buffers;
		pool->overcommit = true;
	}
	for (unsigned p = 0; p < sim_n_ports; p++)
		if (sim_ports[p].longest > pool->room)
			pool->jumbo = 8 * n_workers;
}

void sim_config_make(struct sim_config *config, const struct sim_shape *shape)
{
	unsigned n = 0;

	memset(config, 0, sizeof(*config));
	for (unsigned p = 0; p < sim_n_ports; p++) {
		if (!sim_shape_has_port(shape, p))
			continue;
		config->ports[p] =
			(struct sim_port_options){ .name = sim_ports[p].name, .port = &sim_ports[p] };
		config->config.endpoints[n++] = (struct weir_endpoint){ &sim_port_type, &config->ports[p] };
	}
	n = 0;
	for (unsigned w = 0; w < shape->n_workers; w++)
		if (sim_shape_has_worker(shape, w))
			config->config.workers[n++] =
				(struct weir_worker){ .name = sim_worker_names[w],
						      .cpu = shape->workers[w].cpu,
						      .unpinned = shape->workers[w].unpinned,
						      .spin_us = shape->workers[w].spin_us,
						      .sleep_at_once = shape->workers[w].sleep_at_once };
	for (unsigned c = 0; c < shape->n_chains; c++) {
		snprintf(config->chains[c], sizeof(config->chains[c]), "c%u", shape->chains[c].key);
		config->config.chains[c].name = config->chains[c];
		for (unsigned i = 0; i < shape->chains[c].n; i++)
			make_row(config, &shape->chains[c].rows[i], shape->stuck_one_in, c, i);
	}
	make_pool(&config->config.pool, shape, n);
	config->config.drain_ms = shape->drain_ms;
	config->config.change_ms = shape->change_ms;
}

struct weir_stage sim_config_stage(struct sim_config *config, const struct sim_shape *shape, unsigned c,
				   unsigned i, char path[32])
{
	make_row(config, &shape->chains[c].rows[i], shape->stuck_one_in, c, i);
	snprintf(path, 32, "c%u/%s", shape->chains[c].key, config->names[c][i]);
	return config->config.chains[c].stages[i];
}

static void print_row(const struct sim_row *row, FILE *file)
{
	static const char *const fulls[] = { "", " waits", " drops" };

	fprintf(file, "%s%u", kind_names[row->kind], row->key);
	if (row->kind == SIM_ROW_READ)
		fprintf(file, "(%s by %s)", sim_ports[row->port].name, sim_worker_names[row->worker]);
	if (row->kind == SIM_ROW_WRITE)
		fprintf(file, "(%s)", sim_ports[row->port].name);
	if (row->kind == SIM_ROW_RING)
		fprintf(file, "(to %s, %u%s)", sim_worker_names[row->worker], row->capacity,
			fulls[row->full]);
	for (unsigned k = 0; k < SIM_EXITS; k++)
		if (row->exit[k])
			fprintf(file, " [%u: c%u]", k, row->exit[k] - 1);
}

void sim_shape_print(const struct sim_shape *shape, FILE *file)
{
	static const char *const readers[] = { "polled", "armed", "never empty" };

	for (unsigned p = 0; p < sim_n_ports; p++)
		fprintf(file, "%s: %s, %u flows, packets up to %u, %s%s%s\n", sim_ports[p].name,
			readers[sim_ports[p].reader], sim_ports[p].flows, sim_ports[p].longest,
			sim_ports[p].never_blocks ? "takes all" : "may block",
			sim_ports[p].gives_supers ? ", gives super-packets" : "",
			sim_ports[p].takes_supers ? ", takes super-packets" : "");
	for (unsigned w = 0; w < shape->n_workers; w++)
		fprintf(file, "%s: cpu %u%s, spins %u us%s\n", sim_worker_names[w], shape->workers[w].cpu,
			shape->workers[w].unpinned ? " or any" : "", shape->workers[w].spin_us,
			shape->workers[w].sleep_at_once ? ", sleeps at once" : "");
	fprintf(file, "%u buffers (0: enough), %u ms to drain, %u to change\n", shape->buffers,
		shape->drain_ms, shape->change_ms);
	for (unsigned c = 0; c < shape->n_chains; c++) {
		fprintf(file, "c%u:", shape->chains[c].key);
		for (unsigned i = 0; i < shape->chains[c].n; i++) {
			fprintf(file, "%s ", i ? " ->" : "");
			print_row(&shape->chains[c].rows[i], file);
		}
		fprintf(file, "\n");
	}
}
