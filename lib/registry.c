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

static const void *find_in(const struct entry *list, const char *name)
{
	for (const struct entry *entry = list; entry; entry = entry->next)
		if (strcmp(entry->name, name) == 0)
			return entry->type;
	return NULL;
}

static const void *find(struct entry *const *list, const char *name)
{
	const void *type;

	pthread_mutex_lock(&lock);
	type = find_in(*list, name);
	pthread_mutex_unlock(&lock);
	return type;
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
	if (type->exits_give == WEIR_LAYER_AF)
		return "has exits that give device packets, of which nobody knows for what device";
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

static const struct weir_stage_type *built_in_stage(const char *name)
{
	for (const struct weir_stage_type *const *type = weir__builtin_stages; *type; type++)
		if (strcmp((*type)->name, name) == 0)
			return *type;
	return NULL;
}

static const struct weir_endpoint_type *built_in_endpoint(const char *name)
{
	for (const struct weir_endpoint_type *const *type = weir__builtin_endpoints; *type; type++)
		if (strcmp((*type)->name, name) == 0)
			return *type;
	return NULL;
}

const struct weir_stage_type *weir_stage_find(const char *name)
{
	const struct weir_stage_type *type = built_in_stage(name);

	return type ? type : find(&stages, name);
}

const struct weir_endpoint_type *weir_endpoint_find(const char *name)
{
	const struct weir_endpoint_type *type = built_in_endpoint(name);

	return type ? type : find(&endpoints, name);
}

/* --- registering ------------------------------------------------------------------------------------------
 */

/* What is to be added to both lists, each before those that it has now. */
struct addition {
	struct entry *stages;
	struct entry *endpoints;
};

static int note(struct entry **list, const char *name, const void *type)
{
	struct entry *entry = malloc(sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	*entry = (struct entry){ .next = *list, .name = name, .type = type };
	*list = entry;
	return 0;
}

static int known(struct weir_error *err, const char *kind, const char *name)
{
	return weir_failed(err, -EEXIST, "the %s '%s' is known already", kind, name);
}

static int fault(struct weir_error *err, const char *kind, const char *name, const char *what)
{
	return weir_failed(err, -EINVAL, "the %s '%s' %s", kind, name ? name : "", what);
}

/* With the lock. */
static int add_stage(struct addition *addition, const struct weir_stage_type *type, struct weir_error *err)
{
	const char *what = weir__stage_fault(type);

	if (what)
		return fault(err, "stage", type->name, what);
	if (built_in_stage(type->name) || find_in(stages, type->name) ||
	    find_in(addition->stages, type->name))
		return known(err, "stage", type->name);
	return note(&addition->stages, type->name, type);
}

static int add_endpoint(struct addition *addition, const struct weir_endpoint_type *type,
			struct weir_error *err)
{
	const char *what = weir__endpoint_fault(type);

	if (what)
		return fault(err, "endpoint", type->name, what);
	if (built_in_endpoint(type->name) || find_in(endpoints, type->name) ||
	    find_in(addition->endpoints, type->name))
		return known(err, "endpoint", type->name);
	return note(&addition->endpoints, type->name, type);
}

/* Puts the entries in front of the list. */
static void prepend(struct entry **list, struct entry *entries)
{
	struct entry **end = &entries;

	while (*end)
		end = &(*end)->next;
	*end = *list;
	*list = entries;
}

static void free_entries(struct entry *entries)
{
	while (entries) {
		struct entry *entry = entries;

		entries = entry->next;
		free(entry);
	}
}

int weir__register_all(const struct weir_stage_type *const *new_stages,
		       const struct weir_endpoint_type *const *new_endpoints, struct weir_error *err)
{
	struct addition addition = { 0 };
	int rc = 0;

	pthread_mutex_lock(&lock);
	for (; rc == 0 && new_stages && *new_stages; new_stages++)
		rc = add_stage(&addition, *new_stages, err);
	for (; rc == 0 && new_endpoints && *new_endpoints; new_endpoints++)
		rc = add_endpoint(&addition, *new_endpoints, err);
	if (rc == 0) {
		prepend(&stages, addition.stages);
		prepend(&endpoints, addition.endpoints);
	}
	pthread_mutex_unlock(&lock);
	if (rc < 0) {
		free_entries(addition.stages);
		free_entries(addition.endpoints);
	}
	return rc == -ENOMEM ? weir_failed(err, rc, "no memory to register it") : rc;
}

int weir_stage_register(const struct weir_stage_type *type)
{
	return weir__register_all((const struct weir_stage_type *const[]){ type, NULL }, NULL, NULL);
}

int weir_endpoint_register(const struct weir_endpoint_type *type)
{
	return weir__register_all(NULL, (const struct weir_endpoint_type *const[]){ type, NULL }, NULL);
}
