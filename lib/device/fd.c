/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/fd.h>

#include "option.h"
#include "uring.h"

#ifdef __linux__
#include "fd_tun.h"
#endif

#define PACKET_MAX  65535
#define PREFIX_SIZE 4  /* of every framing that has one */
#define FRAME_EXTRA 18 /* Ethernet header and one VLAN tag */

/* How often a packet is offered to a system that is short of memory. Waiting for POLLOUT would not help: on
 * Darwin and the BSDs it is always on. */
#define OFFERS 3

/* Darwin has a socket option instead. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum {
	TOO_LONG,
	EMPTY,
	NO_BUFFER_SPACE,
	REFUSED,
	DOWN,
};

static const struct weir_reason fd_reasons[] = {
	[TOO_LONG] = { "too_long", "more bytes than fit in a packet, or than the descriptor takes at once" },
	[EMPTY] = { "empty", "no bytes at all" },
	[NO_BUFFER_SPACE] = { "no_buffer_space",
			      "the system had no memory for it (ENOBUFS), several times in a row" },
	[REFUSED] = { "refused",
		      "not a packet that the descriptor takes (EINVAL, EAFNOSUPPORT), or not taken whole" },
	[DOWN] = { "down", "the device behind the descriptor is down" },
	{ 0 },
};

struct adopted {
	int fd;
	bool taken;
	bool owned; /* to be closed */
	bool socket;
	struct weir__uring uring; /* the writer's */
	bool zero_is_end; /* a read() of 0 bytes says that the peer has gone, and is not an empty datagram */
};

/* SOCK_DGRAM and so on; 0: not a socket. */
static int socket_type(int fd)
{
	socklen_t size = sizeof(int);
	int type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ? 0 : type;
}

static int check_descriptor(const struct weir_fd *options, struct weir_error *err)
{
	const int flags = fcntl(options->fd, F_GETFL);
	struct stat status;

	if (flags < 0 || fstat(options->fd, &status) < 0)
		return weir_invalid(err, "fd", "%d is not an open descriptor", options->fd);
	if (!S_ISSOCK(status.st_mode) && !S_ISCHR(status.st_mode))
		return weir_invalid(err, "fd",
				    "%d is neither a device nor a socket, and does not keep packets apart",
				    options->fd);
	if (socket_type(options->fd) == SOCK_STREAM)
		return weir_invalid(
			err, "fd",
			"%d is a stream socket, which does not keep packets apart; SOCK_DGRAM and "
			"SOCK_SEQPACKET do",
			options->fd);
	if (options->ownership == WEIR_FD_BORROWED && !(flags & O_NONBLOCK))
		return weir_invalid(
			err, "fd",
			"%d blocks; set O_NONBLOCK, or ownership to WEIR_FD_DUPLICATED or WEIR_FD_TAKEN",
			options->fd);
	return 0;
}

static int check_layer(const struct weir_fd *options, struct weir_error *err)
{
	int ret = 0;

	if (options->layer != WEIR_LAYER_ANY && options->layer != WEIR_LAYER_AF &&
	    options->layer != WEIR_LAYER_L2)
		ret = weir_invalid(err, "layer", "%d is not WEIR_LAYER_AF or WEIR_LAYER_L2",
				   (int)options->layer);
	if ((unsigned)options->framing > WEIR_FRAMING_UTUN)
		ret = weir_invalid(err, "framing", "%d is not one", (int)options->framing);
	else if (options->layer == WEIR_LAYER_L2 && options->framing != WEIR_FRAMING_RAW)
		ret = weir_invalid(err, "framing",
				   "Ethernet frames have none: leave it out with WEIR_LAYER_L2");
	return ret;
}

static uint32_t default_max_packet(const struct weir_fd *options)
{
	if (options->layer == WEIR_LAYER_L2)
		return 1500 + FRAME_EXTRA;
	return 1500 + (options->framing == WEIR_FRAMING_RAW ? 0 : PREFIX_SIZE);
}

static int fd_check(const void *options_, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_fd *options = options_;
	int ret = check_descriptor(options, err);

	ret |= check_layer(options, err);
	if ((unsigned)options->ownership > WEIR_FD_TAKEN)
		ret = weir_invalid(err, "ownership", "%d is not one", (int)options->ownership);
	if (options->max_packet > PACKET_MAX)
		ret = weir_invalid(err, "max_packet", "%u is more than %u", options->max_packet, PACKET_MAX);
	ret |= weir__uring_check(options->io, err);
	info->layer = options->layer ? options->layer : WEIR_LAYER_AF;
	info->framing = options->framing;
	info->max_packet = options->max_packet ? options->max_packet : default_max_packet(options);
	return ret;
}

static int prepare_socket(int fd, struct weir_error *err)
{
#ifdef SO_NOSIGPIPE
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on)) < 0)
		return weir_failed(err, -errno, "fd: SO_NOSIGPIPE: %s", strerror(errno));
#else
	(void)fd;
	(void)err;
#endif
	return 0;
}

static int prepare_device(int fd, const struct weir_fd *options, struct weir_error *err)
{
#ifdef __linux__
	return weir__fd_prepare_tun(fd, options, err);
#else
	(void)fd;
	(void)options;
	(void)err;
	return 0;
#endif
}

/*
 * A socket is full now and then, which is no matter for a TUN: then a packet would have to be held back for
 * those that could not go either, and io_uring can do that only at the price of what it is good for.
 */
static int open_uring(struct adopted *adopted, bool is_tun, enum weir_io io, struct weir_error *err)
{
	if (is_tun)
		return weir__uring_open(&adopted->uring, adopted->fd, io, err);
	if (io == WEIR_IO_URING)
		return weir_invalid(err, "io", "%d is no TUN or TAP, and is not written through io_uring",
				    adopted->fd);
	return 0;
}

static int adopt(struct adopted *adopted, const struct weir_fd *options, struct weir_error *err)
{
	const int type = socket_type(adopted->fd);
	int flags, ret;

	adopted->socket = type != 0;
	adopted->zero_is_end = type != SOCK_DGRAM && type != SOCK_RAW;
	ret = adopted->socket ? prepare_socket(adopted->fd, err) : prepare_device(adopted->fd, options, err);
	if (ret >= 0)
		ret = open_uring(adopted, ret > 0, options->io, err);
	if (ret < 0 || options->ownership == WEIR_FD_BORROWED)
		return ret;
	flags = fcntl(adopted->fd, F_GETFL);
	if (flags < 0 || fcntl(adopted->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return weir_failed(err, -errno, "fd: O_NONBLOCK cannot be set: %s", strerror(errno));
	return 0;
}

static void fd_close(void *state)
{
	struct adopted *adopted = state;

	weir__uring_close(&adopted->uring);
	if (adopted->owned)
		close(adopted->fd);
}

static void fd_created(void *state)
{
	struct adopted *adopted = state;

	adopted->owned |= adopted->taken;
}

static int fd_open(void *state, const void *options_, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_fd *options = options_;
	struct adopted *adopted = state;
	int ret;

	adopted->taken = options->ownership == WEIR_FD_TAKEN;
	adopted->owned = options->ownership == WEIR_FD_DUPLICATED;
	adopted->fd = options->fd;
	if (options->ownership == WEIR_FD_DUPLICATED) {
		adopted->fd = fcntl(options->fd, F_DUPFD_CLOEXEC, 0);
		if (adopted->fd < 0)
			return weir_failed(err, -errno, "fd: %d cannot be duplicated: %s", options->fd,
					   strerror(errno));
	}
	ret = adopt(adopted, options, err);
	if (ret < 0) {
		fd_close(adopted);
		return ret;
	}
	info->read_fd = adopted->fd;
	info->write_fd = adopted->fd;
	info->write_events = POLLOUT;
	return 0;
}

/* One packet. Returns its bytes, or a negative errno. *cut: it had more bytes than there was room. */
static ssize_t receive(const struct adopted *adopted, struct iovec iov[2], bool *cut)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	if (adopted->socket) {
		n = recvmsg(adopted->fd, &message, MSG_DONTWAIT);
		*cut = message.msg_flags & MSG_TRUNC;
	} else {
		/* A device cuts silently, so a packet that fills all the room cannot be trusted. */
		n = readv(adopted->fd, iov, 2);
		*cut = n >= 0 && (size_t)n == iov[0].iov_len + iov[1].iov_len;
	}
	if (n > PACKET_MAX)
		*cut = true;
	return n < 0 ? -errno : n;
}

static int fd_read(void *state, struct weir_reader *reader)
{
	const struct adopted *adopted = state;
	struct iovec iov[2];

	/* Dropped packets count too, so that a peer that sends nothing else cannot keep the worker here. */
	for (uint32_t left = reader->limit; left > 0 && weir_reader_iov(reader, iov); left--) {
		bool cut;
		ssize_t n = receive(adopted, iov, &cut);

		if (n == -EINTR)
			continue;
		/* A device of the BSDs that is down or has no address yet says so. */
		if (n == -EAGAIN || n == -ENETDOWN || n == -EHOSTDOWN)
			return 0;
		if (n < 0)
			return (int)n;
		if (n == 0 && adopted->zero_is_end)
			return -EPIPE;
		if (n == 0)
			weir_reader_drop(reader, EMPTY);
		else if (cut)
			weir_reader_drop(reader, TOO_LONG);
		else
			weir_reader_commit_iov(reader, (uint32_t)n);
	}
	return 0;
}

static bool is_short_of_memory(int error)
{
	return error == ENOBUFS || error == ENOSPC || error == ENOMEM;
}

/* Offers a packet. Returns 0 or a negative errno. */
static int offer(const struct adopted *adopted, const struct weir_buf *buf)
{
	ssize_t n;

	for (int offers = 1;; offers++) {
		if (adopted->socket)
			n = send(adopted->fd, buf->data, buf->len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(adopted->fd, buf->data, buf->len);
		/* What takes packets takes them whole; the rest of one would be a packet of its own. */
		if (n >= 0)
			return n == buf->len ? 0 : -EINVAL;
		if (errno != EINTR && (!is_short_of_memory(errno) || offers >= OFFERS))
			return -errno;
	}
}

/* Why a packet is dropped that could not be sent for this errno; -1: it is not the packet's fault. */
static int reason_of(int error)
{
	if (is_short_of_memory(error))
		return NO_BUFFER_SPACE;
	switch (error) {
	case EMSGSIZE:
		return TOO_LONG;
	case EINVAL:
	case EAFNOSUPPORT:
		return REFUSED;
	case EIO: /* a Linux TUN that is down */
	case ENETDOWN:
	case EHOSTDOWN:
		return DOWN;
	default:
		return -1;
	}
}

/* What came of a packet: 0 or a negative errno. Returns false if the writer cannot go on. */
static bool settle(struct weir_writer *writer, uint32_t i, int ret)
{
	int reason;

	if (ret == 0)
		return true;
	if (ret == -EAGAIN)
		return false;
	reason = reason_of(-ret);
	if (reason < 0)
		writer->error = ret;
	else
		weir_writer_drop(writer, i, (unsigned)reason);
	return reason >= 0;
}

/* Packets that follow each other. Returns the first one that it is not done with; the writer cannot go on if
 * there is an error, else that one is to be written alone. */
static uint32_t write_together(struct adopted *adopted, struct weir_writer *writer, uint32_t first)
{
	int result[WEIR_VECTOR_SIZE];
	uint32_t n, end = first;

	while (end < writer->n && weir_writer_buf(writer, end)->len)
		end++;
	n = weir__uring_write(&adopted->uring, writer, first, end, 0, result);
	for (uint32_t i = first; i < first + n; i++) {
		const int len = (int)weir_writer_buf(writer, i)->len;

		if (!settle(writer, i, result[i] == len ? 0 : result[i] < 0 ? result[i] : -EINVAL))
			return i;
	}
	return first + n;
}

static bool write_alone(const struct adopted *adopted, struct weir_writer *writer, uint32_t i)
{
	const struct weir_buf *buf = weir_writer_buf(writer, i);

	if (buf->len)
		return settle(writer, i, offer(adopted, buf));
	/* Sent to a SOCK_SEQPACKET peer, it would look like the end. */
	weir_writer_drop(writer, i, EMPTY);
	return true;
}

static uint32_t fd_write(void *state, struct weir_writer *writer)
{
	struct adopted *adopted = state;
	uint32_t i = 0;

	while (i < writer->n) {
		const uint32_t next = write_together(adopted, writer, i);

		if (writer->error)
			return next;
		if (next == i && !write_alone(adopted, writer, i))
			return i;
		i = next > i ? next : i + 1;
	}
	return i;
}

static const struct weir_counter fd_counters[] = {
	WEIR__URING_COUNTERS(struct adopted),
	{ 0 },
};

static const struct weir_option_value ownership_values[] = {
	{ "borrowed", WEIR_FD_BORROWED },
	{ "duplicated", WEIR_FD_DUPLICATED },
	{ "taken", WEIR_FD_TAKEN },
	{ 0 },
};

static const struct weir_option fd_options[] = {
	WEIR_OPTION(struct weir_fd, fd, INT, "the descriptor; the same number is taken for the same one"),
	WEIR_ENUM_OPTION(struct weir_fd, ownership, ownership_values, "who closes it"),
	WEIR_ENUM_OPTION(struct weir_fd, layer, weir__layer_values, "af or l2; default af"),
	WEIR_ENUM_OPTION(struct weir_fd, framing, weir__framing_values,
			 "the prefix of a packet of the layer af"),
	WEIR_OPTION(struct weir_fd, max_packet, U32,
		    "bytes of the largest packet; default 1500 and the prefix"),
	WEIR__URING_OPTION(struct weir_fd),
	{ 0 },
};

const struct weir_endpoint_type weir_fd_type = {
	.name = "fd",
	.help = "a descriptor that somebody else opened",
	.reasons = fd_reasons,
	.counters = fd_counters,
	.options = fd_options,
	.options_size = sizeof(struct weir_fd),
	.state_size = sizeof(struct adopted),
	.check = fd_check,
	.open = fd_open,
	.created = fd_created,
	.close = fd_close,
	.read = fd_read,
	.write = fd_write,
};
