/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "descriptors.h"
#include "faults.h"
#include "ledger.h"
#include "heap.h"
#include "rest.h"
#include "scheduler.h"
#include "script.h"
#include "shape.h"
#include "sim_cpus.h"
#include "traffic.h"

struct script {
	struct sim_random random;
	struct sim_shape shape;
	struct sim_config config;
	struct sim_traffic traffic;
	struct weir_pipeline *pipeline;
	struct sim_allowed allowed;
	unsigned haste; /* bits of the time between two actions */
	bool over;      /* the traffic is */
};

static struct script script;

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

	script.config.config.log = quiet;
	do {
		if (sim_once_in(&script.random, 3))
			sim_fail_in(sim_between(&script.random, 1, 60));
		rc = weir_pipeline_create(&script.pipeline, &script.config.config, &err);
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
}

static void start(void)
{
	struct weir_error err;
	bool refused;
	int rc;

	do {
		if (sim_once_in(&script.random, 5))
			sim_fail_in(sim_between(&script.random, 1, 4));
		rc = weir_pipeline_start(script.pipeline, &err);
		refused = sim_fail_stop();
		if (rc < 0 && !refused)
			sim_fail("weir_pipeline_start(): %s", err.text);
	} while (rc < 0);
}

static void recover(void)
{
	struct weir_error err;
	unsigned p = 0;
	int rc;

	while (p < sim_n_ports &&
	       weir_pipeline_endpoint_state(script.pipeline, sim_ports[p].name, NULL) != WEIR_ENDPOINT_DEAD)
		p++;
	if (p == sim_n_ports)
		return;
	rc = weir_pipeline_endpoint_recover(script.pipeline, sim_ports[p].name, &err);
	if (rc < 0 && !(rc == -EIO && sim_ports[p].stays_dead))
		sim_fail("weir_pipeline_endpoint_recover(): %s", err.text);
}

static void stop(void)
{
	const int rc = weir_pipeline_stop(script.pipeline);

	if (rc == -ETIMEDOUT)
		script.allowed.stopped = true;
	else if (rc < 0)
		sim_fail("weir_pipeline_stop(): %s", strerror(-rc));
	sim_check_rest(script.pipeline, &script.allowed);
}

/* Something that a program may do with a pipeline that runs. */
static void act(void)
{
	switch (sim_below(&script.random, 8)) {
	case 0:
		stop();
		start();
		break;
	case 1:
	case 2:
		recover();
		break;
	case 3:
		weir_pipeline_wait(script.pipeline, (int)sim_below(&script.random, 3));
		break;
	default:
		sim_sleep(sim_scale(&script.random, script.haste));
	}
}

/* Another thread, that looks. */
static void *watch(void *argument)
{
	uint64_t received = 0;

	(void)argument;
	while (!script.over) {
		struct weir_counters *counters = weir_counters_read(script.pipeline);

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
		if (weir_pipeline_endpoint_state(script.pipeline, sim_ports[p].name, NULL) ==
			    WEIR_ENDPOINT_DEAD &&
		    weir_pipeline_endpoint_recover(script.pipeline, sim_ports[p].name, NULL) < 0)
			sim_fail("%s cannot be recovered", sim_ports[p].name);
	if (weir_pipeline_wait(script.pipeline, -1) < 0)
		sim_fail("weir_pipeline_wait() without a deadline does not wait");
	if (weir_pipeline_stop(script.pipeline) < 0)
		sim_fail("an empty pipeline does not stop");
	sim_check_rest(script.pipeline, &script.allowed);
}

static void *control(void *argument)
{
	struct sim_thread *traffic;
	struct sim_thread *watcher;
	const unsigned cpus = sim_between(&script.random, 1, 4);

	(void)argument;
	sim_cpus_set(cpus);
	sim_shape_make(&script.shape, &script.random, cpus);
	sim_config_make(&script.config, &script.shape);
	create();
	memset(&script.config, 0xa5, sizeof(script.config)); /* may be gone, says weir_pipeline_create() */
	traffic = sim_spawn("traffic", false, sim_traffic, &script.traffic);
	watcher = sim_spawn("watch", false, watch, NULL);
	start();
	while (!all_ended())
		act();
	sim_join(traffic, SIM_NEVER);
	/* Nobody may be left who wakes up by himself: a lost wake-up shall be a deadlock. */
	script.over = true;
	sim_join(watcher, SIM_NEVER);
	finish();
	weir_pipeline_destroy(script.pipeline);
	sim_memory_check("at the end");
	sim_descriptors_check("at the end");
	return NULL;
}

void sim_script(uint64_t seed, bool trace)
{
	memset(&script, 0, sizeof(script));
	sim_random_seed(&script.random, seed, 6);
	sim_scheduler_init(seed, trace);
	sim_faults_init(seed);
	sim_memory_init();
	sim_descriptors_init();
	sim_ledger_init();
	sim_stages_init(seed);
	sim_ports_init(seed);
	script.traffic = (struct sim_traffic){
		.seed = seed,
		.events = (uint32_t)sim_scale(&script.random, 10),
		.die_one_in = sim_once_in(&script.random, 2) ? sim_between(&script.random, 5, 50) : 0,
	};
	script.haste = sim_between(&script.random, 8, 20);
	sim_run(control, NULL);
}

void sim_script_print(void)
{
	sim_shape_print(&script.shape, stderr);
	fprintf(stderr, "%llu packets were given, %llu sent, %llu dropped by the simulation\n",
		(unsigned long long)sim_totals.given, (unsigned long long)sim_totals.sent,
		(unsigned long long)sim_totals.dropped);
}
