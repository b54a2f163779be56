/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session of one's own: the endpoint udp carries packets to a peer, one in each datagram, as they are. A
 * VPN would encrypt them in write() and decrypt them in read(). The program is a tunnel between a TUN and
 * that session:
 *
 *	session LOCAL REMOTE ADDRESS        session 192.0.2.1 192.0.2.2 10.9.0.1/24
 *
 * with the IP addresses of both ends, and the address inside the tunnel. It runs until SIGINT.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/weir.h>

#define PORT "5555"

/* What the author of a pipeline writes. */
struct udp {
	WEIR_ENDPOINT_OPTIONS;
	const char *local; /* IP addresses of the two ends */
	const char *remote;
};

#define udp(...) WEIR_ENDPOINT(udp_type, struct udp, __VA_ARGS__)

struct state {
	int fd;
	uint64_t complaints;
};

enum { EMPTY, TOO_LONG, NO_MEMORY, UNREACHABLE };

static const struct weir_reason reasons[] = {
	[EMPTY] = { "empty", "a datagram without a byte" },
	[TOO_LONG] = { "too_long", "longer than a datagram can be on the way to the peer" },
	[NO_MEMORY] = { "no_memory", "the system had no memory to send it" },
	[UNREACHABLE] = { "unreachable", "the network says that the peer cannot be reached now" },
	{ 0 },
};

static const struct weir_counter counters[] = {
	{ "complaints", "times that the network told the reader that the peer cannot be reached",
	  offsetof(struct state, complaints) },
	{ 0 },
};

struct address {
	struct sockaddr_storage bytes;
	socklen_t size;
};

static int parse(const char *field, const char *text, struct address *address, struct weir_error *err)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found;

	if (!text || getaddrinfo(text, PORT, &hints, &found) != 0)
		return weir_invalid(err, field, "'%s' is not an IP address", text ? text : "");
	address->size = found->ai_addrlen;
	memcpy(&address->bytes, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}

static int check(const void *memory, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct udp *options = memory;
	struct address local = { 0 }, remote = { 0 };
	int rc = parse("local", options->local, &local, err);

	rc |= parse("remote", options->remote, &remote, err);
	if (rc < 0)
		return rc;
	if (local.bytes.ss_family != remote.bytes.ss_family)
		return weir_invalid(err, "remote", "'%s' is of another family than '%s'", options->remote,
				    options->local);
	/* Not L3: nobody has checked yet what comes from the wire. The chain does so, by af_decap. */
	info->layer = WEIR_LAYER_AF;
	info->max_packet = 1500;
	return 0;
}

static int open_udp(void *memory, const void *given, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct udp *options = given;
	struct state *state = memory;
	struct address local = { 0 }, remote = { 0 };

	parse("local", options->local, &local, err);
	parse("remote", options->remote, &remote, err);
	state->fd = socket(local.bytes.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (state->fd < 0)
		return weir_failed(err, -errno, "no socket: %s", strerror(errno));
	if (bind(state->fd, (struct sockaddr *)&local.bytes, local.size) < 0 ||
	    connect(state->fd, (struct sockaddr *)&remote.bytes, remote.size) < 0) {
		const int rc = weir_failed(err, -errno, "from %s to %s: %s", options->local, options->remote,
					   strerror(errno));

		close(state->fd);
		return rc;
	}
	info->read_fd = state->fd;
	info->write_fd = state->fd;
	info->write_events = POLLOUT;
	return 0;
}

static void close_udp(void *memory)
{
	const struct state *state = memory;

	close(state->fd);
}

/* Whether an error is the network's, which may soon be well again, so that the session need not die of it. */
static bool is_complaint(int error)
{
	return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == ENETDOWN ||
	       error == ENOPROTOOPT || error == EPERM;
}

static int read_udp(void *memory, struct weir_reader *reader)
{
	struct state *state = memory;
	struct iovec iov[2];

	/* At most limit times: a peer whose datagrams are all dropped must not keep the worker here. */
	for (uint32_t left = reader->limit; left > 0 && weir_reader_iov(reader, iov); left--) {
		const ssize_t n = readv(state->fd, iov, 2);

		if (n > 0)
			weir_reader_commit_iov(reader, (uint32_t)n);
		else if (n == 0)
			weir_reader_drop(reader, EMPTY);
		else if (is_complaint(errno))
			weir_count(&state->complaints, 1);
		else
			return errno == EAGAIN ? 0 : -errno;
	}
	return 0;
}

/* Returns 0 or an errno. */
static int send_one(const struct state *state, const struct weir_buf *buf)
{
	ssize_t n = send(state->fd, buf->data, buf->len, 0);

	/* This may be about an earlier packet, told now instead of sending this one. It is told only once. */
	if (n < 0 && is_complaint(errno))
		n = send(state->fd, buf->data, buf->len, 0);
	return n < 0 ? errno : 0;
}

static uint32_t write_udp(void *memory, struct weir_writer *writer)
{
	const struct state *state = memory;

	for (uint32_t i = 0; i < writer->n; i++) {
		const int error = send_one(state, weir_writer_buf(writer, i));

		if (error == 0)
			continue;
		if (error == EAGAIN) /* write_fd tells when to go on with packet i */
			return i;
		if (error == ENOBUFS || error == ENOMEM) {
			weir_writer_drop(writer, i, NO_MEMORY);
		} else if (error == EMSGSIZE) {
			weir_writer_drop(writer, i, TOO_LONG);
		} else if (is_complaint(error)) {
			weir_writer_drop(writer, i, UNREACHABLE);
		} else {
			writer->error = -error; /* it died: the engine says so, and drops what still comes */
			return i;
		}
	}
	return writer->n;
}

static const struct weir_option options[] = {
	WEIR_OPTION(struct udp, local, STRING, "IP address of this end"),
	WEIR_OPTION(struct udp, remote, STRING, "IP address of the other end"),
	{ 0 },
};

static const struct weir_endpoint_type udp_type = {
	.name = "udp",
	.help = "packets to and from a peer, one in each UDP datagram",
	.reasons = reasons,
	.counters = counters,
	.options = options,
	.options_size = sizeof(struct udp),
	.state_size = sizeof(struct state),
	.check = check,
	.open = open_udp,
	.close = close_udp,
	.read = read_udp,
	.write = write_udp,
};

static int run(const struct weir_config *config)
{
	struct weir_pipeline *pipeline;
	struct weir_counters *at_end;
	struct weir_error err;
	sigset_t signals;
	int signal;

	/* Blocked before there are workers, which inherit that: the signal comes to sigwait() below. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	if (weir_pipeline_create(&pipeline, config, &err) < 0 || weir_pipeline_start(pipeline, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		weir_pipeline_destroy(pipeline);
		return 1;
	}
	printf("%s is up\n", weir_tun_name(weir_pipeline_endpoint(pipeline, "tun", &weir_tun_type)));
	fflush(stdout);
	sigwait(&signals, &signal);

	weir_pipeline_stop(pipeline);
	at_end = weir_counters_read(pipeline);
	if (at_end)
		weir_counters_print(at_end, stdout);
	weir_counters_free(at_end);
	weir_pipeline_destroy(pipeline);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: %s LOCAL REMOTE ADDRESS\n", argv[0]);
		return 2;
	}
	const struct weir_config config = {
		.endpoints = {
			weir_tun("tun", .device = "weir%d", .ipv4 = WEIR_LIST(argv[3]), .mtu = 1400),
			udp("peer", .local = argv[1], .remote = argv[2]),
		},
		.workers = { { "tunnel", .unpinned = true } },
		.chains = {
			{ "outbound", .stages = {
				weir_read("tun", .worker = "tunnel"), weir_af_decap(), weir_af_encap(),
				weir_write("peer"),
			} },
			{ "inbound", .stages = {
				weir_read("peer", .worker = "tunnel"), weir_af_decap(), weir_af_encap(),
				weir_write("tun"),
			} },
		},
	};
	return run(&config);
}
