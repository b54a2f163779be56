/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forwarder between the two devices of the rig, in a process of its own, so that its processor time and its
 * memory are its own. The process ends with the bench, however that ends.
 */
#ifndef WEIR_BENCH_FORWARDER_H
#define WEIR_BENCH_FORWARDER_H

#include <sys/types.h>

#include "placement.h"
#include "rig.h"

#define FORWARDER_STAGES_MAX  32
#define FORWARDER_CHANGES_MAX 12

/* The parts of the time of a change, in microseconds. */
enum change_part {
	CHANGE_TOTAL = 0, /* from the call to its return, when every worker works by the new */
	CHANGE_PREPARE,
	CHANGE_DRAIN,
	CHANGE_PUBLISH,
	CHANGE_GRACE,
	CHANGE_HELD,
	CHANGE_PARTS,
};

/* Changes of one kind while it forwarded. */
struct forwarder_change {
	char kind[16];
	unsigned n;
	double median[CHANGE_PARTS];
	double worst[CHANGE_PARTS];
};

/* What a forwarder tells when it has stopped. A raw loop has nothing to tell. */
struct forwarder_report {
	bool filled;
	uint64_t received, injected, sent, dropped, consumed, held;
	uint64_t passes, sleeps, wakes;       /* of all workers */
	uint64_t resident_at_start, resident; /* bytes of memory; the first only if packets are generated */
	double start_ms; /* from the call to create the pipeline until all its workers ran */
	unsigned n;
	struct {
		char path[48];
		double ns;   /* a packet */
		double fill; /* packets a vector */
	} stages[FORWARDER_STAGES_MAX];
	unsigned n_changes;
	struct forwarder_change changes[FORWARDER_CHANGES_MAX];
	double changes_per_s; /* of all kinds */
};

struct mode {
	const char *name;
	const char *base; /* the mode to compare with; NULL: it is one itself */
	const char *help;
	/* Returns when packets are being forwarded, by threads of its own. */
	void (*start)(const struct rig *rig, const struct placement *placement);
	/* Stops and fills the report; NULL: the end of the process is enough. */
	void (*stop)(struct forwarder_report *report);
	/* From the bench's process: whether it shall be, for now, like its base. NULL: it cannot. */
	void (*rest)(bool resting);
	/* The names of the cases that it meets unless told, with commas; NULL: all. */
	const char *cases;
	/* Why this system cannot do it, NULL: it can. NULL: every system can. */
	const char *(*lacks)(void);
	const struct rig *rig; /* if it is not the one of the others */
	/* Nanoseconds of processor time so far of what forwards there, if that is not the process of start().
	 */
	uint64_t (*cpu_ns)(const struct rig *rig);
};

struct forwarder {
	const struct mode *mode;
	pid_t pid;
	clockid_t clock; /* of its processor time */
	int control;     /* readable for the other end, or closed: stop */
	int answers;
};

void forwarder_start(struct forwarder *forwarder, const struct mode *mode, const struct rig *rig,
		     const struct placement *placement);

/* Nanoseconds of processor time of all its threads so far. */
uint64_t forwarder_cpu_ns(const struct forwarder *forwarder);

void forwarder_stop(struct forwarder *forwarder, struct forwarder_report *report);

#endif
