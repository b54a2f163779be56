/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grace handshake: a control thread replaces the programs of workers and frees what they ran before, round after
 * round. A worker must never run a freed program, and control must never wait for ever for one that is alive, be it
 * running, falling asleep or asleep.
 *
 * holds:
 * holds: PSO
 * holds: DEADLINE
 * holds: DEADLINE PSO
 * holds: LIVE
 * holds: WORKERS=2 ROUNDS=1
 * fails (assertion violated): OFFLINE_EARLY
 * fails (assertion violated): ANSWER_LATE
 * fails (assertion violated): NO_WAKE_BARRIER
 * fails (assertion violated): NO_ASK_BARRIER
 * fails (assertion violated): RELAXED_ASK PSO
 * fails (assertion violated): FREE_AT_DEADLINE DEADLINE
 * fails (invalid end state): NO_ASKED_LOOK
 * fails (invalid end state): NO_CONTROL_LOOK
 * fails (invalid end state): NO_ANSWER_BARRIER
 * fails (invalid end state): NO_ANSWER_RING
 * fails (invalid end state): NO_ASK_RING
 * fails (acceptance cycle): NO_ANSWER_RING LIVE
 *
 * DEADLINE: control may give up at any moment at which it waits. It frees nothing then; a later round does.
 */
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef ROUNDS
#define ROUNDS 3
#endif

#define CONTROL WORKERS /* its processor and its bell; worker w has processor and bell w */
#define CPUS    (WORKERS + 1)
#define BELLS   (WORKERS + 1)
#define RINGERS WORKERS
#define DEPTH   3

#define SLEEPING(b) (b)
#define PROGRAM(w)  (CONTROL + 1 + (w)) /* worker->program; here its version */
#define ASKED(w)    (CONTROL + 1 + WORKERS + (w))
#define ANSWERED(w) (CONTROL + 1 + 2 * WORKERS + (w))
#define OFFLINE(w)  (CONTROL + 1 + 3 * WORKERS + (w))
#define CELLS       (CONTROL + 1 + 4 * WORKERS)

#include "memory.pml"
#include "doorbell.pml"

byte oldest; /* programs of lower versions are freed */
bool finished;

/* Whether all have answered n or are offline. */
inline look_at_workers(n)
{
	all = true;
	for (w : 0 .. WORKERS - 1) {
		load(CONTROL, ANSWERED(w), seen);
		if
		:: seen != n ->
			load(CONTROL, OFFLINE(w), seen);
			all = all && seen
		:: else
		fi
	}
	w = 0;
	seen = 0
}

proctype control()
{
	byte n, w, seen;
	bool all, gave_up;

	for (n : 1 .. ROUNDS) {
		for (w : 0 .. WORKERS - 1) {
#ifdef RELAXED_ASK
			store(CONTROL, ASKED(w), n); /* broken: may be seen before the program */
			store(CONTROL, PROGRAM(w), n);
#else
			store(CONTROL, PROGRAM(w), n);
			store_release(CONTROL, ASKED(w), n);
#endif
#ifdef NO_ASK_BARRIER
			doorbell_ring(CONTROL, w)
#elif defined(NO_ASK_RING)
			barrier_full(CONTROL)
#else
			barrier_full(CONTROL);
			load(CONTROL, OFFLINE(w), seen);
			if
			:: seen /* it looks at the question when it comes back */
			:: else -> doorbell_ring(CONTROL, w)
			fi
#endif
		}
		w = 0;
		seen = 0;
		gave_up = false;
		look_at_workers(n);
		do
		:: all || gave_up -> break
		:: else ->
			doorbell_sleep(CONTROL, CONTROL);
			barrier_full(CONTROL);
#ifndef NO_CONTROL_LOOK
			look_at_workers(n);
#endif
			if
			:: all -> doorbell_awake(CONTROL, CONTROL, false)
			:: else ->
				/* poll() */
				if
				:: RUNG(CONTROL) -> doorbell_awake(CONTROL, CONTROL, true)
#ifdef DEADLINE
				:: true ->
					gave_up = true;
					doorbell_awake(CONTROL, CONTROL, false)
#endif
				fi;
				look_at_workers(n)
			fi
		od;
		if
#ifdef FREE_AT_DEADLINE
		:: true -> oldest = n
#else
		:: all -> oldest = n
		:: else
#endif
		fi;
		d_step {
			all = false;
			gave_up = false
		}
	}
	finished = true
}

/* The worker does something with its program. */
#define USE(version) assert((version) >= oldest)

proctype worker(byte me)
{
	byte program, asked, answered;
	byte seen, other;
	bool work;

	do
	:: true ->
		/* The beginning of a pass: nothing is held from the pass before. */
#ifdef ANSWER_LATE
		load(me, PROGRAM(me), program); /* broken: may be an older one than what was asked about */
#endif
		load(me, ASKED(me), asked);
		if
		:: asked != answered ->
			answered = asked;
			store_release(me, ANSWERED(me), answered);
#ifndef NO_ANSWER_BARRIER
			barrier_full(me);
#endif
#ifndef NO_ANSWER_RING
			doorbell_ring(me, CONTROL)
#endif
		:: else
		fi;
#ifndef ANSWER_LATE
		load(me, PROGRAM(me), program);
#endif
		/* The pass: the rows of the program are used as long as it lasts. */
		USE(program);
		if
		:: work = true
		:: work = false
		fi;
		USE(program);
		if
		:: work
		:: else ->
			/* weir__worker_sleep() */
			doorbell_sleep(me, me);
			barrier_heavy(me);
#ifdef OFFLINE_EARLY
			store_release(me, OFFLINE(me), 1); /* broken: the look below still uses the program */
#endif
			/* prepare(): the last look */
			USE(program);
#ifndef NO_ASKED_LOOK
			load(me, PROGRAM(me), seen);
			work = (seen != program);
			load(me, ASKED(me), asked);
			work = work || asked != answered;
#endif
			USE(program);
			/* block() */
			program = 0;
			if
			:: !work ->
#ifndef OFFLINE_EARLY
				store_release(me, OFFLINE(me), 1);
#endif
end_asleep:
				RUNG(me);
				store_release(me, OFFLINE(me), 0);
#ifndef NO_WAKE_BARRIER
				barrier_full(me);
#endif
#ifdef NO_WAKE_BARRIER
				/* broken: what looks at the program before the exchange of awake(), a barrier by chance */
				load(me, PROGRAM(me), program);
				USE(program);
				program = 0;
#endif
				doorbell_awake(me, me, true)
			:: else ->
#ifdef OFFLINE_EARLY
				store_release(me, OFFLINE(me), 0);
				barrier_full(me);
#endif
				doorbell_awake(me, me, false)
			fi
		fi;
		d_step {
			asked = 0;
			program = 0;
			seen = 0;
			work = false
		}
	od
}

init {
	byte p;

	atomic {
		for (p : 0 .. CPUS - 1) {
			run processor(p)
		}
		run control();
		for (p : 0 .. WORKERS - 1) {
			run worker(p)
		}
		p = 0
	}
}

#ifdef LIVE
ltl ends { <> finished }
#endif
