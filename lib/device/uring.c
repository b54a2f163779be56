/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>

#include "uring.h"

#define ENTRIES 32 /* WEIR_VECTOR_SIZE, as the power of two that it must be */
static_assert(ENTRIES >= WEIR_VECTOR_SIZE, "a vector fits");

static int check_opcode(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	const bool known = probe && io_uring_opcode_supported(probe, IORING_OP_WRITE);

	io_uring_free_probe(probe);
	return known ? 0 : -EOPNOTSUPP;
}

int weir__uring_new(int fd, void **result)
{
	struct io_uring *ring = calloc(1, sizeof(*ring));
	int rc;

	if (!ring)
		return -ENOMEM;
	rc = io_uring_queue_init(ENTRIES, ring, 0);
	if (rc < 0) {
		free(ring);
		return rc;
	}
	rc = check_opcode(ring);
	/* Looking the descriptor up for each write would cost a twentieth of it. */
	if (rc == 0)
		rc = io_uring_register_files(ring, &fd, 1);
	if (rc < 0) {
		io_uring_queue_exit(ring);
		free(ring);
		return rc;
	}
	*result = ring;
	return 0;
}

void weir__uring_close(struct weir__uring *uring)
{
	if (!uring->ring)
		return;
	/* The ring itself goes when the kernel finds the time, and a device that is still held would stay as
	 * long. */
	io_uring_unregister_files(uring->ring);
	io_uring_queue_exit(uring->ring);
	free(uring->ring);
	uring->ring = NULL;
}

static void give_up(struct weir__uring *uring, int error)
{
	weir__uring_close(uring);
	__atomic_store_n(&uring->error, (uint64_t)error, __ATOMIC_RELAXED);
}

static uint32_t prepare(struct io_uring *ring, struct weir_writer *writer, uint32_t first, uint32_t end,
			uint32_t before)
{
	uint32_t i;

	for (i = first; i < end; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);
		struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

		if (!sqe)
			break;
		io_uring_prep_write(sqe, 0, buf->data - before, buf->len + before, 0);
		/* It ends before the system call does, one after the other: what cannot be done at once
		 * fails, and is not done behind our back and out of order. */
		sqe->rw_flags = RWF_NOWAIT;
		sqe->flags = IOSQE_FIXED_FILE;
		sqe->user_data = i;
	}
	return i - first;
}

/* Returns how many the kernel has taken, and is done with. */
static uint32_t submit(struct weir__uring *uring, uint32_t n, int *result)
{
	int rc;

	do {
		rc = io_uring_submit_and_wait(uring->ring, n);
	} while (rc == -EINTR);
	for (int left = rc; left > 0; left--) {
		struct io_uring_cqe *cqe;
		int waited;

		do {
			waited = io_uring_wait_cqe(uring->ring, &cqe);
		} while (waited == -EINTR);
		if (waited < 0)
			break;
		result[cqe->user_data] = cqe->res;
		io_uring_cqe_seen(uring->ring, cqe);
	}
	/* What it did not take would go with the next vector, when its packets are others'. */
	if (rc < (int)n)
		give_up(uring, rc < 0 ? -rc : EIO);
	return rc > 0 ? (uint32_t)rc : 0;
}

/* A packet that shall wait has lost its place when a later one went. */
static uint32_t keep_order(int *result, uint32_t n)
{
	while (n > 0 && result[n - 1] == -EAGAIN)
		n--;
	for (uint32_t i = 0; i < n; i++)
		if (result[i] == -EAGAIN)
			result[i] = -ENOBUFS;
	return n;
}

uint32_t weir__uring_write(struct weir__uring *uring, struct weir_writer *writer, uint32_t first,
			   uint32_t end, uint32_t before, int result[WEIR_VECTOR_SIZE])
{
	uint32_t n;

	if (!uring->ring || end - first < 2)
		return 0;
	for (uint32_t i = first; i < end; i++)
		result[i] = -EIO;
	n = submit(uring, prepare(uring->ring, writer, first, end, before), result);
	if (n > 0 && result[first] == -EOPNOTSUPP) { /* It can only block. */
		give_up(uring, EOPNOTSUPP);
		return 0;
	}
	n = keep_order(result + first, n);
	weir_count(&uring->packets, n);
	return n;
}
