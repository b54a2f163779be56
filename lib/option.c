/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <weir/config.h>

#include "option.h"
#include "plan.h"

const struct weir_option_value weir__layer_values[] = {
	{ "af", WEIR_LAYER_AF },
	{ "l3", WEIR_LAYER_L3 },
	{ "l2", WEIR_LAYER_L2 },
	{ 0 },
};

const struct weir_option_value weir__framing_values[] = {
	{ "raw", WEIR_FRAMING_RAW },
	{ "tun_pi", WEIR_FRAMING_TUN_PI },
	{ "utun", WEIR_FRAMING_UTUN },
	{ 0 },
};

#define EXIT(k) WEIR_OPTION(struct weir__stage_options, exit[k], STRING, "the chain that the exit feeds")

static const struct weir_option stage_common[] = {
	WEIR_OPTION(struct weir__stage_options, name, STRING, "of the stage"),
	EXIT(0),
	EXIT(1),
	EXIT(2),
	EXIT(3),
	EXIT(4),
	EXIT(5),
	EXIT(6),
	EXIT(7),
	{ 0 },
};

_Static_assert(WEIR_EXITS_MAX == 8, "one row of stage_common each");

static const struct weir_option endpoint_common[] = {
	WEIR_OPTION(struct weir__endpoint_options, name, STRING, "of the endpoint"),
	{ 0 },
};

/* The rows of the engine do not begin as stages do; their tables name everything. */
static const struct weir_option none[] = { { 0 } };

static size_t size_of(const struct weir_option *option)
{
	switch (option->kind) {
	case WEIR_OPTION_BOOL:
		return sizeof(bool);
	case WEIR_OPTION_U16:
		return sizeof(uint16_t);
	case WEIR_OPTION_U32:
		return sizeof(uint32_t);
	case WEIR_OPTION_U64:
	case WEIR_OPTION_I64:
		return sizeof(uint64_t);
	case WEIR_OPTION_INT:
	case WEIR_OPTION_ENUM:
		return sizeof(int);
	case WEIR_OPTION_DOUBLE:
		return sizeof(double);
	case WEIR_OPTION_STRING:
	case WEIR_OPTION_LIST:
	case WEIR_OPTION_OBJECT:
	case WEIR_OPTION_ROWS:
		return sizeof(void *);
	case WEIR_OPTION_ARRAY:
		return option->row_size * option->rows_max;
	}
	return 0;
}

/* The pointer that a member of any pointer type is. */
static const void *pointer_at(const char *member)
{
	const void *pointer;

	memcpy(&pointer, member, sizeof(pointer));
	return pointer;
}

static size_t count_strings(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

static bool is_last(const struct weir_option *row, const char *at)
{
	static const char zero[sizeof(uint64_t)];

	return memcmp(at + row->offset, zero, size_of(row)) == 0;
}

static size_t count_rows(const struct weir_option *option, const char *rows)
{
	size_t n = 0;

	while ((option->kind == WEIR_OPTION_ROWS || n < option->rows_max) &&
	       !is_last(option->row, rows + n * option->row_size))
		n++;
	return n;
}

static bool lists_equal(const char *const *a, const char *const *b)
{
	while (*a && *b && strcmp(*a, *b) == 0) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static bool rows_equal(const struct weir_option *option, const char *a, const char *b)
{
	const size_t n = count_rows(option, a);

	if (count_rows(option, b) != n)
		return false;
	for (size_t i = 0; i < n * option->row_size; i += option->row_size)
		if (!weir__options_equal(option->row, a + i, b + i))
			return false;
	return true;
}

/* Whether the member points to what belongs to the option. */
static bool has_content(const struct weir_option *option)
{
	return option->kind == WEIR_OPTION_STRING || option->kind == WEIR_OPTION_LIST ||
	       option->kind == WEIR_OPTION_ROWS;
}

static bool member_equal(const struct weir_option *option, const char *a, const char *b)
{
	if (option->kind == WEIR_OPTION_ARRAY)
		return rows_equal(option, a, b);
	if (!has_content(option) || !pointer_at(a) || !pointer_at(b))
		return memcmp(a, b, size_of(option)) == 0;
	if (option->kind == WEIR_OPTION_STRING)
		return strcmp(pointer_at(a), pointer_at(b)) == 0;
	if (option->kind == WEIR_OPTION_LIST)
		return lists_equal(pointer_at(a), pointer_at(b));
	return rows_equal(option, pointer_at(a), pointer_at(b));
}

bool weir__options_equal(const struct weir_option *table, const void *a, const void *b)
{
	for (const struct weir_option *option = table; option->name; option++)
		if (!member_equal(option, (const char *)a + option->offset, (const char *)b + option->offset))
			return false;
	return true;
}

/* What a copy is put into, piece after piece. Without memory it only measures, and its pieces are NULL. */
struct space {
	char *memory; /* zeroed */
	size_t used;
};

static void *take(struct space *space, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	char *piece = space->memory ? space->memory + space->used : NULL;

	space->used += (size + align - 1) / align * align;
	return piece;
}

static const void *copy_string(struct space *space, const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = take(space, size);

	return copy ? memcpy(copy, text, size) : NULL;
}

static const void *copy_list(struct space *space, const char *const *list)
{
	const size_t n = count_strings(list);
	const char **copy = take(space, (n + 1) * sizeof(*copy));

	for (size_t i = 0; i < n; i++) {
		const char *text = copy_string(space, list[i]);

		if (copy)
			copy[i] = text;
	}
	return copy;
}

static void copy_members(struct space *space, const struct weir_option *table, char *to, const char *from);

/* The row after the last stays 0, which makes it the end. */
static void copy_rows(struct space *space, const struct weir_option *option, char *to, const char *from)
{
	const size_t n = count_rows(option, from);

	for (size_t i = 0; i < n * option->row_size; i += option->row_size)
		copy_members(space, option->row, to ? to + i : NULL, from + i);
}

static const void *copy_content(struct space *space, const struct weir_option *option, const void *from)
{
	char *rows;

	if (!from)
		return NULL;
	if (option->kind == WEIR_OPTION_STRING)
		return copy_string(space, from);
	if (option->kind == WEIR_OPTION_LIST)
		return copy_list(space, from);
	rows = take(space, (count_rows(option, from) + 1) * option->row_size);
	copy_rows(space, option, rows, from);
	return rows;
}

static void copy_member(struct space *space, const struct weir_option *option, char *to, const char *from)
{
	const void *pointer;

	if (option->kind == WEIR_OPTION_ARRAY) {
		copy_rows(space, option, to, from);
		return;
	}
	if (has_content(option)) {
		pointer = copy_content(space, option, pointer_at(from));
		from = (const char *)&pointer;
	}
	if (to)
		memcpy(to, from, size_of(option));
}

static void copy_members(struct space *space, const struct weir_option *table, char *to, const char *from)
{
	for (const struct weir_option *option = table; option->name; option++)
		copy_member(space, option, to ? to + option->offset : NULL, from + option->offset);
}

static void *copy_into(struct space *space, const struct weir_option *common, const struct weir_option *table,
		       size_t size, const void *options)
{
	char *copy = take(space, size);

	copy_members(space, common, copy, options);
	copy_members(space, table, copy, options);
	return copy;
}

static void *copy_options(const struct weir_option *common, const struct weir_option *table, size_t size,
			  const void *options)
{
	struct space measured = { 0 };
	struct space space = { 0 };

	copy_into(&measured, common, table, size, options);
	space.memory = calloc(1, measured.used);
	return space.memory ? copy_into(&space, common, table, size, options) : NULL;
}

void *weir__stage_options_copy(const struct weir_stage_type *type, const void *options)
{
	const bool is_engine = type == &weir_read_type || type == &weir_write_type || type == &weir_ring_type;

	return copy_options(is_engine ? none : stage_common, type->options, type->options_size, options);
}

void *weir__endpoint_options_copy(const struct weir_endpoint_type *type, const void *options)
{
	return copy_options(endpoint_common, type->options, type->options_size, options);
}
