/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "port.h"
#include "scheduler.h"
#include "traffic.h"

static void arrive(struct sim_random *random, struct sim_port *port)
{
	if (port->reader != SIM_READ_ALWAYS)
		sim_port_arrive(port, sim_once_in(random, 3) ? sim_between(random, 1, 70)
							     : sim_between(random, 1, 4));
}

static void block(struct sim_random *random, struct sim_port *port)
{
	if (!port->never_blocks)
		port->room = sim_below(random, 40);
}

static void unblock(struct sim_port *port)
{
	port->room = UINT64_MAX;
}

static void die(struct sim_random *random, struct sim_port *port)
{
	port->stays_dead = sim_once_in(random, 4);
	if (port->reader == SIM_READ_POLL && sim_once_in(random, 3))
		sim_port_hang_up(port);
	else if (sim_once_in(random, 2))
		sim_port_fail_read(port, -EIO);
	else
		port->write_error = -ENODEV;
}

static void event(struct sim_random *random, const struct sim_traffic *traffic)
{
	struct sim_port *port = &sim_ports[sim_below(random, sim_n_ports)];

	if (sim_once_in(random, traffic->die_one_in))
		die(random, port);
	else if (sim_once_in(random, 12))
		block(random, port);
	else if (sim_once_in(random, 6))
		unblock(port);
	else
		arrive(random, port);
}

void *sim_traffic(void *argument)
{
	const struct sim_traffic *traffic = argument;
	struct sim_random random;
	unsigned pause;

	sim_random_seed(&random, traffic->seed, 5);
	pause = sim_between(&random, 8, 20);
	for (uint32_t i = 0; i < traffic->events; i++) {
		event(&random, traffic);
		if (sim_once_in(&random, 3))
			sim_sleep(sim_scale(&random, pause));
	}
	for (unsigned i = 0; i < sim_n_ports; i++) {
		unblock(&sim_ports[i]);
		sim_ports[i].stays_dead = false;
		sim_port_end(&sim_ports[i]);
	}
	return NULL;
}
