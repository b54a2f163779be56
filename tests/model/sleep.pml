/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No wake-up is lost: one worker that sleeps (lib/sleep.c) and two that publish work and ring (lib/walk.c, push()).
 *
 * Wrong would be: work is published, its ringer goes on, and the worker blocks for ever on an empty eventfd. Nobody
 * can move then, while the sleeper is not where it may end: an invalid end state.
 *
 * holds:
 * holds: ALONE
 * holds: LIVE
 * fails (invalid end state): NO_LAST_LOOK
 * fails (invalid end state): LIGHT_LIGHT
 * fails (invalid end state): LOOK_EARLY
 * fails (invalid end state): MARK_LATE
 * fails (assertion violated): NO_READ
 * fails (assertion violated): READ_IF_RUNG
 * fails (assertion violated): NO_TAKE
 *
 * ALONE: the worker of a pipeline that has no other passes a full barrier only, and is rung by control threads, which
 * pass one too. It is also the case of a kernel without membarrier().
 */
#define RINGERS 2
#define ITEMS   3 /* of each ringer */

#define BELLS 1
#define CPUS  (1 + RINGERS) /* the sleeper is 0 */
#define DEPTH 3

#define SLEEPING(b) 0
#define WORK(r)     (1 + (r)) /* how much ringer r has published, like p_tail of a ring */
#define CELLS       (1 + RINGERS)

#include "memory.pml"
#include "doorbell.pml"

bool finished;

proctype ringer(byte r)
{
	byte c = 1 + r;
	byte item, seen;

	for (item : 1 .. ITEMS) {
#ifdef LOOK_EARLY
		/* broken: without the light barrier, the compiler may look for the mark first */
		load(c, SLEEPING(0), seen);
		store(c, WORK(r), item);
		if
		:: seen -> doorbell_wake(c, 0)
		:: else
		fi
#else
		store(c, WORK(r), item);
#ifdef ALONE
		doorbell_ring_slowly(c, 0)
#else
		doorbell_ring(c, 0)
#endif
#endif
	}
}

/* Whether there is nothing to do: prepare() asks each input. */
inline look(idle)
{
	load(0, WORK(0), seen);
	idle = (seen == done[0]);
	load(0, WORK(1), seen);
	idle = idle && (seen == done[1]);
	seen = 0
}

proctype sleeper()
{
	byte done[RINGERS];
	byte seen, other;
	bool idle, rung;

	do
	:: done[0] == ITEMS && done[1] == ITEMS -> break
	:: else ->
		/* weir__worker_pass() */
		load(0, WORK(0), seen);
		idle = (seen == done[0]);
		done[0] = seen;
		load(0, WORK(1), seen);
		idle = idle && (seen == done[1]);
		done[1] = seen;
		if
		:: idle ->
			/* weir__worker_sleep() */
#ifndef MARK_LATE
			doorbell_sleep(0, 0);
#ifdef ALONE
			barrier_full(0);
#else
			barrier_heavy(0);
#endif
#endif
#ifndef NO_LAST_LOOK
			look(idle);
#endif
#ifdef MARK_LATE
			doorbell_sleep(0, 0); /* broken: the last look comes before the mark */
			barrier_heavy(0);
#endif
			rung = false;
			if
			:: idle ->
				RUNG(0); /* block() */
				rung = true
			:: else
			fi;
			doorbell_awake(0, 0, rung)
		:: else
		fi;
		d_step {
			idle = false;
			rung = false;
			seen = 0
		}
	od;
	finished = true
}

init {
	byte c;

	atomic {
		for (c : 0 .. CPUS - 1) {
			run processor(c)
		}
		run sleeper();
		run ringer(0);
		run ringer(1)
	}
}

#ifdef LIVE
ltl ends { <> finished }
#endif
