/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"
#include "scheduler.h"

static struct sim_random random_source;
static uint32_t interrupt_one_in;

void sim_faults_init(uint64_t seed)
{
	sim_random_seed(&random_source, seed, 2);
	interrupt_one_in = sim_once_in(&random_source, 2) ? 20 : 0;
}

void sim_fail_in(uint32_t n)
{
	sim_self->fail_in = n;
}

bool sim_fail_stop(void)
{
	const bool failed = sim_self->failed;

	sim_self->fail_in = 0;
	sim_self->failed = false;
	return failed;
}

bool sim_refused(const char *what)
{
	if (!sim_self || !sim_self->fail_in || --sim_self->fail_in)
		return false;
	sim_self->failed = true;
	weir__point(what);
	return true;
}

bool sim_interrupted(void)
{
	return sim_once_in(&random_source, interrupt_one_in);
}
