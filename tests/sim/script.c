/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actor.h"
#include "descriptors.h"
#include "faults.h"
#include "heap.h"
#include "scheduler.h"
#include "script.h"
#include "sim_cpus.h"
#include "traffic.h"

struct sim_sums sim_sums;

static struct sim_stage stage;
static struct sim_traffic traffic;
static struct sim_random random_source;
static struct sim_actor first;  /* also starts and stops */
static struct sim_actor second; /* in half of the runs */
static uint32_t stop_one_in;    /* actions of the first */
static bool second_acts;
static bool resting; /* the first looks at it, and the second must not touch it */

static void quiet(void *data, enum weir_log_level level, const char *line)
{
	(void)data, (void)level, (void)line;
}

/* Something the system refuses must come out as an error that leaves nothing behind. */
static void create(void)
{
	struct weir_error err;
	bool refused;
	int rc;

	sim_config_make(&first.config, &stage.shape);
	first.config.config.log = quiet;
	do {
		if (sim_once_in(&random_source, 3))
			sim_fail_in(sim_between(&random_source, 1, 60));
		rc = weir_pipeline_create(&stage.pipeline, &first.config.config, &err);
		refused = sim_fail_stop();
		if (rc < 0 && !refused)
			sim_fail("weir_pipeline_create(): %s", err.text);
		if (rc == 0 && refused)
			sim_fail("weir_pipeline_create() did not see that something was refused");
		if (rc < 0) {
			sim_memory_check("after a pipeline that could not be created");
			sim_descriptors_check("after a pipeline that could not be created");
		}
	} while (rc < 0);
	memset(&first.config, 0xa5, sizeof(first.config)); /* may be gone, says weir_pipeline_create() */
}

static bool is_alone(void *argument)
{
	(void)argument;
	return !second_acts;
}

/* A pipeline rests when no worker runs and no call is under way. */
static void check_rest(void)
{
	resting = true;
	sim_wait("the other actor", is_alone, NULL, SIM_NEVER);
	sim_check_rest(stage.pipeline, &stage.allowed);
	resting = false;
}

static void start(void)
{
	struct weir_error err;
	bool refused;
	int rc;

	do {
		if (sim_once_in(&random_source, 5))
			sim_fail_in(sim_between(&random_source, 1, 4));
		rc = weir_pipeline_start(stage.pipeline, &err);
		refused = sim_fail_stop();
		if (rc < 0 && !refused)
			sim_fail("weir_pipeline_start(): %s", err.text);
		if (rc < 0)
			check_rest();
	} while (rc < 0);
}

/* One that comes to its deadline drops what is left; if a worker is stuck, it can only be tried again. */
static void stop(void)
{
	int rc;

	while ((rc = weir_pipeline_stop(stage.pipeline)) < 0) {
		stage.allowed.stopped = true;
		if (rc != -ETIMEDOUT)
			sim_fail("weir_pipeline_stop(): %s", strerror(-rc));
	}
	check_rest();
}

static bool may_go_on(void *argument)
{
	(void)argument;
	return !resting;
}

static void *act_until_over(void *argument)
{
	while (!stage.over) {
		sim_wait("the end of a look", may_go_on, NULL, SIM_NEVER);
		second_acts = true;
		sim_act(argument);
		second_acts = false;
	}
	return NULL;
}

/* A thread that only looks. */
static void *watch(void *argument)
{
	uint64_t received = 0;

	(void)argument;
	while (!stage.over) {
		struct weir_counters *counters = weir_counters_read(stage.pipeline);

		if (!counters)
			sim_fail("weir_counters_read() gives nothing");
		if (counters->received < received)
			sim_fail("received was %llu and is %llu", (unsigned long long)received,
				 (unsigned long long)counters->received);
		received = counters->received;
		weir_counters_free(counters);
		sim_sleep(300000);
	}
	return NULL;
}

static bool all_ended(void)
{
	for (unsigned p = 0; p < sim_n_ports; p++)
		if (!sim_ports[p].ends)
			return false;
	return true;
}

/* Brings back what is dead, and lets everything come to its end. */
static void finish(void)
{
	for (unsigned p = 0; p < sim_n_ports; p++)
		while (weir_pipeline_endpoint_state(stage.pipeline, sim_ports[p].name, NULL) ==
		       WEIR_ENDPOINT_DEAD) {
			int rc = weir_pipeline_endpoint_recover(stage.pipeline, sim_ports[p].name, NULL);

			if (rc < 0 && rc != -ETIMEDOUT)
				sim_fail("%s cannot be recovered: %s", sim_ports[p].name, strerror(-rc));
		}
	if (weir_pipeline_wait(stage.pipeline, -1) < 0)
		sim_fail("weir_pipeline_wait() without a deadline does not wait");
	if (!stage.unsure)
		sim_check_shape(&stage);
	stop();
}

static void *control(void *argument)
{
	struct sim_thread *outside, *watcher, *other;

	(void)argument;
	stage.cpus = sim_between(&random_source, 1, 4);
	sim_cpus_set(stage.cpus);
	sim_shape_make(&stage.shape, &random_source, stage.cpus);
	create();
	outside = sim_spawn("traffic", false, sim_traffic, &traffic);
	watcher = sim_spawn("watch", false, watch, NULL);
	start();
	other = second.stage ? sim_spawn("second", false, act_until_over, &second) : NULL;
	while (!all_ended()) {
		sim_act(&first);
		if (sim_once_in(&random_source, stop_one_in)) {
			stop();
			sim_act(&first);
			start();
		}
	}
	sim_join(outside, SIM_NEVER);
	/* Nobody may be left who wakes up by himself: a lost wake-up shall be a deadlock. */
	stage.over = true;
	sim_join(watcher, SIM_NEVER);
	if (other)
		sim_join(other, SIM_NEVER);
	finish();
	weir_pipeline_destroy(stage.pipeline);
	sim_memory_check("at the end");
	sim_descriptors_check("at the end");
	return NULL;
}

static void make_actor(struct sim_actor *actor, bool applies)
{
	actor->stage = &stage;
	actor->random = (struct sim_random){ sim_random_next(&random_source) | 1 };
	actor->haste = sim_between(&random_source, 8, 20);
	actor->applies = applies;
	stage.appliers += applies;
}

static void make_run(uint64_t seed)
{
	sim_random_seed(&random_source, seed, 6);
	memset(&stage, 0, sizeof(stage));
	traffic = (struct sim_traffic){
		.seed = seed,
		.events = (uint32_t)sim_scale(&random_source, 10),
		.die_one_in = sim_once_in(&random_source, 2) ? sim_between(&random_source, 5, 50) : 0,
	};
	stop_one_in = sim_once_in(&random_source, 3) ? 1 : 8;
	make_actor(&first, sim_below(&random_source, 4));
	second.stage = NULL;
	second_acts = resting = false;
	if (sim_once_in(&random_source, 2))
		make_actor(&second, sim_once_in(&random_source, 2));
	stage.unsure = stage.appliers > 1;
}

void sim_script(uint64_t seed, bool trace)
{
	make_run(seed);
	sim_scheduler_init(seed, trace);
	sim_faults_init(seed);
	sim_memory_init();
	sim_descriptors_init();
	sim_ledger_init();
	sim_stages_init(seed);
	sim_ports_init(seed);
	sim_run(control, NULL);
	sim_sums.packets += sim_totals.given;
	sim_sums.applied += stage.applied;
	sim_sums.refused += stage.refused;
}

void sim_script_print(void)
{
	sim_shape_print(&stage.shape, stderr);
	fprintf(stderr,
		"%llu packets were given, %llu sent, %llu dropped by the simulation; %llu configurations "
		"were applied, "
		"%llu refused\n",
		(unsigned long long)sim_totals.given, (unsigned long long)sim_totals.sent,
		(unsigned long long)sim_totals.dropped, (unsigned long long)stage.applied,
		(unsigned long long)stage.refused);
}
