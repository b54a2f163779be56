/* SPDX-License-Identifier: Apache-2.0 */
/* Runs seeds, in several processes at once if told so. The first seed that finds something ends all. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fiber.h"
#include "real.h"
#include "found.h"
#include "scheduler.h"
#include "script.h"

#define JOBS_MAX  64
#define SEEDS_MAX 1024 /* of the file */

struct options {
	uint64_t first;
	uint64_t seeds;
	uint64_t seconds; /* 0: as long as the seeds take */
	unsigned jobs;
	bool trace;
	uint64_t again[SEEDS_MAX]; /* once found something */
	unsigned n_again;
};

struct progress {
	uint64_t seeds;
	uint64_t steps;
	struct sim_sums sums;
	bool found; /* of the first: one of all jobs has found something */
};

static struct options options = { .first = 1, .seeds = 1000, .jobs = 1 };
static struct progress *progress; /* of each job; shared memory */
static const char *program;
static uint64_t seed;
static bool reported;

static void print_report(void)
{
	if (reported)
		return;
	reported = true;
	sim_script_print();
	sim_print_threads();
	fprintf(stderr, "seed %" PRIu64 ". To repeat it: %s --seed %" PRIu64 " --trace\n", seed, program,
		seed);
}

void sim_claim(void)
{
	fflush(stdout);
	if (__atomic_exchange_n(&progress->found, true, __ATOMIC_RELAXED))
		for (;;)
			pause();
}

void sim_report(void)
{
	print_report();
	_exit(1);
}

/* A check of the engine, or the processor, ends the program. */
static void on_signal(int number)
{
	sim_claim();
	fprintf(stderr, "\nfound: signal %d\n", number);
	sim_report();
}

static void catch_signals(void)
{
	static uint8_t stack[65536];
	const stack_t alternative = { .ss_sp = stack, .ss_size = sizeof(stack) };
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	sigaltstack(&alternative, NULL);
	sigaction(SIGABRT, &action, NULL);
#ifdef SIM_ASAN
	__sanitizer_set_death_callback(print_report);
#else
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
#endif
}

static void run_seed(uint64_t number, struct progress *done)
{
	seed = number;
	sim_script(number, options.trace);
	done->seeds++;
	done->steps += sim_steps();
	done->sums = sim_sums;
}

static uint64_t seconds_now(void)
{
	struct timespec t;

	__real_clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

/* Its share of the seeds. */
static void run_job(unsigned job)
{
	const uint64_t end = options.seconds ? seconds_now() + options.seconds : UINT64_MAX;

	for (uint64_t i = job; i < options.n_again + options.seeds && seconds_now() < end; i += options.jobs)
		run_seed(i < options.n_again ? options.again[i] : options.first + i - options.n_again,
			 &progress[job]);
}

/* Returns whether a job has found something; then the others are ended. */
static bool run_jobs(void)
{
	pid_t pids[JOBS_MAX];
	bool found = false;

	for (unsigned job = 0; job < options.jobs; job++) {
		pids[job] = fork();
		if (pids[job] < 0) {
			perror("fork");
			exit(2);
		}
		if (pids[job] == 0) {
			run_job(job);
			_exit(0);
		}
	}
	for (unsigned left = options.jobs; left; left--) {
		int status;

		if (wait(&status) < 0 || status == 0 || found)
			continue;
		found = true;
		for (unsigned job = 0; job < options.jobs; job++)
			kill(pids[job], SIGKILL);
	}
	return found;
}

static void usage(FILE *file)
{
	fprintf(file,
		"usage: %s [--first SEED] [--seeds N] [--seconds N] [--jobs N] [--file SEEDS]   runs many\n"
		"       %s --seed SEED [--trace]                                   repeats one\n"
		"SEEDS: a file with a seed a line, run before the others; # begins a comment.\n",
		program, program);
}

static void read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256];

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	while (fgets(line, sizeof(line), file))
		if (line[0] >= '0' && line[0] <= '9' && options.n_again < SEEDS_MAX)
			options.again[options.n_again++] = strtoull(line, NULL, 10);
	fclose(file);
}

static uint64_t number(const char *text)
{
	char *end;
	const uint64_t value = strtoull(text, &end, 10);

	if (end == text || *end) {
		usage(stderr);
		exit(2);
	}
	return value;
}

static void read_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "first", required_argument, NULL, 'f' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 't' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "file", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "trace", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		switch (c) {
		case 'f':
			options.first = number(optarg);
			break;
		case 's':
			options.first = number(optarg);
			options.seeds = 1;
			break;
		case 'n':
			options.seeds = number(optarg);
			break;
		case 't':
			options.seconds = number(optarg);
			break;
		case 'j':
			options.jobs = (unsigned)number(optarg);
			break;
		case 'r':
			read_file(optarg);
			break;
		case 'v':
			options.trace = true;
			break;
		default:
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
	if (!options.jobs || options.jobs > JOBS_MAX)
		options.jobs = 1;
}

int main(int argc, char **argv)
{
	const uint64_t begin = seconds_now();
	uint64_t seeds = 0;
	uint64_t steps = 0, packets = 0, applied = 0, refused = 0;
	bool found;

	program = argv[0];
	read_options(argc, argv);
	progress = __real_mmap(NULL, JOBS_MAX * sizeof(*progress), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	catch_signals();
	found = run_jobs();
	for (unsigned job = 0; job < options.jobs; job++) {
		seeds += progress[job].seeds;
		steps += progress[job].steps;
		packets += progress[job].sums.packets;
		applied += progress[job].sums.applied;
		refused += progress[job].sums.refused;
	}
	printf("%" PRIu64 " seeds in %" PRIu64 " s: %" PRIu64 " steps, %" PRIu64 " packets, %" PRIu64
	       " configurations applied, %" PRIu64 " refused: %s\n",
	       seeds, seconds_now() - begin, steps, packets, applied, refused,
	       found ? "one seed found something" : "nothing found");
	return found;
}
