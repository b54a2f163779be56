/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/doorbell.h and doorbell.c. Doorbell b is the cell SLEEPING(b) and eventfd[b]; the file that includes this one
 * defines SLEEPING, BELLS and RINGERS, how many may ring one bell at the same time. A process that uses it has bytes
 * "seen" and "other".
 */
byte eventfd[BELLS];

/*
 * weir__doorbell_wake(). The counter is bounded: a mark is taken once, and the next awake() that finds its mark taken
 * empties the eventfd. So at most each ringer has a late write from before, and one is of this mark.
 */
inline doorbell_wake(c, b)
{
#ifdef NO_TAKE
	seen = 1; /* broken: every ringer that sees the mark writes */
#else
	exchange(c, SLEEPING(b), 0, seen);
#endif
	if
	:: seen ->
		/* write(): the kernel's own, which no queue of stores delays */
		d_step {
			eventfd[b]++;
			assert(eventfd[b] <= RINGERS + 1);
			seen = 0
		}
	:: else
	fi
}

/* weir__doorbell_ring(). Its light barrier stops the compiler only: loads and stores stand here in their order. */
inline doorbell_ring(c, b)
{
	load(c, SLEEPING(b), seen);
	if
	:: seen -> doorbell_wake(c, b)
	:: else
	fi
}

/* weir__doorbell_ring_slowly() */
inline doorbell_ring_slowly(c, b)
{
	barrier_full(c);
	doorbell_ring(c, b)
}

/* weir__doorbell_sleep() */
inline doorbell_sleep(c, b)
{
	store(c, SLEEPING(b), 1)
}

/* The part of poll() that waits for the bell. */
#define RUNG(b) (eventfd[b] > 0)

/* weir__doorbell_awake() */
inline doorbell_awake(c, b, rung)
{
	exchange(c, SLEEPING(b), 0, seen);
#if defined(NO_READ)
	skip; /* broken: the eventfd is never emptied */
#elif defined(READ_IF_RUNG)
	if
	:: rung -> eventfd[b] = 0 /* broken: what a ringer wrote before a poll() that never began stays */
	:: else
	fi;
#else
	if
	:: rung || !seen -> eventfd[b] = 0
	:: else
	fi;
#endif
	seen = 0
}
