/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving. Each message is received into a buffer of the reader, and what does not fit there, right behind
 * it in a slot of the socket. So one that is a single packet of ordinary size is in its place already. The
 * first that is not makes all that follow it move into their slots, from which they are then cut and copied:
 * the buffers are needed for the packets. Under the traffic that UDP_GRO is made for, that is one copy of
 * bytes that the kernel has just written; the rest of what a vector had no room for waits in the slots.
 */
#include <errno.h>
#include <netinet/udp.h>

#include "check.h"
#include "reader.h"
#include "udp_socket.h"

struct control {
	_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(int))];
};

bool weir__udp_is_notice(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EPROTO:
	case EMSGSIZE: /* with df, of a packet that was too long for a part of the way */
	case EACCES:
	case EPERM:
		return true;
	default:
		return false;
	}
}

static uint8_t *slot_of(const struct weir__udp_receiver *receiver, uint32_t i)
{
	return receiver->slots + (size_t)i * WEIR__UDP_MESSAGE;
}

/* The buffer that message i was received into. Those before it that were taken were the last of the stash. */
static uint32_t *place_of(const struct weir__udp_receiver *receiver, const struct weir_reader *reader,
			  uint32_t i)
{
	return &reader->stash[receiver->top - 1 - i];
}

/* How many messages to ask for: as many as make a vector, if they have as many packets as the last ones. */
static uint32_t ask(const struct weir__udp_receiver *receiver, const struct weir_reader *reader)
{
	const uint32_t packets = reader->limit - reader->n;
	const uint32_t messages = (packets + receiver->per_message - 1) / receiver->per_message;

	return messages < receiver->budget ? messages : receiver->budget;
}

static void prepare(struct weir__udp *udp, struct weir_reader *reader, uint32_t n, struct mmsghdr *headers,
		    struct iovec (*iov)[2], struct control *control)
{
	struct weir__udp_receiver *receiver = &udp->receiver;

	for (uint32_t i = 0; i < n; i++) {
		struct weir_buf *buf = &reader->bufs[*place_of(receiver, reader, i)];

		buf->data = buf->room + reader->headroom;
		iov[i][0] = (struct iovec){ buf->data, receiver->room };
		iov[i][1] = (struct iovec){ slot_of(receiver, i) + receiver->room,
					    WEIR__UDP_MESSAGE - receiver->room };
		headers[i].msg_hdr = (struct msghdr){
			.msg_name = udp->connected ? NULL : &receiver->from[i],
			.msg_namelen = udp->connected ? 0 : sizeof(receiver->from[i]),
			.msg_iov = iov[i],
			.msg_iovlen = 2,
			.msg_control = &control[i],
			.msg_controllen = sizeof(control[i]),
		};
	}
}

/* The size of the packets that the kernel has put together to this message; 0: it is one packet. */
static uint32_t segment_of(struct msghdr *header)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(header);
	int size;

	if (!control || control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO)
		return 0;
	memcpy(&size, CMSG_DATA(control), sizeof(size));
	return size > 0 ? (uint32_t)size : 0;
}

static void note(struct weir__udp_receiver *receiver, struct mmsghdr *headers, uint32_t n)
{
	uint32_t messages = 0, segments = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct weir__udp_message *message = &receiver->message[i];
		const uint32_t segment = segment_of(&headers[i].msg_hdr);

		*message = (struct weir__udp_message){ headers[i].msg_len, headers[i].msg_len };
		if (!segment || segment >= message->len)
			continue;
		message->segment = segment;
		messages++;
		segments += (message->len + segment - 1) / segment;
	}
	receiver->per_message = (n - messages + segments) / n;
	weir_count(&receiver->messages, messages);
	weir_count(&receiver->segments, segments);
}

/* Returns how many messages there are now, or a negative errno. */
static int receive(struct weir__udp *udp, struct weir_reader *reader)
{
	struct weir__udp_receiver *receiver = &udp->receiver;
	const uint32_t n = ask(receiver, reader);
	struct mmsghdr headers[WEIR_VECTOR_SIZE];
	struct iovec iov[WEIR_VECTOR_SIZE][2];
	struct control control[WEIR_VECTOR_SIZE];
	size_t room;
	int rc;

	if (n == 0)
		return 0;
	room = weir_reader_room(reader, &reader->bufs[reader->stash[reader->stash_n - 1]]);
	receiver->top = reader->stash_n;
	receiver->room = (uint32_t)(room < WEIR__UDP_MESSAGE ? room : WEIR__UDP_MESSAGE);
	prepare(udp, reader, n, headers, iov, control);
	rc = recvmmsg(udp->fd, headers, n, MSG_DONTWAIT, NULL);
	if (rc <= 0)
		return rc < 0 ? -errno : 0;
	receiver->budget -= (uint32_t)rc;
	receiver->next = 0;
	receiver->n = (uint32_t)rc;
	receiver->offset = 0;
	note(receiver, headers, (uint32_t)rc);
	/* Fewer than there was room for: nothing more is there, and poll() says when that changes. */
	if ((uint32_t)rc < n)
		receiver->budget = 0;
	return rc;
}

/* Receives; what the network has to say of earlier packets is counted, and no reason to stop. */
static int receive_again(struct weir__udp *udp, struct weir_reader *reader)
{
	struct weir__udp_receiver *receiver = &udp->receiver;
	int rc;

	while ((rc = receive(udp, reader)) < 0) {
		receiver->budget--;
		if (rc == -EAGAIN)
			return 0;
		if (weir__udp_is_notice(-rc))
			weir_count(&receiver->notices, 1);
		else if (rc != -EINTR)
			return rc;
	}
	return rc;
}

/* Moves the messages from the next on, each as a whole, into their slots. */
static void move_to_slots(struct weir__udp_receiver *receiver, const struct weir_reader *reader)
{
	for (uint32_t i = receiver->next; i < receiver->n; i++) {
		const struct weir_buf *buf = &reader->bufs[*place_of(receiver, reader, i)];
		const uint32_t len = receiver->message[i].len;

		memcpy(slot_of(receiver, i), buf->data, len < receiver->room ? len : receiver->room);
	}
	receiver->room = 0;
}

int weir__udp_next(struct weir__udp *udp, struct weir_reader *reader, struct weir_datagram *datagram)
{
	struct weir__udp_receiver *receiver = &udp->receiver;
	const struct weir__udp_message *message;
	int rc;

	if (reader->n == reader->limit)
		return 0;
	if (receiver->next == receiver->n) {
		rc = receive_again(udp, reader);
		if (rc <= 0)
			return rc;
	}
	message = &receiver->message[receiver->next];
	if (receiver->room && (message->segment < message->len || message->len > receiver->room))
		move_to_slots(receiver, reader);
	datagram->from = &receiver->from[receiver->next];
	datagram->len = message->len - receiver->offset;
	if (datagram->len > message->segment)
		datagram->len = message->segment;
	datagram->bytes = receiver->room ? reader->bufs[*place_of(receiver, reader, receiver->next)].data
					 : slot_of(receiver, receiver->next) + receiver->offset;
	return 1;
}

void weir__udp_skip(struct weir__udp *udp, const struct weir_datagram *datagram)
{
	struct weir__udp_receiver *receiver = &udp->receiver;

	receiver->offset += datagram->len;
	if (receiver->offset < receiver->message[receiver->next].len)
		return;
	receiver->next++;
	receiver->offset = 0;
}

void weir__udp_end(struct weir__udp *udp, const struct weir_reader *reader)
{
	if (weir__udp_pending(udp) && udp->receiver.room)
		move_to_slots(&udp->receiver, reader);
}

/* Commits the packet that lies in its buffer already. Where others were skipped, it is not the last one. */
static void take_in_place(const struct weir__udp_receiver *receiver, struct weir_reader *reader,
			  uint32_t offset, uint32_t len)
{
	uint32_t *place = place_of(receiver, reader, receiver->next);
	uint32_t *last = &reader->stash[reader->stash_n - 1];
	const uint32_t index = *place;

	*place = *last;
	*last = index;
	reader->bufs[index].data += offset;
	weir__check_taken_off(&reader->bufs[index], offset);
	weir_reader_commit(reader, len);
}

bool weir__udp_take(struct weir__udp *udp, struct weir_reader *reader, const struct weir_datagram *datagram,
		    uint32_t offset, uint32_t len, struct weir_buf **buf)
{
	const uint32_t n = reader->n;

	if (udp->receiver.room)
		take_in_place(&udp->receiver, reader, offset, len);
	else if (!weir__reader_copy(reader, datagram->bytes + offset, len))
		return false;
	*buf = reader->n > n ? &reader->bufs[reader->index[n]] : NULL;
	weir__udp_skip(udp, datagram);
	return true;
}
