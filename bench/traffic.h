/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic of the kernels of both sides: a client on the left, a server on the right, a thread each. What it
 * has done so far can be read at any time.
 */
#ifndef WEIR_BENCH_TRAFFIC_H
#define WEIR_BENCH_TRAFFIC_H

#include <stdatomic.h>

#include "placement.h"
#include "rig.h"

#define TRAFFIC_STREAMS_MAX 16

struct traffic;

/* A kind of traffic. */
struct traffic_type {
	void (*open)(struct traffic *traffic);
	void *(*client)(void *traffic);
	void *(*server)(void *traffic);
	/* What a case of it is about: "gbps", "pps" or "p50_us". */
	const char *headline;
};

struct traffic_case {
	const char *name;
	const char *help;
	const struct traffic_type *type;
	unsigned streams; /* TCP connections, or flows of numbered datagrams */
	unsigned size;    /* payload bytes of a datagram */
	unsigned gap_us;  /* between the requests of request-response; 0: back to back */
	unsigned window;  /* numbered datagrams of a flow that are on their way at once */
	unsigned longer; /* how many times as long as others it is measured, having so few packets; 0: once */
};

/* What became of numbered datagrams from the first to the last. */
struct traffic_losses {
	bool known;          /* the traffic has numbered datagrams */
	uint64_t lost;       /* without those that a kernel has dropped */
	uint64_t by_kernels; /* found the queue of a device or of a socket full */
	uint64_t duplicated;
	uint64_t reordered; /* within a flow, in one direction */
};

/* Nanoseconds, in the order of the requests. */
struct traffic_round_trips {
	uint32_t *ns;
	size_t n;
};

#define TRAFFIC_RECORDS 2

struct traffic {
	const struct traffic_case *kase;
	const struct rig *rig;
	uint64_t run; /* in every datagram, so that a late one of another run is not counted */
	int client[TRAFFIC_STREAMS_MAX];
	int server[TRAFFIC_STREAMS_MAX];
	unsigned streams;
	pthread_t threads[SIDES];
	atomic_bool stop;
	atomic_bool client_ended;
	atomic_int recording; /* an index of round_trips; negative: of none */
	struct traffic_round_trips round_trips[TRAFFIC_RECORDS];

	/* Apart, because each side's thread writes its own all the time. */
	_Alignas(64) _Atomic uint64_t sent;
	_Alignas(64) _Atomic uint64_t received;
	_Atomic uint64_t bytes;
	_Atomic uint64_t reordered;

	struct traffic_losses losses;
	uint64_t device_drops; /* of both, when it started */
};

struct traffic_counts {
	uint64_t sent;        /* datagrams or requests */
	uint64_t received;    /* datagrams or answers */
	uint64_t bytes;       /* of payload that arrived */
	uint64_t reordered;   /* datagrams that came after one that was sent later */
	uint64_t retransmits; /* of all TCP streams */
};

extern const struct traffic_type traffic_tcp;
extern const struct traffic_type traffic_udp;
extern const struct traffic_type traffic_rtt;
extern const struct traffic_type traffic_window;

/* Waits until packets pass in both directions: a device that was just attached to loses a few. */
void traffic_reach(const struct rig *rig);

void traffic_start(struct traffic *traffic, const struct traffic_case *kase, const struct rig *rig,
		   const struct placement *placement);
void traffic_read(struct traffic *traffic, struct traffic_counts *counts);

/* From now on round-trip times go to that record; negative: they are not recorded. */
void traffic_record(struct traffic *traffic, int record);

/* Ends the threads and the connections, once all numbered datagrams have come or are lost; the round-trip
 * times stay until traffic_free(). */
void traffic_stop(struct traffic *traffic);
void traffic_free(struct traffic *traffic);

/* For the types: */

#define TRAFFIC_PORT    7007
#define TRAFFIC_RTT_MAX (1u << 22) /* of a record */
#define TRAFFIC_WAIT_MS 200        /* at the longest, until a thread sees that it shall stop */

/* What every datagram begins with. */
struct traffic_header {
	uint64_t run;
	uint64_t sequence;
};

/* A UDP socket on each side, connected to each other; the flow is added to the port. */
void traffic_udp_pair(const struct rig *rig, unsigned flow, int *left, int *right);

/* Lets a blocked receive end after TRAFFIC_WAIT_MS. */
void traffic_set_timeout(int fd);

void traffic_open_records(struct traffic *traffic);

/* The client's thread. */
static inline void traffic_note_round_trip(struct traffic *traffic, uint64_t ns)
{
	const int record = atomic_load_explicit(&traffic->recording, memory_order_acquire);

	if (record >= 0 && traffic->round_trips[record].n < TRAFFIC_RTT_MAX)
		traffic->round_trips[record].ns[traffic->round_trips[record].n++] = (uint32_t)ns;
}

/* One writer, so no read-modify-write is needed. */
static inline void traffic_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

#endif
