/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bench that sends traffic through forwarders: its cases and modes, what the command line chooses of them,
 * and the rounds. The modes take turns, so that what disturbs the machine disturbs all of them.
 */
#ifndef WEIR_BENCH_SUITE_H
#define WEIR_BENCH_SUITE_H

#include "report.h"
#include "visit.h"

#define SUITE_CASES_MAX 16
#define SUITE_MODES_MAX 16

/* Something that is measured without traffic. */
struct extra {
	const char *name;
	const char *help;
};

struct suite {
	const char *name; /* of the program */
	const struct traffic_case *cases;
	unsigned n_cases;
	const struct extra *extras;
	unsigned n_extras;
	const struct mode *modes; /* each behind the one that it is compared with */
	unsigned n_modes;
	double seconds;          /* of a measurement, unless told */
	unsigned rounds;         /* unless told */
	const char *quick;       /* the cases of --quick */
	const char *quick_modes; /* and its modes; NULL: all */
};

struct options {
	bool case_on[SUITE_CASES_MAX]; /* the cases, then the extras */
	bool mode_on[SUITE_MODES_MAX];
	bool every_pair; /* of those, not only the cases that a mode meets unless told */
	double seconds;
	unsigned rounds;
	struct placement placement;
	const char *json;
};

/* What became of all packets that Weir was given. */
struct conservation {
	uint64_t received, injected, sent, dropped, consumed, held;
};

/* Ends the program for --help and --list, and where an option is wrong. */
void suite_parse(const struct suite *suite, struct options *options, int argc, char **argv);

bool suite_extra_on(const struct suite *suite, const struct options *options, unsigned extra);

/* Whether the mode shall meet that case or extra. */
bool suite_pair_on(const struct options *options, const char *kase, const struct mode *mode);

void suite_sum_up(struct conservation *sum, const struct forwarder_report *report);

/* All rounds of all cases and modes that are on. */
void suite_measure(const struct suite *suite, const struct options *options, struct report *report,
		   const struct rig *rig, struct conservation *sum);

void suite_print_table(const struct suite *suite, const struct report *report);

/* Returns whether no packet is unaccounted for. */
bool suite_print_conservation(const struct conservation *sum);

#endif
