/* SPDX-License-Identifier: Apache-2.0 */
/* docs/examples/stage.c: its stage, tested as any stage is, and its program: example_stage PROGRAM */
#include "stage.h"

int example_main(void);
#define main example_main
#include "../../docs/examples/stage.c" /* NOLINT(bugprone-suspicious-include): as it is, main() and all */
#undef main

#define SECOND UINT64_C(1000000000)

static const char *program;

/* What becomes of a packet of so many bytes at that time. */
static void expect_at(struct stage *stage, uint64_t arrival, uint32_t bytes, const char *verdict)
{
	static const uint8_t packet[2000];

	stage_clear(stage);
	stage_add(stage, packet, bytes)->arrival = arrival;
	run(stage);
	assert_string_equal(verdict_name(stage, 0), verdict);
}

static void lets_pass_what_the_rate_allows(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(rate_limit(.rate = 1500)));
	expect_at(&stage, 7 * SECOND, 1501, "over_rate");
	expect_at(&stage, 7 * SECOND, 1000, "next");
	expect_at(&stage, 7 * SECOND, 501, "over_rate");
	expect_at(&stage, 7 * SECOND, 500, "next");
	expect_at(&stage, 7 * SECOND, 1, "over_rate");
	expect_at(&stage, 7 * SECOND + SECOND / 2, 751, "over_rate");
	expect_at(&stage, 7 * SECOND + SECOND / 2, 750, "next");
	expect_at(&stage, 9000 * SECOND, 1501, "over_rate"); /* it saves up a second's, not more */
	expect_at(&stage, 9000 * SECOND, 1500, "next");
	stage_close(&stage);
}

/* Where chains of two readers meet, a packet may have arrived before the one before it. */
static void time_may_go_back(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(rate_limit(.rate = 1000)));
	expect_at(&stage, 10 * SECOND, 400, "next");
	expect_at(&stage, 10 * SECOND - SECOND / 2, 101, "over_rate");
	expect_at(&stage, 10 * SECOND, 601, "over_rate");
	expect_at(&stage, 10 * SECOND, 600, "next");
	stage_close(&stage);
}

static void refuses_no_rate(void **state)
{
	(void)state;
	expect_refused(ROW(rate_limit()), "rate: 0 is not more than 0");
	expect_refused(ROW(rate_limit(.rate = -1)), "rate: -1 is not more than 0");
}

/* 100 packets pass at once. That all of them pass, the machine would have to sleep for a quarter of an hour.
 */
static void the_program_runs(void **state)
{
	const char *emulator = getenv("MESON_EXE_WRAPPER");
	unsigned long long sent = 0, dropped = 0;
	char line[4096];
	FILE *out;

	(void)state;
	snprintf(line, sizeof(line), "%s %s", emulator ? emulator : "", program);
	out = popen(line, "r");
	assert_non_null(out);
	while (fgets(line, sizeof(line), out)) {
		if (strstr(line, " as over_rate: "))
			assert_int_equal(sscanf(line, " dropped %llu", &dropped), 1);
		sscanf(line, "received 100000 + injected 0 == sent %llu", &sent);
	}
	assert_int_equal(pclose(out), 0);
	assert_true(sent >= 100);
	assert_true(dropped > 0);
	assert_int_equal(sent + dropped, 100000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lets_pass_what_the_rate_allows),
		cmocka_unit_test(time_may_go_back),
		cmocka_unit_test(refuses_no_rate),
		cmocka_unit_test(the_program_runs),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
