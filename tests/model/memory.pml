/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory as an x86 processor shows it (TSO): each processor keeps its stores in a queue before they reach memory,
 * oldest first, at any later time; it sees its own at once, and others only what has reached memory.
 *
 * With -DPSO, stores to different cells leave the queue in any order unless a store barrier stands between them, as
 * on processors with weaker rules. Loads are never reordered, in neither.
 *
 * The file that includes this one defines CPUS, CELLS and DEPTH, and starts one processor() for each processor.
 */
#define FENCE 255 /* no cell: what was stored before it goes first */

typedef queue {
	byte n;
	byte cell[DEPTH];
	byte value[DEPTH]
};

byte memory[CELLS];
queue stores[CPUS];
hidden byte at; /* used within one step only */

/* Takes entry i, and with it a barrier that is now the first, out of the queue of processor c. */
inline take_out(c, i)
{
	stores[c].n--;
	for (at : i .. DEPTH - 2) {
		stores[c].cell[at] = stores[c].cell[at + 1];
		stores[c].value[at] = stores[c].value[at + 1]
	}
	stores[c].cell[DEPTH - 1] = 0;
	stores[c].value[DEPTH - 1] = 0
}

inline land(c, i)
{
	memory[stores[c].cell[i]] = stores[c].value[i];
	take_out(c, i);
	if
	:: stores[c].n > 0 && stores[c].cell[0] == FENCE -> take_out(c, 0)
	:: else
	fi
}

/* Whether entry j may overtake entry i. */
#define MAY_PASS(c, j, i) \
	(stores[c].cell[j] != stores[c].cell[i] && stores[c].cell[j] != FENCE && stores[c].cell[i] != FENCE)

proctype processor(byte c)
{
end:
	do
	:: d_step { stores[c].n > 0 -> land(c, 0) }
#ifdef PSO
	:: d_step { stores[c].n > 1 && MAY_PASS(c, 1, 0) -> land(c, 1) }
	:: d_step { stores[c].n > 2 && MAY_PASS(c, 2, 0) && MAY_PASS(c, 2, 1) -> land(c, 2) }
#if DEPTH > 3
	:: d_step { stores[c].n > 3 && MAY_PASS(c, 3, 0) && MAY_PASS(c, 3, 1) && MAY_PASS(c, 3, 2) -> land(c, 3) }
#endif
#endif
	od
}

inline store(c, where, what)
{
	d_step {
		stores[c].n < DEPTH ->
		stores[c].cell[stores[c].n] = where;
		stores[c].value[stores[c].n] = what;
		stores[c].n++
	}
}

/* __ATOMIC_ACQUIRE and relaxed alike, because loads keep their order. */
inline load(c, where, into)
{
	d_step {
		into = memory[where];
		for (at : 0 .. DEPTH - 1) {
			if
			:: at < stores[c].n && stores[c].cell[at] == where -> into = stores[c].value[at]
			:: else
			fi
		}
	}
}

/* ck_pr_fence_store(): nothing on x86, where stores keep their order. */
inline fence_store(c)
{
#ifdef PSO
	d_step {
		stores[c].n < DEPTH ->
		if
		:: stores[c].n > 0 && stores[c].cell[stores[c].n - 1] != FENCE ->
			stores[c].cell[stores[c].n] = FENCE;
			stores[c].n++
		:: else
		fi
	}
#else
	skip
#endif
}

/* __atomic_store_n(..., __ATOMIC_RELEASE). */
inline store_release(c, where, what)
{
	fence_store(c);
	store(c, where, what)
}

/* __atomic_exchange_n(..., __ATOMIC_ACQ_REL): a locked instruction, with nothing left in the queue. */
inline exchange(c, where, what, before)
{
	d_step {
		stores[c].n == 0 ->
		before = memory[where];
		memory[where] = what
	}
}

/* weir__barrier_full() */
inline barrier_full(c)
{
	stores[c].n == 0
}

/*
 * weir__barrier_heavy(): membarrier() has every processor pass a full barrier at some moment between its beginning and
 * its end. So for each of them there is a moment at which its queue is empty.
 */
inline barrier_heavy(c)
{
	barrier_full(c);
#if !defined(LIGHT_LIGHT)
	for (other : 0 .. CPUS - 1) {
		barrier_full(other)
	}
	other = 0;
#endif
}
