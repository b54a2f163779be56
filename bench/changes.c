/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "changes.h"

/* Metrics are named "us KIND PART" and "us KIND PART worst". */
#define PREFIX "us "
#define WORST  " worst"

static const char *const parts[CHANGE_PARTS] = {
	[CHANGE_TOTAL] = "total",     [CHANGE_PREPARE] = "prepare", [CHANGE_DRAIN] = "drain",
	[CHANGE_PUBLISH] = "publish", [CHANGE_GRACE] = "grace",     [CHANGE_HELD] = "held",
};

struct metric {
	char name[48];
};

static struct metric metric(const char *kind, enum change_part part, bool worst)
{
	struct metric metric;

	snprintf(metric.name, sizeof(metric.name), PREFIX "%s %s%s", kind, parts[part], worst ? WORST : "");
	return metric;
}

void changes_add(struct report *report, const char *kase, const char *mode,
		 const struct forwarder_report *told)
{
	if (told->n_changes)
		report_add(report, kase, mode, "changes_per_s", told->changes_per_s);
	for (unsigned i = 0; i < told->n_changes; i++) {
		const struct forwarder_change *change = &told->changes[i];

		for (enum change_part part = CHANGE_TOTAL; part < CHANGE_PARTS; part++) {
			if (isnan(change->median[part]))
				continue;
			report_add(report, kase, mode, metric(change->kind, part, false).name,
				   change->median[part]);
			report_add(report, kase, mode, metric(change->kind, part, true).name,
				   change->worst[part]);
		}
	}
}

static struct spread spread_of(const struct report *report, const char *kase, const char *mode,
			       const char *name)
{
	const struct series *series = report_series(report, kase, mode, name);

	return series ? report_spread(series->values, series->n) : report_spread(NULL, 0);
}

double changes_median(const struct report *report, const char *kase, const char *mode, const char *kind)
{
	return spread_of(report, kase, mode, metric(kind, CHANGE_TOTAL, false).name).median;
}

double changes_worst(const struct report *report, const char *kase, const char *mode, const char *kind)
{
	return spread_of(report, kase, mode, metric(kind, CHANGE_TOTAL, true).name).max;
}

/* "12.3 [10.1-15.2]" and the worst of all, then the medians of the parts. */
static void print_row(const struct report *report, const struct result *result, const char *kind)
{
	const struct spread total =
		spread_of(report, result->kase, result->mode, metric(kind, CHANGE_TOTAL, false).name);
	char text[64];

	snprintf(text, sizeof(text), "%.1f [%.1f-%.1f]", total.median, total.min, total.max);
	printf("%-8s %-9s %-12s %-28s %8.0f", result->kase, result->mode, kind, text,
	       changes_worst(report, result->kase, result->mode, kind));
	for (enum change_part part = CHANGE_TOTAL + 1; part < CHANGE_PARTS; part++) {
		const double median =
			spread_of(report, result->kase, result->mode, metric(kind, part, false).name).median;

		if (isnan(median))
			printf(" %8s", "-");
		else
			printf(" %8.0f", median);
	}
	putchar('\n');
}

/* The kind of a metric that is the whole time of its changes. */
static bool is_total(const struct series *series, char *kind, size_t size)
{
	const char *name = series->name + strlen(PREFIX);
	const size_t n = strcspn(name, " ");

	if (strncmp(series->name, PREFIX, strlen(PREFIX)) != 0 ||
	    strcmp(name + n + 1, parts[CHANGE_TOTAL]) != 0)
		return false;
	snprintf(kind, size, "%.*s", (int)n, name);
	return true;
}

void changes_print(const struct report *report)
{
	printf("\n%-8s %-9s %-12s %-28s %8s", "case", "mode", "change", "us, median [min-max]", "worst");
	for (enum change_part part = CHANGE_TOTAL + 1; part < CHANGE_PARTS; part++)
		printf(" %8s", parts[part]);
	putchar('\n');
	for (unsigned r = 0; r < report->n; r++) {
		const struct result *result = &report->results[r];
		char kind[32];

		for (unsigned i = 0; i < result->n; i++)
			if (is_total(&result->series[i], kind, sizeof(kind)))
				print_row(report, result, kind);
	}
}
