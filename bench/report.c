/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "report.h"

struct host {
	char date[16]; /* "2026-11-20" */
	struct utsname system;
	char cpu[128];
	long cpus;
	unsigned long memory_mib;
	double load[3];
};

static void *grow(void *array, unsigned n, size_t size)
{
	void *more = realloc(array, (n + 1) * size);

	if (!more)
		give_up(BENCH_FAILED, "out of memory");
	memset((char *)more + n * size, 0, size);
	return more;
}

static struct result *find_result(const struct report *report, const char *kase, const char *mode)
{
	for (unsigned i = 0; i < report->n; i++)
		if (strcmp(report->results[i].kase, kase) == 0 && strcmp(report->results[i].mode, mode) == 0)
			return &report->results[i];
	return NULL;
}

static struct series *find_series(const struct result *result, const char *metric)
{
	for (unsigned i = 0; i < result->n; i++)
		if (strcmp(result->series[i].name, metric) == 0)
			return &result->series[i];
	return NULL;
}

void report_add(struct report *report, const char *kase, const char *mode, const char *metric, double value)
{
	struct result *result = find_result(report, kase, mode);
	struct series *series;

	if (!result) {
		report->results = grow(report->results, report->n, sizeof(*result));
		result = &report->results[report->n++];
		snprintf(result->kase, sizeof(result->kase), "%s", kase);
		snprintf(result->mode, sizeof(result->mode), "%s", mode);
	}
	series = find_series(result, metric);
	if (!series) {
		result->series = grow(result->series, result->n, sizeof(*series));
		series = &result->series[result->n++];
		snprintf(series->name, sizeof(series->name), "%s", metric);
	}
	series->values = grow(series->values, series->n, sizeof(value));
	series->values[series->n++] = value;
}

const struct series *report_series(const struct report *report, const char *kase, const char *mode,
				   const char *metric)
{
	const struct result *result = find_result(report, kase, mode);

	return result ? find_series(result, metric) : NULL;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct spread report_spread(const double *values, unsigned n)
{
	struct spread spread = { NAN, NAN, NAN };
	double *sorted = NULL;

	if (n == 0)
		return spread;
	sorted = grow(sorted, n, sizeof(*sorted));
	memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	spread.median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
	spread.min = sorted[0];
	spread.max = sorted[n - 1];
	free(sorted);
	return spread;
}

double report_median(const struct report *report, const char *kase, const char *mode, const char *metric)
{
	const struct series *series = report_series(report, kase, mode, metric);

	return series ? report_spread(series->values, series->n).median : NAN;
}

struct spread report_ratio(const struct report *report, const char *kase, const char *metric,
			   const char *mode, const char *base)
{
	const struct series *a = report_series(report, kase, mode, metric);
	const struct series *b = report_series(report, kase, base, metric);
	unsigned n = !a || !b ? 0 : a->n < b->n ? a->n : b->n;
	struct spread spread;
	double *quotients = NULL;

	quotients = grow(quotients, n, sizeof(*quotients));
	for (unsigned i = 0; i < n; i++)
		quotients[i] = a->values[i] / b->values[i];
	spread = report_spread(quotients, n);
	free(quotients);
	return spread;
}

const char *report_best(const struct report *report, const char *kase, const char *metric,
			const char *const *modes, unsigned n)
{
	const char *best = NULL;
	double highest = NAN;

	for (unsigned i = 0; i < n; i++) {
		const double median = report_median(report, kase, modes[i], metric);

		if (!isnan(median) && (!best || median > highest)) {
			best = modes[i];
			highest = median;
		}
	}
	return best;
}

void report_figure(struct report *report, const char *key, double value, enum bar bar, double limit)
{
	struct figure *figure;

	if (isnan(value))
		return;
	report->figures = grow(report->figures, report->n_figures, sizeof(*figure));
	figure = &report->figures[report->n_figures++];
	snprintf(figure->key, sizeof(figure->key), "%s", key);
	figure->value = value;
	figure->bar = bar;
	figure->limit = limit;
}

void report_ratio_figures(struct report *report, const struct ratio *ratios, unsigned n)
{
	for (const struct ratio *ratio = ratios; ratio < ratios + n; ratio++)
		report_figure(
			report, ratio->key,
			report_ratio(report, ratio->kase, ratio->metric, ratio->mode, ratio->base).median,
			ratio->bar, ratio->limit);
}

static void print_figures(const struct report *report, FILE *file)
{
	for (unsigned i = 0; i < report->n_figures; i++) {
		const struct figure *figure = &report->figures[i];
		bool least = figure->bar == BAR_AT_LEAST;
		bool taken = least ? figure->value >= figure->limit : figure->value <= figure->limit;

		fprintf(file, "  %-28s %10.3f", figure->key, figure->value);
		if (figure->bar != BAR_NONE)
			fprintf(file, "   %s %g %s", least ? "at least" : "at most", figure->limit,
				taken ? "ok" : "MISSED");
		fputc('\n', file);
	}
}

static void read_cpu_model(char *model, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[512];

	snprintf(model, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		snprintf(model, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
		break;
	}
	if (file)
		fclose(file);
}

static void read_host(struct host *host)
{
	const time_t now = time(NULL);
	struct tm today;
	struct sysinfo info = { 0 };

	memset(host, 0, sizeof(*host));
	strftime(host->date, sizeof(host->date), "%Y-%m-%d", gmtime_r(&now, &today));
	uname(&host->system);
	read_cpu_model(host->cpu, sizeof(host->cpu));
	host->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (sysinfo(&info) == 0)
		host->memory_mib = info.totalram / 1024 * info.mem_unit / 1024;
	getloadavg(host->load, 3);
}

void report_print_host(FILE *file)
{
	struct host host;

	read_host(&host);
	fprintf(file, "%s %s, %ld x %s, load %.2f\n", host.system.sysname, host.system.release, host.cpus,
		host.cpu, host.load[0]);
}

static void write_string(FILE *file, const char *text)
{
	fputc('"', file);
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20) {
			fprintf(file, "\\u%04x", (unsigned char)*text);
			continue;
		}
		if (*text == '"' || *text == '\\')
			fputc('\\', file);
		fputc(*text, file);
	}
	fputc('"', file);
}

/* JSON has no NaN. */
static void write_number(FILE *file, double value)
{
	if (isfinite(value))
		fprintf(file, "%.9g", value);
	else
		fputs("null", file);
}

static void write_host(FILE *file)
{
	struct host host;

	read_host(&host);
	fputs("{\"date\":", file);
	write_string(file, host.date);
	fputs(",\"system\":", file);
	write_string(file, host.system.sysname);
	fputs(",\"kernel\":", file);
	write_string(file, host.system.release);
	fputs(",\"machine\":", file);
	write_string(file, host.system.machine);
	fputs(",\"cpu\":", file);
	write_string(file, host.cpu);
	fputs(",\"compiler\":", file);
	write_string(file, __VERSION__);
	fprintf(file, ",\"cpus\":%ld,\"memory_mib\":%lu,\"load\":[%.2f,%.2f,%.2f]}", host.cpus,
		host.memory_mib, host.load[0], host.load[1], host.load[2]);
}

static void write_result(FILE *file, const struct result *result)
{
	fputs("{\"case\":", file);
	write_string(file, result->kase);
	fputs(",\"mode\":", file);
	write_string(file, result->mode);
	for (unsigned i = 0; i < result->n; i++) {
		fputc(',', file);
		write_string(file, result->series[i].name);
		fputs(":[", file);
		for (unsigned j = 0; j < result->series[i].n; j++) {
			fputs(j ? "," : "", file);
			write_number(file, result->series[i].values[j]);
		}
		fputc(']', file);
	}
	fputc('}', file);
}

/* The bars of the figures that have one. */
static void write_bars(FILE *file, const struct report *report)
{
	const char *comma = "";

	for (unsigned i = 0; i < report->n_figures; i++) {
		const struct figure *figure = &report->figures[i];

		if (figure->bar == BAR_NONE)
			continue;
		fputs(comma, file);
		write_string(file, figure->key);
		fprintf(file, ":{\"%s\":%g}", figure->bar == BAR_AT_LEAST ? "at_least" : "at_most",
			figure->limit);
		comma = ",";
	}
}

static void write_all(FILE *file, const struct report *report)
{
	fputs("{\"bench\":", file);
	write_string(file, report->bench);
	fputs(",\"host\":", file);
	write_host(file);
	fprintf(file, ",\"rounds\":%u,\"results\":[", report->rounds);
	for (unsigned i = 0; i < report->n; i++) {
		fputs(i ? ",\n" : "\n", file);
		write_result(file, &report->results[i]);
	}
	fputs("\n],\"figures\":{", file);
	for (unsigned i = 0; i < report->n_figures; i++) {
		fputs(i ? "," : "", file);
		write_string(file, report->figures[i].key);
		fputc(':', file);
		write_number(file, report->figures[i].value);
	}
	fputs("},\"bars\":{", file);
	write_bars(file, report);
	fputs("}}\n", file);
}

static void write_json(const struct report *report, const char *path)
{
	FILE *file = fopen(path, "w");
	bool written;

	if (!file)
		give_up(BENCH_FAILED, "%s: %s", path, strerror(errno));
	write_all(file, report);
	written = !ferror(file);
	if (fclose(file) != 0 || !written)
		give_up(BENCH_FAILED, "%s: %s", path, strerror(errno));
}

static void free_all(struct report *report)
{
	for (unsigned i = 0; i < report->n; i++) {
		for (unsigned j = 0; j < report->results[i].n; j++)
			free(report->results[i].series[j].values);
		free(report->results[i].series);
	}
	free(report->results);
	free(report->figures);
}

void report_finish(struct report *report, const char *json)
{
	print_figures(report, stdout);
	if (json)
		write_json(report, json);
	free_all(report);
}
