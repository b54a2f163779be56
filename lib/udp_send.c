/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending. A vector becomes messages, in order: packets of one size to one peer, with at most one shorter one
 * behind them, are one message that the kernel cuts into segments (UDP_SEGMENT), all others are one each.
 *
 * The kernel refuses a message in segments where these are longer than the way's MTU (EINVAL, EMSGSIZE), or
 * where nothing on the way completes their checksums (EIO). Its packets then go one by one, as do all of that
 * size for a while; after some refusals in a row, all packets.
 */
#include <errno.h>
#include <netinet/udp.h>

#include "udp_socket.h"

#define PAYLOAD_MAX  65507 /* of a datagram of IPv4; that is also what the kernel cuts at once */
#define REFUSALS_MAX 8     /* in a row, until there is no further try */
#define ALONE_MAX    4096  /* packets sent alone, until the next try: the MTU of a way may rise again */

_Static_assert(WEIR_VECTOR_SIZE <= 64, "the kernel cuts a message into 64 segments at the most");

struct control {
	_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/* Where packets go, and where from. */
struct ways {
	const struct weir__udp *udp;
	const union weir_socket_address *const *to; /* NULL: the socket is connected */
	const uint8_t *source;                      /* NULL: all from its own port */
};

/* Messages of one socket. */
struct batch {
	int fd;
	uint32_t n;                           /* messages */
	uint32_t first[WEIR_VECTOR_SIZE + 1]; /* packet of each; of the one behind the last, where to go on */
	struct mmsghdr headers[WEIR_VECTOR_SIZE];
	struct iovec iov[WEIR_VECTOR_SIZE];
	struct control control[WEIR_VECTOR_SIZE];
};

static const union weir_socket_address *peer_of(const struct ways *ways, uint32_t i)
{
	return ways->to ? ways->to[i] : NULL;
}

static int fd_of(const struct ways *ways, uint32_t i)
{
	const unsigned source = ways->source ? ways->source[i] % (ways->udp->n_sources + 1) : 0;

	return source ? ways->udp->sources[source - 1] : ways->udp->fd;
}

/* How many packets from the first on could be one message. */
static uint32_t run(struct weir_writer *writer, const struct ways *ways, uint32_t first)
{
	const uint32_t segment = weir_writer_buf(writer, first)->len;
	uint32_t total = segment, i;

	for (i = first + 1; i < writer->n; i++) {
		const uint32_t len = weir_writer_buf(writer, i)->len;

		if (len == 0 || len > segment || total + len > PAYLOAD_MAX ||
		    peer_of(ways, i) != peer_of(ways, first) || fd_of(ways, i) != fd_of(ways, first))
			break;
		total += len;
		if (len < segment)
			return i + 1 - first;
	}
	return i - first;
}

/* The same, as far as it is known to be possible. */
static uint32_t bundle(struct weir__udp_sender *sender, struct weir_writer *writer, const struct ways *ways,
		       uint32_t first)
{
	const uint32_t n = sender->gso ? run(writer, ways, first) : 1;

	if (n == 1 || weir_writer_buf(writer, first)->len <= sender->segment_max)
		return n;
	if (++sender->alone == ALONE_MAX) {
		sender->alone = 0;
		sender->segment_max = PAYLOAD_MAX;
	}
	return 1;
}

static void say_segment(struct msghdr *header, struct control *control, uint32_t bytes)
{
	const uint16_t segment = (uint16_t)bytes;
	struct cmsghdr *part;

	header->msg_control = control;
	header->msg_controllen = sizeof(*control);
	part = CMSG_FIRSTHDR(header);
	part->cmsg_level = IPPROTO_UDP;
	part->cmsg_type = UDP_SEGMENT;
	part->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(part), &segment, sizeof(segment));
}

/* Why the packet need not be tried; -1: it is to be sent. */
static int fault_of(struct weir_writer *writer, const struct ways *ways, uint32_t i)
{
	if (ways->to && !ways->to[i])
		return WEIR__UDP_NO_PEER;
	/* An empty one would be lost at the end of a message, and be nothing to most receivers. */
	return weir_writer_buf(writer, i)->len == 0 ? WEIR__UDP_EMPTY : -1;
}

static void say_peer(struct msghdr *header, const union weir_socket_address *peer)
{
	if (!peer)
		return;
	header->msg_name = (void *)(uintptr_t)peer;
	header->msg_namelen = weir__socket_address_size(peer);
}

/* The messages of the packets from the first on, up to one that cannot be sent, or not by the same socket. */
static void build(struct batch *batch, struct weir__udp_sender *sender, struct weir_writer *writer,
		  const struct ways *ways, uint32_t first)
{
	uint32_t i = first;

	batch->fd = fd_of(ways, first);
	for (batch->n = 0; i < writer->n; batch->n++) {
		struct msghdr *header = &batch->headers[batch->n].msg_hdr;
		uint32_t n;

		if (fault_of(writer, ways, i) >= 0 || fd_of(ways, i) != batch->fd)
			break;
		n = bundle(sender, writer, ways, i);
		*header = (struct msghdr){ .msg_iov = &batch->iov[i], .msg_iovlen = n };
		say_peer(header, peer_of(ways, i));
		if (n > 1)
			say_segment(header, &batch->control[batch->n], weir_writer_buf(writer, i)->len);
		batch->first[batch->n] = i;
		for (; n > 0; n--, i++) {
			const struct weir_buf *buf = weir_writer_buf(writer, i);

			batch->iov[i] = (struct iovec){ buf->data, buf->len };
		}
	}
	batch->first[batch->n] = i;
}

static uint32_t packets_of(const struct batch *batch, uint32_t message)
{
	return batch->first[message + 1] - batch->first[message];
}

static void count_sent(struct weir__udp_sender *sender, const struct batch *batch, uint32_t from, uint32_t to)
{
	uint32_t messages = 0, segments = 0;

	for (uint32_t i = from; i < to; i++) {
		if (packets_of(batch, i) == 1)
			continue;
		messages++;
		segments += packets_of(batch, i);
	}
	if (!messages)
		return;
	sender->refusals = 0;
	weir_count(&sender->messages, messages);
	weir_count(&sender->segments, segments);
}

/* Why a packet is dropped that could not be sent for this error; -1: it is not the packet's fault. */
static int reason_of(int error)
{
	switch (error) {
	case EMSGSIZE:
		return WEIR__UDP_TOO_LONG;
	case ENOBUFS:
	case ENOMEM:
		return WEIR__UDP_NO_MEMORY;
	case ECONNREFUSED:
		return WEIR__UDP_REFUSED;
	case EPERM:
	case EACCES:
		return WEIR__UDP_FORBIDDEN;
	case EINVAL:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return WEIR__UDP_INVALID;
	case ENODEV:
	case ENXIO:
		return WEIR__UDP_UNREACHABLE;
	default:
		return weir__udp_is_notice(error) ? WEIR__UDP_UNREACHABLE : -1;
	}
}

static bool is_refusal(int error)
{
	return error == EINVAL || error == EMSGSIZE || error == EIO;
}

/* The packets of such a message go one by one from now on. */
static void unbundle(struct weir__udp_sender *sender, const struct weir_buf *buf)
{
	weir_count(&sender->unbundled, 1);
	sender->segment_max = buf->len - 1;
	sender->alone = 0;
	sender->gso = ++sender->refusals < REFUSALS_MAX;
}

enum outcome {
	DONE,
	AGAIN, /* the packets that are left are to be made messages once more */
	STOP,  /* nothing more can be sent now */
};

/* Message i could not be sent. */
static enum outcome failed(struct weir__udp_sender *sender, struct weir_writer *writer,
			   const struct batch *batch, uint32_t i, int error)
{
	const uint32_t first = batch->first[i];
	const int reason = reason_of(error);

	if (error == EAGAIN) {
		sender->full = batch->fd;
		return STOP;
	}
	if (packets_of(batch, i) > 1 && is_refusal(error)) {
		unbundle(sender, weir_writer_buf(writer, first));
		return AGAIN;
	}
	if (reason < 0) {
		writer->error = -error;
		return STOP;
	}
	for (uint32_t packet = first; packet < batch->first[i + 1]; packet++)
		weir_writer_drop(writer, packet, (unsigned)reason);
	return DONE;
}

/* Sends the messages. *next is then the first packet that it is not done with. */
static enum outcome flush(struct weir__udp_sender *sender, struct weir_writer *writer, struct batch *batch,
			  uint32_t *next)
{
	enum outcome outcome = DONE;
	bool noticed = false;
	uint32_t i = 0;

	while (i < batch->n && outcome == DONE) {
		const int n =
			sendmmsg(batch->fd, batch->headers + i, batch->n - i, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			count_sent(sender, batch, i, i + (uint32_t)n);
			i += (uint32_t)n;
			weir_count(&sender->notices, noticed);
			noticed = false;
		} else if (!noticed && weir__udp_is_notice(errno)) {
			/* Perhaps of an earlier packet: such an error is told once, instead of sending. */
			noticed = true;
		} else if (errno != EINTR) {
			outcome = failed(sender, writer, batch, i, errno);
			i += outcome == DONE;
			noticed = false;
		}
	}
	*next = batch->first[i];
	return outcome;
}

uint32_t weir__udp_send(struct weir__udp *udp, struct weir_writer *writer,
			const union weir_socket_address *const *to, const uint8_t *source)
{
	const struct ways ways = { udp, to, source };
	struct batch batch;
	uint32_t i = 0;

	while (i < writer->n) {
		const int fault = fault_of(writer, &ways, i);

		if (fault >= 0) {
			weir_writer_drop(writer, i++, (unsigned)fault);
			continue;
		}
		build(&batch, &udp->sender, writer, &ways, i);
		if (flush(&udp->sender, writer, &batch, &i) == STOP)
			break;
	}
	return i;
}
