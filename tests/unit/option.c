/* SPDX-License-Identifier: Apache-2.0 */
#include "fake.h"

#include "plan.h"
#include "registry.h"

/* One member of each kind, and one that the table does not name. */
struct line {
	uint32_t count; /* 0 ends the lines */
	const char *text;
	const char *const *words;
};

struct all {
	WEIR_STAGE_OPTIONS
	bool boolean;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	int64_t i64;
	int integer;
	double real;
	const char *string;
	const char *const *list;
	int *object;
	enum weir_layer layer;
	const struct line *lines;
	struct line array[3];
	const char *unnamed;
};

static const struct weir_option line_table[] = {
	WEIR_OPTION(struct line, count, U32, "how often"),
	WEIR_OPTION(struct line, text, STRING, "what"),
	WEIR_OPTION(struct line, words, LIST, "more"),
	{ 0 },
};

static const struct weir_option all_table[] = {
	WEIR_OPTION(struct all, boolean, BOOL, "a bool"),
	WEIR_OPTION(struct all, u16, U16, "16 bits"),
	WEIR_OPTION(struct all, u32, U32, "32 bits"),
	WEIR_OPTION(struct all, u64, U64, "64 bits"),
	WEIR_OPTION(struct all, i64, I64, "64 bits with a sign"),
	WEIR_OPTION(struct all, integer, INT, "an int"),
	WEIR_OPTION(struct all, real, DOUBLE, "a double"),
	WEIR_OPTION(struct all, string, STRING, "a string"),
	WEIR_OPTION(struct all, list, LIST, "a list"),
	WEIR_OPTION(struct all, object, OBJECT, "an object"),
	WEIR_ENUM_OPTION(struct all, layer, weir__layer_values, "an enum"),
	WEIR_ROWS_OPTION(struct all, lines, line_table, "rows"),
	WEIR_ARRAY_OPTION(struct all, array, line_table, "an array"),
	{ 0 },
};

static const struct weir_stage_type all_type = {
	.name = "all",
	.options = all_table,
	.options_size = sizeof(struct all),
};

static int object;
static int other_object;

/* Each time in memory of its own, so that no string or list is at the same address twice. */
struct made {
	char texts[12][8];
	const char *lists[4][3];
	struct line lines[3];
	struct all all;
};

static struct made *make(void)
{
	struct made *made = calloc(1, sizeof(*made));

	assert_non_null(made);
	for (size_t i = 0; i < countof(made->texts); i++)
		snprintf(made->texts[i], sizeof(made->texts[i]), "text%zu", i);
	for (size_t i = 0; i < countof(made->lists); i++) {
		made->lists[i][0] = made->texts[2 * i];
		made->lists[i][1] = made->texts[2 * i + 1];
	}
	for (size_t i = 0; i < 2; i++)
		made->lines[i] = (struct line){ (uint32_t)i + 1, made->texts[8 + i], made->lists[i] };
	made->all = (struct all){
		.name = made->texts[10],
		.exit = { [1] = made->texts[10], [7] = made->texts[11] },
		.boolean = true,
		.u16 = 16,
		.u32 = 32,
		.u64 = 64,
		.i64 = -64,
		.integer = -1,
		.real = 0.5,
		.string = made->texts[11],
		.list = made->lists[3],
		.object = &object,
		.layer = WEIR_LAYER_L2,
		.lines = made->lines,
		.array = { { 1, made->texts[8], NULL }, { 2, NULL, made->lists[2] }, { 3, NULL, NULL } },
		.unnamed = made->texts[0],
	};
	return made;
}

static bool equal(const struct made *a, const struct made *b)
{
	const bool result = weir__options_equal(all_table, &a->all, &b->all);

	assert_int_equal(weir__options_equal(all_table, &b->all, &a->all), result);
	return result;
}

/* Makes one change to what is equal otherwise. */
#define EXPECT_DIFFERENT(change)           \
	do {                               \
		struct made *a = make();   \
		struct made *b = make();   \
		assert_true(equal(a, b));  \
		b->change;                 \
		assert_false(equal(a, b)); \
		free(a);                   \
		free(b);                   \
	} while (0)

static void tells_values_apart(void **state)
{
	(void)state;
	EXPECT_DIFFERENT(all.boolean = false);
	EXPECT_DIFFERENT(all.u16 = 16 + 256);
	EXPECT_DIFFERENT(all.u32 = 32 + (1u << 31));
	EXPECT_DIFFERENT(all.u64 = 64 + (1ull << 63));
	EXPECT_DIFFERENT(all.i64 = 64);
	EXPECT_DIFFERENT(all.integer = 1);
	EXPECT_DIFFERENT(all.real = 0.25);
	EXPECT_DIFFERENT(all.object = &other_object);
	EXPECT_DIFFERENT(all.object = NULL);
	EXPECT_DIFFERENT(all.layer = WEIR_LAYER_L3);
}

static void tells_contents_apart(void **state)
{
	(void)state;
	EXPECT_DIFFERENT(texts[11][0] = 'T'); /* of .string */
	EXPECT_DIFFERENT(all.string = NULL);
	EXPECT_DIFFERENT(all.string = "");
	EXPECT_DIFFERENT(texts[7][0] = 'T'); /* of .list */
	EXPECT_DIFFERENT(lists[3][1] = NULL);
	EXPECT_DIFFERENT(lists[3][0] = NULL);
	EXPECT_DIFFERENT(all.list = NULL);
	EXPECT_DIFFERENT(lines[0].count = 9);
	EXPECT_DIFFERENT(lines[1].count = 0);
	EXPECT_DIFFERENT(lines[1].text = NULL);
	EXPECT_DIFFERENT(texts[3][0] = 'T'); /* of .lines[1].words */
	EXPECT_DIFFERENT(all.lines = NULL);
	EXPECT_DIFFERENT(all.array[2].count = 0);
	EXPECT_DIFFERENT(all.array[2].text = "");
	EXPECT_DIFFERENT(texts[5][0] = 'T'); /* of .array[1].words */
}

static void not_given_is_not_empty(void **state)
{
	static const char *const no_words[] = { NULL };
	static const struct line no_lines[1];
	struct made *a = make();
	struct made *b = make();

	(void)state;
	a->all.list = NULL;
	b->all.list = no_words;
	assert_false(equal(a, b));
	a->all.list = no_words;
	assert_true(equal(a, b));
	a->all.lines = NULL;
	b->all.lines = no_lines;
	assert_false(equal(a, b));
	a->all.lines = no_lines;
	assert_true(equal(a, b));
	free(a);
	free(b);
}

static void looks_at_nothing_else(void **state)
{
	struct made *a = make();
	struct made *b = make();

	(void)state;
	b->all.name = "other";
	b->all.exit[0] = "other";
	b->all.unnamed = "other";
	/* What stands behind the last row. */
	a->all.array[1].count = 0;
	b->all.array[1] = (struct line){ .text = "other" };
	assert_true(equal(a, b));
	free(a);
	free(b);
}

static void a_copy_lives_without_its_original(void **state)
{
	struct made *made = make();
	struct made *same = make();
	struct all *copy = weir__stage_options_copy(&all_type, &made->all);

	(void)state;
	assert_non_null(copy);
	free(made);
	assert_true(weir__options_equal(all_table, copy, &same->all));
	assert_string_equal(copy->name, "text10");
	assert_null(copy->exit[0]);
	assert_string_equal(copy->exit[1], "text10");
	assert_string_equal(copy->exit[7], "text11");
	assert_string_equal(copy->lines[1].words[1], "text3");
	assert_int_equal(copy->lines[2].count, 0);
	assert_string_equal(copy->array[1].words[0], "text4");
	assert_ptr_equal(copy->object, &object);
	assert_null(copy->unnamed);
	free(copy);
	free(same);
}

static void copies_what_is_empty_or_full(void **state)
{
	static const char *const no_words[] = { NULL };
	static const struct line no_lines[1];
	const struct all nothing = { 0 };
	/* Pieces of a copy have multiples of 16 bytes: without its end, this one would run into the next. */
	const struct all full = { .name = "0123456789abcdef", .string = "next" };
	const struct all empty = { .string = "", .list = no_words, .lines = no_lines };
	struct all *copy = weir__stage_options_copy(&all_type, &nothing);

	(void)state;
	assert_non_null(copy);
	assert_memory_equal(copy, &nothing, sizeof(nothing));
	free(copy);
	copy = weir__stage_options_copy(&all_type, &empty);
	assert_non_null(copy);
	assert_true(weir__options_equal(all_table, copy, &empty));
	free(copy);
	copy = weir__stage_options_copy(&all_type, &full);
	assert_non_null(copy);
	assert_string_equal(copy->name, "0123456789abcdef");
	free(copy);
}

/* The rows of the engine have no exits, and their name stands elsewhere. */
static void copies_rows_of_the_engine(void **state)
{
	char worker[] = "tx";
	const struct weir_ring ring = { .worker = worker, .capacity = 3, .full = WEIR_FULL_DROP };
	struct weir_ring *copy = weir__stage_options_copy(&weir_ring_type, &ring);

	(void)state;
	assert_non_null(copy);
	assert_true(weir__options_equal(weir_ring_type.options, copy, &ring));
	assert_null(copy->name);
	worker[0] = '-';
	assert_string_equal(copy->worker, "tx");
	free(copy);
}

static void copies_endpoints(void **state)
{
	char name[] = "in";
	const struct weir_generator generator = { .name = name,
						  .sizes = { { 100, 2 }, { 200, 1 } },
						  .rate = 7 };
	struct weir_generator *copy = weir__endpoint_options_copy(&weir_generator_type, &generator);

	(void)state;
	assert_non_null(copy);
	assert_true(weir__options_equal(weir_generator_type.options, copy, &generator));
	assert_int_equal(copy->sizes[1].bytes, 200);
	assert_int_equal(copy->sizes[1].weight, 1);
	name[0] = '-';
	assert_string_equal(copy->name, "in");
	free(copy);
}

static size_t size_of(const struct weir_option *option)
{
	static const size_t sizes[] = {
		[WEIR_OPTION_BOOL] = sizeof(bool),     [WEIR_OPTION_U16] = sizeof(uint16_t),
		[WEIR_OPTION_U32] = sizeof(uint32_t),  [WEIR_OPTION_U64] = sizeof(uint64_t),
		[WEIR_OPTION_I64] = sizeof(int64_t),   [WEIR_OPTION_INT] = sizeof(int),
		[WEIR_OPTION_DOUBLE] = sizeof(double), [WEIR_OPTION_STRING] = sizeof(char *),
		[WEIR_OPTION_LIST] = sizeof(char *),   [WEIR_OPTION_OBJECT] = sizeof(void *),
		[WEIR_OPTION_ENUM] = sizeof(int),      [WEIR_OPTION_ROWS] = sizeof(void *),
	};

	if (option->kind == WEIR_OPTION_ARRAY)
		return option->rows_max * option->row_size;
	assert_true(option->kind < countof(sizes));
	return sizes[option->kind];
}

static void expect_sound(const struct weir_option *table, size_t first, size_t size)
{
	assert_non_null(table);
	for (const struct weir_option *option = table; option->name; option++) {
		assert_in_range(option->offset, first, size - size_of(option));
		assert_true(strlen(option->help) > 0);
		assert_int_equal(option->kind == WEIR_OPTION_ENUM, option->values != NULL);
		assert_int_equal(option->kind == WEIR_OPTION_ROWS || option->kind == WEIR_OPTION_ARRAY,
				 option->row != NULL);
		for (const struct weir_option *other = table; other != option; other++)
			assert_string_not_equal(other->name, option->name);
		if (option->row)
			expect_sound(option->row, 0, option->row_size);
	}
}

static void built_in_tables_are_sound(void **state)
{
	(void)state;
	for (const struct weir_stage_type *const *type = weir__builtin_stages; *type; type++)
		expect_sound((*type)->options,
			     (*type)->process ? sizeof(struct weir__stage_options) : sizeof(char),
			     (*type)->options_size);
	for (const struct weir_endpoint_type *const *type = weir__builtin_endpoints; *type; type++)
		expect_sound((*type)->options, sizeof(struct weir__endpoint_options), (*type)->options_size);
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define KNOWS_PADDING
#endif
#endif

#ifdef KNOWS_PADDING
/* Bytes are not 0 where the struct has a member. */
static void expect_named(const struct weir_option *table, size_t first, uint8_t *bytes, size_t size)
{
	memset(bytes, 0, first);
	for (const struct weir_option *option = table; option->name; option++)
		memset(bytes + option->offset, 0, size_of(option));
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			fail_msg("%zu: no option is at this offset", i);
}

#define EXPECT_NAMED(struct_, first, table)                                   \
	do {                                                                  \
		struct_ value;                                                \
		memset(&value, 0xff, sizeof(value));                          \
		__builtin_clear_padding(&value);                              \
		expect_named(table, first, (uint8_t *)&value, sizeof(value)); \
	} while (0)

#define EXPECT_TYPE_NAMED(type, first)                                                         \
	do {                                                                                   \
		assert_int_equal(weir_##type##_type.options_size, sizeof(struct weir_##type)); \
		EXPECT_NAMED(struct weir_##type, first, weir_##type##_type.options);           \
		types++;                                                                       \
	} while (0)

#define EXPECT_STAGE_NAMED(type)    EXPECT_TYPE_NAMED(type, sizeof(struct weir__stage_options))
#define EXPECT_ENDPOINT_NAMED(type) EXPECT_TYPE_NAMED(type, sizeof(struct weir__endpoint_options))

/* By hand, because GCC 12 mistakes the padding around an array of structs. */
static void expect_generator_named(void)
{
	const size_t imix_end = offsetof(struct weir_generator, imix) + sizeof(bool);
	uint8_t bytes[sizeof(struct weir_generator)];

	memset(bytes, 0xff, sizeof(bytes));
	memset(bytes + imix_end, 0, offsetof(struct weir_generator, sizes) - imix_end);
	expect_named(weir_generator_type.options, sizeof(struct weir__endpoint_options), bytes,
		     sizeof(bytes));
}

static unsigned count_built_in(void)
{
	unsigned n = 0;

	for (const struct weir_stage_type *const *type = weir__builtin_stages; *type; type++)
		n++;
	for (const struct weir_endpoint_type *const *type = weir__builtin_endpoints; *type; type++)
		n++;
	return n;
}

static const struct weir_option *row_of(const struct weir_option *table, const char *name)
{
	while (strcmp(table->name, name) != 0)
		table++;
	return table->row;
}
#endif

/* A member that is added to the options of a built-in type and forgotten in its table fails here. */
static void built_in_tables_name_all_members(void **state)
{
#ifdef KNOWS_PADDING
	unsigned types = 0;

	(void)state;
	EXPECT_TYPE_NAMED(read, sizeof(char));
	EXPECT_TYPE_NAMED(write, sizeof(char));
	EXPECT_TYPE_NAMED(ring, sizeof(char));
	EXPECT_STAGE_NAMED(af_decap);
	EXPECT_STAGE_NAMED(af_encap);
	EXPECT_STAGE_NAMED(eth_unwrap);
	EXPECT_STAGE_NAMED(eth_wrap);
	EXPECT_STAGE_NAMED(gro_coalesce);
	EXPECT_STAGE_NAMED(gso_split);
	EXPECT_STAGE_NAMED(mac_filter);
	EXPECT_STAGE_NAMED(path_mtu);
	EXPECT_STAGE_NAMED(stats);
	EXPECT_ENDPOINT_NAMED(fd);
	expect_generator_named();
	types++;
	EXPECT_NAMED(struct weir_size, 0, row_of(weir_generator_type.options, "sizes"));
	EXPECT_ENDPOINT_NAMED(null);
	EXPECT_ENDPOINT_NAMED(pair);
	EXPECT_ENDPOINT_NAMED(pcap);
#ifdef __linux__
	EXPECT_ENDPOINT_NAMED(softether);
	EXPECT_STAGE_NAMED(neighbour_unwrap);
	EXPECT_STAGE_NAMED(neighbour_wrap);
	EXPECT_ENDPOINT_NAMED(host_port);
	EXPECT_ENDPOINT_NAMED(tun);
	EXPECT_ENDPOINT_NAMED(tun_queue);
	EXPECT_ENDPOINT_NAMED(udp);
	EXPECT_ENDPOINT_NAMED(vxlan);
	EXPECT_NAMED(struct weir_session_sender, sizeof(struct weir__endpoint_options),
		     weir_session_sender_options);
	types++; /* vxlan_sender */
	EXPECT_NAMED(struct weir_route, 0, row_of(weir_tun_type.options, "route"));
#endif
	assert_int_equal(types, count_built_in());
#else
	(void)state;
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_values_apart),
		cmocka_unit_test(tells_contents_apart),
		cmocka_unit_test(not_given_is_not_empty),
		cmocka_unit_test(looks_at_nothing_else),
		cmocka_unit_test(a_copy_lives_without_its_original),
		cmocka_unit_test(copies_what_is_empty_or_full),
		cmocka_unit_test(copies_rows_of_the_engine),
		cmocka_unit_test(copies_endpoints),
		cmocka_unit_test(built_in_tables_are_sound),
		cmocka_unit_test(built_in_tables_name_all_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
