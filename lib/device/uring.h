/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the packets of a vector by one system call of io_uring.
 *
 * What this saves is not the other system calls, which cost less than what io_uring does for each write. It
 * is that a thread which waits for the packets on this processor takes it over at the end of a system call:
 * after each packet, or once a vector.
 *
 * The kernel is done with everything when weir__uring_write() returns, so the ring belongs to no thread: it
 * is used by one at a time.
 */
#ifndef WEIR__URING_H
#define WEIR__URING_H

#include <weir/endpoint.h>
#include <weir/io.h>

/* Of one descriptor. Zeroed memory is one that does nothing. */
struct weir__uring {
	void *ring;       /* NULL: not in use */
	uint64_t packets; /* written through it */
	uint64_t error;   /* the errno for which it is not in use though it was asked for */
};

/* Rows for the counters of an endpoint type whose state has the member uring. */
#define WEIR__URING_COUNTERS(state_)                                                           \
	{ "uring_packets", "packets written through io_uring, several by one system call",     \
	  offsetof(state_, uring.packets) },                                                   \
	{                                                                                      \
		"no_uring", "the errno for which io_uring is not used; 0: it is, or need not", \
			offsetof(state_, uring.error)                                          \
	}

/* A row for the options of an endpoint type. */
#define WEIR__URING_OPTION(struct_) \
	WEIR_ENUM_OPTION(struct_, io, weir__io_values, "how packets are written: auto, read_write or uring")
extern const struct weir_option_value weir__io_values[];

int weir__uring_check(enum weir_io io, struct weir_error *err);

/* Makes a ring. Returns 0 or a negative errno. */
int weir__uring_new(int fd, void **ring);

/* For writes to fd, which must be closed after the ring. Without io_uring an error only if it must be. */
int weir__uring_open(struct weir__uring *uring, int fd, enum weir_io io, struct weir_error *err);
void weir__uring_close(struct weir__uring *uring);

/*
 * Writes packets first to end - 1 of the vector in their order, each with the bytes before it. Returns how
 * many it is done with, result[i] being the bytes written of packet i or a negative errno; the others are to
 * be written in another way. So for one packet it does nothing.
 */
uint32_t weir__uring_write(struct weir__uring *uring, struct weir_writer *writer, uint32_t first,
			   uint32_t end, uint32_t before, int result[WEIR_VECTOR_SIZE]);

#endif
