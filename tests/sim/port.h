/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated devices. The outside (traffic.c) puts packets in and takes them out; the engine sees an endpoint.
 */
#ifndef SIM_PORT_H
#define SIM_PORT_H

#include <weir/endpoint.h>

#include "ledger.h"

/* How a reader learns that packets have come. */
enum sim_reader {
	SIM_READ_POLL = 0, /* a descriptor that is readable as long as there are any */
	SIM_READ_ARMED,    /* one that is rung for a reader that sleeps */
	SIM_READ_ALWAYS,   /* none: there are packets until it ends */
	SIM_READERS,
};

struct sim_port {
	unsigned number;
	char name[12];
	enum sim_reader reader;
	unsigned flows;
	uint32_t longest;  /* packet */
	bool never_blocks; /* takes every packet */
	bool gives_supers; /* and small packets */
	bool takes_supers;

	/* The device, whether it is open or not. */
	uint32_t waiting; /* packets to read */
	bool ends;        /* when they have been read */
	uint64_t room;    /* packets that it takes before it blocks; UINT64_MAX: does not block */
	int read_error;   /* dies of it with the next read */
	int write_error;
	bool hung_up;    /* the other side of its descriptor is gone: nothing more comes */
	bool stays_dead; /* recovery fails */
	uint32_t sequence[SIM_FLOWS_MAX];

	/* The endpoint. */
	unsigned opened; /* times that it is */
	int read_fd;
	int write_fd;
	bool armed; /* its reader sleeps, and wants to be rung */
	bool rung;
	bool reading; /* somebody is inside of it */
	bool writing;
	bool read_died; /* it said so, and must be left alone */
	bool write_died;
	uint64_t deaths;
	uint64_t hang_ups;
	uint64_t refusals; /* to recover */
};

extern struct sim_port sim_ports[SIM_PORTS_MAX];
extern unsigned sim_n_ports;

/* As many ports as this seed has. */
void sim_ports_init(uint64_t seed);

/* From outside. */
void sim_port_arrive(struct sim_port *port, uint32_t n);
void sim_port_end(struct sim_port *port);
void sim_port_fail_read(struct sim_port *port, int error);
void sim_port_hang_up(struct sim_port *port);

struct sim_port_options {
	WEIR_ENDPOINT_OPTIONS;
	struct sim_port *port;
};

extern const struct weir_endpoint_type sim_port_type;

#endif
