/* SPDX-License-Identifier: Apache-2.0 */
/* What a pipeline takes before it has anything to do: time to start, memory, and processor time. */
#ifndef WEIR_BENCH_RESOURCES_H
#define WEIR_BENCH_RESOURCES_H

#include "forwarder.h"
#include "report.h"

/* Resident memory before and after the packets of a generator: case "rss". */
void resources_measure_memory(struct report *report, const struct rig *rig,
			      const struct placement *placement);

/* The time until a pipeline runs, with devices that it makes and two workers: case "startup". */
void resources_measure_startup(struct report *report, const struct rig *rig,
			       const struct placement *placement);

/* Processor time within 10 seconds, both devices alive and quiet: case "idle". */
void resources_measure_idle(struct report *report, const struct rig *rig, const struct mode *mode,
			    const struct placement *placement);

#endif
