/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raw.h"

#define READ_MULTISHOT 49 /* since Linux 6.7; liburing 2.3 has no name for it */

#define SUBMISSIONS 512
#define COMPLETIONS 4096 /* more than there can be of all buffers, being read or written */

/* What a completion is of: direction, kind, buffer. */
#define WRITE            0x10000u
#define WAY_SHIFT        20
#define BUFFER(tag)      ((tag)&0xffffu)
#define TAG(way, buffer) ((uint64_t)(way) << WAY_SHIFT | (buffer))

struct way {
	int from;
	int to;
	struct io_uring_buf_ring *free; /* the buffers that the kernel may read into */
	uint8_t *bytes;                 /* of all buffers */
};

static struct loop {
	struct io_uring ring;
	struct way ways[SIDES];
	unsigned buffers; /* of each direction, a power of two */
	unsigned size;    /* bytes of each */
} loop;

static int open_ring(struct io_uring *ring)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
						   IORING_SETUP_CQSIZE,
					  .cq_entries = COMPLETIONS };

	return io_uring_queue_init_params(SUBMISSIONS, ring, &params);
}

enum lack {
	LACK_NOTHING = 0,
	LACK_DEFERRED,
	LACK_MULTISHOT,
	LACK_PERMISSION,
	LACK_ALL,
};

static const char *const lacks[] = {
	[LACK_NOTHING] = NULL,
	[LACK_DEFERRED] = "io_uring with deferred work needs Linux 6.1",
	[LACK_MULTISHOT] = "multishot reads of io_uring need Linux 6.7",
	[LACK_PERMISSION] = "io_uring is forbidden here (kernel.io_uring_disabled?)",
	[LACK_ALL] = "io_uring does not work here",
};

static enum lack probe(void)
{
	struct io_uring_probe *operations;
	struct io_uring ring;
	int rc = open_ring(&ring);

	if (rc < 0)
		return rc == -EINVAL                   ? LACK_DEFERRED
		       : rc == -EPERM || rc == -EACCES ? LACK_PERMISSION
						       : LACK_ALL;
	operations = io_uring_get_probe_ring(&ring);
	return operations && io_uring_opcode_supported(operations, READ_MULTISHOT) ? LACK_NOTHING
										   : LACK_MULTISHOT;
}

/* In a process of its own: the end of a ring interrupts system calls of who made it, some time later. */
const char *raw_uring_lacks(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit((int)probe());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return lacks[LACK_ALL];
	return lacks[WEXITSTATUS(status)];
}

static struct io_uring_sqe *next_submission(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop.ring);

	if (sqe)
		return sqe;
	io_uring_submit(&loop.ring);
	sqe = io_uring_get_sqe(&loop.ring);
	if (!sqe)
		give_up(BENCH_FAILED, "raw_uring: no room for a submission");
	return sqe;
}

static void queue_read(unsigned w)
{
	struct io_uring_sqe *sqe = next_submission();

	io_uring_prep_rw(READ_MULTISHOT, sqe, loop.ways[w].from, NULL, 0, 0);
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = (uint16_t)w;
	io_uring_sqe_set_data64(sqe, TAG(w, 0));
}

static void queue_write(unsigned w, unsigned buffer, unsigned size)
{
	struct io_uring_sqe *sqe = next_submission();
	const struct way *way = &loop.ways[w];

	io_uring_prep_write(sqe, way->to, way->bytes + (size_t)buffer * loop.size, size, 0);
	io_uring_sqe_set_data64(sqe, TAG(w, WRITE | buffer));
}

static void give_back(unsigned w, unsigned buffer)
{
	struct way *way = &loop.ways[w];

	io_uring_buf_ring_add(way->free, way->bytes + (size_t)buffer * loop.size, loop.size,
			      (unsigned short)buffer, io_uring_buf_ring_mask(loop.buffers), 0);
	io_uring_buf_ring_advance(way->free, 1);
}

static void take(const struct io_uring_cqe *cqe)
{
	const unsigned w = (unsigned)(cqe->user_data >> WAY_SHIFT);

	if (cqe->res < 0 && cqe->res != -ENOBUFS)
		give_up(BENCH_FAILED, "raw_uring: %s", strerror(-cqe->res));
	if (cqe->user_data & WRITE) {
		give_back(w, BUFFER(cqe->user_data));
		return;
	}
	if (cqe->res > 0)
		queue_write(w, cqe->flags >> IORING_CQE_BUFFER_SHIFT, (unsigned)cqe->res);
	if (!(cqe->flags & IORING_CQE_F_MORE))
		queue_read(w);
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		give_up(BENCH_FAILED, "out of memory");
	return memory;
}

static void open_way(unsigned w)
{
	struct way *way = &loop.ways[w];
	struct io_uring_buf_reg buffers = { .ring_entries = loop.buffers, .bgid = (uint16_t)w };
	int rc;

	way->free = map(loop.buffers * sizeof(struct io_uring_buf));
	way->bytes = map((size_t)loop.buffers * loop.size);
	buffers.ring_addr = (uintptr_t)way->free;
	rc = io_uring_register_buf_ring(&loop.ring, &buffers, 0);
	if (rc < 0)
		give_up(BENCH_FAILED, "raw_uring: buffers: %s", strerror(-rc));
	io_uring_buf_ring_init(way->free);
	for (unsigned buffer = 0; buffer < loop.buffers; buffer++)
		give_back(w, buffer);
	queue_read(w);
}

/* The ring belongs to the thread that makes it. */
static void *run(void *argument)
{
	int rc = open_ring(&loop.ring);

	(void)argument;
	if (rc < 0)
		give_up(BENCH_FAILED, "raw_uring: %s", strerror(-rc));
	for (unsigned w = 0; w < SIDES; w++)
		open_way(w);
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned head, n = 0;

		rc = io_uring_submit_and_wait(&loop.ring, 1);
		if (rc < 0 && rc != -EINTR)
			give_up(BENCH_FAILED, "raw_uring: %s", strerror(-rc));
		io_uring_for_each_cqe(&loop.ring, head, cqe)
		{
			take(cqe);
			n++;
		}
		io_uring_cq_advance(&loop.ring, n);
	}
	return NULL;
}

/* A descriptor that does not block would make the read end where it shall wait. */
static void start(const struct rig *rig, const struct placement *placement, unsigned how)
{
	pthread_t thread;

	loop.ways[0].from = loop.ways[1].to = rig_attach(rig, LEFT, how);
	loop.ways[0].to = loop.ways[1].from = rig_attach(rig, RIGHT, how);
	placement_start_thread(&thread, placement->one, run, NULL);
	pthread_detach(thread);
}

void raw_uring_start(const struct rig *rig, const struct placement *placement)
{
	loop.buffers = 256;
	loop.size = 2048;
	start(rig, placement, 0);
}

void raw_uring_start_gso(const struct rig *rig, const struct placement *placement)
{
	loop.buffers = 64;
	loop.size = 65536 + 64;
	start(rig, placement, RIG_OFFLOAD);
}
