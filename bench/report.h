/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bench has measured: for each case and mode, one value a round of each metric; and the headline
 * figures. It is written as JSON of the same shape by every bench:
 *
 *	{"bench": …, "host": {…}, "rounds": N, "results": [{"case": …, "mode": …, "gbps": […], …}, …],
 *	 "figures": {…},
 *	 "bars": {"KEY": {"at_least": …}, …}}
 */
#ifndef WEIR_BENCH_REPORT_H
#define WEIR_BENCH_REPORT_H

#include "bench.h"

struct series {
	char name[48]; /* of the metric: "gbps" */
	double *values;
	unsigned n;
};

struct result {
	char kase[32];
	char mode[32];
	struct series *series;
	unsigned n;
};

enum bar {
	BAR_NONE = 0,
	BAR_AT_LEAST,
	BAR_AT_MOST,
};

struct figure {
	char key[48];
	double value;
	enum bar bar;
	double limit;
};

struct report {
	const char *bench;
	unsigned rounds;
	struct result *results;
	unsigned n;
	struct figure *figures;
	unsigned n_figures;
};

struct spread {
	double median;
	double min;
	double max;
};

/* Adds the value of one round. */
void report_add(struct report *report, const char *kase, const char *mode, const char *metric, double value);

/* NULL: nothing was added to it. */
const struct series *report_series(const struct report *report, const char *kase, const char *mode,
				   const char *metric);

struct spread report_spread(const double *values, unsigned n);

/* The median of a metric over the rounds; NaN: it was not measured. */
double report_median(const struct report *report, const char *kase, const char *mode, const char *metric);

/*
 * The median over the rounds of mode's value by base's value of the same round: what disturbs a round
 * disturbs both. NaN: one of them is missing.
 */
struct spread report_ratio(const struct report *report, const char *kase, const char *metric,
			   const char *mode, const char *base);

/* Of those modes, the one with the highest median of a metric; NULL: none was measured. */
const char *report_best(const struct report *report, const char *kase, const char *metric,
			const char *const *modes, unsigned n);

/* Adds a headline number and the bar that it has to take. NaN is not added. */
void report_figure(struct report *report, const char *key, double value, enum bar bar, double limit);

/* A headline number that is the ratio of two modes in one metric of a case. */
struct ratio {
	const char *key, *kase, *metric, *mode, *base;
	enum bar bar;
	double limit;
};

/* Adds those whose cases and modes were measured. */
void report_ratio_figures(struct report *report, const struct ratio *ratios, unsigned n);

/* One line: kernel, processor, load. */
void report_print_host(FILE *file);

/* Prints the figures, one a line, with their bars, writes the whole as JSON (NULL: not), giving up with a
 * message if it cannot, and frees it. */
void report_finish(struct report *report, const char *json);

#endif
