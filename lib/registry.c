/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <weir/gro_coalesce.h>
#include <weir/gso_split.h>

#include "registry.h"

/* Types registered by the program, newest first. They are never taken out, so a found one stays valid. */
struct entry {
	struct entry *next;
	const char *name;
	const void *type;
};

static struct entry *stages;
static struct entry *endpoints;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const void *find(struct entry *const *list, const char *name)
{
	const void *type = NULL;

	pthread_mutex_lock(&lock);
	for (const struct entry *entry = *list; entry && !type; entry = entry->next)
		if (strcmp(entry->name, name) == 0)
			type = entry->type;
	pthread_mutex_unlock(&lock);
	return type;
}

static int add(struct entry **list, const char *name, const void *type)
{
	struct entry *entry = malloc(sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	pthread_mutex_lock(&lock);
	*entry = (struct entry){ .next = *list, .name = name, .type = type };
	*list = entry;
	pthread_mutex_unlock(&lock);
	return 0;
}

static bool has_many(const struct weir_reason *reasons)
{
	unsigned n = 0;

	while (reasons && n <= WEIR_REASONS_MAX && reasons[n].name)
		n++;
	return n > WEIR_REASONS_MAX;
}

const char *weir__stage_fault(const struct weir_stage_type *type)
{
	if (!type->name || !type->name[0])
		return "has no name";
	if (!type->process && type != &weir_gso_split_type && type != &weir_gro_coalesce_type)
		return "has no process function";
	if (type->exits > WEIR_EXITS_MAX)
		return "has too many exits";
	return has_many(type->reasons) ? "has too many reasons" : NULL;
}

const char *weir__endpoint_fault(const struct weir_endpoint_type *type)
{
	if (!type->name || !type->name[0])
		return "has no name";
	if (!type->check || !type->open)
		return "has no check or no open function";
	if (!type->read && !type->write)
		return "neither reads nor writes";
	if (type->of && type->of->of)
		return "is a part of what is a part itself";
	return has_many(type->reasons) ? "has too many reasons" : NULL;
}

const struct weir_stage_type *weir_stage_find(const char *name)
{
	for (const struct weir_stage_type *const *type = weir__builtin_stages; *type; type++)
		if (strcmp((*type)->name, name) == 0)
			return *type;
	return find(&stages, name);
}

int weir_stage_register(const struct weir_stage_type *type)
{
	if (weir__stage_fault(type))
		return -EINVAL;
	if (weir_stage_find(type->name))
		return -EEXIST;
	return add(&stages, type->name, type);
}

const struct weir_endpoint_type *weir_endpoint_find(const char *name)
{
	for (const struct weir_endpoint_type *const *type = weir__builtin_endpoints; *type; type++)
		if (strcmp((*type)->name, name) == 0)
			return *type;
	return find(&endpoints, name);
}

int weir_endpoint_register(const struct weir_endpoint_type *type)
{
	if (weir__endpoint_fault(type))
		return -EINVAL;
	if (weir_endpoint_find(type->name))
		return -EEXIST;
	return add(&endpoints, type->name, type);
}
