/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of shape while packets flow: hold, drain, release, new programs (lib/apply.c, drain.c, pass.c). Packets
 * come out in the order in which they came, each exactly once, by all of the old stages or all of the new; no row is
 * ever in the hands of two workers, and nobody sleeps for ever before a packet. When control gives up on the way, all
 * goes on as before.
 *
 * Memory, sleep, rings and grace periods are taken for what the other models show: stores are seen at once, a bell
 * wakes whoever sleeps, a ring is a queue, a grace period ends when each worker has begun a new pass or is asleep.
 *
 * holds: JOIN
 * holds: JOIN DEADLINE
 * holds: SHORTEN REFUSALS=0
 * holds: SPLIT DEADLINE
 * holds: MOVE DEADLINE PACKETS=1
 * holds: MOVE LATE
 * holds: REMOVE PACKETS=1 REFUSALS=0
 * holds: RESTAGE
 * holds: RESTAGE DEADLINE
 * fails (assertion violated !(reordered)): JOIN NO_DRAIN
 * fails (assertion violated !(mixed)): RESTAGE NO_DRAIN
 * fails (assertion violated !(shared)): SPLIT PUBLISH_AT_ONCE
 * fails (assertion violated !(shared)): JOIN NO_RELEASE
 * fails (assertion violated !(shared)): MOVE NO_RELEASE
 * fails (assertion violated !(lost)): REMOVE PACKETS=1 REFUSALS=0 ONE_LOOK
 * fails (assertion violated !(lost)): REMOVE PACKETS=1 REFUSALS=0 NO_COUNT
 * fails (assertion violated !(lost)): JOIN NO_BACKLOG_LOOK
 * fails (assertion violated !(stuck)): SHORTEN PACKETS=3 REFUSALS=0 HOLD_BELOW
 * fails (assertion violated !(stuck)): MOVE LATE NO_LAST_RING
 * fails (assertion violated !(stuck)): MOVE LATE NO_ADOPTION_RING
 * fails (assertion violated !(stuck)): JOIN DEADLINE ROLLBACK_SILENT
 *
 * DEADLINE: control may give up at any moment at which it waits before the new programs, and tries once more or never.
 * LATE: a worker may be late for the new programs. There is no way back then, and nothing is freed.
 */
#ifndef PACKETS
#define PACKETS 2
#endif
#define CAPACITY 1 /* vectors in a ring; a packet is a vector here */
#ifndef REFUSALS
#define REFUSALS 1 /* how often the writer takes nothing at first */
#endif

/* Rows: the reader and the rings are inputs, the rings and the writer are sinks. */
#define R      0
#define X      1
#define Y      2
#define Z      3
#define W      4
#define ROWS   5
#define NOBODY 255

/* Workers. */
#define A 0
#define B 1
#define C 2

/*
 * Each shape says which worker takes from an input before and after, to which sink its packets go, which inputs are
 * held and which rings are drained. A sink has one input that leads to it.
 */
#if defined(JOIN) /* R on A ->X-> B -> W   becomes   R on A -> W */
#define WORKERS       2
#define OLD_WORKER(i) ((i) == R -> A : ((i) == X -> B : NOBODY))
#define OLD_SINK(i)   ((i) == R -> X : W)
#define OLD_INPUT(s)  ((s) == X -> R : ((s) == W -> X : NOBODY))
#define NEW_WORKER(i) ((i) == R -> A : NOBODY)
#define NEW_SINK(i)   W
#define NEW_INPUT(s)  ((s) == W -> R : NOBODY)
#define HELD(i)       ((i) == R)
#define DRAINED(i)    ((i) == X)

#elif defined(SHORTEN) /* R on A ->X-> B ->Y-> C -> W   becomes   R on A ->Y-> B -> W */
#define WORKERS       3
#define OLD_WORKER(i) ((i) == R -> A : ((i) == X -> B : ((i) == Y -> C : NOBODY)))
#define OLD_SINK(i)   ((i) == R -> X : ((i) == X -> Y : W))
#define OLD_INPUT(s)  ((s) == X -> R : ((s) == Y -> X : ((s) == W -> Y : NOBODY)))
#define NEW_WORKER(i) ((i) == R -> A : ((i) == Y -> B : NOBODY))
#define NEW_SINK(i)   ((i) == R -> Y : W)
#define NEW_INPUT(s)  ((s) == Y -> R : ((s) == W -> Y : NOBODY))
#ifdef HOLD_BELOW /* broken: Y only moves, but what is drained flows into it */
#define HELD(i)       ((i) == R || (i) == Y)
#define DRAINED(i)    ((i) == X)
#define FULL_AT_FIRST 2
#else
#define HELD(i)       ((i) == R)
#define DRAINED(i)    ((i) == X || (i) == Y)
#endif

#elif defined(REMOVE) /* X on A ->Y-> B ->Z-> C -> W   goes, with a packet in X */
#define WORKERS       3
#define OLD_WORKER(i) ((i) == X -> A : ((i) == Y -> B : ((i) == Z -> C : NOBODY)))
#define OLD_SINK(i)   ((i) + 1)
#define OLD_INPUT(s)  ((s) > X -> (s) - 1 : NOBODY)
#define NEW_WORKER(i) NOBODY
#define NEW_SINK(i)   W
#define NEW_INPUT(s)  NOBODY
#define HELD(i)       false
#define DRAINED(i)    ((i) == X || (i) == Y || (i) == Z)
#define FULL_AT_FIRST 1

#elif defined(SPLIT) /* R on A -> W   becomes   R on A ->X-> B -> W */
#define WORKERS       2
#define OLD_WORKER(i) ((i) == R -> A : NOBODY)
#define OLD_SINK(i)   W
#define OLD_INPUT(s)  ((s) == W -> R : NOBODY)
#define NEW_WORKER(i) ((i) == R -> A : ((i) == X -> B : NOBODY))
#define NEW_SINK(i)   ((i) == R -> X : W)
#define NEW_INPUT(s)  ((s) == X -> R : ((s) == W -> X : NOBODY))
#define HELD(i)       ((i) == R)
#define DRAINED(i)    false

#elif defined(MOVE) /* R on A ->X-> B -> W   becomes   R on A ->X-> C -> W: X is handed over with what is in it */
#define WORKERS       3
#define OLD_WORKER(i) ((i) == R -> A : ((i) == X -> B : NOBODY))
#define OLD_SINK(i)   ((i) == R -> X : W)
#define OLD_INPUT(s)  ((s) == X -> R : ((s) == W -> X : NOBODY))
#define NEW_WORKER(i) ((i) == R -> A : ((i) == X -> C : NOBODY))
#define NEW_SINK(i)   OLD_SINK(i)
#define NEW_INPUT(s)  OLD_INPUT(s)
#define HELD(i)       ((i) == X)
#define DRAINED(i)    false

#elif defined(RESTAGE) /* R on A ->X-> B -> W stays, with other stages on A and on B */
#define WORKERS       2
#define OLD_WORKER(i) ((i) == R -> A : ((i) == X -> B : NOBODY))
#define OLD_SINK(i)   ((i) == R -> X : W)
#define OLD_INPUT(s)  ((s) == X -> R : ((s) == W -> X : NOBODY))
#define NEW_WORKER(i) OLD_WORKER(i)
#define NEW_SINK(i)   OLD_SINK(i)
#define NEW_INPUT(s)  OLD_INPUT(s)
#define HELD(i)       ((i) == R)
#define DRAINED(i)    ((i) == X)
#endif

#ifndef FULL_AT_FIRST /* how many rings, from X on, hold a packet at first */
#define FULL_AT_FIRST 0
#endif

/* The programs that a change publishes one after the other; each worker has its part of them. */
#define OLD     0
#define HOLD    1
#define RELEASE 2
#define NEW     3

#define LEFT_OUT(p, i) ((p) != NEW && (((p) >= HOLD && HELD(i)) || ((p) == RELEASE && DRAINED(i))))

/* The worker whose program p takes from input i. */
#define TAKES(p, i) ((p) == NEW -> NEW_WORKER(i) : (LEFT_OUT(p, i) -> NOBODY : OLD_WORKER(i)))

/* What its packets go to. */
#define SINK(p, i) ((p) == NEW -> NEW_SINK(i) : OLD_SINK(i))

/* The worker whose program p retries sink s: with HOLD also one that nothing leads to any more. */
#define TAKES_OR(p, i) ((i) == NOBODY -> NOBODY : TAKES(p, i))
#define GIVES(p, s) \
	((p) == NEW -> TAKES_OR(NEW, NEW_INPUT(s)) : TAKES_OR(((p) == HOLD -> OLD : (p)), OLD_INPUT(s)))

/* op->bell and input->bell of a program: who is rung when there is something in a ring, or room. */
#define CONSUMER(p, s) ((p) == NEW -> NEW_WORKER(s) : OLD_WORKER(s))
#define PRODUCER(p, i) ((p) == NEW -> TAKES_OR(NEW, NEW_INPUT(i)) : TAKES_OR(OLD, OLD_INPUT(i)))

/* Workers. */
byte published[WORKERS]; /* worker->program */
byte running[WORKERS];   /* the program that it took up last */
bool busy[WORKERS];      /* not offline: it may be in a pass by that program */
bool asked[WORKERS];     /* asked != answered */
bool sleeping[WORKERS];  /* the mark of the bell */
bool rung[WORKERS];      /* its eventfd */

/* Rows. A packet is its number, above 0. */
#define NEW_STAGES 16 /* added to it if its first stages were the new ones */

chan ring[ROWS] = [CAPACITY] of { byte };
byte backlog[ROWS]; /* of a sink; 0: none */
bool waiting[ROWS];
byte come[ROWS]; /* counter of packets that came to a ring */
byte arrived;    /* packets that the reader has given */
byte written;    /* the last one that the writer has taken */
byte refusals = REFUSALS;
bool freed[ROWS];
bool finished;

/* What must not be. */
hidden byte reordered, lost, mixed, shared, touched, stuck;
hidden byte bell; /* used within one step only */
hidden byte other;

/* weir__doorbell_ring() */
inline ring_bell(w)
{
	if
	:: w != NOBODY && sleeping[w] ->
		sleeping[w] = false;
		rung[w] = true
	:: else
	fi
}

/* weir__worker_ring_all(), weir__pipeline_ring() */
inline ring_all()
{
	for (other : 0 .. WORKERS - 1) {
		ring_bell(other)
	}
	other = 0
}

#define PROGRAM   running[me]
#define INPUT_OF(p) \
	(TAKES(p, R) == me -> R : (TAKES(p, X) == me -> X : (TAKES(p, Y) == me -> Y : (TAKES(p, Z) == me -> Z : NOBODY))))
#define HAS_ROOM(s) (s == W || len(ring[s]) < CAPACITY)
#define HAS_MORE(i) (i == R -> arrived < PACKETS : len(ring[i]) > 0)

/* A worker comes to an end of a row. Nobody else may have it in the program of a pass that lasts. */
inline enter(row, gives)
{
	touched = freed[row];
	assert(!touched);
	for (other : 0 .. WORKERS - 1) {
		shared = shared || (other != me && busy[other] &&
			(gives -> GIVES(running[other], row) : TAKES(running[other], row)) == other)
	}
	other = 0;
	assert(!shared)
}

/* give() and finish() of lib/walk.c */
inline give(s, number)
{
	d_step {
		enter(s, true);
		assert(number);
		given = HAS_ROOM(s);
		if
		:: s == W && refusals > 0 ->
			refusals--;
			given = false
		:: s == W && refusals == 0 ->
			reordered = (number % NEW_STAGES != written + 1);
			assert(!reordered);
#ifdef RESTAGE
			mixed = ((number > NEW_STAGES) != (PROGRAM == NEW));
			assert(!mixed);
#endif
			written = number % NEW_STAGES
		:: s != W && given ->
			ring[s]!number
		:: else
		fi
	}
	d_step {
		if
		:: s != W && given ->
			come[s]++;
			bell = CONSUMER(PROGRAM, s); /* op->bell */
			ring_bell(bell)
		:: else
		fi;
		backlog[s] = (given -> 0 : number);
		found = found || given;
		given = false;
		bell = 0
	}
}

/* read_endpoint() and read_ring() */
inline take(i)
{
	enter(i, false);
	if
	:: i == R ->
		arrived++;
#ifdef RESTAGE
		hand = arrived + (PROGRAM == NEW -> NEW_STAGES : 0)
#else
		hand = arrived
#endif
	:: else ->
		ring[i]?hand;
		/* weir__ring_made_room() */
		if
		:: waiting[i] ->
			waiting[i] = false;
			bell = PRODUCER(PROGRAM, i); /* input->bell */
			ring_bell(bell)
		:: else
		fi
	fi;
	found = true;
	bell = 0
}

/* weir__doorbell_awake(), and the beginning of a pass: answer, then take the program up. */
inline begin()
{
	d_step {
		sleeping[me] = false;
		rung[me] = false;
		asked[me] = false;
		busy[me] = true;
#ifndef NO_ADOPTION_RING
		if
		:: (published[me] == NEW) != (PROGRAM == NEW) -> ring_all() /* adopt() */
		:: else
		fi;
#endif
		PROGRAM = published[me];
		input = INPUT_OF(PROGRAM);
		retry = R;
		do
		:: retry <= W && !(GIVES(PROGRAM, retry) == me && backlog[retry]) -> retry++
		:: else -> break
		od
	}
}

/*
 * announce() and prepare() of lib/sleep.c: if there is nothing to do after all, the worker goes offline. The marks and
 * the last look are one step, because that is what their barriers make of them.
 */
inline prepare()
{
	d_step {
		sink = (input == NOBODY -> NOBODY : SINK(PROGRAM, input));
		found = found || published[me] != PROGRAM || asked[me] ||
			(input != NOBODY && HAS_MORE(input) && backlog[sink] == 0);
		retry = X;
		do
		:: retry > W -> break
		:: retry <= W && GIVES(PROGRAM, retry) == me && backlog[retry] ->
			found = found || (retry != W && HAS_ROOM(retry));
			waiting[retry] = (retry != W);
			writes = (retry == W);
			retry++
		:: else -> retry++
		od;
		sleeping[me] = !found;
		busy[me] = found;
		writes = writes && !found;
		input = 0;
		retry = 0;
		sink = 0
	}
}

proctype worker(byte me)
{
	byte input, sink, retry, hand;
	bool found, given;
	bool writes; /* poll() waits for the writer, too */

	do
	:: true ->
		begin();
		/* weir__walk_retry() */
		if
		:: retry <= W ->
			hand = backlog[retry];
			give(retry, hand);
			hand = 0
		:: else
		fi;
		if
		:: d_step {
				input != NOBODY && HAS_MORE(input) && backlog[SINK(PROGRAM, input)] == 0 ->
				sink = SINK(PROGRAM, input);
				take(input)
			}
			give(sink, hand);
			hand = 0
		:: else
		fi;
		prepare();
end_asleep:
		if
		:: found || rung[me] || writes ->
			d_step {
				found = false;
				writes = false
			}
		fi
	od
}

/* Whether the old shape has the worker. */
#define WAS(w) (OLD_WORKER(R) == (w) || OLD_WORKER(X) == (w) || OLD_WORKER(Y) == (w) || OLD_WORKER(Z) == (w))

/* weir__grace_of(): each worker of the old shape, or each that it does not have, has begun a new pass, or is asleep. */
inline grace_of(old)
{
	d_step {
		for (w : 0 .. WORKERS - 1) {
			if
			:: WAS(w) == old && !late ->
				asked[w] = true;
				ring_bell(w)
			:: else
			fi
		}
		w = 0
	}
	do
	:: w < WORKERS && !late ->
		if
		:: WAS(w) != old || !asked[w] || !busy[w] -> w++
#if defined(DEADLINE) || defined(LATE)
		:: may_be_late -> late = true
#endif
		fi
	:: else -> break
	od;
	w = 0
}

inline publish(p)
{
	do
	:: w < WORKERS && !late ->
		published[w] = p;
		w++
	:: else -> break
	od;
	w = 0
}

#ifdef NO_BACKLOG_LOOK /* broken: what did not fit into the ring is forgotten */
#define IS_EMPTY(i) (len(ring[i]) == 0)
#else
#define IS_EMPTY(i) (len(ring[i]) == 0 && backlog[i] == 0)
#endif

/* One ring after the other, while workers go on. */
inline look()
{
	w = X;
	do
	:: w < W && DRAINED(w) ->
		certain = certain && IS_EMPTY(w);
		w++
	:: w < W && !DRAINED(w) -> w++
	:: w == W -> break
	od;
	w = 0
}

#define COME ((DRAINED(X) -> come[X] : 0) + (DRAINED(Y) -> come[Y] : 0) + (DRAINED(Z) -> come[Z] : 0))

#ifdef NO_DRAIN
#define MUST_DRAIN false
#else
#define MUST_DRAIN (DRAINED(X) || DRAINED(Y) || DRAINED(Z))
#endif

#define EMPTY_OR_KEPT(i) (!DRAINED(i) || IS_EMPTY(i))

/* weir__drain() */
inline drain()
{
	do
	:: certain || late -> break
	:: else ->
		/* Looking again and again; here until it is worth it, so that a drain that cannot end is seen as such. */
		if
		:: EMPTY_OR_KEPT(X) && EMPTY_OR_KEPT(Y) && EMPTY_OR_KEPT(Z)
#ifdef DEADLINE
		:: may_be_late -> late = true
#endif
		fi;
		before = COME;
		certain = true;
		look();
#ifndef ONE_LOOK
		grace_of(true);
		look();
#ifndef NO_COUNT
		certain = certain && COME == before
#endif
#endif
	od;
	before = 0;
	certain = false
}

/* roll_back() of lib/apply.c */
inline roll_back()
{
	late = false;
	may_be_late = false;
	publish(OLD);
#ifndef ROLLBACK_SILENT /* broken: a worker that sleeps by the program without its reader is not told */
	grace_of(true)
#endif
}

/* enter() and finish() of lib/apply.c */
inline go_on()
{
#ifdef LATE
	may_be_late = true;
#endif
	publish(NEW);
	grace_of(true);
	grace_of(false);
	d_step {
#ifndef NO_LAST_RING
		ring_all();
#endif
		for (w : X .. W - 1) {
			freed[w] = (!late && NEW_WORKER(w) == NOBODY);
#ifndef NO_DRAIN /* which shows something else */
			lost = (freed[w] && (len(ring[w]) || backlog[w]));
			assert(!lost)
#endif
		}
		w = 0;
		late = false;
		may_be_late = false;
		finished = true
	}
}

/* weir_pipeline_apply(), from the step that holds */
proctype control()
{
	byte w, before;
	bool late, certain;
#ifdef DEADLINE
	bool may_be_late = true;
#else
	bool may_be_late;
#endif

	do
	:: finished -> break
	:: !finished ->
#ifndef PUBLISH_AT_ONCE
		if
		:: MUST_DRAIN ->
			publish(HOLD);
			grace_of(true);
			drain()
		:: !MUST_DRAIN
		fi;
#ifndef NO_RELEASE
		publish(RELEASE);
		grace_of(true);
#endif
#endif
		if
		:: late ->
			roll_back();
			if
			:: finished = true /* never again */
			:: true            /* or once more */
			fi
		:: !late -> go_on()
		fi
	od
}

/* When nobody can move, everything must have been done. */
proctype end_of_all()
{
end:
	timeout;
	stuck = !(finished && written == PACKETS);
	assert(!stuck)
}

init {
	byte w;

	atomic {
		do
		:: arrived < FULL_AT_FIRST ->
			arrived++;
			ring[FULL_AT_FIRST + 1 - arrived]!arrived /* the last that has come is in X */
		:: else -> break
		od;
		for (w : 0 .. WORKERS - 1) {
			busy[w] = true; /* nothing is published to it that it has not taken up */
			run worker(w)
		}
		w = 0;
		run control();
		run end_of_all()
	}
}
