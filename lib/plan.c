/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "plan.h"
#include "registry.h"

#define SPIN_MAX_US  1000
#define NAME_MAX_LEN 15 /* of a thread, without the NUL */

uint32_t weir__plan_find_endpoint(const struct weir__plan *plan, const char *name)
{
	for (uint32_t i = 0; i < plan->n_endpoints; i++)
		if (plan->endpoints[i].name && strcmp(plan->endpoints[i].name, name) == 0)
			return i;
	return WEIR__NONE;
}

/* Asks the type, which may be anybody's, what it thinks of the options. */
static void ask_type(struct weir__plan *plan, struct weir__plan_endpoint *endpoint)
{
	const struct weir_endpoint_type *type = endpoint->type;
	const unsigned before = plan->err->problems;

	if (weir__endpoint_fault(type))
		weir_failed(plan->err, -EINVAL, "the type '%s' %s", type->name ? type->name : "",
			    weir__endpoint_fault(type));
	else
		weir__error_word(plan->err, before,
				 type->check(endpoint->options, &endpoint->info, plan->err));
	endpoint->wrong = plan->err->problems > before;
}

static void check_endpoint(struct weir__plan *plan, unsigned i)
{
	const struct weir_endpoint *given = &plan->config->endpoints[i];
	struct weir__plan_endpoint *endpoint = &plan->endpoints[i];
	const struct weir__endpoint_options *options = given->options;

	*endpoint = (struct weir__plan_endpoint){
		.type = given->type,
		.options = given->options,
		.info = { .read_fd = -1, .write_fd = -1 },
		.reader = WEIR__NONE,
		.writer = WEIR__NONE,
		.whole = WEIR__NONE,
	};
	weir__error_at(plan->err, "endpoints[%u]", i);
	if (!options) {
		weir_invalid(plan->err, "options", "missing");
		return;
	}
	if (!options->name || !options->name[0] || strchr(options->name, '/')) {
		weir_invalid(plan->err, "name", "'%s' is not a name: it must not be empty nor contain '/'",
			     options->name ? options->name : "");
		return;
	}
	endpoint->name = options->name;
	weir__error_at(plan->err, "endpoint %s", endpoint->name);
	for (unsigned k = 0; k < i; k++)
		if (plan->endpoints[k].name && strcmp(plan->endpoints[k].name, endpoint->name) == 0)
			weir_invalid(plan->err, "name", "endpoints[%u] has this name too", k);
	if (!given->type->of)
		ask_type(plan, endpoint);
}

/* The endpoint that this one is a part of; NULL after a problem. */
static struct weir__plan_endpoint *find_whole(struct weir__plan *plan, struct weir__plan_endpoint *endpoint)
{
	const struct weir__part_options *options = endpoint->options;
	struct weir__plan_endpoint *whole;

	if (!options->of) {
		weir_invalid(plan->err, "of", "missing");
		return NULL;
	}
	endpoint->whole = weir__plan_find_endpoint(plan, options->of);
	if (endpoint->whole == WEIR__NONE) {
		weir_invalid(plan->err, "of", "no endpoint is named '%s'", options->of);
		return NULL;
	}
	whole = &plan->endpoints[endpoint->whole];
	if (whole->type == endpoint->type->of)
		return whole;
	weir_invalid(plan->err, "of", "'%s' is of the type %s, not %s", options->of, whole->type->name,
		     endpoint->type->of->name);
	return NULL;
}

/* After all others, so that it finds what it is a part of wherever the rows stand. */
static void check_part(struct weir__plan *plan, struct weir__plan_endpoint *endpoint)
{
	struct weir__plan_endpoint *whole;

	weir__error_at(plan->err, "endpoint %s", endpoint->name);
	whole = find_whole(plan, endpoint);
	endpoint->wrong = !whole || whole->wrong;
	if (endpoint->wrong)
		return;
	endpoint->info = whole->info;
	endpoint->info.part = ++whole->parts;
	endpoint->info.whole_options = whole->options;
	ask_type(plan, endpoint);
}

static void check_endpoints(struct weir__plan *plan)
{
	const struct weir_endpoint *endpoints = plan->config->endpoints;

	while (plan->n_endpoints < WEIR_ENDPOINTS_MAX && endpoints[plan->n_endpoints].type) {
		check_endpoint(plan, plan->n_endpoints);
		plan->n_endpoints++;
	}
	for (unsigned i = 0; i < plan->n_endpoints; i++)
		if (plan->endpoints[i].name && plan->endpoints[i].type->of)
			check_part(plan, &plan->endpoints[i]);
	if (!plan->n_endpoints) {
		weir__error_at(plan->err, "endpoints");
		weir_failed(plan->err, -EINVAL, "there are none");
	}
}

/* "0-1,3" */
static void print_cpus(char *text, size_t size, const cpu_set_t *cpus)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		unsigned last = cpu;

		if (!CPU_ISSET(cpu, cpus))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, cpus))
			last++;
		if (used < size)
			used += (size_t)snprintf(text + used, size - used, last > cpu ? "%s%u-%u" : "%s%u",
						 used ? "," : "", cpu, last);
		cpu = last;
	}
}

static void check_cpu(struct weir__plan *plan, const struct weir_worker *worker)
{
	cpu_set_t cpus;
	char text[128];

	if (worker->unpinned || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return;
	if (worker->cpu < CPU_SETSIZE && CPU_ISSET(worker->cpu, &cpus))
		return;
	print_cpus(text, sizeof(text), &cpus);
	weir_invalid(plan->err, "cpu", "processor %u does not exist or may not be used; there is %s",
		     worker->cpu, text);
}

static void check_worker(struct weir__plan *plan, unsigned i)
{
	const struct weir_worker *worker = &plan->config->workers[i];

	weir__error_at(plan->err, "workers[%u]", i);
	if (!worker->name[0] || strlen(worker->name) > NAME_MAX_LEN) {
		weir_invalid(plan->err, "name",
			     "'%s' is not the name of a thread: it must have 1 to %d bytes", worker->name,
			     NAME_MAX_LEN);
		return;
	}
	weir__error_at(plan->err, "worker %s", worker->name);
	for (unsigned k = 0; k < i; k++)
		if (strcmp(plan->config->workers[k].name, worker->name) == 0)
			weir_invalid(plan->err, "name", "workers[%u] has this name too", k);
	check_cpu(plan, worker);
	if (worker->spin_us > SPIN_MAX_US)
		weir_invalid(plan->err, "spin_us", "%u is more than %d", worker->spin_us, SPIN_MAX_US);
	if (worker->spin_us && worker->sleep_at_once)
		weir_invalid(plan->err, "spin_us", "%u contradicts sleep_at_once", worker->spin_us);
}

static void check_workers(struct weir__plan *plan)
{
	const struct weir_worker *workers = plan->config->workers;

	while (plan->n_workers < WEIR_WORKERS_MAX && workers[plan->n_workers].name)
		check_worker(plan, plan->n_workers++);
	if (!plan->n_workers) {
		weir__error_at(plan->err, "workers");
		weir_failed(plan->err, -EINVAL, "there are none");
	}
}

#define DEFAULT_ROOM  1536 /* bytes: an Ethernet MTU and what may stand around it */
#define DEFAULT_JUMBO 64
#define ROOM_MIN      128
#define ROOM_MAX      65535
#define RESERVE_MAX   4096 /* bytes of headroom, and of tailroom */
#define HEADROOM      128  /* by default: the headers of a tunnel over IPv6, and Ethernet with a tag */
#define TAILROOM      64   /* by default: what a cipher appends, padding */

static bool has_split(const struct weir__plan *plan)
{
	for (uint32_t i = 0; i < plan->n_rows; i++)
		if (plan->rows[i].kind == WEIR__ROW_SPLIT)
			return true;
	return false;
}

/* What a pipeline can hold at once: then a reader always finds a buffer. */
static uint64_t buffers_needed(const struct weir__plan *plan)
{
	uint64_t n = (uint64_t)plan->n_workers * (WEIR__STASH_SIZE + WEIR_VECTOR_SIZE) + plan->pool.reserve;

	for (uint32_t i = 0; i < plan->n_rows; i++) {
		const struct weir__plan_row *row = &plan->rows[i];
		const struct weir_ring *ring = row->options;
		unsigned producers = (unsigned)__builtin_popcountll(row->producers);

		if (row->kind == WEIR__ROW_WRITE)
			n += WEIR_VECTOR_SIZE;
		if (row->kind == WEIR__ROW_SPLIT) /* what waits in front of it, and the pieces in its hands */
			n += 2 * WEIR_VECTOR_SIZE;
		if (row->kind == WEIR__ROW_RING) /* its slots, and the backlog in front of it */
			n += ((uint64_t)(ring->capacity ? ring->capacity : WEIR__RING_CAPACITY) + 1) *
			     WEIR_VECTOR_SIZE * producers;
	}
	return n;
}

/* Head- or tailroom: what later changes may need, but at least what the chains need now. */
static uint32_t reserve(struct weir__plan *plan, const char *field, uint32_t given, uint32_t usual,
			uint32_t needed)
{
	if (given > RESERVE_MAX)
		weir_invalid(plan->err, field, "%u is more than %u", given, RESERVE_MAX);
	if (!given)
		given = usual;
	return given > needed ? given : needed;
}

static void check_buffers(struct weir__plan *plan)
{
	const struct weir_pool *given = &plan->config->pool;
	/* As many readers may take a batch at once, and what they leave must not be nothing. */
	const uint32_t reserved = has_split(plan) ? WEIR_VECTOR_SIZE * plan->n_workers : 0;
	const uint32_t least = 2 * WEIR_VECTOR_SIZE * plan->n_workers + reserved;
	uint64_t needed;

	plan->pool.reserve = reserved;
	needed = buffers_needed(plan);

	if (needed > WEIR__SMALL_MAX || given->buffers > WEIR__SMALL_MAX)
		weir_invalid(plan->err, "buffers", "%llu is more than %u: make the rings smaller",
			     (unsigned long long)(given->buffers > needed ? given->buffers : needed),
			     WEIR__SMALL_MAX);
	else if (given->buffers && given->buffers < needed && !given->overcommit)
		weir_invalid(plan->err, "buffers",
			     "%u are fewer than the configuration can hold at once: set it to %llu, or set "
			     "overcommit",
			     given->buffers, (unsigned long long)needed);
	else if (given->buffers && given->buffers < least)
		weir_invalid(plan->err, "buffers", "%u are too few for %u workers: set it to %u",
			     given->buffers, plan->n_workers, least);
	plan->pool.small = given->buffers ? given->buffers : (uint32_t)needed;
}

static void check_jumbo(struct weir__plan *plan)
{
	const uint32_t given = plan->config->pool.jumbo;
	const uint32_t least = 2 * WEIR__JUMBO_BATCH * plan->n_workers;
	uint32_t largest = 0;

	for (unsigned i = 0; i < plan->n_endpoints; i++)
		if (plan->endpoints[i].info.max_packet > largest)
			largest = plan->endpoints[i].info.max_packet;
	if (given > WEIR__JUMBO_MAX)
		weir_invalid(plan->err, "jumbo", "%u is more than %u", given, WEIR__JUMBO_MAX);
	if (given && given < least)
		weir_invalid(plan->err, "jumbo", "%u are too few for %u workers: set it to %u", given,
			     plan->n_workers, least);
	plan->pool.jumbo = given;
	if (!given && largest > plan->pool.room)
		plan->pool.jumbo = least > DEFAULT_JUMBO ? least : DEFAULT_JUMBO;
}

/* Where super-packets are cut, their pieces need small buffers: a jumbo buffer for each would be too many. */
static uint32_t default_room(const struct weir__plan *plan)
{
	const bool cuts = has_split(plan);
	uint32_t room = DEFAULT_ROOM;

	for (unsigned i = 0; cuts && i < plan->n_endpoints; i++)
		if (plan->endpoints[i].info.max_segment > room)
			room = plan->endpoints[i].info.max_segment;
	return room < ROOM_MAX ? room : ROOM_MAX;
}

static void check_pool(struct weir__plan *plan)
{
	const struct weir_pool *given = &plan->config->pool;

	weir__error_at(plan->err, "pool");
	check_buffers(plan);
	if (given->room && (given->room < ROOM_MIN || given->room > ROOM_MAX))
		weir_invalid(plan->err, "room", "%u is not between %u and %u", given->room, ROOM_MIN,
			     ROOM_MAX);
	plan->pool.room = given->room ? given->room : default_room(plan);
	plan->pool.headroom = reserve(plan, "headroom", given->headroom, HEADROOM, plan->headroom);
	plan->pool.tailroom = reserve(plan, "tailroom", given->tailroom, TAILROOM, plan->tailroom);
	plan->pool.no_huge_pages = given->no_huge_pages;
	check_jumbo(plan); /* needs the room */
}

int weir__plan_make(struct weir__plan *plan, const struct weir_config *config, struct weir_error *err)
{
	memset(plan, 0, sizeof(*plan));
	weir__error_clear(err);
	plan->config = config;
	plan->err = err;
	check_endpoints(plan);
	check_workers(plan);
	weir__plan_chains(plan);
	if (!err->problems)
		weir__plan_offload(plan);
	/* The flow can be followed only where every row is right. */
	if (!err->problems)
		weir__plan_flow(plan);
	if (!err->problems)
		check_pool(plan);
	weir__error_at(err, "%s", "");
	if (err->problems)
		weir__plan_free(plan);
	return err->code;
}

void weir__plan_free(struct weir__plan *plan)
{
	for (unsigned i = 0; i < plan->n_rows; i++) {
		weir__stage_release(plan->rows[i].type, plan->rows[i].config);
		plan->rows[i].config = NULL;
	}
}

int weir_config_check(const struct weir_config *config, struct weir_error *err)
{
	struct weir_error unused;
	struct weir__plan *plan = malloc(sizeof(*plan));
	int rc;

	if (!plan)
		return weir_failed(err, -ENOMEM, "no memory to check the configuration");
	rc = weir__plan_make(plan, config, err ? err : &unused);
	weir__plan_free(plan);
	free(plan);
	return rc;
}
