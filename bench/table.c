/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "table.h"

#define STAGE_PREFIX      "ns "    /* of the metric of a stage's cost, in front of its path */
#define ROUND_TRIP_PREFIX "us at " /* of that of a point of the distribution of round trips */

static const struct metric {
	const char *name;
	size_t offset;
	double scale; /* for people */
	unsigned digits;
	const char *unit;
	const char *heading;
} metrics[] = {
	{ "gbps", offsetof(struct visit, gbps), 1, 2, "Gbit/s", "Gbit/s" },
	{ "pps", offsetof(struct visit, pps), 1e-3, 1, "kpps", "kpps" },
	{ "loss", offsetof(struct visit, loss), 100, 2, "%", "loss %" },
	{ "lost", offsetof(struct visit, lost), 1, 0, "", "lost" },
	{ "by_kernels", offsetof(struct visit, by_kernels), 1, 0, "", "kernels" },
	{ "duplicated", offsetof(struct visit, duplicated), 1, 0, "", "doubled" },
	{ "reordered", offsetof(struct visit, reordered), 1, 0, "", "reord" },
	{ "retransmits", offsetof(struct visit, retransmits), 1, 0, "", "retr" },
	{ "cpu_s_per_gb", offsetof(struct visit, cpu_s_per_gb), 1, 2, "s/GB", "s/GB" },
	{ "cpu", offsetof(struct visit, cpu), 100, 0, "%", "cpu %" },
	{ "p50_us", offsetof(struct visit, p50_us), 1, 1, "us", "p50 us" },
	{ "p99_us", offsetof(struct visit, p99_us), 1, 1, "us", "p99 us" },
	{ "calm_p99_us", offsetof(struct visit, calm_p99_us), 1, 1, "us", "calm99" },
	{ "p999_us", offsetof(struct visit, p999_us), 1, 1, "us", "p99.9" },
};

static const struct metric *find_metric(const char *name)
{
	const struct metric *metric = metrics;

	while (strcmp(metric->name, name) != 0)
		metric++;
	return metric;
}

static void add_round_trips(struct report *report, const char *kase, const char *mode,
			    const struct visit *visit)
{
	for (unsigned i = 0; !isnan(visit->p50_us) && i < VISIT_PERCENTS; i++) {
		char name[32];

		snprintf(name, sizeof(name), ROUND_TRIP_PREFIX "%g", visit_percents[i]);
		report_add(report, kase, mode, name, visit->percent_us[i]);
	}
}

static void add_forwarder(struct report *report, const char *kase, const char *mode,
			  const struct forwarder_report *told)
{
	if (told->received) {
		report_add(report, kase, mode, "sleeps_per_packet",
			   (double)told->sleeps / (double)told->received);
		report_add(report, kase, mode, "wakes_per_packet",
			   (double)told->wakes / (double)told->received);
	}
	for (unsigned i = 0; i < told->n; i++) {
		char name[sizeof(STAGE_PREFIX) + sizeof(told->stages[i].path)];

		snprintf(name, sizeof(name), STAGE_PREFIX "%s", told->stages[i].path);
		report_add(report, kase, mode, name, told->stages[i].ns);
	}
}

void table_add(struct report *report, const char *kase, const char *mode, const struct visit *visit)
{
	for (unsigned i = 0; i < countof(metrics); i++) {
		double value = *(const double *)((const char *)visit + metrics[i].offset);

		if (!isnan(value))
			report_add(report, kase, mode, metrics[i].name, value);
	}
	add_round_trips(report, kase, mode, visit);
	add_forwarder(report, kase, mode, &visit->report);
}

/* "2.61 [2.55-2.70]"; with one value, "2.61". */
static void format_spread(char *text, size_t size, const struct spread *spread, const struct metric *metric)
{
	int digits = (int)metric->digits;

	if (isnan(spread->median))
		snprintf(text, size, "-");
	else if (spread->min < spread->max)
		snprintf(text, size, "%.*f [%.*f-%.*f]", digits, spread->median * metric->scale, digits,
			 spread->min * metric->scale, digits, spread->max * metric->scale);
	else
		snprintf(text, size, "%.*f", digits, spread->median * metric->scale);
}

static void format_ratio(char *text, size_t size, const struct report *report,
			 const struct traffic_case *kase, const struct mode *mode)
{
	struct spread ratio = { NAN, NAN, NAN };
	const struct metric plain = { .scale = 1, .digits = 2 };

	if (mode->base)
		ratio = report_ratio(report, kase->name, kase->type->headline, mode->name, mode->base);
	format_spread(text, size, &ratio, &plain);
}

/* The headline metric of a case in a mode: "2.61 [2.55-2.70] Gbit/s". */
static void format_headline(char *text, size_t size, const struct report *report,
			    const struct traffic_case *kase, const struct mode *mode)
{
	const struct metric *metric = find_metric(kase->type->headline);
	const struct series *series = report_series(report, kase->name, mode->name, metric->name);
	struct spread spread = series ? report_spread(series->values, series->n) : report_spread(NULL, 0);
	char number[64];

	format_spread(number, sizeof(number), &spread, metric);
	snprintf(text, size, "%s %s", number, metric->unit);
}

void table_print_progress(const struct report *report, const struct traffic_case *kase,
			  const struct mode *mode, unsigned done, unsigned all)
{
	const struct metric *metric = find_metric(kase->type->headline);
	const struct series *series = report_series(report, kase->name, mode->name, metric->name);
	char text[96], ratio[96];

	format_headline(text, sizeof(text), report, kase, mode);
	format_ratio(ratio, sizeof(ratio), report, kase, mode);
	printf("%4u/%u  %-9s %-15s %8.*f   so far %-30s", done, all, kase->name, mode->name,
	       (int)metric->digits, series ? series->values[series->n - 1] * metric->scale : NAN, text);
	if (mode->base)
		printf(" = %s x %s", ratio, mode->base);
	putchar('\n');
	fflush(stdout);
}

/* Whether any case has it. */
static bool is_measured(const struct report *report, const struct metric *metric)
{
	for (unsigned i = 0; i < report->n; i++)
		if (report_series(report, report->results[i].kase, report->results[i].mode, metric->name))
			return true;
	return false;
}

void table_print_head(const struct report *report)
{
	printf("\n%-9s %-15s %-30s %-18s", "case", "mode", "median [min-max]", "x base");
	for (unsigned i = 0; i < countof(metrics); i++)
		if (is_measured(report, &metrics[i]))
			printf(" %7s", metrics[i].heading);
	putchar('\n');
}

void table_print_row(const struct report *report, const struct traffic_case *kase, const struct mode *mode)
{
	char text[96], ratio[96];

	if (!report_series(report, kase->name, mode->name, kase->type->headline))
		return;
	format_headline(text, sizeof(text), report, kase, mode);
	format_ratio(ratio, sizeof(ratio), report, kase, mode);
	printf("%-9s %-15s %-30s %-18s", kase->name, mode->name, text, ratio);
	for (unsigned i = 0; i < countof(metrics); i++) {
		const struct series *series = report_series(report, kase->name, mode->name, metrics[i].name);

		if (series)
			printf(" %7.*f", (int)metrics[i].digits,
			       report_spread(series->values, series->n).median * metrics[i].scale);
		else if (is_measured(report, &metrics[i]))
			printf(" %7s", "-");
	}
	putchar('\n');
}

/* The chain of a stage's metric; NULL: it is another metric. */
static const char *chain_of(const struct series *series)
{
	return strncmp(series->name, STAGE_PREFIX, strlen(STAGE_PREFIX))
		       ? NULL
		       : series->name + strlen(STAGE_PREFIX);
}

static bool same_chain(const struct series *a, const struct series *b)
{
	const char *chain = chain_of(a), *other = chain_of(b);
	size_t n = chain ? strcspn(chain, "/") + 1 : 0;

	return chain && other && strncmp(chain, other, n) == 0;
}

/* The names of the stages of a chain, or what they cost. */
static void print_chain(const struct result *result, unsigned first, bool names)
{
	for (unsigned i = first; i < result->n && same_chain(&result->series[first], &result->series[i]);
	     i++) {
		const struct series *series = &result->series[i];

		if (names)
			printf(" %10s", strchr(series->name, '/') + 1);
		else
			printf(" %10.1f", report_spread(series->values, series->n).median);
	}
	putchar('\n');
}

/* Whether two chains have stages of the same names. */
static bool same_stages(const struct result *a, unsigned i, const struct result *b, unsigned j)
{
	const unsigned first_a = i, first_b = j;

	for (;; i++, j++) {
		const bool in_a = i < a->n && same_chain(&a->series[first_a], &a->series[i]);
		const bool in_b = j < b->n && same_chain(&b->series[first_b], &b->series[j]);

		if (!in_a || !in_b)
			return in_a == in_b;
		if (strcmp(strchr(a->series[i].name, '/'), strchr(b->series[j].name, '/')) != 0)
			return false;
	}
}

void table_print_stages(const struct report *report)
{
	const struct result *headed = NULL;
	unsigned head = 0;

	for (unsigned r = 0; r < report->n; r++) {
		const struct result *result = &report->results[r];

		for (unsigned i = 0; i < result->n; i++) {
			const struct series *series = &result->series[i];

			if (!chain_of(series) || (i && same_chain(&result->series[i - 1], series)))
				continue;
			if (!headed || !same_stages(headed, head, result, i)) {
				printf("\n%-33s", "ns a packet");
				print_chain(result, i, true);
				headed = result;
				head = i;
			}
			printf("%-9s %-15s %-7.*s", result->kase, result->mode,
			       (int)strcspn(chain_of(series), "/"), chain_of(series));
			print_chain(result, i, false);
		}
	}
}
