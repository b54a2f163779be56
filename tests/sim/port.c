/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "descriptors.h"
#include "faults.h"
#include "port.h"
#include "reader.h"
#include "scheduler.h"

struct sim_port sim_ports[SIM_PORTS_MAX];
unsigned sim_n_ports;

static struct sim_random random_source;

enum { UNWANTED, REASONS };

static const struct weir_reason reasons[] = {
	[UNWANTED] = { "unwanted", "the device does not want it" },
	{ 0 },
};

void sim_ports_init(uint64_t seed)
{
	sim_random_seed(&random_source, seed, 3);
	sim_n_ports = sim_between(&random_source, 1, SIM_PORTS_MAX);
	for (unsigned i = 0; i < sim_n_ports; i++) {
		struct sim_port *port = &sim_ports[i];

		*port = (struct sim_port){
			.number = i,
			.reader = (enum sim_reader)sim_below(&random_source, SIM_READERS),
			.flows = sim_between(&random_source, 1, SIM_FLOWS_MAX),
			.longest = sim_once_in(&random_source, 20) ? 3000 : 100,
			.never_blocks = sim_once_in(&random_source, 3),
			.room = UINT64_MAX,
		};
		snprintf(port->name, sizeof(port->name), "p%u", i);
		port->gives_supers = sim_once_in(&random_source, 3);
		port->takes_supers = sim_once_in(&random_source, 3);
		if (port->gives_supers)
			port->longest = SIM_SUPER_HEADER + SIM_SEGMENTS_MAX * SIM_SEGMENT_MAX;
		/* It may not be empty before it ends. */
		if (port->reader == SIM_READ_ALWAYS) {
			port->waiting = (uint32_t)sim_scale(&random_source, 11);
			port->ends = true;
		}
	}
}

static void ring(struct sim_port *port)
{
	if (!port->armed)
		return;
	port->armed = false;
	weir__point("port rings");
	port->rung = true;
}

void sim_port_arrive(struct sim_port *port, uint32_t n)
{
	port->waiting += n;
	weir__point("packets arrive");
	ring(port);
}

void sim_port_end(struct sim_port *port)
{
	port->ends = true;
	weir__point("port ends");
	ring(port);
}

void sim_port_fail_read(struct sim_port *port, int error)
{
	port->read_error = error;
	weir__point("port fails");
	ring(port);
}

void sim_port_hang_up(struct sim_port *port)
{
	port->hung_up = true;
	port->hang_ups++;
	weir__point("port hangs up");
}

static int read_events(void *memory)
{
	const struct sim_port *port = memory;

	if (port->reader == SIM_READ_ARMED)
		return port->rung ? POLLIN : 0;
	return (port->waiting || port->ends || port->read_error ? POLLIN : 0) | (port->hung_up ? POLLHUP : 0);
}

static int write_events(void *memory)
{
	const struct sim_port *port = memory;

	return port->room || port->write_error ? POLLOUT : 0;
}

static int check(const void *memory, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct sim_port_options *options = memory;

	(void)err;
	info->layer = WEIR_LAYER_L2;
	info->max_packet = options->port->longest;
	info->gives = options->port->gives_supers ? WEIR_OFFLOAD_ALL : 0;
	info->takes = options->port->takes_supers ? WEIR_OFFLOAD_ALL : 0;
	return 0;
}

static int open_port(void *state, const void *memory, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct sim_port_options *options = memory;
	struct sim_port *port = options->port;

	if (sim_refused("port does not open"))
		return weir_failed(err, -EBUSY, "is busy");
	/* Removed while a worker was stuck, and not yet closed: devices are busy then. */
	if (port->opened)
		return weir_failed(err, -EBUSY, "is still open");
	port->opened++;
	port->read_fd = port->write_fd = -1;
	if (port->reader != SIM_READ_ALWAYS)
		port->read_fd = sim_descriptor_open(read_events, port);
	if (!port->never_blocks && (port->reader == SIM_READ_ALWAYS || port->read_fd >= 0))
		port->write_fd = sim_descriptor_open(write_events, port);
	if ((port->reader != SIM_READ_ALWAYS && port->read_fd < 0) ||
	    (!port->never_blocks && port->write_fd < 0)) {
		if (port->read_fd >= 0)
			sim_descriptor_close(port->read_fd);
		port->opened--;
		return weir_failed(err, -EMFILE, "no descriptor");
	}
	*(struct sim_port **)state = port;
	info->read_fd = port->read_fd;
	info->write_fd = port->write_fd;
	info->write_events = POLLOUT;
	port->armed = port->rung = false;
	port->read_died = port->write_died = false;
	return 0;
}

/* Nobody may be inside of it. */
static void alone(const struct sim_port *port, const char *what)
{
	if (!port->opened)
		sim_fail("%s: %s, but it is not open", port->name, what);
	if (port->reading || port->writing)
		sim_fail("%s: %s while a worker %s", port->name, what, port->reading ? "reads" : "writes");
}

static void close_port(void *state)
{
	struct sim_port *port = *(struct sim_port **)state;

	alone(port, "is closed");
	if (port->read_fd >= 0)
		sim_descriptor_close(port->read_fd);
	if (port->write_fd >= 0)
		sim_descriptor_close(port->write_fd);
	port->opened--;
}

static int recover(void *state, struct weir_error *err)
{
	struct sim_port *port = *(struct sim_port **)state;

	alone(port, "is recovered");
	weir__point("port recovers");
	alone(port, "is recovered");
	if (port->stays_dead && ++port->refusals)
		return weir_failed(err, -EIO, "is still dead");
	port->read_died = port->write_died = false;
	port->read_error = port->write_error = 0;
	port->hung_up = false;
	return 0;
}

static const struct weir_buf *last_of(const struct weir_reader *reader)
{
	return &reader->bufs[reader->index[reader->n - 1]];
}

static bool copy_super(struct sim_port *port, struct weir_reader *reader)
{
	static uint8_t bytes[SIM_SUPER_HEADER + SIM_SEGMENTS_MAX * SIM_SEGMENT_MAX];
	const unsigned flow = sim_below(&random_source, port->flows);
	const uint32_t n = sim_once_in(&random_source, 4) ? sim_between(&random_source, 2, SIM_SEGMENTS_MAX)
							  : sim_between(&random_source, 2, 5);
	const uint32_t size = SIM_SEGMENT_MIN + 4 * sim_below(&random_source, 6);

	if (!weir__reader_copy(reader, bytes,
			       sim_super_make(bytes, n, size, port->number, flow, port->sequence[flow])))
		return false;
	sim_super_describe(&reader->bufs[reader->index[reader->n - 1]], size);
	sim_packet_given(last_of(reader));
	port->sequence[flow] += n;
	port->waiting--;
	return true;
}

static bool copy(struct sim_port *port, struct weir_reader *reader)
{
	static uint8_t bytes[65535];
	const unsigned flow = sim_below(&random_source, port->flows);
	uint32_t len = sim_between(&random_source, SIM_SMALLEST, SIM_SMALLEST + 20);

	if (port->longest > 100 && sim_once_in(&random_source, 8))
		len = sim_between(&random_source, SIM_SMALLEST, port->longest);
	sim_packet_make(bytes, len, port->number, flow, port->sequence[flow]);
	if (!weir__reader_copy(reader, bytes, len))
		return false;
	sim_packet_given(last_of(reader));
	port->sequence[flow]++;
	port->waiting--;
	return true;
}

static void enter(struct sim_port *port, bool *inside, bool died, const char *what)
{
	if (!port->opened)
		sim_fail("%s: %s, but it is not open", port->name, what);
	if (*inside)
		sim_fail("%s: %s by two workers at once", port->name, what);
	if (died)
		sim_fail("%s: %s after it said that it is dead", port->name, what);
	*inside = true;
	weir__point(what);
}

static int read_port(void *state, struct weir_reader *reader)
{
	struct sim_port *port = *(struct sim_port **)state;
	uint32_t most = WEIR_VECTOR_SIZE;
	int rc = 0;

	enter(port, &port->reading, port->read_died, "is read");
	if (sim_once_in(&random_source, 4))
		most = sim_below(&random_source, WEIR_VECTOR_SIZE);
	if (port->reader == SIM_READ_ALWAYS && !most)
		most = 1;
	while (port->waiting && most-- &&
	       (port->gives_supers && sim_once_in(&random_source, 3) ? copy_super : copy)(port, reader))
		if (most % 8 == 0)
			weir__point("reads");
	if (port->read_error) {
		rc = port->read_error;
		port->read_died = true;
		port->deaths++;
	} else if (port->ends && !port->waiting) {
		rc = -ENODATA;
	}
	weir__point("was read");
	port->reading = false;
	return rc;
}

static bool arm(void *state)
{
	struct sim_port *port = *(struct sim_port **)state;

	if (port->reader != SIM_READ_ARMED)
		return true;
	if (port->reading)
		sim_fail("%s is armed while a worker reads", port->name);
	port->armed = true;
	weir__point("armed");
	return !port->waiting && !port->ends && !port->read_error;
}

static void disarm(void *state)
{
	struct sim_port *port = *(struct sim_port **)state;

	if (port->reader != SIM_READ_ARMED)
		return;
	if (port->reading)
		sim_fail("%s is disarmed while a worker reads", port->name);
	port->armed = port->rung = false;
}

static bool accept_packet(struct sim_port *port, struct weir_writer *writer, uint32_t i)
{
	const struct weir_buf *buf = weir_writer_buf(writer, i);

	if (!port->room)
		return false;
	if (port->room != UINT64_MAX)
		port->room--;
	if (sim_once_in(&random_source, 200)) {
		sim_packet_dropped(buf, port->name);
		weir_writer_drop(writer, i, UNWANTED);
	} else {
		sim_packet_sent(buf, port->number);
	}
	return true;
}

static uint32_t write_port(void *state, struct weir_writer *writer)
{
	struct sim_port *port = *(struct sim_port **)state;
	uint32_t n = 0;

	enter(port, &port->writing, port->write_died, "is written");
	while (n < writer->n && !port->write_error && accept_packet(port, writer, n))
		if (n++ % 8 == 0)
			weir__point("writes");
	if (port->write_error) {
		writer->error = port->write_error;
		port->write_died = true;
		port->deaths++;
	}
	weir__point("was written");
	port->writing = false;
	return n;
}

static const struct weir_option port_options[] = {
	WEIR_OPTION(struct sim_port_options, port, OBJECT, "the device"),
	{ 0 },
};

const struct weir_endpoint_type sim_port_type = {
	.name = "port",
	.help = "a simulated device",
	.reasons = reasons,
	.options = port_options,
	.options_size = sizeof(struct sim_port_options),
	.state_size = sizeof(struct sim_port *),
	.check = check,
	.open = open_port,
	.close = close_port,
	.recover = recover,
	.read = read_port,
	.arm = arm,
	.disarm = disarm,
	.write = write_port,
};
