/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "softether/pack.h"

/* One element of each type: a=1, s="hi", d=0102, u="hi" with its NUL, q=5. */
static const uint8_t example[] = {
	0,   0,   0,   5, 0, 0, 0, 2, 'a', 0, 0, 0, 0, 0,   0,   0, 1, 0, 0, 0,   1, 0, 0, 0, 2,
	's', 0,   0,   0, 2, 0, 0, 0, 1,   0, 0, 0, 2, 'h', 'i', 0, 0, 0, 2, 'd', 0, 0, 0, 1, 0,
	0,   0,   1,   0, 0, 0, 2, 1, 2,   0, 0, 0, 2, 'u', 0,   0, 0, 3, 0, 0,   0, 1, 0, 0, 0,
	3,   'h', 'i', 0, 0, 0, 0, 2, 'q', 0, 0, 0, 4, 0,   0,   0, 1, 0, 0, 0,   0, 0, 0, 0, 5,
};

static void parses_every_type(void **unused)
{
	struct weir__se_pack pack;
	const uint8_t *data;
	char text[8];
	size_t n;

	(void)unused;
	assert_int_equal(weir__se_pack_parse(&pack, example, sizeof(example)), 0);
	assert_int_equal(pack.n, 5);
	assert_int_equal(weir__se_pack_int(&pack, "a", 9), 1);
	assert_true(weir__se_pack_str(&pack, "s", text, sizeof(text)));
	assert_string_equal(text, "hi");
	data = weir__se_pack_data(&pack, "d", &n);
	assert_int_equal(n, 2);
	assert_memory_equal(data, "\1\2", 2);
	assert_int_equal(pack.element[3].type, WEIR__SE_UNISTR);
	assert_int_equal(pack.element[4].type, WEIR__SE_INT64);
}

static void finds_by_name_and_type(void **unused)
{
	struct weir__se_pack pack;
	uint8_t two[2], three[3];
	uint32_t value;
	char text[8];

	(void)unused;
	assert_int_equal(weir__se_pack_parse(&pack, example, sizeof(example)), 0);
	assert_int_equal(weir__se_pack_int(&pack, "A", 9), 1);
	assert_int_equal(weir__se_pack_int(&pack, "s", 9), 9); /* another type */
	assert_int_equal(weir__se_pack_int(&pack, "aa", 9), 9);
	assert_false(weir__se_pack_int_at(&pack, "a", 1, &value));
	assert_false(weir__se_pack_str(&pack, "a", text, sizeof(text)));
	assert_false(weir__se_pack_data_n(&pack, "d", three, 3));
	assert_true(weir__se_pack_data_n(&pack, "D", two, 2));
}

/* Whatever the server says becomes harmless text. */
static void strings_are_for_people(void **unused)
{
	uint8_t bytes[64];
	struct weir__se_pack_writer writer;
	struct weir__se_pack pack;
	char text[8];

	(void)unused;
	weir__se_pack_begin(&writer, bytes, sizeof(bytes));
	weir__se_pack_put_str(&writer, "s", "a\n\x1b\xff%slonger");
	assert_int_equal(weir__se_pack_parse(&pack, bytes, (size_t)weir__se_pack_end(&writer)), 0);
	assert_true(weir__se_pack_str(&pack, "s", text, sizeof(text)));
	assert_string_equal(text, "a???%sl");
}

static void writes_what_it_reads(void **unused)
{
	uint8_t bytes[256];
	struct weir__se_pack_writer writer;
	int n;

	(void)unused;
	weir__se_pack_begin(&writer, bytes, sizeof(bytes));
	weir__se_pack_put_int(&writer, "a", 1);
	weir__se_pack_put_str(&writer, "s", "hi");
	weir__se_pack_put_data(&writer, "d", "\1\2", 2);
	n = weir__se_pack_end(&writer);
	assert_int_equal(n, 59);
	assert_memory_equal(bytes + 4, example + 4, (size_t)n - 4);
	assert_int_equal(bytes[3], 3);
}

/* The server would take the whole message for broken. */
static void refuses_a_name_twice(void **unused)
{
	uint8_t bytes[256];
	struct weir__se_pack_writer writer;

	(void)unused;
	weir__se_pack_begin(&writer, bytes, sizeof(bytes));
	weir__se_pack_put_str(&writer, "hubname", "VPN");
	weir__se_pack_put_int(&writer, "HubName", 1);
	assert_int_equal(weir__se_pack_end(&writer), -EEXIST);
}

static void refuses_what_does_not_fit(void **unused)
{
	uint8_t bytes[25]; /* a str "s" of 5 takes 26 with the count */
	char name[WEIR__SE_PACK_NAME + 2];
	struct weir__se_pack_writer writer;

	(void)unused;
	weir__se_pack_begin(&writer, bytes, sizeof(bytes));
	weir__se_pack_put_str(&writer, "s", "12345");
	assert_int_equal(weir__se_pack_end(&writer), -EMSGSIZE);
	weir__se_pack_begin(&writer, bytes, sizeof(bytes));
	weir__se_pack_put_str(&writer, "s", "1234");
	assert_int_equal(weir__se_pack_end(&writer), 25);
	weir__se_pack_begin(&writer, bytes, sizeof(bytes));
	weir__se_pack_put_int(&writer, "", 1);
	assert_int_equal(weir__se_pack_end(&writer), -EINVAL);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	weir__se_pack_begin(&writer, bytes, sizeof(bytes));
	weir__se_pack_put_int(&writer, name, 1);
	assert_int_equal(weir__se_pack_end(&writer), -EINVAL);
}

/* At every byte the message may end. Each is memory of its own, so that a sanitizer sees a byte too many. */
static void refuses_what_is_cut(void **unused)
{
	struct weir__se_pack pack;

	(void)unused;
	for (size_t n = 0; n < sizeof(example); n++) {
		uint8_t *cut = malloc(n + 1);

		assert_non_null(cut);
		memcpy(cut, example, n);
		assert_int_equal(weir__se_pack_parse(&pack, cut, n), -EBADMSG);
		assert_int_equal(pack.n, 0);
		free(cut);
	}
}

static void refuses_what_cannot_be(void **unused)
{
	static const struct {
		uint8_t bytes[24];
		size_t n;
		int code;
	} cases[] = {
		{ { 0, 0, 1, 1 }, 4, -E2BIG }, /* 257 elements */
		{ { 0xff, 0xff, 0xff, 0xff }, 4, -E2BIG },
		{ { 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1 },
		  20,
		  -EBADMSG }, /* no name */
		{ { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 16, -EBADMSG },
		{ { 0, 0, 0, 1, 0, 0, 0, 65 }, 24, -EBADMSG },                             /* 64 letters */
		{ { 0, 0, 0, 1, 0, 0, 0, 2, 'a', 0, 0, 0, 5, 0, 0, 0, 1 }, 24, -EBADMSG }, /* type 5 */
		{ { 0, 0, 0, 1, 0, 0, 0, 2, 'a', 0, 0, 0, 0, 0, 0, 0, 0 }, 24, -EBADMSG }, /* no value */
		{ { 0, 0, 0, 1, 0, 0, 0, 2, 'a', 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff }, 24, -EBADMSG },
		{ { 0, 0, 0, 1, 0, 0, 0, 2, 'a', 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff },
		  24,
		  -EBADMSG },
	};
	struct weir__se_pack pack;

	(void)unused;
	for (size_t i = 0; i < countof(cases); i++)
		assert_int_equal(weir__se_pack_parse(&pack, cases[i].bytes, cases[i].n), cases[i].code);
}

static void takes_several_values(void **unused)
{
	static const uint8_t ports[] = { 0, 0, 0, 1, 0, 0, 0, 2,   'p', 0, 0,    0,   0,
					 0, 0, 0, 2, 0, 0, 1, 187, 0,   0, 0x15, 0xb3 };
	struct weir__se_pack pack;
	uint32_t value;

	(void)unused;
	assert_int_equal(weir__se_pack_parse(&pack, ports, sizeof(ports)), 0);
	assert_true(weir__se_pack_int_at(&pack, "p", 1, &value));
	assert_int_equal(value, 5555);
	assert_int_equal(weir__se_pack_int(&pack, "p", 0), 443);
	assert_false(weir__se_pack_int_at(&pack, "p", 2, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_every_type),      cmocka_unit_test(finds_by_name_and_type),
		cmocka_unit_test(strings_are_for_people), cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(refuses_a_name_twice),   cmocka_unit_test(refuses_what_does_not_fit),
		cmocka_unit_test(refuses_what_is_cut),    cmocka_unit_test(refuses_what_cannot_be),
		cmocka_unit_test(takes_several_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
