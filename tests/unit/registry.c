/* SPDX-License-Identifier: Apache-2.0 */
#include "fake.h"

#include "registry.h"

static const char *const stages[] = { "af_decap", "af_encap", "eth_unwrap", "eth_wrap", "mac_filter",
				      "stats",    "read",     "write",      "ring" };
static const char *const endpoints[] = { "fd", "generator", "null", "pair", "pcap" };

static void knows_what_is_built_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(stages); i++) {
		const struct weir_stage_type *type = weir_stage_find(stages[i]);

		assert_non_null(type);
		assert_string_equal(type->name, stages[i]);
		assert_true(strlen(type->help) > 0);
		assert_true(type->options_size > 0);
	}
	for (size_t i = 0; i < countof(endpoints); i++) {
		const struct weir_endpoint_type *type = weir_endpoint_find(endpoints[i]);

		assert_non_null(type);
		assert_string_equal(type->name, endpoints[i]);
		assert_null(weir__endpoint_fault(type));
	}
	assert_ptr_equal(weir_stage_find("stats"), &weir_stats_type);
	assert_null(weir_stage_find("stat"));
	assert_null(weir_stage_find("null"));
	assert_null(weir_endpoint_find("stats"));
	assert_null(weir_endpoint_find(""));
}

static void names_belong_to_the_first(void **state)
{
	struct weir_stage_type other = judge_type;
	struct weir_endpoint_type stats = fake_type;

	(void)state;
	assert_null(weir_stage_find("judge"));
	assert_int_equal(weir_stage_register(&judge_type), 0);
	assert_ptr_equal(weir_stage_find("judge"), &judge_type);
	assert_int_equal(weir_stage_register(&judge_type), -EEXIST);
	assert_int_equal(weir_stage_register(&other), -EEXIST);
	other.name = "stats";
	assert_int_equal(weir_stage_register(&other), -EEXIST);
	other.name = "ring";
	assert_int_equal(weir_stage_register(&other), -EEXIST);
	other.name = "";
	assert_int_equal(weir_stage_register(&other), -EINVAL);

	assert_int_equal(weir_endpoint_register(&fake_type), 0);
	assert_ptr_equal(weir_endpoint_find("fake"), &fake_type);
	assert_int_equal(weir_endpoint_register(&fake_type), -EEXIST);
	stats.name = "null";
	assert_int_equal(weir_endpoint_register(&stats), -EEXIST);
	/* Stages and endpoints do not take each other's names away. */
	assert_null(weir_endpoint_find("judge"));
	assert_null(weir_stage_find("fake"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_what_is_built_in),
		cmocka_unit_test(names_belong_to_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
