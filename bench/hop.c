/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "hop.h"

static cpu_set_t only(unsigned cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return cpus;
}

__attribute__((noreturn)) static void refuse(unsigned cpu)
{
	give_up(BENCH_REFUSED, "ring: processor %u may not be used: choose others with --cpu A,B", cpu);
}

/* On its processor from its first instruction: the producer spins already, and could be in its way. */
static pthread_t start_on(unsigned cpu, void *(*function)(void *), void *argument)
{
	const cpu_set_t cpus = only(cpu);
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	if (pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus) != 0 ||
	    pthread_create(&thread, &attr, function, argument) != 0)
		refuse(cpu);
	pthread_attr_destroy(&attr);
	return thread;
}

static void pin(unsigned cpu)
{
	const cpu_set_t cpus = only(cpu);

	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		refuse(cpu);
}

static void meet(struct hop *hop)
{
	__atomic_fetch_add(&hop->ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&hop->ready, __ATOMIC_ACQUIRE) < 2)
		ck_pr_stall();
}

static void *consume(void *argument)
{
	struct hop *hop = argument;

	meet(hop);
	hop->sum = hop->consume(hop);
	return NULL;
}

double hop_run(struct hop *hop)
{
	const uint64_t packets = hop->vectors * hop->fill;
	pthread_t thread;
	uint64_t begin, took;

	hop->ready = 0;
	thread = start_on(hop->cpu[1], consume, hop);
	pin(hop->cpu[0]);
	meet(hop);
	begin = now_ns();
	hop->produce(hop);
	pthread_join(thread, NULL);
	took = now_ns() - begin;
	if (hop->sum != packets * (hop->fill + 1) / 2)
		give_up(BENCH_FAILED, "ring: packets were lost or doubled at fill %u", hop->fill);
	return (double)took / (double)packets;
}

uint64_t hop_vectors(hop_measure *measure, const unsigned cpu[2], uint32_t capacity, uint32_t fill,
		     double seconds)
{
	const uint64_t trial = 200000;
	const double ns = measure(cpu, capacity, fill, trial) * fill;

	return (uint64_t)(seconds * 1e9 / ns) + trial;
}
