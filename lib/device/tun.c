/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "netns.h"
#include "tun.h"

static const struct weir_reason reasons[] = {
	[WEIR__TUN_CUT] = { "cut", "larger than the device's MTU allowed, and perhaps not read whole" },
	[WEIR__TUN_EMPTY] = { "empty", "the device gave a packet without a byte" },
	[WEIR__TUN_MALFORMED] = { "malformed", "the virtio_net header does not fit the packet" },
	[WEIR__TUN_DOWN] = { "down", "the device is down" },
	[WEIR__TUN_REFUSED] = { "refused", "the device refused it: no IP version, or too short for a frame" },
	[WEIR__TUN_NO_MEMORY] = { "no_memory", "the kernel had no memory for it" },
	[WEIR__TUN_SHORT] = { "short", "the device took only a part of it" },
	{ NULL, NULL },
};

static const struct weir_counter counters[] = {
	{ "gso_refused", "super-packets that the kernel refused, and got in pieces",
	  offsetof(struct weir__tun, refused) },
	{ "gso_cut", "super-packets that were written in pieces", offsetof(struct weir__tun, cut) },
	WEIR__URING_COUNTERS(struct weir__tun),
	{ NULL, NULL, 0 },
};

/* The parts of the device that belong to a network namespace from descriptors. */
struct descriptors {
	const char *path;
	int fd;                        /* or a negative errno */
	struct weir__netlink *netlink; /* NULL: none */
	struct weir_error *err;
};

static int open_here(void *data)
{
	struct descriptors *descriptors = data;

	descriptors->fd = open(descriptors->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (descriptors->fd < 0)
		descriptors->fd = -errno;
	return descriptors->netlink ? weir__netlink_open(descriptors->netlink, descriptors->err) : 0;
}

static int open_failed(const char *path, int error, struct weir_error *err)
{
	const char *advice = "";

	if (error == EACCES)
		advice = ": this needs root, or the right to read and write it (chmod 0666)";
	else if (error == EPERM)
		advice = ": this container may not use it";
	else if (error == ENOENT || error == ENXIO || error == ENODEV)
		advice = ": load the module (modprobe tun), or give the container the device";
	return weir_failed(err, -error, "%s: %s%s", path, strerror(error), advice);
}

int weir__tun_open_file(int netns, const char *path, struct weir__netlink *netlink, struct weir_error *err)
{
	struct descriptors descriptors = {
		.path = path ? path : "/dev/net/tun",
		.fd = -1,
		.netlink = netlink,
		.err = err,
	};
	int rc = weir__netns_run(netns, open_here, &descriptors, err);

	if (rc == 0 && descriptors.fd < 0)
		return open_failed(descriptors.path, -descriptors.fd, err);
	if (rc && descriptors.fd >= 0)
		close(descriptors.fd);
	return rc ? rc : descriptors.fd;
}

static int attach_failed(const struct weir__tun *tun, int error, struct weir_error *err)
{
	const char *kind = tun->tap ? "TAP" : "TUN";
	const char *advice = "";

	if (error == EPERM || error == EACCES)
		advice = ": this needs root, CAP_NET_ADMIN, or to be the owner of a persistent device";
	else if (error == EBUSY)
		advice = ": it exists already, and exclusive is set or somebody uses it";
	else if (error == EINVAL)
		advice = ": it exists already and is of another kind, or no name for a device";
	return weir_failed(err, -error, "%s device %s: %s%s", kind, tun->name, strerror(error), advice);
}

int weir__tun_attach(struct weir__tun *tun, bool *found, struct weir_error *err)
{
	struct ifreq request = { .ifr_flags = (short)tun->flags };
	struct ifreq now = { 0 };
	/* Not IFF_NO_PI: in what TUNGETIFF gives, that bit is IFF_NOFILTER. */
	const int kind = IFF_TUN | IFF_TAP | IFF_VNET_HDR | IFF_MULTI_QUEUE;

	memcpy(request.ifr_name, tun->name, IFNAMSIZ);
	if (ioctl(tun->fd, TUNSETIFF, &request))
		return attach_failed(tun, errno, err);
	memcpy(tun->name, request.ifr_name, IFNAMSIZ);
	/* A persistent device keeps settings of whoever had it before: read back what they are now. */
	if (ioctl(tun->fd, TUNGETIFF, &now))
		return weir_failed(err, -errno, "device %s: its flags: %s", tun->name, strerror(errno));
	if ((now.ifr_flags ^ tun->flags) & kind)
		return weir_failed(err, -EINVAL, "device %s: asked for flags 0x%x, it has 0x%x", tun->name,
				   tun->flags & kind, now.ifr_flags & kind);
	*found = now.ifr_flags & IFF_PERSIST;
	return 0;
}

/* Last, so that nothing stays behind when something before it fails. The ioctls take values, no pointers. */
static int make_persistent(struct weir__tun *tun, struct weir_error *err)
{
	if (tun->owner && ioctl(tun->fd, TUNSETOWNER, (unsigned long)tun->owner))
		return weir_failed(err, -errno, "owner %lld: %s", (long long)tun->owner, strerror(errno));
	if (tun->group && ioctl(tun->fd, TUNSETGROUP, (unsigned long)tun->group))
		return weir_failed(err, -errno, "group %lld: %s", (long long)tun->group, strerror(errno));
	if (tun->persist && ioctl(tun->fd, TUNSETPERSIST, 1UL))
		return weir_failed(err, -errno, "persist: %s", strerror(errno));
	return 0;
}

static int keep_address(struct weir__tun *tun, const char *text, struct weir_error *err)
{
	struct weir__tun_entry entry = { .is_route = false };
	int rc = weir__tun_parse_address("address", text, 0, &entry.address, err);

	return rc ? rc : weir__tun_keep(&tun->config, &entry, err);
}

static int keep_route(struct weir__tun *tun, const struct weir_route *route, struct weir_error *err)
{
	struct weir__tun_entry entry = { .is_route = true };
	int rc = weir__tun_parse_route("route", route, &entry.route, err);

	return rc ? rc : weir__tun_keep(&tun->config, &entry, err);
}

/* What the device is to be: as it is, but for what the options say. */
static int configure(struct weir__tun *tun, const struct weir_tun *options, const struct weir__link *now,
		     struct weir_error *err)
{
	struct weir__tun_config *config = &tun->config;
	int rc = 0;

	config->link = *now;
	config->link.flags = options->down ? now->flags & IFF_UP : IFF_UP;
	config->no_ipv6 = options->no_ipv6;
	config->queue_default = options->queue_length == 0;
	config->link.queue_length = options->queue_length ? options->queue_length : WEIR__TUN_QUEUE;
	if (options->mtu)
		config->link.mtu = options->mtu;
	else if (now->mtu > WEIR__TUN_MTU)
		return weir_invalid(err, "mtu", "the device has %u: set it, so that there are buffers for it",
				    now->mtu);
	if (options->mac)
		rc = weir__tun_parse_mac(options->mac, config->link.mac, err);
	for (unsigned i = 0; rc == 0 && options->ipv4 && options->ipv4[i]; i++)
		rc = keep_address(tun, options->ipv4[i], err);
	for (unsigned i = 0; rc == 0 && options->ipv6 && options->ipv6[i]; i++)
		rc = keep_address(tun, options->ipv6[i], err);
	for (unsigned i = 0; rc == 0 && options->route && options->route[i].to; i++)
		rc = keep_route(tun, &options->route[i], err);
	return rc;
}

/* Attaches the descriptor to its device and reads how that is. */
static int adopt(struct weir__tun *tun, struct weir__link *now, struct weir_error *err)
{
	bool found = false;
	int rc = weir__tun_attach(tun, &found, err);

	if (rc == 0)
		rc = weir__link_find(&tun->netlink, tun->name, now, err);
	/* With many queues, the kernel lets anybody in who may attach, and gives him a share of the flows. */
	if (rc == 0 && now->queues > 1)
		rc = attach_failed(tun, EBUSY, err);
	if (rc == 0)
		rc = weir__tun_set_offload(tun, err);
	if (rc == 0)
		rc = weir__tun_steer(tun, err);
	if (rc)
		return rc;
	tun->index = now->index;
	tun->before = found ? *now : (struct weir__link){ 0 };
	return 0;
}

static int open_descriptors(struct weir__tun *tun, const struct weir_tun *options, struct weir_error *err)
{
	if (options->netns) {
		tun->netns = weir__netns_open(options->netns, err);
		if (tun->netns < 0)
			return tun->netns;
	}
	tun->fd = weir__tun_open_file(tun->netns, options->device_path, &tun->netlink, err);
	return tun->fd < 0 ? tun->fd : 0;
}

static void release(struct weir__tun *tun)
{
	weir__uring_close(&tun->uring);
	weir__netlink_close(&tun->netlink);
	if (tun->fd >= 0)
		close(tun->fd);
	if (tun->netns >= 0)
		close(tun->netns);
	if (tun->steering >= 0)
		close(tun->steering);
	free(tun->config.entries);
	free(tun->piece);
}

static int tun_open(void *state, const void *opts, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_tun *options = opts;
	struct weir__tun *tun = state;
	struct weir__link now;
	int rc;

	tun->device = tun;
	tun->fd = -1;
	tun->netns = -1;
	tun->steering = -1;
	tun->tap = options->tap;
	tun->packet_information = options->packet_information;
	tun->flags = (options->tap ? IFF_TAP : IFF_TUN) | (options->packet_information ? 0 : IFF_NO_PI) |
		     (options->exclusive ? IFF_TUN_EXCL : 0) | (options->queues > 1 ? IFF_MULTI_QUEUE : 0);
	tun->offload = weir__tun_offload(options);
	if (tun->offload)
		tun->flags |= IFF_VNET_HDR;
	tun->persist = options->persist;
	tun->owner = options->owner;
	tun->group = options->group;
	snprintf(tun->name, sizeof(tun->name), "%s", options->device ? options->device : options->name);
	rc = weir__tun_make_piece(tun, err);
	if (rc == 0)
		rc = open_descriptors(tun, options, err);
	if (rc == 0)
		rc = weir__tun_steering_open(tun, options, err);
	if (rc == 0)
		rc = adopt(tun, &now, err);
	if (rc == 0)
		rc = configure(tun, options, &now, err);
	if (rc == 0)
		rc = weir__tun_apply(tun, err);
	if (rc == 0)
		rc = weir__uring_open(&tun->uring, tun->fd, options->io, err);
	if (rc == 0)
		rc = make_persistent(tun, err);
	if (rc) {
		if (tun->before.index)
			weir__tun_withdraw(tun);
		release(tun);
		return rc;
	}
	info->read_fd = tun->fd;
	info->write_fd = tun->fd;
	info->write_events = POLLOUT;
	return 0;
}

/* A device that was there before, and is not to stay as we made it, becomes again what it was. */
static void tun_close(void *state)
{
	struct weir__tun *tun = state;

	if (tun->before.index && !tun->persist)
		weir__tun_withdraw(tun);
	release(tun);
}

/* Linux lets a descriptor whose device was deleted have another one. */
static int tun_recover(void *state, struct weir_error *err)
{
	struct weir__tun *tun = state;
	struct weir__link now;
	struct ifreq request = { 0 };
	int rc;

	if (ioctl(tun->fd, TUNGETIFF, &request))
		rc = adopt(tun, &now, err);
	else /* It has one, from a recovery that failed half-way. */
		rc = weir__link_find(&tun->netlink, request.ifr_name, &now, err);
	if (rc)
		return rc;
	tun->index = now.index;
	rc = weir__tun_apply(tun, err);
	return rc ? rc : make_persistent(tun, err);
}

/* A read() gave nothing: what to return from reading. */
static int no_packet(ssize_t n, struct weir_reader *reader)
{
	if (n == 0)
		weir_reader_drop(reader, WEIR__TUN_EMPTY);
	return n == 0 || errno == EAGAIN ? 0 : -errno;
}

/* Returns 1, 0 when there is nothing more, or a negative errno. */
static int read_small(struct weir__tun *tun, struct weir_reader *reader, struct weir_buf *buf, size_t room)
{
	ssize_t n = read(tun->fd, buf->data, room);

	if (WEIR_UNLIKELY(n <= 0))
		return n < 0 && errno == EINTR ? 1 : no_packet(n, reader);
	if (WEIR_UNLIKELY((size_t)n == room)) {
		/* Somebody raised the MTU: perhaps there was more of it, and will be more of others. */
		weir_reader_drop(reader, WEIR__TUN_CUT);
		tun->vectored = true;
		return 1;
	}
	weir_reader_commit(reader, (uint32_t)n);
	return 1;
}

/* The same for packets of any length. Whatever reaches the last byte is longer than all buffers. */
static int read_large(struct weir__tun *tun, struct weir_reader *reader)
{
	struct iovec iov[3];
	uint8_t excess;
	ssize_t n;

	if (!weir_reader_iov(reader, iov))
		return 0;
	iov[2] = (struct iovec){ &excess, 1 };
	n = readv(tun->fd, iov, 3);
	if (WEIR_UNLIKELY(n <= 0))
		return n < 0 && errno == EINTR ? 1 : no_packet(n, reader);
	if (WEIR_UNLIKELY((size_t)n > iov[0].iov_len + iov[1].iov_len))
		weir_reader_drop(reader, WEIR__TUN_CUT);
	else
		weir_reader_commit_iov(reader, (uint32_t)n);
	return 1;
}

/*
 * A device cuts a packet that is longer than the buffer without a word. readv() into the small buffer and its
 * spill is safe, but costs 60 ns a packet more than read(): 424 for 363 of a small packet, 450 for 391 of
 * 1400 bytes (Linux 6.18, EPYC), whether it has one iovec or two. So it is read() as long as the small buffer
 * is larger than any packet can be by the MTU; one that fills it all the same tells that the MTU was raised
 * by somebody else.
 */
static int tun_read(void *state, struct weir_reader *reader)
{
	struct weir__tun *tun = state;
	const uint32_t frame_max = __atomic_load_n(&tun->device->frame_max, __ATOMIC_RELAXED);

	if (tun->offload)
		return weir__tun_vnet_read(tun, reader);
	/* A turn may end without a packet in the reader: not more of them than it takes, however many come.
	 */
	for (uint32_t turns = reader->limit; turns > 0; turns--) {
		struct weir_buf *buf = weir_reader_buf(reader);
		size_t room;
		int rc;

		if (!buf)
			return 0;
		room = weir_reader_room(reader, buf);
		if (WEIR_LIKELY(!tun->vectored && room > frame_max))
			rc = read_small(tun, reader, buf, room);
		else
			rc = read_large(tun, reader);
		if (rc <= 0)
			return rc;
	}
	return 0;
}

bool weir__tun_drop_failed(struct weir_writer *writer, uint32_t i, int error)
{
	switch (error) {
	case EIO: /* As a network does when its link is down. */
		weir_writer_drop(writer, i, WEIR__TUN_DOWN);
		return true;
	case EINVAL:
	case EMSGSIZE:
		weir_writer_drop(writer, i, WEIR__TUN_REFUSED);
		return true;
	case ENOBUFS:
	case ENOMEM:
	case ENOSPC:
		weir_writer_drop(writer, i, WEIR__TUN_NO_MEMORY);
		return true;
	case EAGAIN: /* Only with a TUNSETSNDBUF of somebody; POLLOUT comes. */
		return false;
	default:
		writer->error = -error;
		return false;
	}
}

/* What came of a write of size bytes: written or a negative errno. Returns false if the writer cannot go on.
 */
static bool settle(struct weir_writer *writer, uint32_t i, ssize_t written, size_t size)
{
	if (WEIR_LIKELY(written == (ssize_t)size))
		return true;
	if (written < 0)
		return weir__tun_drop_failed(writer, i, (int)-written);
	weir_writer_drop(writer, i, WEIR__TUN_SHORT); /* The rest of a packet is no packet. */
	return true;
}

uint32_t weir__tun_write_together(struct weir__tun *tun, struct weir_writer *writer, uint32_t first,
				  uint32_t end, uint32_t before)
{
	int result[WEIR_VECTOR_SIZE];
	const uint32_t n = weir__uring_write(&tun->uring, writer, first, end, before, result);

	for (uint32_t i = first; i < first + n; i++)
		if (!settle(writer, i, result[i], weir_writer_buf(writer, i)->len + before))
			return i;
	return first + n;
}

static uint32_t tun_write(void *state, struct weir_writer *writer)
{
	struct weir__tun *tun = state;
	uint32_t i;

	if (tun->offload)
		return weir__tun_vnet_write(tun, writer);
	i = weir__tun_write_together(tun, writer, 0, writer->n, 0);
	for (; i < writer->n && !writer->error; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);
		ssize_t n;

		do {
			n = write(tun->fd, buf->data, buf->len);
		} while (WEIR_UNLIKELY(n < 0) && errno == EINTR);
		if (!settle(writer, i, n < 0 ? -errno : n, buf->len))
			return i;
	}
	return i;
}

static const struct weir_option route_options[] = {
	WEIR_OPTION(struct weir_route, to, STRING, "10.0.0.0/8, ::/0 or default (IPv4)"),
	WEIR_OPTION(struct weir_route, via, STRING, "the gateway; default the device itself"),
	WEIR_OPTION(struct weir_route, metric, U32, "0: the kernel's default"),
	WEIR_OPTION(struct weir_route, table, U32, "0: main"),
	{ 0 },
};

static const struct weir_option tun_options[] = {
	WEIR_OPTION(struct weir_tun, device, STRING,
		    "name of the device, or a pattern (vpn%d); default the name of the endpoint"),
	WEIR_OPTION(struct weir_tun, tap, BOOL, "Ethernet frames instead of IP packets"),
	WEIR_OPTION(struct weir_tun, packet_information, BOOL,
		    "without tap: struct tun_pi in front of each packet"),
	WEIR_OPTION(struct weir_tun, mtu, U32, "bytes, 68 to 65,535; 0: as the kernel has it, 1500"),
	WEIR_OPTION(struct weir_tun, mac, STRING, "with tap: the device's own address; default random"),
	WEIR_OPTION(struct weir_tun, ipv4, LIST, "addresses, 10.9.0.2/24, with ,PEER for the other side"),
	WEIR_OPTION(struct weir_tun, ipv6, LIST, "addresses, fd00::2/64"),
	WEIR_ROWS_OPTION(struct weir_tun, route, route_options, "routes that lead into the device"),
	WEIR_OPTION(struct weir_tun, down, BOOL, "do not bring it up"),
	WEIR_OPTION(struct weir_tun, no_ipv6, BOOL, "no IPv6 on the device"),
	WEIR_OPTION(struct weir_tun, queue_length, U32, "packets that the kernel holds for us; default 1000"),
	WEIR_OPTION(struct weir_tun, queues, U32, "at the most, up to 256; default 1"),
	WEIR_OPTION(
		struct weir_tun, steering, STRING,
		"with queues: file of an eBPF program that chooses one; default the kernel's hash of flows"),
	WEIR_OPTION(struct weir_tun, steering_program, STRING, "its name; default the only one of the file"),
	WEIR_OPTION(struct weir_tun, steering_fd, INT, "instead: descriptor of a loaded program"),
	WEIR_OPTION(struct weir_tun, no_offload, U32, "offloads to do without, by bit; default none"),
	WEIR_OPTION(struct weir_tun, no_gather, BOOL, "do not put segments together in front of the device"),
	WEIR__URING_OPTION(struct weir_tun),
	WEIR_OPTION(struct weir_tun, owner, I64, "with persist, the uid that may attach; 0: leave it"),
	WEIR_OPTION(struct weir_tun, group, I64, "with persist, the gid that may attach; 0: leave it"),
	WEIR_OPTION(struct weir_tun, persist, BOOL, "the device stays when the pipeline is destroyed"),
	WEIR_OPTION(struct weir_tun, exclusive, BOOL, "fail if the device exists"),
	WEIR_OPTION(struct weir_tun, netns, STRING, "path of the network namespace; default the caller's"),
	WEIR_OPTION(struct weir_tun, device_path, STRING, "default /dev/net/tun"),
	{ 0 },
};

const struct weir_endpoint_type weir_tun_type = {
	.name = "tun",
	.help = "a TUN or TAP device of Linux",
	.reasons = reasons,
	.counters = counters,
	.options = tun_options,
	.options_size = sizeof(struct weir_tun),
	.state_size = sizeof(struct weir__tun),
	.check = weir__tun_check,
	.open = tun_open,
	.close = tun_close,
	.recover = tun_recover,
	.read = tun_read,
	.write = tun_write,
};

/* A further queue is read and written as the first one is. */
const struct weir_endpoint_type weir_tun_queue_type = {
	.name = "tun_queue",
	.help = "one more queue of a TUN or TAP device of Linux",
	.of = &weir_tun_type,
	.reasons = reasons,
	.counters = counters,
	.options = weir__tun_queue_options,
	.options_size = sizeof(struct weir_tun_queue),
	.state_size = sizeof(struct weir__tun),
	.check = weir__tun_queue_check,
	.open = weir__tun_queue_open,
	.close = weir__tun_queue_close,
	.recover = weir__tun_queue_recover,
	.read = tun_read,
	.write = tun_write,
};
