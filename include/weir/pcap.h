/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap: the packets of a capture file in, or packets out to one. Link types Ethernet (layer 2) and raw IP
 * (layer 3), microsecond and nanosecond files, by libpcap. "-" is standard input or output.
 *
 * A reader ends at the end of the file. A record that was cut when it was captured is dropped as "cut", one
 * with more than 65,535 bytes as "too_long". A file that breaks off or is no capture from some place on is
 * the death of its reader (-EBADMSG), a full disk that of a writer (-ENOSPC). What a writer still holds when
 * it is closed is written without anybody who could be told of an error: that is what .flush is for.
 *
 * A file to be read is looked into when the configuration is checked, to learn its layer. What is no regular
 * file
 * ("-", a pipe) has its header read only when the pipeline is created, which waits for it: it needs .layer,
 * and cannot be read more than once.
 *
 * File I/O blocks the worker: give captures a worker of their own when other traffic must not wait for the
 * disk.
 */
#ifndef WEIR_PCAP_H
#define WEIR_PCAP_H

#include <weir/endpoint.h>

WEIR_BEGIN_DECLS

struct weir_pcap {
	WEIR_ENDPOINT_OPTIONS;
	const char *read;  /* the file to read, */
	const char *write; /* or the file to write: one of them */
	enum weir_layer
		layer; /* WEIR_LAYER_AF (raw IP) or WEIR_LAYER_L2 (Ethernet). With write: 0 is WEIR_LAYER_AF;
			  with read: 0, the file tells, else it must be of that layer */
	bool in_own_time; /* read: keep the time between packets, else full speed; the next loop follows at
			     once */
	bool flush;       /* write: after each vector, for somebody who watches the file */
	uint32_t loops;   /* read: times to read the file; 0: once */
};

WEIR_API extern const struct weir_endpoint_type weir_pcap_type;

#define weir_pcap(...) WEIR_ENDPOINT(weir_pcap_type, struct weir_pcap, __VA_ARGS__)

WEIR_END_DECLS

#endif
