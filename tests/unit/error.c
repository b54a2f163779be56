/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "error.h"

static void names_place_field_and_value(void **state)
{
	struct weir_error err;

	(void)state;
	weir__error_clear(&err);
	weir__error_at(&err, "%s/%s", "outbound", "filter");
	assert_int_equal(weir_invalid(&err, "allow[2]", "'%s' is not a MAC address", "02:zz"), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.text, "outbound/filter: allow[2]: '02:zz' is not a MAC address");
}

static void keeps_the_first_code_and_every_line(void **state)
{
	struct weir_error err;

	(void)state;
	weir__error_clear(&err);
	assert_int_equal(weir_failed(&err, -EPERM, "no"), -EPERM);
	weir_invalid(&err, "mtu", "%u", 5);
	assert_int_equal(err.code, -EPERM);
	assert_int_equal(err.problems, 2);
	assert_string_equal(err.text, "no\nmtu: 5");
}

static void says_when_the_text_is_full(void **state)
{
	struct weir_error err;

	(void)state;
	weir__error_clear(&err);
	for (int i = 0; i < 1000; i++)
		weir_invalid(&err, "field", "problem %d", i);
	assert_int_equal(err.problems, 1000);
	assert_true(strlen(err.text) < sizeof(err.text));
	assert_non_null(strstr(err.text, "field: problem 0\n"));
	assert_string_equal(err.text + strlen(err.text) - 11, "\n(and more)");
}

static void takes_null(void **state)
{
	(void)state;
	assert_int_equal(weir_invalid(NULL, "mtu", "bad"), -EINVAL);
	assert_int_equal(weir_failed(NULL, -EIO, "bad"), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_place_field_and_value),
		cmocka_unit_test(keeps_the_first_code_and_every_line),
		cmocka_unit_test(says_when_the_text_is_full),
		cmocka_unit_test(takes_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
