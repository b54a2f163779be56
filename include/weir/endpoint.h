/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An endpoint is where packets enter and leave a pipeline: a device or a session. Its reader end and its
 * writer end each belong to one worker, not always the same one: read() and write() may run at the same time,
 * each never concurrently with itself. Both must return at once; the engine waits for the descriptors that
 * open() tells.
 */
#ifndef WEIR_ENDPOINT_H
#define WEIR_ENDPOINT_H

#include <string.h>
#include <sys/uio.h>

#include <weir/stage.h>

WEIR_BEGIN_DECLS

/* What the engine must know of an endpoint. check() fills the first part, open() the second. */
struct weir_endpoint_info {
	enum weir_layer
		layer; /* that it gives and takes; WEIR_LAYER_ANY: takes every layer (and gives none) */
	enum weir_framing framing; /* with WEIR_LAYER_AF */
	uint32_t max_packet;  /* bytes of the largest packet that it may give, prefix included; 0: it gives
				 none */
	bool takes_none;      /* this one takes no packets, though its type has write() */
	uint32_t max_segment; /* with super-packets among what it gives: bytes of the largest other one; 0: as
				 max_packet */
	uint32_t gives;       /* WEIR_OFFLOAD_…: what its packets may need that a plain one does not */
	uint32_t takes;       /* and what it understands of packets that it is given */
	bool gathers; /* super-packets cost it less than their segments: the engine puts together in front
			 of it what comes in segments */
	uint16_t headroom; /* bytes that write() prepends to a packet at the most */
	uint16_t tailroom; /* bytes that write() appends at the most */

	/* Of a part of another endpoint, see struct weir_endpoint_type.of: the rest is preset to what that
	 * one said. */
	unsigned part;             /* the first is 1 */
	const void *whole_options; /* of that one; for check() and open() alone */
	void *whole;               /* its state, which is open; for open() and later, but not for close() */

	int read_fd;  /* readable when read() has something; -1: read() always has (or a reader of its own
			 kind, see arm()) */
	int write_fd; /* what tells that write() may go on after it took less than it was given; -1: it never
			 does that */
	short write_events; /* the poll() events of write_fd to wait for: POLLOUT, or POLLIN on an eventfd */
};

/* Where read() puts packets. */
struct weir_reader {
	struct weir_buf *bufs;
	uint32_t *stash; /* free buffers; the next one to fill is the last */
	uint32_t stash_n;
	uint32_t n;        /* packets read so far */
	uint32_t limit;    /* packets that may be read in all */
	uint32_t headroom; /* bytes to leave free in front of each packet */
	uint32_t tailroom; /* and behind it */
	uint64_t now;      /* nanoseconds of CLOCK_MONOTONIC when read() was called */
	uint64_t bytes;    /* of the n packets */
	uint64_t *dropped; /* counts by reason of the type */
	struct iovec
		spill; /* where the bytes of a packet go that do not fit in the small buffer; the engine's */
	void *engine;  /* the engine's */
	uint8_t framing;
	bool more; /* out: read() ended before the endpoint was empty, and the reader is not full */
	uint32_t index[WEIR_VECTOR_SIZE]; /* the packets */
};

/* The buffer to read the next packet into, empty: write at buf->data, at most weir_reader_room() bytes. NULL:
 * no more. */
static inline struct weir_buf *weir_reader_buf(struct weir_reader *reader)
{
	struct weir_buf *buf;

	if (reader->n == reader->limit)
		return NULL;
	buf = &reader->bufs[reader->stash[reader->stash_n - 1]];
	buf->data = buf->room + reader->headroom;
	buf->len = 0;
	return buf;
}

/* Bytes of a packet that fit in this buffer, with what stages will prepend and append. */
static inline size_t weir_reader_room(const struct weir_reader *reader, const struct weir_buf *buf)
{
	return buf->room_size - reader->headroom - reader->tailroom;
}

/* The buffer given last by weir_reader_buf() now holds a packet of len bytes. */
static inline void weir_reader_commit(struct weir_reader *reader, uint32_t len)
{
	uint32_t index = reader->stash[--reader->stash_n];
	struct weir_buf *buf = &reader->bufs[index];

	buf->len = len;
	buf->arrival = reader->now;
	buf->framing = reader->framing;
	buf->family = 0;
	buf->gso_type = 0;
	buf->flags = 0;
	buf->mark = 0;
	buf->peer = 0;
	reader->index[reader->n++] = index;
	reader->bytes += len;
}

/*
 * The same for a packet of any length up to 65,535 bytes and the headroom: iov[0] is the small buffer, iov[1]
 * takes what does not fit in it. Returns 2, the entries to hand to readv() or recvmsg(), or 0: no more now.
 */
static inline int weir_reader_iov(struct weir_reader *reader, struct iovec iov[2])
{
	struct weir_buf *buf = reader->spill.iov_len ? weir_reader_buf(reader) : NULL;

	if (!buf)
		return 0;
	iov[0].iov_base = buf->data;
	iov[0].iov_len = weir_reader_room(reader, buf);
	iov[1] = reader->spill;
	return 2;
}

/* A packet that did not fit in the small buffer: moves it to a jumbo buffer. Called by
 * weir_reader_commit_iov(). */
WEIR_API void weir_reader_commit_spilled(struct weir_reader *reader, uint32_t len);

/* The iovecs given last now hold a packet of len bytes. */
static inline void weir_reader_commit_iov(struct weir_reader *reader, uint32_t len)
{
	const struct weir_buf *buf = &reader->bufs[reader->stash[reader->stash_n - 1]];

	if (WEIR_LIKELY(len <= weir_reader_room(reader, buf)))
		weir_reader_commit(reader, len);
	else
		weir_reader_commit_spilled(reader, len);
}

/* A packet was received that cannot be used; the buffer given last is free for the next. */
static inline void weir_reader_drop(struct weir_reader *reader, unsigned reason)
{
	weir_count(&reader->dropped[reason], 1);
}

/* What write() is given. */
struct weir_writer {
	struct weir_buf *bufs;
	const uint32_t *index; /* the packets: bufs[index[i]] */
	uint32_t n;
	int error;    /* out: a negative errno when the endpoint died; else leave it 0 */
	unsigned any; /* out: set by weir_writer_drop() */
	weir_verdict verdict[WEIR_VECTOR_SIZE]; /* out: WEIR_NEXT for a packet that went out, as preset */
};

static inline struct weir_buf *weir_writer_buf(struct weir_writer *writer, uint32_t i)
{
	return &writer->bufs[writer->index[i]];
}

/* Packet i cannot be sent, for a reason of the type. */
static inline void weir_writer_drop(struct weir_writer *writer, uint32_t i, unsigned reason)
{
	writer->verdict[i] = WEIR_DROP(reason);
	writer->any |= 1;
}

/* A kind of endpoint. Everything is constant and must outlive the pipelines that use it. */
struct weir_endpoint_type {
	const char *name;
	const char *help; /* one line */

	const struct weir_reason *reasons; /* of both ends; ends with a NULL name; at most WEIR_REASONS_MAX */
	const struct weir_counter *counters; /* offsets in the state; ends with a NULL name */

	/* All members of the options but those of WEIR_ENDPOINT_OPTIONS; ends with a NULL name. NULL: the
	 * engine does not know them, and takes them for unchanged whenever a configuration is applied. */
	const struct weir_option *options;

	size_t options_size;
	size_t state_size;

	/*
	 * Its endpoints are parts of endpoints of this type, as the queues of a device are: the options begin
	 * with WEIR_PART_OPTIONS. A part is opened after its whole, wherever the rows stand, and again when a
	 * change replaces that. NULL: each stands alone.
	 */
	const struct weir_endpoint_type *of;

	/*
	 * Checks the options, before anything of the pipeline exists, and fills the first part of info.
	 * Reports every problem with weir_invalid(). The options are the caller's and are not changed while a
	 * pipeline is created.
	 */
	int (*check)(const void *options, struct weir_endpoint_info *info, struct weir_error *err);
	/* Opens it. The state is zeroed memory; what it needs of the options it copies. Control thread. */
	int (*open)(void *state, const void *options, struct weir_endpoint_info *info,
		    struct weir_error *err);
	/*
	 * The whole pipeline was created: only now what the options give away is the endpoint's. Control
	 * thread. NULL: they give nothing away.
	 */
	void (*created)(void *state);
	/*
	 * Other options for an endpoint that stays open, while workers use it; what check() says of them is
	 * the same but for numbers that are not larger. With try_only it only checks, changes nothing, and
	 * says -ENOTSUP where the endpoint must be opened anew instead; without, which always comes after
	 * that, it must succeed. Control thread. NULL: always anew.
	 */
	int (*change)(void *state, const void *options, bool try_only, struct weir_error *err);
	/* Closes it; no worker uses it any more. Control thread. */
	void (*close)(void *state);
	/* Opens it again after it died, with the same descriptors; no worker uses it meanwhile. Control
	 * thread. NULL: cannot. */
	int (*recover)(void *state, struct weir_error *err);

	/*
	 * Reads until there is nothing more or the reader is full. Returns 0, or a negative errno: -ENODATA,
	 * nothing will ever come again and that is no fault; any other, it died. The packets of reader->index
	 * are given in each case: an error that the system tells only once is returned with what was read
	 * before it. NULL: gives no packets.
	 */
	int (*read)(void *state, struct weir_reader *reader);
	/*
	 * The worker is about to sleep until read_fd is readable. Returns false if there is something to read
	 * already. For endpoints whose other side signals read_fd only to a sleeper. NULL: read_fd needs no
	 * preparation.
	 */
	bool (*arm)(void *state);
	/* The worker that slept is awake. NULL: nothing to do. */
	void (*disarm)(void *state);
	/*
	 * Sends packets in order. Returns how many it is done with, sent or dropped; fewer than writer->n if
	 * it cannot go on before write_fd says so: the engine keeps the rest and stops reading what leads
	 * here. NULL: takes none.
	 */
	uint32_t (*write)(void *state, struct weir_writer *writer);
};

/* The first members of each options struct. */
#define WEIR_ENDPOINT_OPTIONS                                                            \
	char weir_first; /* so that the name can stand without a designator; leave it */ \
	const char *name /* the endpoint, for chains, errors and statistics */

/* The same of parts. */
#define WEIR_PART_OPTIONS      \
	WEIR_ENDPOINT_OPTIONS; \
	const char *of /* the name of the endpoint that it is a part of */

/* A row of the endpoints of a configuration. The macro of each endpoint makes one: weir_tun("tun0", .mtu =
 * 1400). */
struct weir_endpoint {
	const struct weir_endpoint_type *type; /* NULL ends the table */
	const void *options;                   /* a struct of the type's options_size */
};

#define WEIR_ENDPOINT(type_, options_, ...) WEIR_STAGE(type_, options_, __VA_ARGS__)

/* As weir_stage_register() and weir_stage_find(). */
WEIR_API int weir_endpoint_register(const struct weir_endpoint_type *type);
WEIR_API const struct weir_endpoint_type *weir_endpoint_find(const char *name);

WEIR_END_DECLS

#endif
