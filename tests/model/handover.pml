/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of shape while packets flow: hold, drain, release, new programs. Packets come out in the order in which they
 * came, each exactly once, by all of the old stages or all of the new; no row is ever in the hands of two workers, and
 * nobody sleeps for ever before a packet. When control gives up on the way, all goes on as before.
 *
 * Memory, sleep and grace periods are taken for what sleep.pml, ring.pml and grace.pml show: stores are seen at once,
 * a bell wakes whoever sleeps, a grace period ends when each worker has begun a new pass or is asleep.
 *
 * holds: JOIN
 * holds: JOIN DEADLINE
 * holds: JOIN3
 * holds: JOIN3 DEADLINE
 * holds: JOIN4 PACKETS=2
 * holds: SPLIT
 * holds: SPLIT DEADLINE
 * holds: MOVE
 * holds: MOVE DEADLINE
 * holds: MOVE_MIDDLE
 * holds: RESTAGE
 * holds: RESTAGE DEADLINE
 * fails (assertion violated !(reordered)): JOIN PUBLISH_AT_ONCE
 * fails (assertion violated !(reordered)): MOVE_MIDDLE NO_DRAIN
 * fails (assertion violated !(mixed)): RESTAGE NO_DRAIN
 * fails (assertion violated !(shared)): SPLIT PUBLISH_AT_ONCE
 * fails (assertion violated !(shared)): MOVE PUBLISH_AT_ONCE
 * fails (assertion violated !(shared)): JOIN NO_RELEASE
 * fails (assertion violated !(shared)): MOVE NO_RELEASE
 * fails (assertion violated !(touched)): JOIN3 ONE_LOOK
 * fails (assertion violated !(touched)): JOIN4 PACKETS=2 NO_COUNT
 * fails (assertion violated !(touched)): JOIN NO_BACKLOG_LOOK
 * fails (assertion violated !(stuck)): JOIN3 HOLD_BELOW
 * fails (assertion violated !(stuck)): MOVE NO_LAST_RING
 * fails (assertion violated !(stuck)): JOIN DEADLINE ROLLBACK_SILENT
 *
 * DEADLINE: control may give up at any moment at which it waits before the new programs, and tries once more.
 */
#ifndef PACKETS
#define PACKETS 3
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
#define D 3

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

#elif defined(JOIN3) /* R on A ->X-> B ->Y-> C -> W   becomes   R on A -> W */
#define WORKERS       3
#define OLD_WORKER(i) ((i) == R -> A : ((i) == X -> B : ((i) == Y -> C : NOBODY)))
#define OLD_SINK(i)   ((i) == R -> X : ((i) == X -> Y : W))
#define OLD_INPUT(s)  ((s) == X -> R : ((s) == Y -> X : ((s) == W -> Y : NOBODY)))
#define NEW_WORKER(i) ((i) == R -> A : NOBODY)
#define NEW_SINK(i)   W
#define NEW_INPUT(s)  ((s) == W -> R : NOBODY)
#ifdef HOLD_BELOW /* broken: a ring that a drained one flows into is held */
#define HELD(i)       ((i) == R || (i) == Y)
#define DRAINED(i)    ((i) == X)
#else
#define HELD(i)       ((i) == R)
#define DRAINED(i)    ((i) == X || (i) == Y)
#endif

#elif defined(JOIN4) /* R on A ->X-> B ->Y-> C ->Z-> D -> W   becomes   R on A -> W */
#define WORKERS       4
#define OLD_WORKER(i) ((i) < W -> (i) : NOBODY)
#define OLD_SINK(i)   ((i) + 1)
#define OLD_INPUT(s)  ((s) > 0 -> (s) - 1 : NOBODY)
#define NEW_WORKER(i) ((i) == R -> A : NOBODY)
#define NEW_SINK(i)   W
#define NEW_INPUT(s)  ((s) == W -> R : NOBODY)
#define HELD(i)       ((i) == R)
#define DRAINED(i)    ((i) > R)

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

#elif defined(MOVE_MIDDLE) /* R on A ->X-> B ->Y-> C -> W   becomes   R on A ->X-> D ->Z-> C -> W */
#define WORKERS       4
#define OLD_WORKER(i) ((i) == R -> A : ((i) == X -> B : ((i) == Y -> C : NOBODY)))
#define OLD_SINK(i)   ((i) == R -> X : ((i) == X -> Y : W))
#define OLD_INPUT(s)  ((s) == X -> R : ((s) == Y -> X : ((s) == W -> Y : NOBODY)))
#define NEW_WORKER(i) ((i) == R -> A : ((i) == X -> D : ((i) == Z -> C : NOBODY)))
#define NEW_SINK(i)   ((i) == R -> X : ((i) == X -> Z : W))
#define NEW_INPUT(s)  ((s) == X -> R : ((s) == Z -> X : ((s) == W -> Z : NOBODY)))
#define HELD(i)       ((i) == X)
#define DRAINED(i)    ((i) == Y)

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

#ifndef LATE_ENTER
#define LATE_ENTER false
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
	((p) == HOLD -> TAKES_OR(OLD, OLD_INPUT(s)) : ((p) == NEW -> TAKES_OR(NEW, NEW_INPUT(s)) : TAKES_OR(p, OLD_INPUT(s))))

/* op->bell and input->bell of a program: who is rung when there is something in a ring, or room. */
#define CONSUMER(p, s) ((p) == NEW -> NEW_WORKER(s) : OLD_WORKER(s))
#define PRODUCER(p, i) ((p) == NEW -> TAKES_OR(NEW, NEW_INPUT(i)) : TAKES_OR(OLD, OLD_INPUT(i)))

/* Workers. */
byte published[WORKERS];
bool asked[WORKERS]; /* asked != answered */
bool offline[WORKERS];
bool sleeping[WORKERS]; /* the mark of the bell */
bool rung[WORKERS];     /* its eventfd */

/* Rows. A packet is its number, and whether its first stages were the new ones. */
typedef packet {
	byte number;
	bool new
};
chan ring[ROWS] = [CAPACITY] of { byte, bool };
packet backlog[ROWS]; /* of a sink; number 0: none */
bool waiting[ROWS];
byte come[ROWS]; /* counter of packets that came to a ring */
byte arrived;    /* packets that the reader has given */
byte written;    /* the last one that the writer has taken */
byte refusals = REFUSALS;

/* What must not be. */
bool taking[ROWS], giving[ROWS]; /* somebody is at this end of the row */
bool freed[ROWS];
bool reordered, mixed, shared, touched, stuck;

bool finished;

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

/* A worker comes to an end of a row. */
inline enter(used, row)
{
	shared = used;
	assert(!shared);
	touched = freed[row];
	assert(!touched);
	used = true
}

#define HAS_ROOM(s) (len(ring[s]) < CAPACITY)

/* give() of lib/walk.c: the sink takes what is in hand, or not. Whether it does is seen in one step, with given. */
inline give(s)
{
	atomic {
		enter(giving[s], s);
		if
		:: s == W && refusals > 0 -> refusals--
		:: s == W ->
			reordered = (hand.number != written + 1);
			assert(!reordered);
#ifdef RESTAGE
			mixed = (hand.new != (program == NEW));
			assert(!mixed);
#endif
			written = hand.number;
			given = true
		:: s != W && HAS_ROOM(s) ->
			ring[s]!hand.number, hand.new;
			given = true
		:: s != W && !HAS_ROOM(s)
		fi
	}
}

/* What comes after it: the counter, the bell, the backlog. */
inline finish(s)
{
	d_step {
		if
		:: given && s != W ->
			come[s]++;
			bell = CONSUMER(program, s); /* op->bell */
			ring_bell(bell);
			bell = 0
		:: else
		fi;
		backlog[s].number = (given -> 0 : hand.number);
		backlog[s].new = (given -> false : hand.new);
		found = found || given;
		hand.number = 0;
		hand.new = false;
		given = false;
		giving[s] = false
	}
}

/* read_endpoint() and read_ring() */
inline take(i)
{
	atomic {
		enter(taking[i], i);
		if
		:: i == R ->
			arrived++;
			hand.number = arrived;
			hand.new = (program == NEW)
		:: i != R -> ring[i]?hand.number, hand.new
		fi
	}
	d_step {
		/* weir__ring_made_room() */
		if
		:: waiting[i] ->
			waiting[i] = false;
			bell = PRODUCER(program, i); /* input->bell */
			ring_bell(bell);
			bell = 0
		:: else
		fi;
		found = true;
		taking[i] = false
	}
}

#define IS_MINE(i)    (TAKES(program, i) == me && backlog[SINK(program, i)].number == 0)
#define HAS_MORE(i)   ((i) == R -> arrived < PACKETS : len(ring[i]) > 0)
#define MUST_RETRY(s) (GIVES(program, s) == me && backlog[s].number != 0)

/* The next sink with a backlog, and the next input that has something; one look at all of them, to save states. */
inline next_sink()
{
	do
	:: row <= W && !MUST_RETRY(row) -> row++
	:: else -> break
	od
}

inline next_input()
{
	do
	:: row < W && !(IS_MINE(row) && HAS_MORE(row)) -> row++
	:: else -> break
	od
}

/*
 * announce() and prepare() of lib/sleep.c: whether there is something to do after all. If not, the worker goes offline.
 * The mark and the last look are one step, because that is what their barriers make of them.
 */
inline prepare()
{
	d_step {
		row = R;
		do
		:: row == W -> break
		:: else ->
			found = found || (IS_MINE(row) && HAS_MORE(row)) || (row != R && MUST_RETRY(row) && HAS_ROOM(row));
			row++
		od;
		found = found || published[me] != program || asked[me];
		offline[me] = !found;
		sleeping[me] = !found;
		row = X;
		do
		:: row == W || found -> break
		:: else ->
			waiting[row] = waiting[row] || MUST_RETRY(row);
			row++
		od;
		row = 0
	}
}

/* weir__doorbell_awake(), and the beginning of a pass: answer, then take the program up. */
inline begin()
{
	d_step {
		offline[me] = false;
		sleeping[me] = false;
		rung[me] = false;
		asked[me] = false;
#ifndef NO_ADOPTION_RING
		if
		:: program != published[me] -> tell = true
		:: else
		fi;
#endif
		program = published[me]; /* adopted: blocked is what has a backlog */
		found = false;
		row = X;
		next_sink();
		skip
	}
}

/* What it did by the program before may have rung others than those whom it concerns now. */
inline ring_all()
{
	d_step {
		do
		:: bell < WORKERS ->
			ring_bell(bell);
			bell++
		:: else -> break
		od;
		bell = 0;
		tell = false
	}
}

proctype worker(byte me)
{
	byte program, row, sink, bell;
	packet hand;
	bool found, given, tell;

	do
	:: true ->
		begin();
		if
		:: tell -> ring_all()
		:: !tell
		fi;
		do
		:: row <= W ->
			d_step {
				hand.number = backlog[row].number;
				hand.new = backlog[row].new
			}
			give(row);
			finish(row);
			d_step {
				row++;
				next_sink();
				skip
			}
		:: row > W -> break
		od;
		row = R;
		do
		:: d_step { row <= W -> next_input(); skip }
			if
			:: row < W ->
				take(row);
				sink = SINK(program, row);
				give(sink);
				finish(sink);
				sink = 0;
				row++
			:: row == W -> break
			fi
		od;
		row = 0;
		if
		:: found
		:: !found ->
			prepare();
end_asleep:
			if
			:: found
			:: !found && rung[me]
			:: !found && MUST_RETRY(W) /* poll() says that it can be written to */
			fi
		fi
	od
}

/* Whether the old shape has the worker. */
#define WAS(w) (OLD_WORKER(R) == (w) || OLD_WORKER(X) == (w) || OLD_WORKER(Y) == (w) || OLD_WORKER(Z) == (w))

/* weir__grace_of(): each worker of the old shape, or each that it does not have, has begun a new pass, or is asleep. */
inline grace_of(old)
{
	w = 0;
	do
	:: w < WORKERS && !late ->
		d_step {
			if
			:: WAS(w) == old ->
				asked[w] = true;
				ring_bell(w)
			:: else
			fi;
			w++
		}
	:: else -> break
	od;
	w = 0;
	do
	:: w < WORKERS && !late ->
		if
		:: WAS(w) != old || !asked[w] || offline[w] -> w++
#ifdef DEADLINE
		:: may_be_late -> late = true
#endif
		fi
	:: else -> break
	od;
	w = 0
}

inline publish(p)
{
	w = 0;
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
#define IS_EMPTY(i) (len(ring[i]) == 0 && backlog[i].number == 0)
#endif

/* One ring after the other, while workers go on. */
inline look_at_rings()
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
		look_at_rings();
#ifndef ONE_LOOK
		grace_of(true);
		look_at_rings();
#ifndef NO_COUNT
		certain = certain && COME == before
#endif
#endif
	od;
	before = 0;
	certain = false
}

inline give_up()
{
	late = false;
	may_be_late = false;
#ifdef ROLLBACK_SILENT
	/* broken: a worker that sleeps by the program without its reader is not told */
	w = 0;
	do
	:: w < WORKERS ->
		published[w] = OLD;
		w++
	:: w == WORKERS -> break
	od;
	w = 0
#else
	publish(OLD);
	grace_of(true)
#endif
}

/* enter() and finish() of lib/apply.c. From here there is no way back: a worker that is stuck takes its program later. */
inline go_on()
{
	may_be_late = LATE_ENTER;
	publish(NEW);
	grace_of(true);
	grace_of(false);
#ifndef NO_LAST_RING
	d_step {
		do
		:: w < WORKERS ->
			ring_bell(w);
			w++
		:: else -> break
		od;
		w = 0
	}
#endif
	if
	:: late /* the old is freed later, after a grace period that ends */
	:: !late ->
	w = X;
	d_step {
		do
		:: w < W ->
			freed[w] = (NEW_WORKER(w) == NOBODY);
			w++
		:: w == W -> break
		od;
		w = 0
	}
	fi;
	finished = true
}

/* weir_pipeline_apply(), from the step that holds */
proctype control()
{
	byte w, before;
	bool late, certain;
	bool may_be_late = true;

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
			give_up();
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
		:: w < WORKERS ->
			run worker(w);
			w++
		:: w == WORKERS -> break
		od;
		w = 0;
		run control();
		run end_of_all()
	}
}
